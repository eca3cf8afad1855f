"""How well the tiles of a mosaic fit their neighbours."""

import numpy as np

from sunpy_restore.granulation.stitching.layout import FACING, edge_strip
from sunpy_restore.granulation.stitching.search import strip_distances

__all__ = ["Fit"]


class Fit:
    """
    Distances of all neighbours in a mosaic.

    Parameters
    ----------
    layout : `~sunpy_restore.granulation.stitching.layout.Layout`
        The places.
    tiles : callable
        Tiles of a row, given the row and a `range` of columns: shape ``(columns, side, side)``.
    """

    def __init__(self, layout, tiles):
        self.layout = layout
        rows, columns = layout.places
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

    def _entry(self, place, edge):
        """The array and the index of the distance at an edge of a place."""
        row, column = place
        return {
            "left": (self._across, (row, column - 1)),
            "right": (self._across, (row, column)),
            "top": (self._down, (row - 1, column)),
            "bottom": (self._down, (row, column)),
        }[edge]

    def update(self, place, distances):
        """Put new distances, by the name of the edge, for those of a place."""
        for edge, distance in distances.items():
            array, index = self._entry(place, edge)
            array[index] = distance

    def places(self):
        """
        The largest distance of the tile at each place to any of its neighbours.

        Returns
        -------
        `numpy.ndarray`
            Of the shape of the places, in the square of the tiles' unit; 0 for a tile without neighbours.
        """
        largest = np.zeros(self.layout.places)
        for part, distances in (
            (np.s_[:, :-1], self._across),
            (np.s_[:, 1:], self._across),
            (np.s_[:-1], self._down),
            (np.s_[1:], self._down),
        ):
            np.maximum(largest[part], distances, out=largest[part])
        return largest
