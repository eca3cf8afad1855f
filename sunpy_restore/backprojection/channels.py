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
``mem``, ``forward-fit``
    Images by maximum entropy and of one or two fitted Gaussian sources, per clean beam in the same unit. Three fitted
    sources are mostly a loop, which they cut into pieces: then both are the image by maximum entropy.
``noise``
    Mean standard deviation of the real part of a visibility in the same unit, the same everywhere.
"""

import numpy as np

from sunpy_restore.backprojection.fitting.scenes import image_of
from sunpy_restore.backprojection.fitting.sources import fit_sources
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.imaging.entropy import maximum_entropy
from sunpy_restore.backprojection.task import CHANNELS
from sunpy_restore.backprojection.visibilities.fourier import back_projection

__all__ = ["PIXEL", "channels_of"]

PIXEL = 4.0
"""Pixel size of the networks' images in arcsec: a third of the shortest period that the clean beam transmits."""

_MOST_SOURCES = 2
_SUBCOLLIMATORS = np.array([int(name.removeprefix("subcollimator")) for name in CHANNELS if name.startswith("sub")])


def channels_of(visibilities, points, grid, errors=None):
    """
    Make the input channels of a network from visibilities.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities, shape ``(n,)``.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Their points of the (u, v) plane, with the labels of STIX.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid of the channels.
    errors : `numpy.ndarray`, optional
        Standard deviation of the real part and of the imaginary part of each visibility, shape ``(n,)``. Without them
        the channels that need them are 0.

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
    constant = np.ones((1, *grid.shape))
    guides = np.zeros((3, *grid.shape))
    if errors is not None:
        sources = fit_sources(visibilities, errors, points, grid).scene
        guides[0] = beam_area() * maximum_entropy(visibilities, errors, points, grid)
        guides[1] = image_of(sources, grid, BEAM) if len(sources.flux) <= _MOST_SOURCES else guides[0]
        guides[2] = np.mean(errors)
    size = np.sqrt(grid.area) * constant
    return np.concatenate([images / unit, size, guides / unit]).astype(np.float32), unit
