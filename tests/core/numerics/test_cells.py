"""Sums over cells, interpolation between cells, and normalized convolution."""

import numpy as np
import pytest
from scipy import ndimage

from sunpy_restore.core.numerics.cells import between_cells, cell_sums, normalized_convolution

RAMP = np.add.outer(3.0 * np.arange(24), -np.arange(36.0))


def test_sums_of_cells():
    image = np.arange(35.0).reshape(5, 7)
    sums = cell_sums(image, 3)
    assert sums.shape == (2, 3)
    assert sums[0, 0] == image[:3, :3].sum()
    assert sums[1, 2] == image[3:, 6:].sum()
    assert sums.sum() == image.sum()


@pytest.mark.parametrize(("size", "wanted"), [(4, 1), (3, 1), (4, 2), (2, 1), (1, 4)])
def test_linear_images_are_reproduced_between_cells(size, wanted):
    values, expected = (cell_sums(RAMP, side) / side**2 for side in (size, wanted))
    found = between_cells(values, size, wanted, expected.shape)
    # Beyond the centres of the outermost cells the values are constant
    rim = -(-size // wanted)
    np.testing.assert_allclose(found[rim:-rim, rim:-rim], expected[rim:-rim, rim:-rim], rtol=0, atol=1e-9)


def test_cells_of_the_same_size_keep_their_values():
    image = np.random.default_rng(0).normal(size=(9, 11))
    np.testing.assert_array_equal(between_cells(image, 3, 3, image.shape), image)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normalized_convolution_averages_known_pixels_only(dtype):
    known = np.random.default_rng(1).random(RAMP.shape) < 0.7
    known[:12, :24] = False
    image = np.where(known, dtype(3), dtype(np.nan))
    found = normalized_convolution(image, known, 1.5)
    assert found.dtype == dtype
    near = ndimage.binary_dilation(known, iterations=2)
    np.testing.assert_allclose(found[near], 3, rtol=1e-5)
    assert found[0, 0] == 0
    np.testing.assert_array_equal(normalized_convolution(np.where(known, image, dtype(7)), known, 1.5), found)
