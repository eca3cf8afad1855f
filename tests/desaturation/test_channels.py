import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_restore.core.filling import harmonic
from sunpy_restore.desaturation.channels import planes_of


def scene(seed=0, shape=(40, 44)):
    image = np.random.default_rng(seed).lognormal(6, 0.4, size=shape)
    mask = np.zeros(shape, dtype=bool)
    mask[15:22, 18:27] = True
    full = np.zeros(shape, dtype=bool)
    full[17:20, 20:25] = True
    return image, mask, full


@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_the_image_is_in_its_scale_and_filled_harmonically(seed):
    image, mask, full = scene(seed)
    for known in ({}, {"full": full, "level": 5000.0}):
        planes, scale = planes_of(image, mask, **known)
        assert planes.dtype == np.float32
        assert planes.shape == (3, *image.shape)
        np.testing.assert_allclose(planes[0] * scale, harmonic(image, mask), rtol=1e-6)
        np.testing.assert_array_equal(planes[1], mask)


@given(factor=st.floats(1e-6, 1e6), seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_planes_do_not_depend_on_the_unit(factor, seed):
    image, mask, full = scene(seed)
    for known, scaled in (({}, {}), ({"full": full, "level": 5e3}, {"full": full, "level": factor * 5e3})):
        expected, scale = planes_of(image, mask, **known)
        found, other = planes_of(factor * image, mask, **scaled)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        assert other == pytest.approx(factor * scale, rel=1e-9)


@pytest.mark.parametrize("rubbish", [0.0, 1e12, -5.0, np.nan, np.inf])
def test_what_damaged_pixels_hold_is_not_looked_at(rubbish):
    image, mask, full = scene()
    for known in ({}, {"full": full, "level": 5000.0}):
        expected, scale = planes_of(image, mask, **known)
        found, other = planes_of(np.where(mask, rubbish, image), mask, **known)
        np.testing.assert_array_equal(found, expected)
        assert other == scale


def test_a_known_level_is_the_scale_and_stands_where_pixels_were_full():
    image, mask, full = scene()
    planes, scale = planes_of(image, mask, full, 16383.0)
    assert scale == 16383.0
    np.testing.assert_array_equal(planes[2], full)


def test_an_unknown_level_is_the_brightest_nearby_under_all_of_the_mask():
    image, mask, _ = scene()
    image[13:15, 20:23] = 9e3
    image[0:5, 0:5] = 1e6  # far away
    planes, scale = planes_of(image, mask)
    np.testing.assert_allclose(planes[2][mask], 9e3 / scale, rtol=1e-6)
    np.testing.assert_array_equal(planes[2][~mask], 0)


def test_a_lone_hot_pixel_sets_no_level():
    image, mask, _ = scene()
    image = np.minimum(image, 2000)
    image[13, 20:24] = 3000
    expected, scale = planes_of(image, mask)
    image[11, 30] = 1e6
    found, other = planes_of(image, mask)
    np.testing.assert_allclose(found[2] * other, expected[2] * scale, rtol=1e-5)
    assert (found[2] * other).max() == pytest.approx(3000, rel=1e-5)


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_dark_surroundings_leave_a_scale(value):
    """Off the limb an image is noise about zero."""
    image, mask, _ = scene()
    planes, scale = planes_of(np.full(image.shape, value), mask)
    assert scale > 0
    assert np.isfinite(planes).all()
    noise = np.random.default_rng(1).normal(0, 1, image.shape)
    planes, scale = planes_of(noise, mask)
    assert 0.5 < scale < 2
    assert np.abs(planes).max() < 20


def test_mask_at_the_edge_and_around_a_single_valid_pixel():
    image, _, _ = scene()
    mask = np.zeros(image.shape, dtype=bool)
    mask[:, :10] = True
    assert np.isfinite(planes_of(image, mask)[0]).all()
    mask[:] = True
    mask[20, 20] = False
    planes, scale = planes_of(image, mask)
    np.testing.assert_allclose(planes[0] * scale, image[20, 20], rtol=1e-6)
    assert np.isfinite(planes).all()
