"""Tests of images of small total squared variation."""

import numpy as np
import pytest

from sunpy_restore.backprojection.fitting.forward import with_noise
from sunpy_restore.backprojection.fitting.scenes import ellipse, image_of, joined, point, visibilities_of_scene
from sunpy_restore.backprojection.imaging.agreement import chi_squared, model_visibilities
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.imaging.clean import clean_visibilities
from sunpy_restore.backprojection.imaging.variation import _minimum, squared_variation
from sunpy_restore.backprojection.visibilities.fourier import Grid, cosines_and_sines, shift_phase_center
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv

POINTS = stix_uv()
GRID = Grid((65, 70), (4.0, 3.0))
SCENES = {
    "point": point(3, 14, -20),
    "compact": ellipse(3, 14, -20, 12, 8, 0.3),
    "broad": ellipse(3, 14, -20, 55, 45, 0.0),
    "double": joined([ellipse(2, 25, -20, 5, 5, 0), ellipse(1, -20, 14, 8, 8, 0)]),
}


def observed(scene, level=0.05, seed=0):
    visibilities, error = with_noise(visibilities_of_scene(scene, POINTS), level, np.random.default_rng(seed))
    return visibilities, np.full(24, error)


def relative_error(image, scene):
    truth = image_of(scene, GRID, BEAM) / beam_area()
    return np.sqrt(np.square(image - truth).mean() / np.square(truth).mean())


@pytest.mark.parametrize("name", SCENES)
def test_the_image_agrees_with_the_visibilities_and_is_close_to_the_truth(name):
    visibilities, errors = observed(SCENES[name])
    image = squared_variation(visibilities, errors, POINTS, GRID)
    assert image.min() >= 0
    assert chi_squared(model_visibilities(image, POINTS, GRID), visibilities, errors) == pytest.approx(1, abs=0.05)
    assert relative_error(image, SCENES[name]) < (0.2 if name == "broad" else 0.12)
    assert image.sum() * GRID.area == pytest.approx(3, rel=0.1)


def test_broad_sources_are_smoother_than_with_clean():
    visibilities, errors = observed(SCENES["broad"])
    cleaned = clean_visibilities(visibilities, POINTS, GRID, iterations=1000, errors=errors)
    clean_error = relative_error(cleaned.image - cleaned.residual / beam_area(), SCENES["broad"])
    assert relative_error(squared_variation(visibilities, errors, POINTS, GRID), SCENES["broad"]) < clean_error / 2


def test_a_higher_goal_gives_a_smoother_image():
    visibilities, errors = observed(SCENES["double"])
    images = [squared_variation(visibilities, errors, POINTS, GRID, goal=goal) for goal in (1.0, 3.0, 10.0)]
    reached = [chi_squared(model_visibilities(image, POINTS, GRID), visibilities, errors) for image in images]
    assert reached == pytest.approx([1, 3, 10], rel=0.05)
    variations = [np.square(np.diff(image)).sum() for image in images]
    assert variations[0] > variations[1] > variations[2]


@pytest.mark.parametrize("factor", [3e-7, 2e5])
def test_the_image_has_the_unit_of_the_visibilities(factor):
    visibilities, errors = observed(SCENES["compact"])
    image = squared_variation(visibilities, errors, POINTS, GRID)
    scaled = squared_variation(factor * visibilities, factor * errors, POINTS, GRID)
    np.testing.assert_allclose(scaled, factor * image, rtol=1e-4, atol=1e-6 * factor * image.max())


def test_the_image_moves_with_the_source():
    visibilities, errors = observed(SCENES["double"])
    image = squared_variation(visibilities, errors, POINTS, GRID)
    # Three columns and two rows, which are also three and two pixels of 4 arcsec along y
    moved = squared_variation(shift_phase_center(visibilities, POINTS, -12, -8), errors, POINTS, GRID)
    np.testing.assert_allclose(moved[2:, 4:], image[:-2, :-4], atol=0.02 * image.max())


def test_the_minimum_fulfils_the_conditions_of_optimality():
    """The slope is 0 where the flux is positive, and not negative elsewhere."""
    grid, (visibilities, errors) = Grid((12, 14), (8.0, 8.0)), observed(SCENES["compact"])
    matrix = cosines_and_sines(POINTS, grid) / errors[0]
    data = np.concatenate([visibilities.real, visibilities.imag]) / errors[0]
    curvature = np.linalg.eigvalsh(matrix @ matrix.T)[-1]
    image, sparsity, smoothness = np.zeros(grid.shape), 20.0, 5.0
    for _ in range(20):
        image = _minimum(matrix, data, sparsity, smoothness, image, curvature)
    padded = np.pad(image, 1)
    differences = 4 * image - padded[2:, 1:-1] - padded[:-2, 1:-1] - padded[1:-1, 2:] - padded[1:-1, :-2]
    slope = (matrix.T @ (matrix @ image.ravel() - data)).reshape(grid.shape) + smoothness * differences + sparsity
    size = np.abs(matrix.T @ data).max()
    assert np.abs(slope[image > 0]).max() < 1e-3 * size
    assert slope[image == 0].min() > -1e-3 * size
    assert 0 < np.count_nonzero(image) < image.size
