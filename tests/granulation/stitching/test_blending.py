"""Weights sum to 1; contrast is kept by one way and lost by the other."""

import numpy as np
import pytest

from sunpy_restore.granulation.stitching.blending import BLENDINGS, LinearBlend, VarianceBlend, ramp
from sunpy_restore.granulation.stitching.layout import Layout


def given_tiles(array):
    """Tiles of shape (rows, columns, ..., side, side) as an assembly wants them."""
    return lambda row, columns: array[row, list(columns)]


def whole(blend):
    return blend.canvas(*map(range, blend.layout.places))


@pytest.mark.parametrize("overlap", [1, 2, 5, 8])
def test_weights_are_those_of_the_tiles_and_sum_to_one(overlap):
    layout = Layout((40, 30), 16, overlap)
    one = ramp(overlap)
    assert ((one > 0) & (one < 1)).all()
    np.testing.assert_allclose(one + one[::-1], 1)
    total = 0
    for row, column in np.ndindex(layout.places):
        tiles = np.zeros((*layout.places, 16, 16), dtype=np.float32)
        tiles[row, column] = 1
        weights = whole(LinearBlend(layout, given_tiles(tiles)))
        assert weights.shape == layout.canvas
        assert weights.min() >= 0
        # A product of both directions, also where four tiles meet
        along = [weights[layout.step * row + 8], weights[:, layout.step * column + 8]]
        if overlap < 8:
            np.testing.assert_allclose(weights, np.outer(*along[::-1]), atol=1e-6)
        total += weights
    np.testing.assert_allclose(total, 1, atol=1e-6)


@pytest.mark.parametrize("blending", BLENDINGS)
def test_equal_tiles_stay_as_they_are(blending):
    layout = Layout((40, 30), 16, 8)
    image = np.random.default_rng(0).normal(3, 1, layout.canvas).astype(np.float32)
    tiles = [[image[8 * r : 8 * r + 16, 8 * c : 8 * c + 16] for c in range(layout.places[1])] for r in range(4)]
    blend = BLENDINGS[blending](layout, given_tiles(np.array(tiles)), 3.0)
    np.testing.assert_allclose(whole(blend), image, rtol=1e-5)


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_variance_in_the_overlap(correlation):
    """Linear weights lose what the correlation lets expect, the others nothing."""
    layout, rng = Layout((400, 400), 40, 20), np.random.default_rng(1)
    tiles = rng.normal(0, 1, (*layout.places, 40, 40))
    # A part that all tiles have in common where they overlap
    common = rng.normal(0, 1, layout.canvas)
    for row, column in np.ndindex(layout.places):
        tiles[row, column] *= np.sqrt(1 - correlation)
        tiles[row, column] += np.sqrt(correlation) * common[20 * row : 20 * row + 40, 20 * column : 20 * column + 40]
    tiles = given_tiles((7 + 2 * tiles).astype(np.float32))
    seams = layout.seams()
    linear, variance = (whole(blend(layout, tiles, 7.0)) for blend in (LinearBlend, VarianceBlend))
    expected = np.sqrt((1 + correlation) / 2)
    middle = np.s_[np.concatenate([seams.rows, seams.rows - 1])]
    # The other direction's overlaps take the whole of it here, so that these add up
    assert linear[middle].std() < 2.02 * expected
    assert variance[middle].std() == pytest.approx(2, rel=0.03)
    assert variance.std() == pytest.approx(2, rel=0.02)
    assert variance.mean() == pytest.approx(7, abs=0.03)


def test_features_have_a_mean_each():
    layout, rng = Layout((60, 60), 8, 4), np.random.default_rng(1)
    mean = np.array([5.0, -100.0]).reshape(2, 1, 1)
    tiles = given_tiles((mean + rng.normal(0, 1, (*layout.places, 2, 8, 8))).astype(np.float32))
    found = whole(VarianceBlend(layout, tiles, mean))
    assert found.shape == (2, *layout.canvas)
    np.testing.assert_allclose(found.mean(axis=(1, 2)), mean.ravel(), atol=0.1)
    np.testing.assert_allclose(found.std(axis=(1, 2)), 1, rtol=0.06)


def test_constant_tiles_have_no_correlation_and_stay():
    layout = Layout((40, 30), 16, 4)
    tiles = np.full((*layout.places, 16, 16), 2, dtype=np.float32)
    np.testing.assert_array_equal(whole(VarianceBlend(layout, given_tiles(tiles), 2.0)), 2)


def test_correlations_change_smoothly_from_column_to_column():
    """Of equal tiles next to such that have nothing to do with each other."""
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
