"""The evolutionary search lowers the cost, and no distance in a mosaic increases."""

import numpy as np
import pytest

from sunpy_restore.granulation.stitching.genetic import evolve
from sunpy_restore.granulation.stitching.layout import Layout
from sunpy_restore.granulation.stitching.mosaic import Mosaic
from sunpy_restore.granulation.stitching.stitch import stitch


class Target:
    """Cost of latent vectors: the squared distance to a point."""

    def __init__(self, latent=8):
        self.point = np.linspace(-1, 1, latent)
        self.counts = []

    def __call__(self, z):
        self.counts.append(len(z))
        return ((z - self.point) ** 2).mean(axis=1)


def start(count, latent=8):
    return np.random.default_rng(5).standard_normal((count, latent))


def test_evolution_is_better_than_a_random_search():
    cost, rng = Target(), np.random.default_rng(0)
    _, found = evolve(cost, start(50), rng, generations=20)
    random = cost(start(50 + 20 * 45)).min()
    assert found < 0.5 * random


def test_more_generations_never_increase_the_cost():
    found = [evolve(Target(), start(20), np.random.default_rng(0), population=20, generations=n)[1] for n in range(8)]
    assert (np.diff(found) <= 0).all()
    assert found[-1] < found[0]
    assert found[0] == pytest.approx(Target()(start(20)).min())


def test_the_best_start_is_kept():
    cost = Target()
    begin = start(30)
    begin[17] = cost.point
    z, found = evolve(cost, begin, np.random.default_rng(0), population=30, generations=5)
    np.testing.assert_allclose(z, cost.point, atol=1e-6)
    assert found == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("count", [1, 40, 70])
def test_a_tenth_is_kept_and_not_evaluated_again(count):
    cost = Target()
    evolve(cost, start(count), np.random.default_rng(0), population=50, generations=3)
    assert cost.counts == [50, 45, 45, 45]


def test_the_search_stops_at_the_goal():
    cost = Target()
    _, found = evolve(cost, start(50), np.random.default_rng(0), generations=100, goal=0.2)
    assert found <= 0.2
    assert 1 < len(cost.counts) < 50


def test_equal_costs_and_latent_vectors_of_length_one():
    evolve(lambda z: np.ones(len(z)), start(10), np.random.default_rng(0), generations=2)
    evolve(Target(1), start(10, 1), np.random.default_rng(0), generations=2)
    with pytest.raises(ValueError, match="population to be at least 10"):
        evolve(Target(), start(5), np.random.default_rng(0), population=5)


def test_latent_vectors_keep_their_variance():
    """Without selection the variance stays 1 under mutation."""
    final = []

    def cost(z):
        final.append(z)
        return np.ones(len(z))

    evolve(cost, start(1000), np.random.default_rng(0), population=1000, generations=30)
    assert final[-1].std() == pytest.approx(1, abs=0.05)


def random_mosaic(source, shape=(80, 100), seed=0):
    layout = Layout(shape, 32, 8)
    z = np.random.default_rng(seed).standard_normal((*layout.grid, source.latent))
    return Mosaic(source, layout, z)


@pytest.mark.parametrize("shape", [(50, 50), (24, 90), (80, 24)])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_distance_increases_and_the_mean_decreases(source, shape, seed):
    mosaic = random_mosaic(source, shape, seed)
    before = mosaic.distances()
    done = mosaic.refine(seed=seed, generations=5)
    after = mosaic.distances()
    assert (after <= before * (1 + 1e-5)).all()
    assert after.mean() < 0.8 * before.mean()
    np.testing.assert_array_equal(done.positions, list(np.ndindex(mosaic.layout.grid)))
    np.testing.assert_allclose(done.before, before.ravel(), rtol=1e-4)
    np.testing.assert_allclose(done.after, after.ravel(), rtol=1e-4)


def test_no_step_increases_the_distance_of_a_neighbour(source):
    mosaic = random_mosaic(source)
    for position in np.ndindex(mosaic.layout.grid):
        before = mosaic.distances()
        mosaic.refine([position], seed=1, generations=2)
        after = mosaic.distances()
        assert (after <= before * (1 + 1e-5)).all()


def test_refinement_is_better_than_many_random_tiles(source):
    """With one neighbour only."""
    mosaic = random_mosaic(source, (32, 50))
    mosaic.refine([(0, 1)], seed=0, generations=20)
    others = []
    for seed in range(300):
        one = random_mosaic(source, (32, 50), seed=seed + 1)
        one.z[0, 0] = mosaic.z[0, 0]
        others.append(one.distances()[0, 1])
    assert mosaic.distances()[0, 1] < 0.5 * min(others)


def test_only_the_given_tiles_change(source):
    mosaic = random_mosaic(source)
    before = mosaic.z.copy()
    mosaic.refine([(1, 1), (2, 0)], seed=0, generations=2)
    changed = (mosaic.z != before).any(axis=-1)
    assert set(map(tuple, np.argwhere(changed).tolist())) == {(1, 1), (2, 0)}


def test_the_worst_tiles_are_refined_first(source):
    mosaic = random_mosaic(source)
    before = mosaic.distances()
    done = mosaic.refine_worst(3, seed=0, generations=3)
    np.testing.assert_allclose(done.before, np.sort(before, axis=None)[::-1][:3], rtol=1e-5)
    np.testing.assert_allclose(done.before, before[tuple(done.positions.T)], rtol=1e-5)
    assert (done.after <= done.before).all()
    assert done.after.mean() < 0.9 * done.before.mean()
    np.testing.assert_array_equal(done.replaced, done.after < done.before)
    assert mosaic.refinements == [done]
    assert len(mosaic.refine_worst(1000, seed=0, generations=0).positions) == before.size
    with pytest.raises(ValueError, match="number of tiles to be at least 1"):
        mosaic.refine_worst(0)


def test_tiles_within_the_goal_are_not_refined(source):
    mosaic = random_mosaic(source)
    before, z = mosaic.distances(), mosaic.z.copy()
    goal = np.median(before)
    mosaic.refine(seed=0, generations=3, goal=goal)
    kept = (mosaic.z == z).all(axis=-1)
    assert kept[before <= goal].all()
    assert not kept[before > goal].all()


def test_tiles_without_neighbours_and_exact_matches_are_not_refined(source, crops):
    alone = random_mosaic(source, (20, 20))
    z = alone.z.copy()
    done = alone.refine(seed=0)
    np.testing.assert_array_equal(alone.z, z)
    np.testing.assert_array_equal([done.before, done.after], 0)
    crops = crops((2, 3), overlap=8)
    mosaic = Mosaic(crops, Layout(crops.image.shape, 32, 8), crops.z)
    mosaic.refine(seed=0)
    np.testing.assert_array_equal(mosaic.z, crops.z)


def test_refinement_uses_no_tile_of_the_pool_twice(source):
    mosaic = stitch(source, (60, 60), overlap=8, pool=20, seed=1)
    for seed in range(3):
        mosaic.refine(seed=seed, generations=1)
        flat = mosaic.z.reshape(-1, source.latent)
        assert len(np.unique(flat, axis=0)) == len(flat)


def test_the_search_starts_from_the_pool(source):
    """Without generations the result is a tile of the pool."""
    mosaic = stitch(source, (32, 50), overlap=8, pool=500, seed=1)
    mosaic.z[0, 1] = 3
    mosaic.refine([(0, 1)], seed=0, generations=0)
    assert (mosaic.pool.z == mosaic.z[0, 1]).all(axis=1).any()


def test_the_same_seed_gives_the_same_refinement(source):
    found = [random_mosaic(source) for _ in range(3)]
    for mosaic, seed in zip(found, (1, 1, 2), strict=True):
        mosaic.refine_worst(2, seed=seed, generations=2)
    np.testing.assert_array_equal(found[0].z, found[1].z)
    assert (found[0].z != found[2].z).any()


@pytest.mark.usefixtures("short_evolution")
def test_genetic_stitching_improves_the_greedy_selection(source):
    greedy, genetic = (
        stitch(source, (60, 60), stitching=name, overlap=8, seed=3).distances() for name in ("greedy", "genetic")
    )
    assert (genetic <= greedy * (1 + 1e-5)).all()
    assert genetic.mean() < 0.9 * greedy.mean()
