"""The selection agrees with brute force and uses no tile twice."""

import numpy as np
import pytest

from sunpy_restore.granulation.stitching.database import TileDatabase
from sunpy_restore.granulation.stitching.greedy import select_tiles
from sunpy_restore.granulation.stitching.layout import Layout
from sunpy_restore.granulation.stitching.search import across_weights


def brute_force(tiles, layout, first):
    """Row by row, all candidates for each position."""
    weights = across_weights(layout.overlap)
    selected = {}
    for row, column in np.ndindex(layout.grid):
        costs = np.zeros(len(tiles))
        if column:
            left = tiles[selected[row, column - 1]][:, -layout.overlap :]
            costs = ((tiles[:, :, : layout.overlap] - left) ** 2).mean(axis=1) @ weights
        if row:
            top = tiles[selected[row - 1, column]][-layout.overlap :]
            costs = np.maximum(costs, ((tiles[:, : layout.overlap] - top) ** 2).mean(axis=2) @ weights)
        costs[list(selected.values())] = np.inf
        selected[row, column] = int(costs.argmin()) if selected else first
    return selected


@pytest.mark.parametrize("overlap", [3, 8, 16])
def test_every_tile_is_the_best_of_the_remaining_ones(source, overlap):
    layout = Layout((100, 75), 32, overlap)
    pool = TileDatabase.generate(source, 2 * np.prod(layout.grid), 1, border=16)
    selected = select_tiles(pool, layout, first=3)
    assert dict(np.ndenumerate(selected)) == brute_force(source.tiles(pool.z).astype(float), layout, 3)


def test_no_tile_is_used_twice_even_if_all_are_needed(source):
    layout = Layout((150, 150), 32, 8)
    selected = select_tiles(TileDatabase.generate(source, 36, 1, border=8), layout, seed=0)
    assert sorted(selected.ravel()) == list(range(36))


def test_the_first_tile_is_random(source):
    pool, layout = TileDatabase.generate(source, 300, 1, border=8), Layout((20, 20), 32, 8)
    firsts = [select_tiles(pool, layout, seed=seed)[0, 0] for seed in range(20)]
    assert len(set(firsts)) > 15
    assert select_tiles(pool, layout, seed=4)[0, 0] == firsts[4]


def test_pieces_of_one_image_are_put_together(crops):
    crops = crops((4, 5), overlap=8)
    layout = Layout(crops.image.shape, 32, 8)
    z = crops.z.reshape(-1, 2)
    order = np.random.default_rng(0).permutation(len(z))
    pool = TileDatabase.from_latent(crops, z[order], border=8)
    selected = select_tiles(pool, layout, first=int(np.flatnonzero(order == 0)[0]))
    np.testing.assert_array_equal(pool.z[selected], crops.z)


def test_pools_that_are_too_small_are_refused(source):
    with pytest.raises(ValueError, match="a pool of 8 tiles; expected at least one for each of 9 positions"):
        select_tiles(TileDatabase.generate(source, 8, 1, border=8), Layout((80, 80), 32, 8))
