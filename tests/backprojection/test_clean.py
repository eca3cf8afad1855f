"""CLEAN: the map of xrayvision, and the laws that it has by itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import astropy.units as u

from sunpy_restore.backprojection.channels import BEAM, PLANES, planes_of
from sunpy_restore.backprojection.clean import METHODS, beam_area, clean, clean_planes, seen_with_beam
from sunpy_restore.backprojection.forward import draw_scene, noisy_visibilities
from sunpy_restore.backprojection.fourier import Grid, back_projection, dirty_beam, weights_of
from sunpy_restore.backprojection.scenes import FWHM, image_of, point, visibilities_of_scene
from sunpy_restore.backprojection.uvplane import stix_uv

PLANE = stix_uv()


def wide(grid, more=0):
    return grid._replace(shape=tuple(2 * n - 1 + more for n in grid.shape))


def simulated(grid, seed=0, weighting="natural"):
    """Visibilities with noise, their back-projection and the dirty beam."""
    rng = np.random.default_rng(seed)
    field = min(np.multiply(grid.shape, grid.pixel))
    found = noisy_visibilities(draw_scene(rng, field), PLANE, rng)
    weights = weights_of(PLANE, weighting)
    return found, back_projection(found, PLANE, grid, weights), dirty_beam(PLANE, wide(grid), weights)


def convolved(model, beam):
    """Copies of the dirty beam at all components."""
    ny, nx = model.shape
    row, column = (n // 2 for n in beam.shape)
    total = np.zeros(model.shape)
    for y, x in np.argwhere(model):
        total += model[y, x] * beam[row - y : row - y + ny, column - x : column - x + nx]
    return total


@pytest.mark.parametrize("weighting", ["natural", "uniform"])
@pytest.mark.parametrize("shape", [(21, 21), (21, 27), (25, 15)])
@pytest.mark.parametrize("iterations", [1, 25, 400])
def test_is_that_of_xrayvision(shape, iterations, weighting):
    """With sides that are odd; it ends in the same iteration, or the models would not be the same."""
    xrayvision = pytest.importorskip("xrayvision.clean")
    from xrayvision.visibility import Visibilities

    grid = Grid(shape, (6.0, 5.0))
    found, dirty, beam = simulated(grid, seed=sum(shape), weighting=weighting)
    theirs = Visibilities(found * u.ct, u=PLANE.u / u.arcsec, v=PLANE.v / u.arcsec)
    image, model, residual = xrayvision.vis_clean(
        theirs, shape=shape * u.pix, pixel_size=grid.pixel * u.arcsec / u.pix, clean_beam_width=BEAM * u.arcsec,
        niter=iterations, map=False, scheme=weighting,
    )  # fmt: skip
    cleaned = clean(dirty, beam, grid, iterations=iterations)
    for ours, other in ((cleaned.image, image), (cleaned.model, model), (cleaned.residual / beam_area(), residual)):
        np.testing.assert_allclose(ours, other, rtol=1e-9, atol=1e-9 * np.abs(other).max())


@pytest.mark.parametrize("shape", [(32, 32), (32, 40)])
@pytest.mark.parametrize("threshold", [None, 0.1])
def test_is_that_of_xrayvision_on_even_fields_with_a_beam_that_makes_up_for_its_shift(shape, threshold):
    xrayvision = pytest.importorskip("xrayvision.clean")
    grid = Grid(shape, (4.0, 4.0))
    _, dirty, beam = simulated(grid, seed=3)
    # Its middle is then where it is looked for
    odd = dirty_beam(PLANE, wide(grid, 2), weights_of(PLANE))
    model, residual = xrayvision.clean(
        dirty, np.pad(odd, (0, 1)), pixel_size=grid.pixel * u.arcsec / u.pix, clean_beam_width=None, niter=50,
        thres=threshold,
    )[1:]  # fmt: skip
    cleaned = clean(dirty, beam, grid, iterations=50, threshold=threshold)
    np.testing.assert_allclose(cleaned.model, model, rtol=1e-9)
    np.testing.assert_allclose(cleaned.residual, residual, rtol=1e-9, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(ny=st.integers(2, 40), nx=st.integers(2, 40), seed=st.integers(0, 99), gain=st.floats(0.02, 1.0))
def test_model_and_residual_make_up_the_back_projection(ny, nx, seed, gain):
    grid = Grid((ny, nx), (5.0, 4.0))
    rng = np.random.default_rng(seed)
    weights = weights_of(PLANE)
    found = visibilities_of_scene(point(rng.uniform(1, 9), *rng.uniform(-30, 30, 2)), PLANE)
    dirty = back_projection(found + rng.standard_normal(24), PLANE, grid, weights)
    beam = dirty_beam(PLANE, wide(grid), weights)
    cleaned = clean(dirty, beam, grid, gain=gain, iterations=40)
    assert 0 <= cleaned.iterations <= 40
    assert (cleaned.model >= 0).all()
    np.testing.assert_allclose(cleaned.residual + convolved(cleaned.model, beam), dirty, atol=1e-9)
    # The image is the model seen with the beam, and the residual, per area of the beam
    image = seen_with_beam(cleaned.model, grid) + cleaned.residual
    np.testing.assert_allclose(cleaned.image * beam_area(), image, atol=1e-9)


def test_larger_beam_gives_the_same():
    grid = Grid((20, 31), (4.0, 4.0))
    _, dirty, beam = simulated(grid)
    larger = dirty_beam(PLANE, wide(grid, 24), weights_of(PLANE))
    for ours, other in zip(clean(dirty, beam, grid), clean(dirty, larger, grid), strict=True):
        np.testing.assert_allclose(ours, other, atol=1e-12)


def test_image_is_in_proportion_to_the_flux():
    grid = Grid((30, 33), (4.0, 4.0))
    _, dirty, beam = simulated(grid, seed=5)
    before = dirty.copy()
    one, other = clean(dirty, beam, grid), clean(1e6 * dirty, beam, grid)
    np.testing.assert_array_equal(dirty, before)
    assert one.iterations == other.iterations
    np.testing.assert_allclose(other.image, 1e6 * one.image, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("turn", [np.rot90, np.flipud, np.transpose])
def test_turned_field_gives_the_turned_image(turn):
    grid = Grid((30, 33), (4.0, 4.0))
    _, dirty, beam = simulated(grid, seed=6)
    cleaned = clean(turn(dirty), turn(beam), grid._replace(shape=turn(dirty).shape))
    np.testing.assert_allclose(cleaned.image, turn(clean(dirty, beam, grid).image), atol=1e-12)


def test_ends_when_the_largest_residual_is_negative_and_not_before():
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


def test_ends_at_the_threshold_and_not_before():
    grid = Grid((41, 41), (4.0, 4.0))
    found = visibilities_of_scene(point(2, 0, 8), PLANE)
    weights = weights_of(PLANE)
    dirty, beam = back_projection(found, PLANE, grid, weights), dirty_beam(PLANE, wide(grid), weights)
    cleaned = clean(dirty, beam, grid, threshold=0.5)
    # A point loses a tenth at a time
    assert cleaned.iterations == np.ceil(np.log(0.25) / np.log(0.9))
    assert np.abs(cleaned.residual).max() <= 0.5
    np.testing.assert_allclose(cleaned.model.sum() + cleaned.residual.max(), 2)
    assert np.count_nonzero(cleaned.model) == 1
    assert cleaned.model[22, 20] > 0


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_nothing_is_found_where_nothing_is_positive(value):
    grid = Grid((8, 9), (4.0, 4.0))
    dirty = np.full(grid.shape, value)
    cleaned = clean(dirty, dirty_beam(PLANE, wide(grid), weights_of(PLANE)), grid)
    assert cleaned.iterations == 0
    assert not cleaned.model.any()
    np.testing.assert_array_equal(cleaned.residual, dirty)


def test_seen_with_beam_is_a_sum_of_gaussians():
    rng = np.random.default_rng(0)
    grid = Grid((7, 10), (3.0, 5.0))
    model = rng.random(grid.shape)
    expected = np.zeros(grid.shape)
    for (row, column), flux in np.ndenumerate(model):
        squares = (grid.y[:, np.newaxis] - grid.y[row]) ** 2 + (grid.x - grid.x[column]) ** 2
        expected += flux * np.exp(-4 * np.log(2) * squares / 20**2)
    np.testing.assert_allclose(seen_with_beam(model, grid, 20), expected, rtol=1e-12)


def test_area_of_the_beam_is_its_integral():
    grid = Grid((201, 201), (1.0, 1.0))
    middle = np.zeros(grid.shape)
    middle[100, 100] = 1
    np.testing.assert_allclose(seen_with_beam(middle, grid, 14.6).sum(), beam_area(14.6), rtol=1e-9)
    np.testing.assert_allclose(beam_area(FWHM), 2 * np.pi)


def test_refusals():
    grid = Grid((8, 9), (4.0, 4.0))
    dirty, beam = np.ones(grid.shape), dirty_beam(PLANE, wide(grid), weights_of(PLANE))
    with pytest.raises(ValueError, match=r"\(9, 8\) pixels, expected \(8, 9\)"):
        clean(dirty.T, beam, grid)
    with pytest.raises(ValueError, match="1 pixels that are not finite"):
        clean(np.where(np.arange(9) + np.arange(8)[:, np.newaxis] == 0, np.nan, dirty), beam, grid)
    for wrong in (beam[1:-1], beam[1:], np.pad(beam, (0, 1)), beam[0]):
        with pytest.raises(ValueError, match=r"expected odd numbers of at least \(15, 17\)"):
            clean(dirty, wrong, grid)
    for fwhm in (0, -1, np.nan):
        with pytest.raises(ValueError, match="expected a positive width"):
            clean(dirty, beam, grid, fwhm=fwhm)


@pytest.mark.parametrize("numbers", [range(3, 11), range(1, 11), [4, 5, 7]])
@pytest.mark.parametrize("shape", [(41, 48), (48, 48)])
def test_planes_of_a_point_source_give_its_flux_per_beam(numbers, shape):
    grid, plane = Grid(shape, (4.0, 4.0)), stix_uv(numbers)
    scene = point(7, grid.x[30], grid.y[15])
    planes, unit = planes_of(visibilities_of_scene(scene, plane), plane, grid)
    restored = unit * clean_planes(planes)
    # All of it but 0.9**100 is in the model
    np.testing.assert_allclose(restored, image_of(scene, grid, BEAM), atol=2e-3)
    assert restored[15, 30] == pytest.approx(7, rel=1e-4)


def test_planes_give_what_visibilities_give():
    grid = Grid((40, 33), (4.0, 4.0))
    found, dirty, beam = simulated(grid, seed=8)
    planes, unit = planes_of(found, PLANE, grid)
    expected = clean(dirty, beam, grid).image * beam_area()
    np.testing.assert_allclose(METHODS["clean"].function(planes) * unit, expected, atol=1e-4 * expected.max())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", [(5, 8), (2, 31), (1, 1)])
def test_any_planes_give_finite_numbers(shape, seed):
    rng = np.random.default_rng(seed)
    planes = rng.standard_normal((len(PLANES), *shape)) * 10 ** rng.uniform(-6, 6)
    for pixel in (None, 0.0, -4.0, 4.0, 1e-12, 1e12, np.nan, np.inf):
        if pixel is not None:
            planes[-1] = pixel
        restored = clean_planes(planes)
        assert restored.shape == shape
        assert np.isfinite(restored).all()


def test_nothing_gives_nothing():
    planes = np.zeros((len(PLANES), 6, 7))
    assert not clean_planes(planes).any()
    # Nor is anything known of the beam where no sub-collimator is used
    planes[0], planes[-1] = np.arange(7), 4
    np.testing.assert_array_equal(clean_planes(planes), planes[0])
