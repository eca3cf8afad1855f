"""Blending weights and their effect on the contrast."""

import numpy as np
import pytest

from sunpy_restore.granulation.stitching.blending import BLENDINGS, LinearBlend, VarianceBlend, ramp
from sunpy_restore.granulation.stitching.layout import Layout


def given_tiles(array):
    """Tiles of shape (rows, columns, ..., side, side) as a function of row and columns."""
    return lambda row, columns: array[row, list(columns)]


def whole(blend):
    return blend.canvas(*map(range, blend.layout.grid))


@pytest.mark.parametrize("overlap", [1, 2, 5, 8])
def test_weights_sum_to_one_and_are_separable(overlap):
    layout = Layout((40, 30), 16, overlap)
    one = ramp(overlap)
    assert ((one > 0) & (one < 1)).all()
    np.testing.assert_allclose(one + one[::-1], 1)
    total = 0
    for row, column in np.ndindex(layout.grid):
        tiles = np.zeros((*layout.grid, 16, 16), dtype=np.float32)
        tiles[row, column] = 1
        weights = whole(LinearBlend(layout, given_tiles(tiles)))
        assert weights.shape == layout.canvas
        assert weights.min() >= 0
        # The product of the weights along both axes, also where four tiles meet
        along = [weights[layout.step * row + 8], weights[:, layout.step * column + 8]]
        if overlap < 8:
            np.testing.assert_allclose(weights, np.outer(*along[::-1]), atol=1e-6)
        total += weights
    np.testing.assert_allclose(total, 1, atol=1e-6)


@pytest.mark.parametrize("blending", BLENDINGS)
def test_blending_of_equal_overlaps_changes_nothing(blending):
    layout = Layout((40, 30), 16, 8)
    image = np.random.default_rng(0).normal(3, 1, layout.canvas).astype(np.float32)
    tiles = [[image[8 * r : 8 * r + 16, 8 * c : 8 * c + 16] for c in range(layout.grid[1])] for r in range(4)]
    blend = BLENDINGS[blending](layout, given_tiles(np.array(tiles)), 3.0)
    np.testing.assert_allclose(whole(blend), image, rtol=1e-5)


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_linear_weights_lose_variance_in_overlaps_and_variance_weights_do_not(correlation):
    """The loss follows from the correlation of the tiles."""
    layout, rng = Layout((400, 400), 40, 20), np.random.default_rng(1)
    tiles = rng.normal(0, 1, (*layout.grid, 40, 40))
    # A common part gives overlapping tiles their correlation
    common = rng.normal(0, 1, layout.canvas)
    for row, column in np.ndindex(layout.grid):
        tiles[row, column] *= np.sqrt(1 - correlation)
        tiles[row, column] += np.sqrt(correlation) * common[20 * row : 20 * row + 40, 20 * column : 20 * column + 40]
    tiles = given_tiles((7 + 2 * tiles).astype(np.float32))
    seams = layout.seams()
    linear, variance = (whole(blend(layout, tiles, 7.0)) for blend in (LinearBlend, VarianceBlend))
    expected = np.sqrt((1 + correlation) / 2)
    middle = np.s_[np.concatenate([seams.rows, seams.rows - 1])]
    # With overlaps of half a tile, those along the other axis lower the contrast as well
    assert linear[middle].std() < 2.02 * expected
    assert variance[middle].std() == pytest.approx(2, rel=0.03)
    assert variance.std() == pytest.approx(2, rel=0.02)
    assert variance.mean() == pytest.approx(7, abs=0.03)


def test_variance_weights_keep_the_mean_of_each_channel():
    layout, rng = Layout((60, 60), 8, 4), np.random.default_rng(1)
    mean = np.array([5.0, -100.0]).reshape(2, 1, 1)
    tiles = given_tiles((mean + rng.normal(0, 1, (*layout.grid, 2, 8, 8))).astype(np.float32))
    found = whole(VarianceBlend(layout, tiles, mean))
    assert found.shape == (2, *layout.canvas)
    np.testing.assert_allclose(found.mean(axis=(1, 2)), mean.ravel(), atol=0.1)
    np.testing.assert_allclose(found.std(axis=(1, 2)), 1, rtol=0.06)


def test_variance_weights_keep_constant_tiles():
    layout = Layout((40, 30), 16, 4)
    tiles = np.full((*layout.grid, 16, 16), 2, dtype=np.float32)
    np.testing.assert_array_equal(whole(VarianceBlend(layout, given_tiles(tiles), 2.0)), 2)


def test_correlations_are_interpolated_between_columns():
    """Equal tiles in one column, independent tiles in the next."""
    layout, rng = Layout((36, 36), 20, 4), np.random.default_rng(0)
    tiles = rng.normal(0, 1, (2, 2, 20, 20)).astype(np.float32)
    tiles[1, 0, :4] = tiles[0, 0, -4:]
    blend = VarianceBlend(layout, given_tiles(tiles), 0.0)
    ones = np.ones((4, 36), dtype=np.float32)
    middle = blend.joined_down(1, range(2), ones, ones)[1]
    np.testing.assert_allclose(middle[:16], 1, rtol=1e-5)
    assert (np.diff(middle[15:21]) > 0).all()
    np.testing.assert_array_equal(middle[20:], middle[20])
    assert middle[20] == pytest.approx(np.sqrt(2), rel=0.2)
