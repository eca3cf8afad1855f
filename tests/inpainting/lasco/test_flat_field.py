"""The flat field of C3 at the pixels of any image."""

from dataclasses import replace

import numpy as np
import pytest

from sunpy_restore.inpainting.lasco.flat_field import flat_field
from sunpy_restore.inpainting.lasco.geometry import empty_pixels
from sunpy_restore.inpainting.lasco.header import check_lasco


@pytest.fixture(scope="module")
def lasco(make_lasco):
    return check_lasco(make_lasco("C3"))


@pytest.fixture(scope="module")
def whole(lasco):
    return flat_field((1024, 1024), lasco)


def test_full_frame(whole, unobserved_table):
    assert whole.dtype == np.float32
    assert whole.shape == (1024, 1024)
    assert not whole.flags.writeable
    assert np.isfinite(whole[~unobserved_table("C3")]).mean() > 0.99
    # The shadow of the pylon, and the vignetting towards the occulter
    assert np.nanmin(whole) < -0.3
    assert np.nanmedian(whole) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(("detector", "level"), [("C2", 0.5), ("C2", 1), ("C3", 1)])
def test_there_is_none_for_c2_and_for_level_1(make_lasco, detector, level):
    assert flat_field((1024, 1024), check_lasco(make_lasco(detector, level))) is None


def test_rotated_images_have_the_rotated_flat_field(whole, lasco):
    x, y = lasco.center
    turned = flat_field((1024, 1024), replace(lasco, turn=180.0, center=(1023 - x, 1023 - y)))
    expected = whole[::-1, ::-1]
    known = np.isfinite(turned)
    assert known.sum() > 0.99 * np.isfinite(expected).sum()
    np.testing.assert_allclose(turned[known], expected[known], atol=1e-5)


def test_cutouts_have_the_same_part_of_the_flat_field(whole, make_lasco, cut):
    place = slice(96, 900), slice(40, 960)
    part = cut(make_lasco("C3"), *place)
    lasco = check_lasco(part)
    found = flat_field(part.data.shape, lasco, empty_pixels(part.data, lasco))
    known = np.isfinite(found)
    assert known.sum() > 0.99 * np.isfinite(whole[place]).sum()
    np.testing.assert_allclose(found[known], whole[place][known], atol=1e-5)


def test_binned_images_have_the_binned_flat_field(whole, make_lasco):
    binned = make_lasco("C3", binning=2)
    found = flat_field((512, 512), check_lasco(binned))
    means = whole.reshape(512, 2, 512, 2).mean(axis=(1, 3))
    known = np.isfinite(found) & np.isfinite(means)
    assert known.sum() > 0.95 * np.isfinite(means).sum()
    np.testing.assert_allclose(found[known], means[known], atol=0.02)
