"""Search for tiles that fit better, by evolution of their z."""

from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from sunpy_restore.core.tiling import at_least
from sunpy_restore.granulation.stitching.fit import Fit
from sunpy_restore.granulation.stitching.layout import FACING, edge_strip
from sunpy_restore.granulation.stitching.search import Search, strip_distances

__all__ = ["GENERATIONS", "POPULATION", "Refinement", "evolve", "refine"]

POPULATION = 50
GENERATIONS = 20

ELITE = 0.1
"""Part of the population that lives on as it is."""

NEWCOMERS = 0.1
"""Part of each generation that is random."""

_MUTATED = 0.1
_STRENGTH = 0.5
_LEAST_GAIN = 1e-6


@dataclass(frozen=True)
class Refinement:
    """
    What a refinement has changed.

    Parameters
    ----------
    places : `numpy.ndarray` of `int`
        Row and column of each place that it tried, shape ``(n, 2)``.
    before, after : `numpy.ndarray`
        Largest distances of these places to their neighbours, shape ``(n,)``, in the square of the tiles' unit.
    """

    places: np.ndarray
    before: np.ndarray
    after: np.ndarray


def evolve(cost, start, rng, *, population=POPULATION, generations=GENERATIONS, goal=0.0):
    """
    Find z of low cost.

    Parameters
    ----------
    cost : callable
        Costs, shape ``(n,)``, of z of shape ``(n, latent)``.
    start : `numpy.ndarray`
        z to begin with, shape ``(n, latent)``; random ones are added up to the population.
    rng : `numpy.random.Generator`
        Source of random numbers.
    population : `int`
        Number of z in a generation, at least 10.
    generations : `int`
        Largest number of generations after the first.
    goal : `float`
        A cost that is good enough to stop.

    Returns
    -------
    z : `numpy.ndarray` of ``float32``
        The best one of all, shape ``(latent,)``.
    cost : `float`
        Its cost.

    Notes
    -----
    A tenth lives on, a tenth is random, and the others are children of two parents each, drawn by roulette, crossed at
    a single point and mutated by Gaussian noise.

    References
    ----------
    * Sierra Acosta 2020
    """
    population = at_least(10, "the population", population)
    generations = at_least(0, "the number of generations", generations)
    elite, newcomers = (max(1, round(part * population)) for part in (ELITE, NEWCOMERS))
    people = np.asarray(start, dtype=np.float32)[:population]
    people = np.concatenate([people, _random(rng, population - len(people), people.shape[1])])
    costs = cost(people)
    for _ in range(generations):
        order = np.argsort(costs, kind="stable")
        people, costs = people[order], costs[order]
        if costs[0] <= goal:
            break
        children = _children(people, costs, population - elite - newcomers, rng)
        fresh = np.concatenate([children, _random(rng, newcomers, people.shape[1])])
        people = np.concatenate([people[:elite], fresh])
        costs = np.concatenate([costs[:elite], cost(fresh)])
    best = costs.argmin()
    return people[best], float(costs[best])


def _random(rng, count, latent):
    return rng.standard_normal((count, latent), dtype=np.float32)


def _children(people, costs, count, rng):
    """Roulette selection, single-point crossover and mutation."""
    latent = people.shape[1]
    fitness = costs.max() - costs
    chances = fitness / fitness.sum() if fitness.sum() > 0 else None
    mothers, fathers = people[rng.choice(len(people), (2, count), p=chances)]
    points = rng.integers(1, max(latent, 2), (count, 1))
    children = np.where(np.arange(latent) < points, mothers, fathers)
    # Mixed so that z stays normally distributed with a variance of 1
    mutants = np.sqrt(1 - _STRENGTH**2) * children + _STRENGTH * rng.standard_normal(children.shape)
    return np.where(rng.random(children.shape) < _MUTATED, mutants, children).astype(np.float32)


def refine(
    source,
    layout,
    z,
    tiles,
    places,
    *,
    pool=None,
    seed=None,
    population=POPULATION,
    generations=GENERATIONS,
    goal=0.0,
    progress=False,
):
    """
    Find tiles that fit their neighbours better, for some places of a mosaic, one after the other.

    Parameters
    ----------
    source : object
        A source of tiles.
    layout : `~sunpy_restore.granulation.stitching.layout.Layout`
        The places.
    z : `numpy.ndarray`
        z of each place, shape ``(rows, columns, latent)``; it is changed.
    tiles : callable
        Tiles of a row, given the row and a `range` of columns, of ``z`` as it is.
    places : iterable of tuple of `int`
        Rows and columns.
    pool : `~sunpy_restore.granulation.stitching.database.TileDatabase`, optional
        The population begins with its best tiles that the mosaic does not have yet; without, with random ones.
    seed : `int`, optional
        Seed of the random numbers.
    population, generations
        As for `evolve`.
    goal : `float`
        Distance that is good enough: such places are left as they are, and the search stops where it is reached.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `Refinement`

    Notes
    -----
    No place becomes worse, neither the one that gets a new tile nor a neighbour: the cost of z is the largest of its
    distances, each in units of the larger of those that the place or its neighbour, whichever is better off, had
    before. The present tile costs 1, and gives way only to one that costs less.
    """
    rng = np.random.default_rng(seed)
    search = None if pool is None else Search(pool, layout.overlap)
    fit = Fit(layout, tiles)
    places = [tuple(map(int, place)) for place in places]
    before = fit.places()
    options = {"population": population, "generations": generations}
    for place in tqdm(places, "Refinement", unit="tile", disable=not progress):
        worst = fit.places()
        neighbours = layout.neighbours(place)
        bounds = {edge: min(worst[place], worst[other]) for edge, other in neighbours.items()}
        # A tile without neighbours fits, and where a neighbour fits exactly nothing can change
        if worst[place] <= goal or min(bounds.values()) == 0:
            continue
        strips = {
            edge: edge_strip(tiles(other[0], range(other[1], other[1] + 1))[0], FACING[edge], layout.overlap)
            for edge, other in neighbours.items()
        }
        start = _start(z, place, strips, pool, search, population)
        fitting = _Fitting(source, strips, bounds, layout.overlap)
        found, cost = evolve(fitting.cost, start, rng, goal=goal / worst[place], **options)
        if cost < 1 - _LEAST_GAIN:
            z[place] = found
            fit.update(place, {edge: one.item() for edge, one in fitting.distances(found[np.newaxis]).items()})
    index = tuple(np.array(places, dtype=int).reshape(-1, 2).T)
    return Refinement(np.stack(index, axis=1), before[index], fit.places()[index])


def _start(z, place, strips, pool, search, population):
    """The present z, and the best of the pool that are not used anywhere."""
    present = z[place][np.newaxis]
    if search is None:
        return present
    used = {one.tobytes() for one in z.reshape(-1, z.shape[-1])}
    free = np.array([one.tobytes() not in used for one in pool.z])
    # Half of the population, so that it is not the neighbours' choice alone
    return np.concatenate([present, pool.z[search.best(strips, free, max(1, population // 2))[0]]])


class _Fitting:
    """Distances of the tiles of z to given neighbours."""

    def __init__(self, source, strips, bounds, overlap):
        self._source = source
        self._strips = strips
        self._bounds = bounds
        self._overlap = overlap

    def distances(self, z):
        """By the name of the edge, shape ``(n,)`` each."""
        tiles = self._source.tiles(z)
        return {
            edge: strip_distances(edge_strip(tiles, edge, self._overlap), strip, edge)
            for edge, strip in self._strips.items()
        }

    def cost(self, z):
        """The largest of the distances in units of their bounds."""
        return np.max([found / self._bounds[edge] for edge, found in self.distances(z).items()], axis=0)
