"""Tests of maximum entropy images: agreement with the visibilities, flux, and goals that cannot be attained."""

import numpy as np
import pytest

from sunpy_restore.backprojection.fitting.forward import with_noise
from sunpy_restore.backprojection.fitting.scenes import ellipse, image_of, visibilities_of_scene
from sunpy_restore.backprojection.imaging.agreement import chi_squared, model_visibilities
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.imaging.entropy import maximum_entropy
from sunpy_restore.backprojection.visibilities.fourier import Grid
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv

POINTS = stix_uv()
GRID = Grid((65, 70), (3.0, 4.0))
SCENES = {"compact": ellipse(3, 12, -20, 9, 6, 0.4), "extended": ellipse(3, -10, 5, 45, 30, 1.0)}


def observed(name, level=0.05, seed=0):
    return with_noise(visibilities_of_scene(SCENES[name], POINTS), level, np.random.default_rng(seed))


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("goal", [0.8, 1.0, 1.5])
def test_image_has_the_chi_squared_that_is_asked_for(name, goal):
    visibilities, error = observed(name)
    errors = np.full(24, error)
    image = maximum_entropy(visibilities, errors, POINTS, GRID, goal=goal)
    model = model_visibilities(image, POINTS, GRID)
    assert chi_squared(model, visibilities, errors) == pytest.approx(goal, rel=0.04)
    assert image.min() > 0


@pytest.mark.parametrize("name", SCENES)
def test_image_is_close_to_the_truth(name):
    visibilities, error = observed(name, 0.02)
    image = maximum_entropy(visibilities, np.full(24, error), POINTS, GRID)
    truth = image_of(SCENES[name], GRID, BEAM) / beam_area()
    assert np.sqrt(np.square(image - truth).mean() / np.square(truth).mean()) < 0.06
    assert GRID.area * image.sum() == pytest.approx(3, rel=0.03)


def test_part_of_a_large_image_around_the_maximum_is_restored():
    large = Grid((300, 200), (4.0, 4.0))
    scene = ellipse(2, 210, -333, 9, 8, 0.0)
    image = maximum_entropy(visibilities_of_scene(scene, POINTS), np.full(24, 0.02), POINTS, large)
    row, column = np.unravel_index(np.argmax(image), image.shape)
    assert (large.x[column], large.y[row]) == pytest.approx((210, -333), abs=4)
    assert large.area * image.sum() == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ratio", [0.2, 1e-3])
def test_goals_that_cannot_be_attained_do_not_let_the_flux_diverge(ratio, seed):
    """The errors are much too small for noisy visibilities."""
    visibilities, error = observed("extended", 0.3, seed)
    image = maximum_entropy(visibilities, np.full(24, ratio * error), POINTS, GRID)
    assert np.isfinite(image).all()
    assert GRID.area * image.sum() < 5.1 * np.abs(visibilities).max()
