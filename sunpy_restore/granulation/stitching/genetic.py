"""Evolutionary search for better matching tiles."""

from dataclasses import dataclass, fields

import numpy as np
from tqdm.auto import tqdm

from sunpy_restore.core.tiles.tiling import at_least
from sunpy_restore.granulation.stitching.distances import NeighbourDistances
from sunpy_restore.granulation.stitching.layout import FACING, edge_strip
from sunpy_restore.granulation.stitching.search import Search, strip_distances

__all__ = ["Refinement", "evolve", "refine"]

POPULATION = 50
"""Latent vectors in a generation."""

GENERATIONS = 20
"""Largest number of generations after the first."""

MUTATION_RATE = 0.1
"""Fraction of the components of a child that are mutated."""

_ELITE = 0.1  # fraction of the population that is kept unchanged
_RANDOM = 0.1  # fraction of each generation that is random
_MUTATION_STRENGTH = 0.5
_LEAST_GAIN = 1e-6  # relative


@dataclass(frozen=True)
class Refinement:
    """
    The result of a refinement.

    Parameters
    ----------
    positions : `numpy.ndarray` of `int`
        Row and column of each tile that was refined, shape ``(n, 2)``.
    before, after : `numpy.ndarray`
        Largest distances of these tiles to their neighbours, shape ``(n,)``, in the squared unit of the tiles.
    replaced : `numpy.ndarray` of `bool`
        Whether each of these tiles was replaced, shape ``(n,)``. The others match best as they are.
    """

    positions: np.ndarray
    before: np.ndarray
    after: np.ndarray
    replaced: np.ndarray

    @classmethod
    def join(cls, refinements):
        """
        Arrays of several refinements, for a file.

        Parameters
        ----------
        refinements : sequence of `Refinement`
            The refinements, at least one.

        Returns
        -------
        `dict` of `str` to `numpy.ndarray`
            The fields one after another, and ``counts``, the number of tiles of each refinement.
        """
        joined = {
            field.name: np.concatenate([getattr(done, field.name) for done in refinements]) for field in fields(cls)
        }
        return joined | {"counts": np.array([len(done.replaced) for done in refinements])}

    @classmethod
    def split(cls, arrays):
        """
        Refinements from the arrays that `join` made.

        Parameters
        ----------
        arrays : mapping of `str` to `numpy.ndarray`
            The arrays.

        Returns
        -------
        `list` of `Refinement`
        """
        ends = np.cumsum(arrays["counts"])[:-1]
        parts = (np.split(arrays[field.name], ends) for field in fields(cls))
        return [cls(*part) for part in zip(*parts, strict=True)]


def evolve(cost, start, rng, *, population=POPULATION, generations=GENERATIONS, mutation_rate=MUTATION_RATE, goal=0.0):
    """
    Find a latent vector of low cost.

    Parameters
    ----------
    cost : callable
        Costs, shape ``(n,)``, of latent vectors of shape ``(n, latent)``.
    start : `numpy.ndarray`
        Latent vectors to start from, shape ``(n, latent)``. Random ones are added up to the size of the population.
    rng : `numpy.random.Generator`
        Random number generator.
    population : `int`
        Number of latent vectors in a generation, at least 10.
    generations : `int`
        Largest number of generations after the first.
    mutation_rate : `float`
        Fraction of the components of a child that are mutated, 0 to 1.
    goal : `float`
        Cost at which the search stops.

    Returns
    -------
    z : `numpy.ndarray` of ``float32``
        The best latent vector, shape ``(latent,)``.
    cost : `float`
        Its cost.

    Notes
    -----
    In each generation, a tenth of the population is kept and a tenth is random. The others are children of two parents
    each, which are drawn by roulette-wheel selection, crossed at a single point and mutated by Gaussian noise.

    References
    ----------
    * Sierra Acosta 2020, thesis
    """
    population = at_least(10, "the population", population)
    generations = at_least(0, "the number of generations", generations)
    if not 0 <= mutation_rate <= 1:
        raise ValueError(f"Found a mutation rate of {mutation_rate}; expected 0 to 1.")
    elite, newcomers = (max(1, round(part * population)) for part in (_ELITE, _RANDOM))
    people = np.asarray(start, dtype=np.float32)[:population]
    people = np.concatenate([people, _random(rng, population - len(people), start.shape[1])])
    costs = cost(people)
    for _ in range(generations):
        order = np.argsort(costs, kind="stable")
        people, costs = people[order], costs[order]
        if costs[0] <= goal:
            break
        children = _children(people, costs, population - elite - newcomers, mutation_rate, rng)
        fresh = np.concatenate([children, _random(rng, newcomers, people.shape[1])])
        people = np.concatenate([people[:elite], fresh])
        costs = np.concatenate([costs[:elite], cost(fresh)])
    best = costs.argmin()
    return people[best], float(costs[best])


def _random(rng, count, latent):
    return rng.standard_normal((count, latent), dtype=np.float32)


def _children(people, costs, count, mutation_rate, rng):
    """Roulette-wheel selection, single-point crossover and mutation."""
    latent = people.shape[1]
    fitness = costs.max() - costs
    chances = fitness / fitness.sum() if fitness.sum() > 0 else None
    mothers, fathers = people[rng.choice(len(people), (2, count), p=chances)]
    points = rng.integers(1, max(latent, 2), (count, 1))
    children = np.where(np.arange(latent) < points, mothers, fathers)
    # Mixed so that the distribution stays standard normal
    noise = rng.standard_normal(children.shape)
    mutants = np.sqrt(1 - _MUTATION_STRENGTH**2) * children + _MUTATION_STRENGTH * noise
    return np.where(rng.random(children.shape) < mutation_rate, mutants, children).astype(np.float32)


def refine(
    source,
    layout,
    z,
    tiles,
    positions,
    *,
    pool=None,
    seed=None,
    population=POPULATION,
    generations=GENERATIONS,
    mutation_rate=MUTATION_RATE,
    goal=0.0,
    renew=False,
    progress=False,
):
    """
    Search for better matching tiles at some positions of a mosaic, one after the other.

    Parameters
    ----------
    source : object
        A source of tiles.
    layout : `~sunpy_restore.granulation.stitching.layout.Layout`
        Positions of the tiles.
    z : `numpy.ndarray`
        Latent vector of each tile, shape ``(rows, columns, latent)``. It is changed.
    tiles : callable
        ``tiles(row, columns)`` returns the tiles of the present ``z`` in a row for a `range` of columns.
    positions : iterable of `tuple` of `int`
        Rows and columns of the tiles.
    pool : `~sunpy_restore.granulation.stitching.database.TileDatabase`, optional
        The population starts with the best tiles of the pool that the mosaic does not contain; without a pool, with
        random ones.
    seed : `int`, optional
        Seed of the random numbers.
    population, generations, mutation_rate
        See `evolve`.
    goal : `float`
        Distance at which the search stops; tiles with smaller distances are not refined.
    renew : `bool`
        Replace each tile by another one, the best that is found, even if its distances are larger.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `Refinement`

    Notes
    -----
    The largest distance of no tile increases, neither of the refined one nor of a neighbour. Each new distance is
    divided by the smaller one of the previous largest distances of the tile and the neighbour; the cost is the largest
    of these ratios. The present tile has a cost of at most 1 and is replaced only by a tile with a cost below 1.
    """
    rng = np.random.default_rng(seed)
    search = None if pool is None else Search(pool, layout.overlap)
    distances = NeighbourDistances(layout, tiles)
    positions = [tuple(map(int, position)) for position in positions]
    before, former = distances.largest(), z.copy()
    options = {"population": population, "generations": generations, "mutation_rate": mutation_rate}
    for position in tqdm(positions, "Refinement", unit="tile", disable=not progress):
        worst = distances.largest()
        neighbours = layout.neighbours(position)
        bounds = {edge: min(worst[position], worst[other]) for edge, other in neighbours.items()}
        # A tile without neighbours matches, and nothing can change where a neighbour matches exactly
        if not renew and (worst[position] <= goal or min(bounds.values()) == 0):
            continue
        if not neighbours:
            z[position] = _random(rng, 1, z.shape[-1])[0]
            continue
        if renew:
            bounds = dict.fromkeys(bounds, max(worst[position], np.finfo(np.float32).tiny))
        strips = {
            edge: edge_strip(tiles(other[0], range(other[1], other[1] + 1))[0], FACING[edge], layout.overlap)
            for edge, other in neighbours.items()
        }
        start = _start(z, position, strips, pool, search, population)[int(renew) :]
        candidates = _Candidates(source, strips, bounds, layout.overlap)
        found, cost = evolve(candidates.cost, start, rng, goal=goal / (worst[position] or 1), **options)
        if renew or cost < 1 - _LEAST_GAIN:
            z[position] = found
            changed = candidates.distances(found[np.newaxis])
            distances.update(position, {edge: distance.item() for edge, distance in changed.items()})
    index = tuple(np.array(positions, dtype=int).reshape(-1, 2).T)
    replaced = (z[index] != former[index]).any(axis=-1)
    return Refinement(np.stack(index, axis=1), before[index], distances.largest()[index], replaced)


def _start(z, position, strips, pool, search, population):
    """The present latent vector, and those of the best tiles of the pool that are not used."""
    present = z[position][np.newaxis]
    if search is None:
        return present
    used = {one.tobytes() for one in z.reshape(-1, z.shape[-1])}
    free = np.array([one.tobytes() not in used for one in pool.z])
    # Half of the population; the rest is random
    return np.concatenate([present, pool.z[search.best(strips, free, max(1, population // 2))[0]]])


class _Candidates:
    """Distances between the tiles of latent vectors and given neighbours."""

    def __init__(self, source, strips, bounds, overlap):
        self._source = source
        self._strips = strips
        self._bounds = bounds
        self._overlap = overlap

    def distances(self, z):
        """Distances at each edge, shape ``(n,)``, by the name of the edge."""
        tiles = self._source.tiles(z)
        return {
            edge: strip_distances(edge_strip(tiles, edge, self._overlap), strip, edge)
            for edge, strip in self._strips.items()
        }

    def cost(self, z):
        """Largest ratio of a distance to its bound."""
        return np.max([found / self._bounds[edge] for edge, found in self.distances(z).items()], axis=0)
