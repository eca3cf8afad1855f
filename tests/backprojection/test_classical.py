"""Tests of CLEAN as a method on observations."""

import numpy as np
import pytest

from sunpy_restore.backprojection.classical import (
    clean_observation,
    forward_fit,
    mem_observation,
    multiscale_observation,
    variation_observation,
)
from sunpy_restore.backprojection.fitting.noise import errors_of
from sunpy_restore.backprojection.fitting.scenes import image_of, point, visibilities_of_scene
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area, convolve_with_beam
from sunpy_restore.backprojection.imaging.clean import clean_visibilities
from sunpy_restore.backprojection.observation import Observation
from sunpy_restore.backprojection.provenance.geometry import rotation
from sunpy_restore.backprojection.visibilities.fourier import Grid
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv

POINTS = stix_uv()
PEAK = (20.0, -15.0)
"""Position of the compact source of the scene in arcsec."""


def observe(visibilities, points=POINTS, *, shape=(41, 48), matrix=4 * np.eye(2)):
    return Observation(visibilities=visibilities, points=points, matrix=matrix, shape=shape)


@pytest.mark.parametrize("numbers", [range(3, 11), range(1, 11), [4, 5, 7]])
@pytest.mark.parametrize("shape", [(41, 48), (48, 48)])
def test_clean_of_a_point_source_is_its_flux_times_the_clean_beam(numbers, shape):
    grid, points = Grid(shape, (4.0, 4.0)), stix_uv(numbers)
    scene = point(7, grid.x[30], grid.y[15])
    restored = clean_observation(observe(visibilities_of_scene(scene, points), points, shape=shape))
    # CLEAN stops at the noise that is estimated for exact visibilities, about 0.1 %
    np.testing.assert_allclose(restored, image_of(scene, grid, BEAM), atol=2e-2)
    assert restored[15, 30] == pytest.approx(7, rel=3e-3)


@pytest.mark.parametrize("options", [{}, {"iterations": 7}, {"residual": True}, {"clean_weighting": "uniform"}])
def test_clean_works_along_the_axes_of_the_image(scene, options):
    matrix = rotation(0.4) @ np.diag([-3.0, 2.0])
    observation = observe(visibilities_of_scene(scene, POINTS), matrix=matrix)
    points, grid = observation.own_axes()
    assert grid.pixel == pytest.approx((2, 3))
    expected = clean_visibilities(
        observation.visibilities, points, grid, iterations=options.get("iterations", 1000),
        weighting=options.get("clean_weighting", "natural"), errors=errors_of(observation),
    )  # fmt: skip
    image = convolve_with_beam(expected.model, grid)
    image += expected.residual if "residual" in options else 0
    np.testing.assert_allclose(clean_observation(observation, **options), image, atol=1e-9)


@pytest.mark.parametrize(
    "method", [multiscale_observation, variation_observation, mem_observation, lambda one: forward_fit(one).image]
)
def test_methods_work_along_the_axes_of_the_image(scene, method):
    """The scene is seen at the same place in the frame of the instrument, whatever the pixels."""
    visibilities = visibilities_of_scene(scene, POINTS)
    for matrix in (3 * np.eye(2), rotation(0.4) @ np.diag([-3.0, 3.0])):
        observation = observe(visibilities, shape=(61, 61), matrix=matrix)
        x, y = observation.offsets()
        image = method(observation)
        row, column = np.unravel_index(np.argmax(image), image.shape)
        assert (x[row, column], y[row, column]) == pytest.approx(PEAK, abs=6)
        assert abs(np.linalg.det(matrix)) * image.sum() / beam_area() == pytest.approx(7, rel=0.1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", [(5, 8), (2, 31), (1, 1)])
def test_any_visibilities_give_finite_numbers(shape, seed):
    rng = np.random.default_rng(seed)
    visibilities = (rng.standard_normal(24) + 1j * rng.standard_normal(24)) * 10 ** rng.uniform(-6, 6)
    for pixel in (-4.0, 1e-12, 4.0, 1e12):
        for method in (clean_observation, multiscale_observation, variation_observation, mem_observation):
            restored = method(observe(visibilities, shape=shape, matrix=np.diag([pixel, abs(pixel)])))
            assert restored.shape == shape
            assert np.isfinite(restored).all()


def test_no_visibilities_give_no_flux():
    empty = observe(np.zeros(24), shape=(6, 7))
    for method in (clean_observation, multiscale_observation, variation_observation, mem_observation):
        assert not method(empty).any()
    assert not forward_fit(empty).image.any()
