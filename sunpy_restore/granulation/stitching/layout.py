"""Positions of the tiles of a mosaic, and their overlaps."""

import operator
from dataclasses import dataclass

import numpy as np

__all__ = ["EDGES", "FACING", "Layout", "Seams", "checked_overlap", "edge_strip"]

EDGES = ("left", "right", "top", "bottom")
"""Names of the edges of a tile. The top edge is at row 0."""

FACING = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
"""The edge of the neighbouring tile at each edge."""


@dataclass(frozen=True)
class Seams:
    """
    Seams between the tiles of a mosaic.

    Parameters
    ----------
    rows, columns : `numpy.ndarray` of `int`
        The first pixels above and to the right of the middle of each overlap: a seam lies between ``rows - 1`` and
        ``rows``.
    row_band, column_band : `numpy.ndarray` of `bool`
        True for rows, shape ``(ny,)``, and columns, shape ``(nx,)``, that lie in an overlap.
    """

    rows: np.ndarray
    columns: np.ndarray
    row_band: np.ndarray
    column_band: np.ndarray


@dataclass(frozen=True)
class Layout:
    """
    A grid of overlapping tiles that covers an image.

    Parameters
    ----------
    shape : `tuple` of `int`
        Shape ``(ny, nx)`` of the image. The last row and the last column of tiles may extend beyond it.
    side : `int`
        Side of a tile in pixels.
    overlap : `int`
        Pixels that neighbouring tiles share, from 1 to half of the side.

    Raises
    ------
    ValueError
        The shape is not two positive integers, or the overlap is out of range.
    """

    shape: tuple
    side: int
    overlap: int

    def __post_init__(self):
        object.__setattr__(self, "shape", _checked_shape(self.shape))
        object.__setattr__(self, "side", operator.index(self.side))
        object.__setattr__(self, "overlap", checked_overlap(self.overlap, self.side))

    @property
    def step(self):
        """Pixels from one tile to the next."""
        return self.side - self.overlap

    @property
    def grid(self):
        """Number of tiles along y and x."""
        return tuple(max(1, -(-(length - self.overlap) // self.step)) for length in self.shape)

    @property
    def canvas(self):
        """Shape of the area that the tiles cover."""
        return tuple(count * self.step + self.overlap for count in self.grid)

    def touching(self, span, axis):
        """Positions along an axis, as a `range`, of the tiles that contain pixels of a `slice`."""
        first = max(0, -(-(span.start - self.side + 1) // self.step))
        return range(first, min(self.grid[axis], (span.stop - 1) // self.step + 1))

    def neighbours(self, position):
        """Position of the neighbour at each edge where there is one, by the name of the edge."""
        row, column = position
        around = {"left": (row, column - 1), "right": (row, column + 1)}
        around |= {"top": (row - 1, column), "bottom": (row + 1, column)}
        return {
            edge: other
            for edge, other in around.items()
            if all(0 <= index < count for index, count in zip(other, self.grid, strict=True))
        }

    def window(self, rows, columns):
        """Rows and columns of a part of the image as slices with start and stop."""
        parts = []
        for part, length in zip((rows, columns), self.shape, strict=True):
            start, stop, step = part.indices(length)
            if step != 1 or stop <= start:
                raise ValueError(
                    f"Found the window {part}; expected one with step 1 that is not empty within {length} px."
                )
            parts.append(slice(start, stop))
        return tuple(parts)

    def seams(self):
        """
        Positions of the seams.

        Returns
        -------
        `Seams`
        """
        middles, bands = zip(*(self._seams_along(axis) for axis in (0, 1)), strict=True)
        return Seams(*middles, *bands)

    def _seams_along(self, axis):
        starts = self.step * np.arange(1, self.grid[axis])
        middles = starts + self.overlap // 2
        band = np.zeros(self.canvas[axis], dtype=bool)
        band[starts[:, np.newaxis] + np.arange(self.overlap)] = True
        return middles[middles < self.shape[axis]], band[: self.shape[axis]]


def edge_strip(tiles, edge, overlap):
    """The pixels of tiles, of shape ``(..., side, side)``, that a neighbour at an edge shares."""
    return {
        "left": tiles[..., :, :overlap],
        "right": tiles[..., :, -overlap:],
        "top": tiles[..., :overlap, :],
        "bottom": tiles[..., -overlap:, :],
    }[edge]


def checked_overlap(overlap, side):
    """``overlap`` as an `int`; a `ValueError` unless it is from 1 to half of ``side``."""
    overlap = operator.index(overlap)
    if not 1 <= overlap <= side // 2:
        raise ValueError(f"Found the overlap {overlap}; expected 1 to {side // 2}, half the side of a tile.")
    return overlap


def _checked_shape(shape):
    try:
        ny, nx = map(operator.index, shape)
    except (TypeError, ValueError):
        raise ValueError(f"Found the shape {shape!r}; expected two integers (ny, nx).") from None
    if ny < 1 or nx < 1:
        raise ValueError(f"Found the shape {shape!r}; expected two positive integers (ny, nx).")
    return ny, nx
