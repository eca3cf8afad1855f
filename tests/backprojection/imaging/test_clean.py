"""Tests of Hogbom's CLEAN: xrayvision, and the laws of the algorithm."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import astropy.units as u

from sunpy_restore.backprojection.fitting.forward import draw_scene, noisy_visibilities
from sunpy_restore.backprojection.fitting.scenes import point, visibilities_of_scene
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area, convolve_with_beam
from sunpy_restore.backprojection.imaging.clean import clean, wide_beam
from sunpy_restore.backprojection.visibilities.fourier import Grid, back_projection, dirty_beam, weights_of
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv

POINTS = stix_uv()


def wide(grid, more=0):
    """The grid of a dirty beam that covers a field from any of its pixels."""
    return grid._replace(shape=tuple(2 * n - 1 + more for n in grid.shape))


def simulated(grid, seed=0, weighting="natural"):
    """Visibilities with noise, their back-projection and the dirty beam."""
    rng = np.random.default_rng(seed)
    field = min(np.multiply(grid.shape, grid.pixel))
    visibilities = noisy_visibilities(draw_scene(rng, field), POINTS, rng)
    weights = weights_of(POINTS, weighting)
    return visibilities, back_projection(visibilities, POINTS, grid, weights), dirty_beam(POINTS, wide(grid), weights)


def convolved(model, beam):
    """The dirty beams of all components."""
    ny, nx = model.shape
    row, column = (n // 2 for n in beam.shape)
    total = np.zeros(model.shape)
    for y, x in np.argwhere(model):
        total += model[y, x] * beam[row - y : row - y + ny, column - x : column - x + nx]
    return total


@pytest.mark.parametrize("weighting", ["natural", "uniform"])
@pytest.mark.parametrize("shape", [(21, 21), (21, 27), (25, 15)])
@pytest.mark.parametrize("iterations", [1, 25, 400])
def test_clean_is_that_of_xrayvision_for_odd_sides(shape, iterations, weighting):
    """The models are equal only if both stop in the same iteration."""
    xrayvision = pytest.importorskip("xrayvision.clean")
    from xrayvision.visibility import Visibilities

    grid = Grid(shape, (6.0, 5.0))
    visibilities, dirty, beam = simulated(grid, seed=sum(shape), weighting=weighting)
    theirs = Visibilities(visibilities * u.ct, u=POINTS.u / u.arcsec, v=POINTS.v / u.arcsec)
    image, model, residual = xrayvision.vis_clean(
        theirs, shape=shape * u.pix, pixel_size=grid.pixel * u.arcsec / u.pix, clean_beam_width=BEAM * u.arcsec,
        niter=iterations, map=False, scheme=weighting,
    )  # fmt: skip
    cleaned = clean(dirty, beam, grid, iterations=iterations)
    for ours, other in ((cleaned.image, image), (cleaned.model, model), (cleaned.residual / beam_area(), residual)):
        np.testing.assert_allclose(ours, other, rtol=1e-9, atol=1e-9 * np.abs(other).max())


@pytest.mark.parametrize("shape", [(32, 32), (32, 40)])
@pytest.mark.parametrize("threshold", [None, 0.1])
def test_clean_is_that_of_xrayvision_for_even_sides_and_a_shifted_beam(shape, threshold):
    """The shift compensates that xrayvision subtracts the beam one pixel off the peak."""
    xrayvision = pytest.importorskip("xrayvision.clean")
    grid = Grid(shape, (4.0, 4.0))
    _, dirty, beam = simulated(grid, seed=3)
    odd = dirty_beam(POINTS, wide(grid, 2), weights_of(POINTS))
    model, residual = xrayvision.clean(
        dirty, np.pad(odd, (0, 1)), pixel_size=grid.pixel * u.arcsec / u.pix, clean_beam_width=None, niter=50,
        thres=threshold,
    )[1:]  # fmt: skip
    cleaned = clean(dirty, beam, grid, iterations=50, threshold=threshold)
    np.testing.assert_allclose(cleaned.model, model, rtol=1e-9)
    np.testing.assert_allclose(cleaned.residual, residual, rtol=1e-9, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(ny=st.integers(2, 40), nx=st.integers(2, 40), seed=st.integers(0, 99), gain=st.floats(0.02, 1.0))
def test_dirty_beams_of_the_model_plus_residual_are_the_back_projection(ny, nx, seed, gain):
    grid = Grid((ny, nx), (5.0, 4.0))
    rng = np.random.default_rng(seed)
    weights = weights_of(POINTS)
    visibilities = visibilities_of_scene(point(rng.uniform(1, 9), *rng.uniform(-30, 30, 2)), POINTS)
    dirty = back_projection(visibilities + rng.standard_normal(24), POINTS, grid, weights)
    beam = dirty_beam(POINTS, wide(grid), weights)
    cleaned = clean(dirty, beam, grid, gain=gain, iterations=40)
    assert 0 <= cleaned.iterations <= 40
    assert (cleaned.model >= 0).all()
    np.testing.assert_allclose(cleaned.residual + convolved(cleaned.model, beam), dirty, atol=1e-9)
    # The image is the convolved model plus the residual, divided by the area of the beam
    image = convolve_with_beam(cleaned.model, grid) + cleaned.residual
    np.testing.assert_allclose(cleaned.image * beam_area(), image, atol=1e-9)


def test_result_does_not_depend_on_the_extent_of_the_dirty_beam():
    grid = Grid((20, 31), (4.0, 4.0))
    _, dirty, beam = simulated(grid)
    larger = dirty_beam(POINTS, wide(grid, 24), weights_of(POINTS))
    for ours, other in zip(clean(dirty, beam, grid), clean(dirty, larger, grid), strict=True):
        np.testing.assert_allclose(ours, other, atol=1e-12)


def test_image_is_proportional_to_the_flux():
    grid = Grid((30, 33), (4.0, 4.0))
    _, dirty, beam = simulated(grid, seed=5)
    before = dirty.copy()
    one, other = clean(dirty, beam, grid), clean(1e6 * dirty, beam, grid)
    np.testing.assert_array_equal(dirty, before)
    assert one.iterations == other.iterations
    np.testing.assert_allclose(other.image, 1e6 * one.image, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("turn", [np.rot90, np.flipud, np.transpose])
def test_rotated_field_gives_the_rotated_image(turn):
    grid = Grid((30, 33), (4.0, 4.0))
    _, dirty, beam = simulated(grid, seed=6)
    cleaned = clean(turn(dirty), turn(beam), grid._replace(shape=turn(dirty).shape))
    np.testing.assert_allclose(cleaned.image, turn(clean(dirty, beam, grid).image), atol=1e-12)


def test_clean_stops_when_the_largest_residual_is_negative_and_not_before():
    grid = Grid((41, 41), (4.0, 4.0))
    ended = 0
    for seed in range(6):
        _, dirty, beam = simulated(grid, seed=seed)
        cleaned = clean(dirty, beam, grid, iterations=1000)
        if cleaned.iterations < 1000:
            ended += 1
            assert -cleaned.residual.min() > cleaned.residual.max()
            before = clean(dirty, beam, grid, iterations=cleaned.iterations - 1)
            assert before.iterations == cleaned.iterations - 1
            assert -before.residual.min() <= before.residual.max()
    assert ended


def test_clean_stops_at_the_threshold_and_not_before():
    grid = Grid((41, 41), (4.0, 4.0))
    visibilities = visibilities_of_scene(point(2, 0, 8), POINTS)
    weights = weights_of(POINTS)
    dirty, beam = back_projection(visibilities, POINTS, grid, weights), dirty_beam(POINTS, wide(grid), weights)
    cleaned = clean(dirty, beam, grid, threshold=0.5)
    # Each iteration subtracts a tenth of the point source
    assert cleaned.iterations == np.ceil(np.log(0.25) / np.log(0.9))
    assert np.abs(cleaned.residual).max() <= 0.5
    np.testing.assert_allclose(cleaned.model.sum() + cleaned.residual.max(), 2)
    assert np.count_nonzero(cleaned.model) == 1
    assert cleaned.model[22, 20] > 0


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_nothing_is_subtracted_if_no_pixel_is_positive(value):
    grid = Grid((8, 9), (4.0, 4.0))
    dirty = np.full(grid.shape, value)
    cleaned = clean(dirty, dirty_beam(POINTS, wide(grid), weights_of(POINTS)), grid)
    assert cleaned.iterations == 0
    assert not cleaned.model.any()
    np.testing.assert_array_equal(cleaned.residual, dirty)


def test_wrong_shapes_values_and_beams_are_refused():
    grid = Grid((8, 9), (4.0, 4.0))
    dirty, beam = np.ones(grid.shape), dirty_beam(POINTS, wide(grid), weights_of(POINTS))
    with pytest.raises(ValueError, match=r"\(9, 8\) pixels; expected \(8, 9\)"):
        clean(dirty.T, beam, grid)
    with pytest.raises(ValueError, match="1 pixels that are not finite"):
        clean(np.where(np.arange(9) + np.arange(8)[:, np.newaxis] == 0, np.nan, dirty), beam, grid)
    for wrong in (beam[1:-1], beam[1:], np.pad(beam, (0, 1)), beam[0]):
        with pytest.raises(ValueError, match=r"expected odd numbers of at least \(15, 17\)"):
            clean(dirty, wrong, grid)
    for fwhm in (0, -1, np.nan):
        with pytest.raises(ValueError, match="expected a positive width"):
            clean(dirty, beam, grid, fwhm=fwhm)


def test_wide_beam_is_that_of_natural_weights():
    grid = Grid((8, 9), (4.0, 5.0))
    np.testing.assert_array_equal(wide_beam(POINTS, grid), dirty_beam(POINTS, wide(grid), weights_of(POINTS)))
