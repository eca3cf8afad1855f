"""Fourier operators: against sums written out, against xrayvision, and as each other's adjoint and inverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import astropy.units as u

from sunpy_restore.backprojection.fourier import (
    WEIGHTINGS,
    Grid,
    back_projection,
    dirty_beam,
    fitted_visibilities,
    visibilities,
    weights_of,
)
from sunpy_restore.backprojection.scenes import ellipse, joined, point, visibilities_of_scene
from sunpy_restore.backprojection.uvplane import UVPlane, stix_uv

PLANE = stix_uv()
GRID = Grid((64, 57), (4.0, 5.0))


def random_visibilities(rng, count=24):
    return rng.standard_normal(count) + 1j * rng.standard_normal(count)


def test_grid():
    grid = Grid((4, 3), (2.0, -5.0))
    np.testing.assert_array_equal(grid.y, [-3, -1, 1, 3])
    np.testing.assert_array_equal(grid.x, [5, 0, -5])
    assert grid.area == 10


def test_are_the_sums_of_their_definition():
    rng = np.random.default_rng(0)
    image, found, weights = rng.random((5, 8)), random_visibilities(rng), rng.random(24)
    grid = Grid((5, 8), (7.0, 3.0))
    phase = 2j * np.pi * (PLANE.u * grid.x[:, np.newaxis] + PLANE.v * grid.y[:, np.newaxis, np.newaxis])
    expected = (image[..., np.newaxis] * np.exp(phase)).sum(axis=(0, 1))
    np.testing.assert_allclose(visibilities(image, PLANE, grid), expected, rtol=1e-12)
    expected = (weights * found * np.exp(-phase)).sum(axis=2).real
    np.testing.assert_allclose(back_projection(found, PLANE, grid, weights), expected, atol=1e-12)


@pytest.mark.parametrize("scheme", WEIGHTINGS)
@pytest.mark.parametrize("shape", [(12, 13), (13, 9)])
def test_are_those_of_xrayvision(shape, scheme):
    imaging, transform = map(pytest.importorskip, ("xrayvision.imaging", "xrayvision.transform"))
    from xrayvision.visibility import Visibilities

    rng = np.random.default_rng(1)
    image, found = rng.random(shape), random_visibilities(rng)
    grid, weights = Grid(shape, (4.0, 3.0)), weights_of(PLANE, scheme)
    points = {"u": PLANE.u / u.arcsec, "v": PLANE.v / u.arcsec}
    pixel_size = grid.pixel * u.arcsec / u.pix
    theirs = transform.dft_map(image * u.ct, pixel_size=pixel_size, **points)
    np.testing.assert_allclose(visibilities(image, PLANE, grid), theirs.value, rtol=1e-9)
    given = Visibilities(found * u.ct, **points)
    np.testing.assert_allclose(imaging.get_weights(given, scheme), weights, rtol=1e-12)
    keywords = {"shape": shape * u.pix, "pixel_size": pixel_size, "scheme": scheme}
    theirs = imaging.vis_to_image(given, **keywords)
    np.testing.assert_allclose(back_projection(found, PLANE, grid, weights), theirs.value, atol=1e-12)
    odd = grid._replace(shape=tuple(n // 2 * 2 + 1 for n in shape))
    theirs = imaging.vis_psf_image(given, **keywords)
    np.testing.assert_allclose(dirty_beam(PLANE, odd, weights), theirs.value, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(ny=st.integers(1, 30), nx=st.integers(1, 30), seed=st.integers(0, 999))
def test_back_projection_is_the_adjoint(ny, nx, seed):
    rng = np.random.default_rng(seed)
    grid = Grid((ny, nx), tuple(rng.uniform(0.5, 9, 2)))
    image, found, weights = rng.standard_normal(grid.shape), random_visibilities(rng), rng.random(24)
    there = (visibilities(image, PLANE, grid).conj() * weights * found).sum().real
    here = (image * back_projection(found, PLANE, grid, weights)).sum()
    np.testing.assert_allclose(here, there, atol=1e-9 * ny * nx)


def test_stacks_go_through_at_once():
    rng = np.random.default_rng(2)
    images, found = rng.random((2, 3, 8, 9)), rng.random((2, 3, 24)) * 1j
    grid, weights = Grid((8, 9), (4.0, 4.0)), weights_of(PLANE)
    one, other = visibilities(images, PLANE, grid), back_projection(found, PLANE, grid, weights)
    for place in np.ndindex(2, 3):
        np.testing.assert_allclose(one[place], visibilities(images[place], PLANE, grid), atol=1e-12)
        np.testing.assert_allclose(other[place], back_projection(found[place], PLANE, grid, weights), atol=1e-12)


def test_shift_theorem():
    rng = np.random.default_rng(3)
    image = np.pad(rng.random((6, 7)), 10)
    grid = Grid(image.shape, (3.0, 4.0))
    turn = np.exp(2j * np.pi * (PLANE.u * 4 * 4.0 + PLANE.v * -2 * 3.0))
    moved = visibilities(np.roll(image, (-2, 4), axis=(0, 1)), PLANE, grid)
    np.testing.assert_allclose(moved, turn * visibilities(image, PLANE, grid), rtol=1e-10)
    found, weights = random_visibilities(rng), weights_of(PLANE)
    one, other = (back_projection(part, PLANE, grid, weights) for part in (found, turn * found))
    np.testing.assert_allclose(other[:-2, 4:], one[2:, :-4], atol=1e-12)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_point_source_has_its_flux_in_the_back_projection(weighting):
    weights = weights_of(PLANE, weighting)
    np.testing.assert_allclose(weights.sum(), 1, rtol=1e-12)
    found = visibilities_of_scene(point(6, GRID.x[40], GRID.y[20]), PLANE)
    image = back_projection(found, PLANE, GRID, weights)
    assert np.unravel_index(image.argmax(), image.shape) == (20, 40)
    np.testing.assert_allclose(image.max(), 6, rtol=1e-12)
    beam = dirty_beam(PLANE, Grid((9, 9), GRID.pixel), weights)
    np.testing.assert_allclose(image[16:25, 36:45], 6 * beam, atol=1e-12)
    np.testing.assert_allclose(beam, beam[::-1, ::-1], atol=1e-12)


def test_weights():
    np.testing.assert_allclose(weights_of(PLANE), 1 / 24)
    uniform = weights_of(PLANE, "uniform")
    np.testing.assert_allclose(uniform / uniform[0], PLANE.frequency / PLANE.frequency[0], rtol=1e-12)
    with pytest.raises(ValueError, match="'robust', expected 'natural' or 'uniform'"):
        weights_of(PLANE, "robust")


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e9])
def test_visibilities_are_found_again(weighting, scale):
    found, weights = scale * random_visibilities(np.random.default_rng(4)), weights_of(PLANE, weighting)
    image = back_projection(found, PLANE, GRID, weights)
    again, misfit = fitted_visibilities(image, PLANE, GRID, weights)
    np.testing.assert_allclose(again, found, atol=1e-7 * scale)
    assert misfit < 1e-8
    # Of single precision, too
    again, misfit = fitted_visibilities(image.astype(np.float32), PLANE, GRID, weights)
    np.testing.assert_allclose(again, found, atol=1e-4 * scale)
    assert misfit < 1e-6


def test_visibilities_are_found_again_in_parts_of_large_images():
    """More rows than are taken at a time, not a multiple of them."""
    grid = Grid((301, 221), (2.0, 2.0))
    found, weights = random_visibilities(np.random.default_rng(5)), weights_of(PLANE)
    again, misfit = fitted_visibilities(back_projection(found, PLANE, grid, weights), PLANE, grid, weights)
    np.testing.assert_allclose(again, found, atol=1e-7)
    assert misfit < 1e-8


def test_pixels_without_a_value_do_not_count():
    rng = np.random.default_rng(6)
    found, weights = random_visibilities(rng), weights_of(PLANE)
    image = back_projection(found, PLANE, GRID, weights)
    image[rng.random(image.shape) < 0.3] = np.nan
    image[:10] = np.inf
    again, misfit = fitted_visibilities(image, PLANE, GRID, weights)
    np.testing.assert_allclose(again, found, atol=1e-6)
    assert misfit < 1e-8


@pytest.mark.parametrize("image", [np.zeros(GRID.shape), np.full(GRID.shape, np.nan)])
def test_nothing_has_no_visibilities(image):
    again, misfit = fitted_visibilities(image, PLANE, GRID, weights_of(PLANE))
    np.testing.assert_array_equal(again, np.zeros(24))
    assert misfit == 0


def test_misfit_tells_other_images():
    rng = np.random.default_rng(7)
    weights = weights_of(PLANE)
    noise = rng.standard_normal(GRID.shape)
    assert fitted_visibilities(noise, PLANE, GRID, weights)[1] > 0.9
    # Of other points, and of the same in other axes
    found = random_visibilities(rng, 30)
    other = back_projection(found, stix_uv(range(1, 11)), GRID, weights_of(stix_uv(range(1, 11))))
    assert fitted_visibilities(other, PLANE, GRID, weights)[1] > 0.1
    own = back_projection(found[:24], PLANE, GRID, weights)
    assert fitted_visibilities(own, PLANE.turned(0.2), GRID, weights)[1] > 0.1
    # A share of noise is what it says
    own /= own.std()
    assert fitted_visibilities(own + 0.1 * noise, PLANE, GRID, weights)[1] == pytest.approx(0.1, abs=0.01)


def test_points_that_the_image_cannot_tell_apart_share_what_they_explain():
    plane = UVPlane(np.array([0.01, 0.01, 0.02]), np.array([0.005, 0.005, -0.01]), ("1a", "1b", "1c"))
    weights = weights_of(plane)
    image = back_projection(np.array([2 + 1j, 4 - 3j, 1j]), plane, GRID, weights)
    again, misfit = fitted_visibilities(image, plane, GRID, weights)
    np.testing.assert_allclose(again, [3 - 1j, 3 - 1j, 1j], atol=1e-8)
    assert misfit < 1e-6


@pytest.mark.parametrize(("side", "pixel"), [(65, 1.0), (65, 2.0), (129, 2.0)])
@pytest.mark.parametrize("noise", [1e-7, 1e-4, 1e-3])
def test_rounding_is_no_visibility(side, pixel, noise):
    """A field smaller than the longest wave hardly tells its visibilities: they are kept as large as the image."""
    plane = stix_uv()
    grid, wide = Grid((side, side), (pixel, pixel)), Grid((64, 64), (4.0, 4.0))
    weights = weights_of(plane)
    scene = joined([point(2, 10, -15), ellipse(5, -12, 8, 20, 14, 0.7)])
    truth = visibilities_of_scene(scene, plane)
    image = back_projection(truth, plane, grid, weights)
    image = image + noise * image.max() * np.random.default_rng(0).standard_normal(image.shape)
    found, misfit = fitted_visibilities(image, plane, grid, weights)
    assert misfit < 3 * noise / (image.std() / image.max()) + 1e-6
    error = back_projection(found - truth, plane, wide, weights)
    assert np.abs(error).max() < 0.15 * image.max()
    assert np.abs(found).max() < 2 * np.abs(truth).max()
