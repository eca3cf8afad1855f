"""The search agrees with brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_restore.granulation.stitching import search
from sunpy_restore.granulation.stitching.database import TileDatabase
from sunpy_restore.granulation.stitching.layout import EDGES, edge_strip
from sunpy_restore.granulation.stitching.search import Search, across_weights, distance_weights, strip_distances


class White:
    """Tiles of white noise, for which few principal components explain little."""

    side, latent = 12, 1

    def tiles(self, z):
        seeds = z[:, 0].view(np.uint32)
        return np.stack([np.random.default_rng(seed).normal(1, 0.2, (12, 12)) for seed in seeds]).astype(np.float32)


@pytest.mark.parametrize("overlap", [1, 2, 7, 32])
def test_weights_are_a_centred_gaussian(overlap):
    weights = across_weights(overlap)
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(weights, weights[::-1])
    assert (np.diff(weights[: (overlap + 1) // 2]) > 0).all()
    if overlap > 4:
        # The logarithm of a Gaussian is a parabola
        np.testing.assert_allclose(np.diff(np.log(weights), 2), -((4 / overlap) ** 2))
    for edge in EDGES:
        assert distance_weights(64, edge, overlap).sum() == pytest.approx(1)


def test_distance_is_the_weighted_mean_of_squared_differences():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 3, 10, 4))
    expected = ((first - second) ** 2).mean(axis=1) @ across_weights(4)
    np.testing.assert_allclose(strip_distances(first, second, "left"), expected, rtol=1e-5)
    turned = [np.swapaxes(part, 1, 2) for part in (first, second)]
    np.testing.assert_allclose(strip_distances(*turned, "bottom"), expected, rtol=1e-5)
    # The weights sum to 1
    np.testing.assert_allclose(strip_distances(first, first + 0.5, "right"), 0.25, rtol=1e-5)


def all_distances(tiles, strips, overlap):
    return np.max([strip_distances(edge_strip(tiles, edge, overlap), s, edge) for edge, s in strips.items()], axis=0)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 1000),
    st.integers(1, 150),
    st.integers(1, 6),
    st.sets(st.sampled_from(EDGES), min_size=1),
    st.integers(1, 8),
    st.sampled_from([2, 16, 192]),
)
def test_the_best_candidates_agree_with_brute_force(seed, size, overlap, edges, count, components):
    rng = np.random.default_rng(seed)
    pool = TileDatabase.generate(White(), size, seed, border=6)
    tiles = White().tiles(pool.z)
    strips = {edge: edge_strip(rng.normal(1, 0.1, (12, 12)).astype(np.float32), edge, overlap) for edge in edges}
    free = rng.random(size) < 0.7
    free[rng.integers(size)] = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_COMPONENTS", components)
        candidates, distances = Search(pool, overlap).best(strips, free, count)
    expected = np.where(free, all_distances(tiles, strips, overlap), np.inf)
    assert len(candidates) == min(count, np.count_nonzero(free))
    np.testing.assert_allclose(distances, np.sort(expected)[: len(candidates)], rtol=1e-5)
    np.testing.assert_allclose(expected[candidates], distances, rtol=1e-5)
    assert len(set(candidates.tolist())) == len(candidates)


@pytest.mark.parametrize("edge", EDGES)
def test_bounds_are_close_to_the_distances_and_never_above(source, edge):
    pool = TileDatabase.generate(source, 300, 0, border=8)
    strip = edge_strip(source.tiles(np.ones((1, 12)))[0], edge, 8)
    bounds = search._StripSpace(pool, edge, 8).bounds(strip)
    distances = strip_distances(pool.strips(slice(None), edge, 8), strip, edge)
    assert (bounds <= distances).all()
    np.testing.assert_allclose(bounds, distances, rtol=0.02)


def test_a_pool_of_equal_tiles():
    class Equal(White):
        def tiles(self, z):
            return np.ones((len(z), 12, 12), dtype=np.float32)

    pool = TileDatabase.generate(Equal(), 5, 0, border=6)
    free = np.array([False, False, True, True, False])
    candidates, distances = Search(pool, 4).best({"left": np.full((12, 4), 3.0)}, free, 3)
    np.testing.assert_array_equal(candidates, [2, 3])
    np.testing.assert_allclose(distances, 4, rtol=1e-6)
