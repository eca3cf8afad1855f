"""Tests of the transforms: explicit sums, xrayvision, adjoint and inverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import astropy.units as u

from sunpy_restore.backprojection.fitting.scenes import ellipse, joined, point, visibilities_of_scene
from sunpy_restore.backprojection.visibilities.fourier import (
    WEIGHTINGS,
    Grid,
    back_projection,
    cosines_and_sines,
    dirty_beam,
    invert_back_projection,
    visibilities_of_image,
    weights_of,
)
from sunpy_restore.backprojection.visibilities.uvplane import UVPoints, stix_uv
from sunpy_restore.backprojection.visibilities.waves import SeparableWaves

POINTS = stix_uv()
GRID = Grid((64, 57), (4.0, 5.0))


def random_visibilities(rng, count=24):
    return rng.standard_normal(count) + 1j * rng.standard_normal(count)


def test_grid():
    grid = Grid((4, 3), (2.0, -5.0))
    np.testing.assert_array_equal(grid.y, [-3, -1, 1, 3])
    np.testing.assert_array_equal(grid.x, [5, 0, -5])
    assert grid.area == 10


def test_transforms_are_the_sums_of_their_definition():
    rng = np.random.default_rng(0)
    image, visibilities, weights = rng.random((5, 8)), random_visibilities(rng), rng.random(24)
    grid = Grid((5, 8), (7.0, 3.0))
    phase = 2j * np.pi * (POINTS.u * grid.x[:, np.newaxis] + POINTS.v * grid.y[:, np.newaxis, np.newaxis])
    expected = (image[..., np.newaxis] * np.exp(phase)).sum(axis=(0, 1))
    np.testing.assert_allclose(visibilities_of_image(image, POINTS, grid), expected, rtol=1e-12)
    expected = (weights * visibilities * np.exp(-phase)).sum(axis=2).real
    np.testing.assert_allclose(back_projection(visibilities, POINTS, grid, weights), expected, atol=1e-12)


@pytest.mark.parametrize("scheme", WEIGHTINGS)
@pytest.mark.parametrize("shape", [(12, 13), (13, 9)])
def test_transforms_are_those_of_xrayvision(shape, scheme):
    imaging, transform = map(pytest.importorskip, ("xrayvision.imaging", "xrayvision.transform"))
    from xrayvision.visibility import Visibilities

    rng = np.random.default_rng(1)
    image, visibilities = rng.random(shape), random_visibilities(rng)
    grid, weights = Grid(shape, (4.0, 3.0)), weights_of(POINTS, scheme)
    points = {"u": POINTS.u / u.arcsec, "v": POINTS.v / u.arcsec}
    pixel_size = grid.pixel * u.arcsec / u.pix
    theirs = transform.dft_map(image * u.ct, pixel_size=pixel_size, **points)
    np.testing.assert_allclose(visibilities_of_image(image, POINTS, grid), theirs.value, rtol=1e-9)
    given = Visibilities(visibilities * u.ct, **points)
    np.testing.assert_allclose(imaging.get_weights(given, scheme), weights, rtol=1e-12)
    keywords = {"shape": shape * u.pix, "pixel_size": pixel_size, "scheme": scheme}
    theirs = imaging.vis_to_image(given, **keywords)
    np.testing.assert_allclose(back_projection(visibilities, POINTS, grid, weights), theirs.value, atol=1e-12)
    odd = grid._replace(shape=tuple(n // 2 * 2 + 1 for n in shape))
    theirs = imaging.vis_psf_image(given, **keywords)
    np.testing.assert_allclose(dirty_beam(POINTS, odd, weights), theirs.value, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(ny=st.integers(1, 30), nx=st.integers(1, 30), seed=st.integers(0, 999))
def test_back_projection_is_the_adjoint_of_the_visibilities(ny, nx, seed):
    rng = np.random.default_rng(seed)
    grid = Grid((ny, nx), tuple(rng.uniform(0.5, 9, 2)))
    image, visibilities, weights = rng.standard_normal(grid.shape), random_visibilities(rng), rng.random(24)
    there = (visibilities_of_image(image, POINTS, grid).conj() * weights * visibilities).sum().real
    here = (image * back_projection(visibilities, POINTS, grid, weights)).sum()
    np.testing.assert_allclose(here, there, atol=1e-9 * ny * nx)


def test_stacks_are_transformed_image_by_image():
    rng = np.random.default_rng(2)
    images, visibilities = rng.random((2, 3, 8, 9)), rng.random((2, 3, 24)) * 1j
    grid, weights = Grid((8, 9), (4.0, 4.0)), weights_of(POINTS)
    one, other = visibilities_of_image(images, POINTS, grid), back_projection(visibilities, POINTS, grid, weights)
    for place in np.ndindex(2, 3):
        np.testing.assert_allclose(one[place], visibilities_of_image(images[place], POINTS, grid), atol=1e-12)
        np.testing.assert_allclose(
            other[place], back_projection(visibilities[place], POINTS, grid, weights), atol=1e-12
        )


def test_shifted_image_has_shifted_phases():
    rng = np.random.default_rng(3)
    image = np.pad(rng.random((6, 7)), 10)
    grid = Grid(image.shape, (3.0, 4.0))
    phase = np.exp(2j * np.pi * (POINTS.u * 4 * 4.0 + POINTS.v * -2 * 3.0))
    moved = visibilities_of_image(np.roll(image, (-2, 4), axis=(0, 1)), POINTS, grid)
    np.testing.assert_allclose(moved, phase * visibilities_of_image(image, POINTS, grid), rtol=1e-10)
    visibilities, weights = random_visibilities(rng), weights_of(POINTS)
    one, other = (back_projection(part, POINTS, grid, weights) for part in (visibilities, phase * visibilities))
    np.testing.assert_allclose(other[:-2, 4:], one[2:, :-4], atol=1e-12)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_value_at_a_point_source_is_its_flux(weighting):
    weights = weights_of(POINTS, weighting)
    np.testing.assert_allclose(weights.sum(), 1, rtol=1e-12)
    visibilities = visibilities_of_scene(point(6, GRID.x[40], GRID.y[20]), POINTS)
    image = back_projection(visibilities, POINTS, GRID, weights)
    assert np.unravel_index(image.argmax(), image.shape) == (20, 40)
    np.testing.assert_allclose(image.max(), 6, rtol=1e-12)
    beam = dirty_beam(POINTS, Grid((9, 9), GRID.pixel), weights)
    np.testing.assert_allclose(image[16:25, 36:45], 6 * beam, atol=1e-12)
    np.testing.assert_allclose(beam, beam[::-1, ::-1], atol=1e-12)


def test_weights_are_equal_or_proportional_to_the_frequency():
    np.testing.assert_allclose(weights_of(POINTS), 1 / 24)
    uniform = weights_of(POINTS, "uniform")
    np.testing.assert_allclose(uniform / uniform[0], POINTS.frequency / POINTS.frequency[0], rtol=1e-12)
    with pytest.raises(ValueError, match="'robust'; expected 'natural' or 'uniform'"):
        weights_of(POINTS, "robust")


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e9])
def test_inversion_recovers_the_visibilities(weighting, scale):
    visibilities, weights = scale * random_visibilities(np.random.default_rng(4)), weights_of(POINTS, weighting)
    image = back_projection(visibilities, POINTS, GRID, weights)
    again, misfit = invert_back_projection(image, POINTS, GRID, weights)
    np.testing.assert_allclose(again, visibilities, atol=1e-7 * scale)
    assert misfit < 1e-8
    # Also in single precision
    again, misfit = invert_back_projection(image.astype(np.float32), POINTS, GRID, weights)
    np.testing.assert_allclose(again, visibilities, atol=1e-4 * scale)
    assert misfit < 1e-6


def test_inversion_of_large_images_in_several_parts():
    """The number of rows is not a multiple of those of a part."""
    grid = Grid((301, 221), (2.0, 2.0))
    visibilities, weights = random_visibilities(np.random.default_rng(5)), weights_of(POINTS)
    again, misfit = invert_back_projection(back_projection(visibilities, POINTS, grid, weights), POINTS, grid, weights)
    np.testing.assert_allclose(again, visibilities, atol=1e-7)
    assert misfit < 1e-8


def test_inversion_ignores_pixels_that_are_not_finite():
    rng = np.random.default_rng(6)
    visibilities, weights = random_visibilities(rng), weights_of(POINTS)
    image = back_projection(visibilities, POINTS, GRID, weights)
    image[rng.random(image.shape) < 0.3] = np.nan
    image[:10] = np.inf
    again, misfit = invert_back_projection(image, POINTS, GRID, weights)
    np.testing.assert_allclose(again, visibilities, atol=1e-6)
    assert misfit < 1e-8


@pytest.mark.parametrize("image", [np.zeros(GRID.shape), np.full(GRID.shape, np.nan)])
def test_image_without_values_has_zero_visibilities(image):
    again, misfit = invert_back_projection(image, POINTS, GRID, weights_of(POINTS))
    np.testing.assert_array_equal(again, np.zeros(24))
    assert misfit == 0


def test_misfit_is_large_for_images_that_are_no_back_projection():
    rng = np.random.default_rng(7)
    weights = weights_of(POINTS)
    noise = rng.standard_normal(GRID.shape)
    assert invert_back_projection(noise, POINTS, GRID, weights)[1] > 0.9
    # Back-projections of other points, and of the same points in other axes
    visibilities = random_visibilities(rng, 30)
    other = back_projection(visibilities, stix_uv(range(1, 11)), GRID, weights_of(stix_uv(range(1, 11))))
    assert invert_back_projection(other, POINTS, GRID, weights)[1] > 0.1
    own = back_projection(visibilities[:24], POINTS, GRID, weights)
    assert invert_back_projection(own, POINTS.rotated(0.2), GRID, weights)[1] > 0.1
    # The misfit is the relative noise
    own /= own.std()
    assert invert_back_projection(own + 0.1 * noise, POINTS, GRID, weights)[1] == pytest.approx(0.1, abs=0.01)


def test_equal_points_share_their_visibility():
    points = UVPoints(np.array([0.01, 0.01, 0.02]), np.array([0.005, 0.005, -0.01]), ("1a", "1b", "1c"))
    weights = weights_of(points)
    image = back_projection(np.array([2 + 1j, 4 - 3j, 1j]), points, GRID, weights)
    again, misfit = invert_back_projection(image, points, GRID, weights)
    np.testing.assert_allclose(again, [3 - 1j, 3 - 1j, 1j], atol=1e-8)
    assert misfit < 1e-6


@pytest.mark.parametrize(("side", "pixel"), [(65, 1.0), (65, 2.0), (129, 2.0)])
@pytest.mark.parametrize("noise", [1e-7, 1e-4, 1e-3])
def test_noise_in_small_images_does_not_cause_large_visibilities(side, pixel, noise):
    """A field smaller than the longest period hardly constrains its visibilities."""
    points = stix_uv()
    grid, wide = Grid((side, side), (pixel, pixel)), Grid((64, 64), (4.0, 4.0))
    weights = weights_of(points)
    scene = joined([point(2, 10, -15), ellipse(5, -12, 8, 20, 14, 0.7)])
    truth = visibilities_of_scene(scene, points)
    image = back_projection(truth, points, grid, weights)
    image = image + noise * image.max() * np.random.default_rng(0).standard_normal(image.shape)
    visibilities, misfit = invert_back_projection(image, points, grid, weights)
    assert misfit < 3 * noise / (image.std() / image.max()) + 1e-6
    error = back_projection(visibilities - truth, points, wide, weights)
    assert np.abs(error).max() < 0.15 * image.max()
    assert np.abs(visibilities).max() < 2 * np.abs(truth).max()


def test_separable_waves_are_the_matrix_of_cosines_and_sines():
    rng = np.random.default_rng(3)
    factors = np.tile(rng.random(len(POINTS.u)), 2)
    matrix = factors[:, np.newaxis] * cosines_and_sines(POINTS, GRID)
    waves, image, parts = SeparableWaves(POINTS, GRID, factors), rng.random(64 * 57), rng.standard_normal(len(factors))
    np.testing.assert_allclose(waves.forward(image), matrix @ image, rtol=1e-10)
    np.testing.assert_allclose(waves.adjoint(parts), matrix.T @ parts, rtol=1e-10, atol=1e-12)
    exact = (matrix * image) @ matrix.T
    np.testing.assert_allclose(waves.exact_covariance(image), exact, rtol=1e-10, atol=1e-12 * exact.max())
    some = rng.random(image.size) < 0.3
    exact = (matrix[:, some] * image[some]) @ matrix[:, some].T
    rough = waves.covariance(image, np.flatnonzero(some))
    np.testing.assert_allclose(rough, exact, atol=1e-5 * exact.max())


def test_waves_that_are_kept_belong_to_their_points_and_grid():
    rng = np.random.default_rng(4)
    image = rng.random((12, 9))
    for points in (POINTS, POINTS.rotated(0.3), stix_uv([3, 4])):
        for grid in (Grid((12, 9), (4.0, 5.0)), Grid((12, 9), (-4.0, 5.0)), Grid((12, 9), (4.0, 5.5))):
            expected = cosines_and_sines(points, grid) @ image.ravel()
            for _ in range(2):
                found = visibilities_of_image(image, points, grid)
                np.testing.assert_allclose(np.concatenate([found.real, found.imag]), expected, rtol=1e-10)
