"""Input channels of the networks: their scale, the classical fills, the saturation level and outliers."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sunpy_restore.core.numerics.filling import biharmonic, harmonic
from sunpy_restore.desaturation.filling.channels import channels_of, find_outliers


def scene(seed=0, shape=(40, 44)):
    image = np.random.default_rng(seed).normal(500, 30, size=shape)
    mask = np.zeros(shape, dtype=bool)
    mask[15:22, 18:27] = True
    saturated = np.zeros(shape, dtype=bool)
    saturated[17:20, 20:25] = True
    return image, mask, saturated


@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_image_is_normalised_and_filled_by_classical_methods(seed):
    image, mask, saturated = scene(seed)
    for known in ({}, {"saturated": saturated, "level": 5000.0}):
        channels, scale = channels_of(image, mask, **known)
        assert channels.dtype == np.float32
        assert channels.shape == (5, *image.shape)
        np.testing.assert_allclose(channels[0] * scale, harmonic(image, mask), rtol=1e-6)
        np.testing.assert_array_equal(channels[1], mask)
        np.testing.assert_allclose(channels[4] * scale, biharmonic(image, mask), rtol=1e-6)


@given(factor=st.floats(1e-6, 1e6), seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_channels_do_not_depend_on_the_unit(factor, seed):
    image, mask, saturated = scene(seed)
    for saturation in ({}, {"saturated": saturated, "level": 5e3}):
        expected, scale = channels_of(image, mask, **saturation)
        scaled = saturation | {"level": factor * 5e3} if saturation else {}
        found, other = channels_of(factor * image, mask, **scaled)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        assert other == pytest.approx(factor * scale, rel=1e-9)


@pytest.mark.parametrize("rubbish", [0.0, 1e12, -5.0, np.nan, np.inf])
def test_values_of_masked_pixels_are_not_used(rubbish):
    image, mask, saturated = scene()
    for known in ({}, {"saturated": saturated, "level": 5000.0}):
        expected, scale = channels_of(image, mask, **known)
        found, other = channels_of(np.where(mask, rubbish, image), mask, **known)
        np.testing.assert_array_equal(found, expected)
        assert other == scale


def test_known_level_is_the_scale_and_marks_saturated_pixels():
    image, mask, saturated = scene()
    channels, scale = channels_of(image, mask, saturated, 16383.0)
    assert scale == 16383.0
    np.testing.assert_array_equal(channels[2], saturated)


def test_mask_alone_implies_no_level():
    image, mask, _ = scene()
    image[13:15, 20:23] = 900
    image[0:5, 0:5] = 1e6  # far away
    channels, scale = channels_of(image, mask)
    assert not channels[2].any()
    np.testing.assert_allclose(channels[3][mask], 900 / scale, rtol=1e-6)
    np.testing.assert_array_equal(channels[3][~mask], 0)
    known, _ = channels_of(image, mask, mask, 5e3)
    assert not known[3].any()


@given(seed=st.integers(0, 1000), factor=st.one_of(st.just(0.0), st.floats(10, 1e6)))
@settings(max_examples=8, deadline=None)
def test_outliers_near_the_mask_change_nothing(seed, factor):
    """A spike, a dead pixel, a small bright kernel: they are filled like the mask."""
    image, mask, _ = scene(seed)
    changed = image.copy()
    changed[8, 30] *= factor
    changed[27:30, 12:15] *= factor
    outliers = find_outliers(changed, mask)
    assert outliers[27:30, 12:15].all()
    # A dead pixel where the image is faint may be none
    assume(outliers.sum() == 10)
    assert (changed != image)[outliers].all()
    for saturation in ({}, {"saturated": mask, "level": 5e3}):
        expected, scale = channels_of(image, mask, **saturation)
        found, other = channels_of(changed, mask, **saturation)
        assert other == pytest.approx(scale, rel=0.02)
        fills = [part[[0, 4]][:, mask] * unit for part, unit in ((expected, scale), (found, other))]
        np.testing.assert_allclose(*fills, atol=30)


def test_bright_wings_of_a_core_are_no_outliers():
    """The neighbours on the side of the mask count as at least as bright."""
    y, x = np.indices((60, 60)) - 30
    for width in (1.5, 3.0, 6.0):
        core = 500 + 60000 * np.exp(-(x**2 + y**2) / (2 * width**2))
        assert not find_outliers(core, core > 16383).any()
    loop = 500 + 5000 * np.exp(-((x - 0.3 * y) ** 2) / (2 * 1.5**2))
    mask = np.zeros(loop.shape, dtype=bool)
    mask[25:33, 20:45] = True
    assert not find_outliers(loop, mask).any()


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_scale_is_positive_for_dark_surroundings(value):
    """Off the limb an image is noise around zero."""
    image, mask, _ = scene()
    channels, scale = channels_of(np.full(image.shape, value), mask)
    assert scale > 0
    assert np.isfinite(channels).all()
    noise = np.random.default_rng(1).normal(0, 1, image.shape)
    channels, scale = channels_of(noise, mask)
    assert 0.5 < scale < 2
    assert np.abs(channels).max() < 20


def test_scale_of_a_dark_part_of_a_bright_image_is_not_tiny():
    """Display images are exactly zero off the limb."""
    image, mask, _ = scene()
    image[:, :30] = 0
    channels, scale = channels_of(image, mask)
    assert scale == pytest.approx(0.03 * 525, rel=0.1)
    assert np.abs(channels).max() < 100
    image[:] = 0
    image[:10, :10] = 1
    assert channels_of(image, mask)[1] == 1


def test_mask_at_the_edge_and_mask_around_a_single_valid_pixel():
    image, _, _ = scene()
    mask = np.zeros(image.shape, dtype=bool)
    mask[:, :10] = True
    assert np.isfinite(channels_of(image, mask)[0]).all()
    mask[:] = True
    mask[20, 20] = False
    channels, scale = channels_of(image, mask)
    np.testing.assert_allclose(channels[0] * scale, image[20, 20], rtol=1e-6)
    assert np.isfinite(channels).all()
