"""Medians of cells are compared with their definition."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_restore.inpainting.corona.cells import cell_medians


@given(seed=st.integers(0, 1000), ny=st.integers(1, 13), nx=st.integers(1, 13), share=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_medians_of_cells(seed, ny, nx, share):
    rng = np.random.default_rng(seed)
    image, valid = rng.normal(size=(ny, nx)), rng.random((ny, nx)) < share
    medians, known = cell_medians(image, valid)
    assert medians.shape == known.shape == (-(-ny // 4), -(-nx // 4))
    for row, column in np.ndindex(*known.shape):
        cell = np.s_[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        values = np.sort(image[cell][valid[cell]])
        assert known[row, column] == (len(values) >= 8)
        # For an even number of values, the lower one in the middle
        expected = values[(len(values) - 1) // 2] if len(values) else 0
        assert medians[row, column] == np.float32(expected)
