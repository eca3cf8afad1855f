"""Cells of an image: what they hold together, and what is between them."""

import numpy as np
import pytest

from sunpy_restore.core.cells import between_cells, cell_sums

PLANE = np.add.outer(3.0 * np.arange(24), -np.arange(36.0))


def test_sums_of_cells():
    image = np.arange(35.0).reshape(5, 7)
    sums = cell_sums(image, 3)
    assert sums.shape == (2, 3)
    assert sums[0, 0] == image[:3, :3].sum()
    assert sums[1, 2] == image[3:, 6:].sum()
    assert sums.sum() == image.sum()


@pytest.mark.parametrize(("size", "wanted"), [(4, 1), (3, 1), (4, 2), (2, 1), (1, 4)])
def test_planes_stay_planes(size, wanted):
    values, expected = (cell_sums(PLANE, side) / side**2 for side in (size, wanted))
    found = between_cells(values, size, wanted, expected.shape)
    # Beyond the middles of the outermost cells there is nothing to be linear between
    rim = -(-size // wanted)
    np.testing.assert_allclose(found[rim:-rim, rim:-rim], expected[rim:-rim, rim:-rim], rtol=0, atol=1e-9)


def test_cells_of_the_same_size_are_kept():
    image = np.random.default_rng(0).normal(size=(9, 11))
    np.testing.assert_array_equal(between_cells(image, 3, 3, image.shape), image)
