"""Select tiles row by row."""

import numpy as np
from tqdm.auto import tqdm

from sunpy_restore.granulation.stitching.layout import FACING
from sunpy_restore.granulation.stitching.search import Search

__all__ = ["PER_POSITION", "check_enough", "select_tiles"]

PER_POSITION = 10
"""Tiles of a pool per position of a mosaic."""


def select_tiles(pool, layout, *, seed=None, first=None, progress=False):
    """
    Select, row by row, the tile for each position that best matches its neighbours to the left and above.

    Parameters
    ----------
    pool : `~sunpy_restore.granulation.stitching.database.TileDatabase`
        The tiles to select from. Each is used once.
    layout : `~sunpy_restore.granulation.stitching.layout.Layout`
        The positions.
    seed : `int`, optional
        Seed for the random choice of the first tile.
    first : `int`, optional
        Index of the first tile, instead of a random one.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `numpy.ndarray` of `int`
        Index in the pool of the tile at each position, shape ``(rows, columns)``.

    Raises
    ------
    ValueError
        The pool has fewer tiles than there are positions.

    Notes
    -----
    The distance is the weighted mean of the squared difference in the overlap, see
    `~sunpy_restore.granulation.stitching.search.strip_distances`. The larger one of left and top counts.

    References
    ----------
    * Sierra Acosta 2020, thesis, eq. 3-5
    """
    check_enough(len(pool), layout)
    search = Search(pool, layout.overlap)
    free = np.ones(len(pool), dtype=bool)
    selected = np.full(layout.grid, -1)
    if first is None:
        first = np.random.default_rng(seed).integers(len(pool))
    for row, column in tqdm(np.ndindex(layout.grid), "Selection", selected.size, unit="tile", disable=not progress):
        neighbours = {
            edge: selected[other] for edge, other in layout.neighbours((row, column)).items() if edge in ("left", "top")
        }
        best = first
        if neighbours:
            strips = {edge: pool.strips(index, FACING[edge], layout.overlap) for edge, index in neighbours.items()}
            best = search.best(strips, free)[0][0]
        selected[row, column] = best
        free[best] = False
    return selected


def check_enough(count, layout):
    """Raise a `ValueError` if there are fewer tiles than positions."""
    positions = int(np.prod(layout.grid))
    if count < positions:
        raise ValueError(
            f"Found a pool of {count} tiles; expected at least one for each of {positions} positions. Make a larger "
            f"pool, best with {PER_POSITION} tiles per position."
        )
