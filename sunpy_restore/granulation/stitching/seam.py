"""Tiles cut along the line on which they differ least."""

from functools import lru_cache

import numpy as np

from sunpy_restore.granulation.stitching.blending import Assembly

__all__ = ["SeamBlend"]

FEATHER = 2
"""Distance from a cut in pixels within which both tiles contribute."""


def minimum_error_paths(errors):
    """
    Find the paths of least cost along overlaps.

    Parameters
    ----------
    errors : `numpy.ndarray`
        Cost of each pixel, shape ``(..., length, across)``.

    Returns
    -------
    `numpy.ndarray` of `int`
        Index across the overlap for each pixel along it, shape ``(..., length)``. It changes by at most 1 from one
        pixel to the next.

    References
    ----------
    * Efros & Freeman 2001, https://doi.org/10.1145/383259.383296
    """
    *many, length, across = errors.shape
    flat = np.moveaxis(errors.reshape(-1, length, across), 0, 1)
    # Cumulative costs; infinite outside the overlap
    costs = np.full((length, flat.shape[1], across + 2), np.inf)
    inner = costs[..., 1:-1]
    inner[...] = flat
    for before, here in zip(costs, inner[1:], strict=False):
        here += np.minimum(np.minimum(before[:, :-2], before[:, 1:-1]), before[:, 2:])
    path = np.empty(costs.shape[:-1], dtype=np.intp)
    path[-1] = inner[-1].argmin(axis=-1)
    each, steps = np.arange(costs.shape[1])[:, np.newaxis], np.arange(3)
    for index in range(length - 2, -1, -1):
        candidates = costs[index][each, path[index + 1][:, np.newaxis] + steps]
        path[index] = path[index + 1] + candidates.argmin(axis=-1) - 1
    return path.T.reshape(*many, length)


class SeamBlend(Assembly):
    """
    Tiles of a row, then the rows, joined by cuts along the paths of least squared difference.

    Cuts between neighbours in a row are as long as a tile. Cuts between rows run from one side of the mosaic to the
    other, through the rows as the other cuts have joined them, so that both kinds are consistent where four tiles meet.
    The weights are linear within two pixels of a cut.

    Parameters
    ----------
    layout, tiles
        See `~sunpy_restore.granulation.stitching.blending.Assembly`.
    mean
        Not used.
    """

    def __init__(self, layout, tiles, mean=None):
        super().__init__(layout, tiles)
        self._paths_left = {}
        self.path_above = lru_cache(maxsize=None)(self._path_above)

    def joined_across(self, row, columns, left, right):
        """See `~sunpy_restore.granulation.stitching.blending.Assembly.joined_across`."""
        positions = [(row, column) for column in columns[1:]]
        missing = [index for index, position in enumerate(positions) if position not in self._paths_left]
        if missing:
            paths = minimum_error_paths((left[missing] - right[missing]) ** 2).astype(np.int16)
            self._paths_left |= zip([positions[index] for index in missing], paths, strict=True)
        paths = np.array([self._paths_left[position] for position in positions]).reshape(left.shape[:-1])
        return left + self._weights(paths) * (right - left)

    def joined_down(self, row, columns, above, below):
        """See `~sunpy_restore.granulation.stitching.blending.Assembly.joined_down`."""
        start = columns[0] * self.layout.step
        path = self.path_above(row)[start : start + above.shape[-1]]
        return above + self._weights(path).T * (below - above)

    def _path_above(self, row):
        """Cut between a whole row and the row above."""
        overlap, columns = self.layout.overlap, range(self.layout.grid[1])
        above, below = (self.band(index, columns) for index in (row - 1, row))
        return minimum_error_paths(((above[-overlap:] - below[:overlap]) ** 2).T).astype(np.int16)

    def _weights(self, paths):
        offsets = np.arange(self.layout.overlap) - paths[..., np.newaxis]
        return np.clip(0.5 + offsets / (2 * FEATHER), 0, 1).astype(np.float32)
