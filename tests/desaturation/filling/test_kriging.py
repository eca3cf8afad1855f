"""Kriging of damaged pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import sunpy.map

from sunpy_restore.core.numerics.filling import biharmonic
from sunpy_restore.data import sample_path
from sunpy_restore.desaturation.filling.channels import channels_of
from sunpy_restore.desaturation.filling.kriging import fitted_covariance, kriging
from sunpy_restore.desaturation.filling.mixture import with_kriging
from sunpy_restore.desaturation.task import CHANNELS


def texture(seed, smoothing=4.0, contrast=0.3, side=96):
    """A lognormal random field around 1."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((side, side)), smoothing, mode="wrap")
    return np.exp(contrast * noise / noise.std())


def hole(side=96, size=24):
    """A mask of one square, and the region that it is."""
    mask = np.zeros((side, side), dtype=bool)
    start = (side - size) // 2
    mask[start : start + size, start : start + size] = True
    return mask, [((slice(None), slice(None)), mask)]


def test_random_textures_are_filled_better_than_by_the_biharmonic_equation():
    mask, regions = hole()
    errors = []
    for seed in range(6):
        image = texture(seed)
        fills = kriging(image, mask, regions), biharmonic(np.where(mask, 0, image), mask)
        errors.append([np.mean((fill - image)[mask] ** 2) for fill in fills])
    better, other = np.mean(errors, axis=0)
    assert better < 0.8 * other


def test_covariance_of_a_field_is_found():
    field = np.log(texture(3, side=512))
    covariance, noise = fitted_covariance(field, np.ones(field.shape, dtype=bool))
    # The correlation of white noise after a Gaussian filter of 4 pixels is a Gaussian of 4 sqrt(2) pixels
    for distance in (1.0, 4.0, 8.0):
        expected = 0.09 * np.exp(-(distance**2) / (4 * 4.0**2))
        assert covariance(np.array(distance)) - covariance(np.array(0.0)) == pytest.approx(expected - 0.09, abs=0.012)
    assert 0 <= noise < 0.005


@given(seed=st.integers(0, 1000), scale=st.floats(0.0, 0.3), size=st.integers(1, 30))
@settings(max_examples=10, deadline=None)
def test_damaged_values_are_not_used_and_others_are_kept(seed, scale, size):
    mask, regions = hole(64, size)
    image = texture(seed, side=64)
    image += scale * np.random.default_rng(seed).standard_normal(image.shape)
    filled = kriging(image, mask, regions)
    np.testing.assert_array_equal(filled, kriging(np.where(mask, 1e6, image), mask, regions))
    np.testing.assert_array_equal(filled[~mask], image[~mask])
    assert image[~mask].min() <= filled[mask].min()
    assert filled[mask].max() <= image[~mask].max()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constant_images_are_continued(value):
    mask, regions = hole(32, 8)
    np.testing.assert_allclose(kriging(np.full((32, 32), value), mask, regions), value, atol=1e-3)


def test_a_single_valid_pixel_is_enough():
    mask = np.ones((7, 7), dtype=bool)
    mask[0, 0] = False
    filled = kriging(np.full((7, 7), 2.0), mask, [((slice(None), slice(None)), mask)])
    np.testing.assert_allclose(filled, 2.0, rtol=1e-6)


def test_more_valid_pixels_than_are_used():
    image = texture(1, side=300)
    mask = np.zeros(image.shape, dtype=bool)
    mask[30:270, 30:270] = True
    filled = kriging(image, mask, [((slice(None), slice(None)), mask)])
    assert np.isfinite(filled).all()
    assert abs(np.log(filled[mask].mean())) < 0.5


def test_boxes_in_the_quiet_corona_are_filled_better_with_kriging_than_without():
    image = sunpy.map.Map(sample_path("aia_171_quiet")).data[:200, :200].astype(float)
    mask = np.zeros(image.shape, dtype=bool)
    for row, column in np.random.default_rng(4).integers(10, 170, size=(12, 2)):
        mask[row : row + 14, column : column + 14] = True
    channels, scale = channels_of(np.where(mask, 1e4, image), mask)
    channels = dict(zip(CHANNELS, channels, strict=True))
    (fill,) = with_kriging(channels, [])
    kriged, smooth = ((scale * values - image)[mask] for values in (fill, channels["biharmonic"]))
    assert np.mean(kriged**2) < 0.95 * np.mean(smooth**2)
