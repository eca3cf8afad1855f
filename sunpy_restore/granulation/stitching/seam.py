"""Tiles cut along the line on which they differ least."""

from functools import lru_cache

import numpy as np

from sunpy_restore.granulation.stitching.blending import Assembly

__all__ = ["FEATHER", "SeamBlend", "minimum_error_paths"]

FEATHER = 2
"""Pixels from a cut within which both tiles have a part."""


def minimum_error_paths(errors):
    """
    The paths along overlaps that cost least.

    Parameters
    ----------
    errors : `numpy.ndarray`
        Cost of each pixel, shape ``(..., length, across)``.

    Returns
    -------
    `numpy.ndarray` of `int`
        The pixel across at each pixel along, shape ``(..., length)``; from one to the next it changes by 1 at most.

    References
    ----------
    * Efros & Freeman 2001, https://doi.org/10.1145/383259.383296
    """
    length = errors.shape[-2]
    costs = np.moveaxis(errors, -2, 0).astype(np.float64)
    for index in range(1, length):
        costs[index] += np.min(_reachable(costs[index - 1]), axis=0)
    path = np.empty(costs.shape[:-1], dtype=np.intp)
    path[-1] = costs[-1].argmin(axis=-1)
    for index in range(length - 2, -1, -1):
        reachable = np.take_along_axis(_reachable(costs[index]), path[index + 1][np.newaxis, ..., np.newaxis], axis=-1)
        path[index] = path[index + 1] + reachable[..., 0].argmin(axis=0) - 1
    return np.moveaxis(path, 0, -1)


def _reachable(costs):
    """Costs before, at and behind each pixel across, shape (3, ..., across)."""
    outside = np.full((*costs.shape[:-1], 1), np.inf)
    padded = np.concatenate([outside, costs, outside], axis=-1)
    return np.stack([padded[..., :-2], costs, padded[..., 2:]])


class SeamBlend(Assembly):
    """
    Tiles of a row, then the rows, joined by cuts along the paths of least squared difference.

    Cuts between neighbours in a row run the height of a tile; those between rows run from one side of the mosaic to the
    other, through what the cuts in both rows have made of them, so that both kinds hold where four tiles meet. Within
    two pixels of a cut the weights are linear.

    Parameters
    ----------
    layout, tiles
        As for `~sunpy_restore.granulation.stitching.blending.Assembly`.
    mean
        Not needed.
    """

    def __init__(self, layout, tiles, mean=None):
        super().__init__(layout, tiles)
        self.path_above = lru_cache(maxsize=None)(self._path_above)

    def joined_across(self, row, columns, left, right):
        """The overlaps of tiles of a row, of what both have there."""
        paths = minimum_error_paths((left - right) ** 2)
        return left + self._weights(paths) * (right - left)

    def joined_down(self, row, columns, above, below):
        """The overlap with the row above, of what both rows have there."""
        start = columns[0] * self.layout.step
        path = self.path_above(row)[start : start + above.shape[-1]]
        return above + self._weights(path).T * (below - above)

    def _path_above(self, row):
        """Where the whole of a row is cut from the one above."""
        overlap, columns = self.layout.overlap, range(self.layout.places[1])
        above, below = (self.band(place, columns) for place in (row - 1, row))
        return minimum_error_paths(((above[-overlap:] - below[:overlap]) ** 2).T).astype(np.int32)

    def _weights(self, paths):
        offsets = np.arange(self.layout.overlap) - paths[..., np.newaxis]
        return np.clip(0.5 + offsets / (2 * FEATHER), 0, 1).astype(np.float32)
