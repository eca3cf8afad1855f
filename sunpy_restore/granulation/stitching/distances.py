"""How well the tiles of a mosaic match their neighbours."""

import numpy as np

from sunpy_restore.granulation.stitching.layout import FACING, edge_strip
from sunpy_restore.granulation.stitching.search import strip_distances

__all__ = ["NeighbourDistances", "worst_positions"]


class NeighbourDistances:
    """
    Distances between all neighbouring tiles of a mosaic.

    Parameters
    ----------
    layout : `~sunpy_restore.granulation.stitching.layout.Layout`
        Positions of the tiles.
    tiles : callable
        ``tiles(row, columns)`` returns the tiles in a row for a `range` of columns, shape ``(columns, side, side)``.
    """

    def __init__(self, layout, tiles):
        self.layout = layout
        rows, columns = layout.grid
        self._across = np.zeros((rows, columns - 1))
        self._down = np.zeros((rows - 1, columns))
        above = None
        for row in range(rows):
            here = tiles(row, range(columns))
            self._across[row] = self._between(here[1:], here[:-1], "left")
            if row:
                self._down[row - 1] = self._between(here, above, "top")
            above = here

    def _between(self, tiles, others, edge):
        strips = (edge_strip(tiles, edge, self.layout.overlap), edge_strip(others, FACING[edge], self.layout.overlap))
        return strip_distances(*strips, edge)

    def _entry(self, position, edge):
        """The array and the index of the distance at an edge of a tile."""
        row, column = position
        return {
            "left": (self._across, (row, column - 1)),
            "right": (self._across, (row, column)),
            "top": (self._down, (row - 1, column)),
            "bottom": (self._down, (row, column)),
        }[edge]

    def update(self, position, distances):
        """
        Replace the distances of a tile.

        Parameters
        ----------
        position : `tuple` of `int`
            Row and column of the tile.
        distances : mapping of `str` to `float`
            New distances by the name of the edge.
        """
        for edge, distance in distances.items():
            array, index = self._entry(position, edge)
            array[index] = distance

    def largest(self):
        """
        Largest distance of each tile to its neighbours.

        Returns
        -------
        `numpy.ndarray`
            Shape ``(rows, columns)``, in the squared unit of the tiles; 0 for a tile without neighbours.
        """
        largest = np.zeros(self.layout.grid)
        for part, distances in (
            (np.s_[:, :-1], self._across),
            (np.s_[:, 1:], self._across),
            (np.s_[:-1], self._down),
            (np.s_[1:], self._down),
        ):
            np.maximum(largest[part], distances, out=largest[part])
        return largest


def worst_positions(distances, count):
    """
    Find the tiles that match their neighbours worst.

    Parameters
    ----------
    distances : `numpy.ndarray`
        Largest distance of each tile, shape ``(rows, columns)``.
    count : `int`
        Number of tiles; all, if there are fewer.

    Returns
    -------
    `list` of `tuple` of `int`
        Rows and columns, the worst first.
    """
    order = np.argsort(-distances, axis=None, kind="stable")[:count]
    return [tuple(map(int, position)) for position in zip(*np.unravel_index(order, distances.shape), strict=True)]
