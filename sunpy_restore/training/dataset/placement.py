"""Where an image lies in another one that has pixels or a scene in common with it."""

from typing import NamedTuple

import numpy as np

__all__ = ["ORIENTATIONS", "Placement"]

ORIENTATIONS = [
    np.array(matrix)
    for a in (1, -1)
    for b in (1, -1)
    for matrix in ([[a, 0], [0, b]], [[0, a], [b, 0]])
]  # fmt: skip
"""Matrices of all mirrored and transposed copies, for coordinates (row, column)."""

_STILL = 2.0  # pixels of an offset that the margin between regions covers


class Placement(NamedTuple):
    """
    Coordinates of an image in another one: ``matrix @ (row, column) + offset``.

    The coordinates are those of edges: the first pixel lies between 0 and 1.

    Parameters
    ----------
    matrix : `numpy.ndarray`
        One of `ORIENTATIONS`, multiplied by the ratio of the pixel sizes.
    offset : `numpy.ndarray`
        Row and column.
    error : `float`
        By how many pixels the offset may be wrong.
    """

    matrix: np.ndarray
    offset: np.ndarray
    error: float = 0.0

    @classmethod
    def of_pixels(cls, orientation, offset):
        """From coordinates of the centres of pixels of one size."""
        return cls(orientation, offset + 0.5 - orientation @ (0.5, 0.5))

    @property
    def still(self):
        """Whether both images have the same orientation and pixel size, and no offset."""
        return bool((self.matrix == np.eye(2)).all() and np.abs(self.offset).max() <= _STILL)

    @property
    def keeps_columns(self):
        """Whether columns of one image are columns of the other one."""
        return bool(self.matrix[0, 1] == self.matrix[1, 0] == 0)

    def inverse(self):
        """Coordinates of the other image in the first one."""
        matrix = np.linalg.inv(self.matrix)
        return Placement(matrix, -matrix @ self.offset, self.error * np.abs(matrix).max())

    def within(self, outer):
        """Coordinates in a third image, of which ``outer`` gives those of the second one."""
        error = self.error * np.abs(outer.matrix).max() + outer.error
        return Placement(outer.matrix @ self.matrix, outer.matrix @ self.offset + outer.offset, error)

    def covered(self, shape, other):
        """
        Share of an image that lies inside of the other one.

        Parameters
        ----------
        shape, other : pair of `int`
            Shapes ``(ny, nx)`` of the image that is placed and of the one in which it is.

        Returns
        -------
        `float`
        """
        corners = np.sort([self.offset, self.matrix @ shape + self.offset], axis=0)
        common = np.minimum(corners[1], other) - np.maximum(corners[0], 0)
        return float(np.prod(np.maximum(common, 0)) / np.prod(corners[1] - corners[0]))

    def columns(self, first, last, width):
        """
        Columns of the image that lie between two columns of the other one.

        Parameters
        ----------
        first, last : `float`
            First column of the other image, and the one after the last.
        width : `int`
            Number of columns of the image.

        Returns
        -------
        pair of `int`
            The first one, and the one after the last, which is no larger if there is none.
        """
        slope, shift = self.matrix[1, 1], self.offset[1]
        low, high = sorted(((first + self.error - shift) / slope, (last - self.error - shift) / slope))
        # Offsets of whole pixels must not cost a column by rounding
        return int(np.ceil(np.clip(low, 0, width) - 1e-6)), int(np.floor(np.clip(high, 0, width) + 1e-6))
