"""Forward model: charge is conserved, fringes are linear, the noise is photon and read noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sunpy_restore.desaturation.forward import FULL_WELL, bloom, edge_mask, expose, fringes, paper_damage
from sunpy_restore.desaturation.fringes.psf import EUV_CHANNELS, fringe_kernel, mesh_psf


def distance_to(mask):
    return ndimage.distance_transform_edt(~mask)


def blobs(seed, shape=(60, 70), smooth=3.0):
    image = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), smooth)
    return (image - image.min()) / np.ptp(image)


@st.composite
def lights(draw, well=100.0):
    """Images whose columns have room for the charge that blooms."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(st.integers(1, 60), st.integers(1, 8)))
    image = rng.uniform(0, well, size=shape)
    image[rng.random(shape) < draw(st.floats(0, 0.2))] *= draw(st.floats(1, 30))
    excess = np.clip(image.sum(axis=0) / (0.9 * well * shape[0]), 1, None)
    return image / excess


@pytest.mark.parametrize(("threshold", "radius"), [(0.8, 3), (0.5, 1), (0.7, 0)])
def test_paper_damage_is_its_definition(threshold, radius):
    image = blobs(0)
    damaged, mask = paper_damage(image, threshold, radius)
    np.testing.assert_array_equal(mask, distance_to(image > threshold) <= radius)
    np.testing.assert_array_equal(damaged[mask], 1)
    np.testing.assert_array_equal(damaged[~mask], image[~mask])


def test_defaults_of_paper_damage_and_an_image_without_damage():
    image = blobs(1)
    np.testing.assert_array_equal(paper_damage(image)[1], paper_damage(image, 0.8, 3)[1])
    assert not paper_damage(image, 1.0)[1].any()


@pytest.mark.parametrize("width", [1, 3, 5, 7])
def test_edge_mask_has_its_width(width):
    """Along a straight border and, measured by distances, along any border."""
    mask = np.zeros((40, 40), dtype=bool)
    mask[:, :20] = True
    edge = edge_mask(mask, width)
    assert edge[20].sum() == width
    assert edge[20, 19 - width // 2 : 20 + width // 2].all()
    mask = blobs(2) > 0.6
    edge = edge_mask(mask, width)
    np.testing.assert_array_equal(edge & ~mask, ~mask & (distance_to(mask) <= width // 2))
    np.testing.assert_array_equal(edge & mask, mask & (distance_to(~mask) <= width // 2 + 1))


def test_edges_of_the_image_are_no_border_of_the_mask():
    mask = np.zeros((30, 30), dtype=bool)
    mask[:15] = True
    edge = edge_mask(mask)
    assert not edge[:12].any()
    assert edge[12:17].all()
    assert not edge_mask(np.zeros((9, 9), dtype=bool)).any()
    assert not edge_mask(np.ones((9, 9), dtype=bool)).any()


@pytest.mark.parametrize("channel", EUV_CHANNELS)
def test_fringes_of_a_point_source_are_the_kernel(channel):
    image = np.zeros((140, 151))
    image[61, 92] = 1234.0
    kernel = fringe_kernel(channel, 50)
    expected = np.zeros((140 + 100, 151 + 100))
    expected[61 : 61 + 101, 92 : 92 + 101] = 1234.0 * kernel
    np.testing.assert_allclose(fringes(image, channel, 50), expected[50:-50, 50:-50], atol=1e-9)


@pytest.mark.parametrize("shape", [(40, 90), (90, 40), (31, 31), (61, 64), (1, 50), (50, 1), (1, 1), (30, 100)])
def test_fringes_in_images_smaller_and_larger_than_the_kernel(shape):
    """Compared with the definition of a convolution, pixel by pixel."""
    rng = np.random.default_rng(3)
    image = np.zeros(shape)
    for _ in range(5):
        image[rng.integers(shape[0]), rng.integers(shape[1])] += rng.uniform(1, 10)
    radius = 31
    kernel = fringe_kernel(304, radius)
    expected = np.zeros(shape)
    y, x = np.indices(shape)
    for place in np.argwhere(image):
        rows, columns = y - place[0], x - place[1]
        inside = (np.abs(rows) <= radius) & (np.abs(columns) <= radius)
        expected[inside] += image[tuple(place)] * kernel[rows[inside] + radius, columns[inside] + radius]
    np.testing.assert_allclose(fringes(image, 304, radius), expected, atol=1e-9)


def test_fringes_are_linear_and_shift_with_the_source():
    rng = np.random.default_rng(4)
    one, two = rng.uniform(size=(2, 50, 64))
    both = fringes(2 * one - 3 * two, 171)
    np.testing.assert_allclose(both, 2 * fringes(one, 171) - 3 * fringes(two, 171), atol=1e-9)
    part = np.zeros((120, 140))
    part[20:40, 30:60] = one[:20, :30]
    moved = np.roll(part, (25, 33), axis=(0, 1))
    np.testing.assert_allclose(
        np.roll(fringes(part, 171), (25, 33), axis=(0, 1))[25:, 33:], fringes(moved, 171)[25:, 33:], atol=1e-9
    )


def test_core_and_fringes_contain_all_the_light():
    """The point spread function is its core plus the fringes of the core."""
    radius = 256
    whole, core = mesh_psf(193, radius), np.zeros((2 * radius + 1,) * 2)
    middle = np.s_[radius - 1 : radius + 2, radius - 1 : radius + 2]
    core[radius, radius] = whole[middle].sum()
    found = fringes(core, 193, radius)
    found[middle] = whole[middle]
    np.testing.assert_allclose(found, whole, atol=1e-12)


@given(light=lights())
@settings(max_examples=80, deadline=None)
def test_blooming_conserves_charge_in_columns(light):
    held = bloom(light, 100.0)
    assert held.max() <= 100.0 * (1 + 1e-12)
    np.testing.assert_allclose(held.sum(axis=0), light.sum(axis=0), rtol=1e-9)
    assert (held >= np.minimum(light, 100.0) - 1e-9).all()
    untouched = (light <= 100.0).all(axis=0)
    np.testing.assert_array_equal(held[:, untouched], light[:, untouched])


@given(light=lights(), seed=st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_columns_bloom_independently(light, seed):
    order = np.random.default_rng(seed).permutation(light.shape[1])
    np.testing.assert_array_equal(bloom(light[:, order], 100.0), bloom(light, 100.0)[:, order])
    np.testing.assert_array_equal(bloom(light[:, :1], 100.0), bloom(light, 100.0)[:, :1])


@given(light=lights(), factor=st.floats(0.01, 100))
@settings(max_examples=30, deadline=None)
def test_blooming_does_not_depend_on_the_unit(light, factor):
    np.testing.assert_allclose(bloom(factor * light, factor * 100.0), factor * bloom(light, 100.0), rtol=1e-9)


@given(light=lights())
@settings(max_examples=30, deadline=None)
def test_bloomed_images_do_not_bloom_again(light):
    once = bloom(light, 100.0)
    np.testing.assert_allclose(bloom(once, 100.0), once, rtol=1e-9)


def test_charge_moves_in_equal_parts_to_the_nearest_pixels_with_room():
    column = np.full((21, 1), 10.0)
    column[10] = 100.0 + 2 * (90.0 * 3 + 40.0)
    held = bloom(column, 100.0)[:, 0]
    expected = np.full(21, 10.0)
    expected[7:14] = 100.0
    expected[[6, 14]] = 50.0
    np.testing.assert_allclose(held, expected)


def test_blooming_of_a_symmetric_source_is_symmetric():
    y, x = np.indices((81, 41)) - np.reshape((40, 20), (2, 1, 1))
    light = 500 + 8 * FULL_WELL * np.exp(-(x**2 + y**2) / (2 * 2.5**2))
    held = bloom(light)
    np.testing.assert_allclose(held, held[::-1], rtol=1e-12)
    np.testing.assert_allclose(held, held[:, ::-1], rtol=1e-12)
    assert (held[:, 20] == FULL_WELL).sum() > (light[:, 20] > FULL_WELL).sum()
    assert (held[40] == FULL_WELL).sum() == (light[40] > FULL_WELL).sum()


def test_charge_is_reflected_at_the_ends_of_columns():
    light = np.zeros((10, 2))
    light[0, 0] = light[-1, 1] = 450.0
    held = bloom(light, 100.0)
    np.testing.assert_allclose(held[:5, 0], [100, 100, 100, 100, 50])
    np.testing.assert_allclose(held[:, 1], held[::-1, 0])


def test_a_saturated_column_loses_the_remaining_charge():
    np.testing.assert_array_equal(bloom(np.full((6, 1), 300.0), 100.0), np.full((6, 1), 100.0))


def test_the_input_is_not_changed():
    light = np.array([[10.0, 20.0], [5 * FULL_WELL, 30.0], [10.0, 20.0]])
    before = light.copy()
    bloom(light)
    expose(light, 171, np.random.default_rng(0))
    fringes(light, 171)
    np.testing.assert_array_equal(light, before)


@pytest.mark.parametrize("channel", EUV_CHANNELS)
@pytest.mark.parametrize("level", [0.0, 50.0, 8000.0])
def test_noise_is_photon_and_read_noise(channel, level):
    """A photon of energy hc / lambda frees one electron per 3.65 eV; the gain is 18.3 electrons per DN."""
    per_photon = 12398.4 / channel / 3.65 / 18.3
    _, unsaturated = expose(np.full((200, 200), level), channel, np.random.default_rng(5))
    assert unsaturated.std() == pytest.approx(np.hypot(np.sqrt(level * per_photon), 1.2), rel=0.02)
    assert unsaturated.mean() == pytest.approx(level, abs=5 * unsaturated.std() / 200)


def test_exposure_is_the_bloomed_noisy_light():
    light = blobs(6) * 3 * FULL_WELL
    observed, unsaturated = expose(light, 193, np.random.default_rng(7))
    np.testing.assert_array_equal(observed, bloom(unsaturated))
    assert (unsaturated > FULL_WELL).any()
    shallow, same = expose(light, 193, np.random.default_rng(7), well=5000.0)
    np.testing.assert_array_equal(same, unsaturated)
    assert shallow.max() == 5000.0


def test_exposures_are_reproducible_for_a_seed():
    light = blobs(8) * FULL_WELL
    one, two, other = (expose(light, 94, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()
