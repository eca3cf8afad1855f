"""Cuts along paths of least cost."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sunpy_restore.granulation.stitching.layout import Layout
from sunpy_restore.granulation.stitching.seam import FEATHER, SeamBlend, minimum_error_paths


def cheapest(errors):
    """Least cost of all paths."""
    length, across = errors.shape
    paths = (path for path in product(range(across), repeat=length) if np.abs(np.diff(path)).max(initial=0) <= 1)
    return min(errors[np.arange(length), path].sum() for path in paths)


@settings(deadline=None, max_examples=60)
@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 5), st.integers(1, 4)),
        elements=st.floats(0, 10, width=16),
    )
)
def test_paths_have_the_least_cost(errors):
    path = minimum_error_paths(errors)
    assert path.shape == errors.shape[:1]
    assert ((path >= 0) & (path < errors.shape[1])).all()
    assert np.abs(np.diff(path)).max(initial=0) <= 1
    assert errors[np.arange(len(path)), path].sum() == pytest.approx(cheapest(errors))


def test_several_paths_at_once():
    errors = np.random.default_rng(0).random((3, 2, 20, 6))
    paths = minimum_error_paths(errors)
    for index in np.ndindex(3, 2):
        np.testing.assert_array_equal(paths[index], minimum_error_paths(errors[index]))


def mosaic(seed=0, shape=(50, 70), side=20, overlap=8):
    layout = Layout(shape, side, overlap)
    tiles = np.random.default_rng(seed).normal(1, 0.2, (*layout.grid, side, side)).astype(np.float32)
    return SeamBlend(layout, lambda row, columns: tiles[row, list(columns)]), tiles


def test_two_tiles_are_cut_along_the_path_of_least_difference():
    blend, tiles = mosaic(shape=(20, 30))
    left, right = tiles[0, 0], tiles[0, 1]
    band = blend.canvas(range(1), range(2))
    path = minimum_error_paths((left[:, -8:] - right[:, :8]) ** 2)
    for y, x in enumerate(path):
        at = 12 + x
        first, second = max(12, at - FEATHER + 1), min(20, at + FEATHER)
        np.testing.assert_array_equal(band[y, :first], left[y, :first])
        np.testing.assert_array_equal(band[y, second:], right[y, second - 12 :])
        np.testing.assert_allclose(band[y, at], (left[y, at] + right[y, x]) / 2, rtol=1e-6)


def test_nothing_changes_outside_overlaps():
    blend, tiles = mosaic()
    whole = blend.canvas(*map(range, blend.layout.grid))
    for row, column in np.ndindex(blend.layout.grid):
        y, x = 12 * row, 12 * column
        np.testing.assert_array_equal(whole[y + 8 : y + 12, x + 8 : x + 12], tiles[row, column, 8:12, 8:12])


def test_rows_are_cut_along_one_path_across_the_mosaic():
    blend, _ = mosaic()
    path = blend.path_above(1)
    assert path.shape == (blend.layout.canvas[1],)
    assert np.abs(np.diff(path)).max() == 1
    columns = range(blend.layout.grid[1])
    above, below = blend.band(0, columns)[-8:], blend.band(1, columns)[:8]
    whole = blend.canvas(range(2), columns)[12:20]
    far = np.arange(8)[:, np.newaxis] - path
    np.testing.assert_array_equal(whole[far <= -FEATHER], above[far <= -FEATHER])
    np.testing.assert_array_equal(whole[far >= FEATHER], below[far >= FEATHER])
    errors = (above - below) ** 2
    straight = errors.sum(axis=1).min()
    assert errors[path, np.arange(len(path))].sum() < 0.5 * straight


def test_every_pixel_is_between_those_of_the_overlapping_tiles():
    blend, tiles = mosaic()
    low, high = (np.full(blend.layout.canvas, worst) for worst in (np.inf, -np.inf))
    for row, column in np.ndindex(blend.layout.grid):
        part = np.s_[12 * row : 12 * row + 20, 12 * column : 12 * column + 20]
        low[part] = np.minimum(low[part], tiles[row, column])
        high[part] = np.maximum(high[part], tiles[row, column])
    whole = blend.canvas(*map(range, blend.layout.grid))
    assert ((whole >= low - 1e-6) & (whole <= high + 1e-6)).all()
