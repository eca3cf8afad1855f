"""Choice of tiles, row by row."""

import numpy as np
from tqdm.auto import tqdm

from sunpy_restore.granulation.stitching.layout import FACING
from sunpy_restore.granulation.stitching.search import Search

__all__ = ["PER_PLACE", "check_enough", "choose"]

PER_PLACE = 10
"""Tiles of a pool for each place of a mosaic."""


def choose(pool, layout, *, seed=None, first=None, progress=False):
    """
    Take, row by row, for each place the tile that fits best to those that lie to its left and above it.

    Parameters
    ----------
    pool : `~sunpy_restore.granulation.stitching.database.TileDatabase`
        The tiles to choose from. Each is taken once.
    layout : `~sunpy_restore.granulation.stitching.layout.Layout`
        The places.
    seed : `int`, optional
        Seed of the choice of the first tile.
    first : `int`, optional
        The first tile, instead.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `numpy.ndarray` of `int`
        Number in the pool of the tile at each place.

    Raises
    ------
    ValueError
        If the pool has fewer tiles than there are places.

    Notes
    -----
    The distance is the weighted mean of the squared difference over the overlap, see
    `~sunpy_restore.granulation.stitching.search.strip_distances`; the larger one of left and top counts.

    References
    ----------
    * Sierra Acosta 2020, eq. 3-5
    """
    check_enough(len(pool), layout)
    search = Search(pool, layout.overlap)
    free = np.ones(len(pool), dtype=bool)
    chosen = np.full(layout.places, -1)
    if first is None:
        first = np.random.default_rng(seed).integers(len(pool))
    for row, column in tqdm(np.ndindex(layout.places), "Choice", chosen.size, unit="tile", disable=not progress):
        neighbours = {
            edge: chosen[other] for edge, other in layout.neighbours((row, column)).items() if edge in ("left", "top")
        }
        best = first
        if neighbours:
            strips = {edge: pool.strips(number, FACING[edge], layout.overlap) for edge, number in neighbours.items()}
            best = search.best(strips, free)[0][0]
        chosen[row, column] = best
        free[best] = False
    return chosen


def check_enough(count, layout):
    """Refuse, with a `ValueError`, to choose from fewer tiles than there are places."""
    places = int(np.prod(layout.places))
    if count < places:
        raise ValueError(
            f"The pool has {count} tiles, expected at least one for each of {places} places, and better {PER_PLACE} "
            "for each."
        )
