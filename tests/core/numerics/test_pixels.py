"""Tests of fast filters: the results of SciPy."""

import numpy as np
import pytest
from scipy import ndimage

from sunpy_restore.core.numerics.pixels import dilated, eroded, median_of_nine, relief_at

SQUARE = np.ones((3, 3))


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (6, 3), (70, 150)])
def test_filters_are_those_of_scipy(shape, share):
    rng = np.random.default_rng(1)
    mask, image = rng.random(shape) < share, rng.normal(size=shape)
    before = mask.copy()
    np.testing.assert_array_equal(dilated(mask), ndimage.binary_dilation(mask, SQUARE))
    np.testing.assert_array_equal(eroded(mask), ndimage.binary_erosion(mask, SQUARE))
    np.testing.assert_array_equal(mask, before)
    for size in (3, 7, 11):
        lowest, highest = relief_at(image, mask, size)
        np.testing.assert_array_equal(lowest, ndimage.minimum_filter(image, size)[mask])
        np.testing.assert_array_equal(highest, ndimage.maximum_filter(image, size)[mask])


@pytest.mark.parametrize("dtype", [float, np.float32, np.int16])
@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (70, 250)])
def test_median_of_nine_is_that_of_scipy(shape, dtype):
    image = np.random.default_rng(2).normal(0, 30, shape).astype(dtype)
    found = median_of_nine(image)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, ndimage.median_filter(image, 3))
