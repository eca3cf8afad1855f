"""
Input channels of the networks of `sunpy_restore.backproj_to_clean`.

Their names are in `sunpy_restore.backprojection.task.CHANNELS`:

``image``
    Back-projection of all visibilities with natural weights, divided by its maximum.
``subcollimator1``, ``subcollimator2``, ... ``subcollimator10``
    Back-projection of the visibilities of one sub-collimator, the mean over its orientations, in the same unit; 0 where
    the sub-collimator is not used.
``pixel``
    Pixel size in arcsec, the same everywhere.
"""

import numpy as np

from sunpy_restore.backprojection.fourier import back_projection
from sunpy_restore.backprojection.task import CHANNELS

__all__ = ["PIXEL", "channels_of"]

PIXEL = 4.0
"""Pixel size of the networks' images in arcsec: a third of the shortest period that the clean beam transmits."""

_SUBCOLLIMATORS = np.array([int(name.removeprefix("subcollimator")) for name in CHANNELS if name.startswith("sub")])


def channels_of(visibilities, points, grid):
    """
    Make the input channels of a network from visibilities.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities, shape ``(n,)``.
    points : `~sunpy_restore.backprojection.uvplane.UVPoints`
        Their points of the (u, v) plane, with the labels of STIX.
    grid : `~sunpy_restore.backprojection.fourier.Grid`
        Pixel grid of the channels.

    Returns
    -------
    channels : `numpy.ndarray` of ``float32``
        Shape ``(len(CHANNELS), ny, nx)``.
    unit : `float`
        Maximum of the back-projection in the unit of the visibilities, which is the unit of the channels.
    """
    count = len(points.labels)
    own = points.subcollimators[:, np.newaxis] == _SUBCOLLIMATORS
    # A row of weights for each channel: the mean of its own visibilities
    weights = np.concatenate([np.ones((1, count)), own.T])
    weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)
    images = back_projection(visibilities * weights, points, grid, np.ones(count))
    unit = images[CHANNELS.index("image")].max()
    size = np.full((1, *grid.shape), np.sqrt(grid.area))
    return np.concatenate([images / unit, size]).astype(np.float32), unit
