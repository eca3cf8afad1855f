"""Input channels of the networks: their scale, the harmonic fill and the saturation level."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_restore.core.filling import harmonic
from sunpy_restore.desaturation.channels import channels_of


def scene(seed=0, shape=(40, 44)):
    image = np.random.default_rng(seed).lognormal(6, 0.4, size=shape)
    mask = np.zeros(shape, dtype=bool)
    mask[15:22, 18:27] = True
    saturated = np.zeros(shape, dtype=bool)
    saturated[17:20, 20:25] = True
    return image, mask, saturated


@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_image_is_normalised_and_filled_harmonically(seed):
    image, mask, saturated = scene(seed)
    for known in ({}, {"saturated": saturated, "level": 5000.0}):
        channels, scale = channels_of(image, mask, **known)
        assert channels.dtype == np.float32
        assert channels.shape == (3, *image.shape)
        np.testing.assert_allclose(channels[0] * scale, harmonic(image, mask), rtol=1e-6)
        np.testing.assert_array_equal(channels[1], mask)


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


def test_unknown_level_is_the_brightest_nearby_value_in_all_of_the_mask():
    image, mask, _ = scene()
    image[13:15, 20:23] = 9e3
    image[0:5, 0:5] = 1e6  # far away
    channels, scale = channels_of(image, mask)
    np.testing.assert_allclose(channels[2][mask], 9e3 / scale, rtol=1e-6)
    np.testing.assert_array_equal(channels[2][~mask], 0)


def test_isolated_hot_pixels_do_not_change_the_level():
    image, mask, _ = scene()
    image = np.minimum(image, 2000)
    image[13, 20:24] = 3000
    expected, scale = channels_of(image, mask)
    image[11, 30] = 1e6
    found, other = channels_of(image, mask)
    np.testing.assert_allclose(found[2] * other, expected[2] * scale, rtol=1e-5)
    assert (found[2] * other).max() == pytest.approx(3000, rel=1e-5)


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
