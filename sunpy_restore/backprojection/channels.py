"""What methods see of a back-projection, plane by plane."""

import numpy as np

from sunpy_restore.backprojection.fourier import back_projection

__all__ = ["BEAM", "PIXEL", "PLANES", "planes_of"]

BEAM = 14.6
"""Full width at half maximum of the clean beam in arcsec, the resolution of the sub-collimators 3 of STIX."""

PIXEL = 4.0
"""Pixel of a network's image in arcsec: a third of the finest period that the clean beam lets through."""

PLANES = ("image", *(f"subcollimator{number}" for number in range(1, 11)), "pixel")
"""
Names of the planes of an observation.

``image``
    Back-projection with natural weights of all visibilities, in units of its maximum.
``subcollimator1``, ``subcollimator2``, ...
    Back-projections of the visibilities of one sub-collimator each, the mean over its orientations, in the same unit;
    0 where it is not used.
``pixel``
    Size of a pixel in arcsec, everywhere the same.
"""


def planes_of(found, plane, grid):
    """
    The planes of visibilities.

    Parameters
    ----------
    found : `numpy.ndarray` of `complex`
        Visibilities, shape ``(n,)``.
    plane : `~sunpy_restore.backprojection.uvplane.UVPlane`
        Their places, with the labels of STIX.
    grid : `~sunpy_restore.backprojection.fourier.Grid`
        Pixels wanted.

    Returns
    -------
    planes : `numpy.ndarray` of ``float32``
        Shape ``(len(PLANES), ny, nx)``.
    unit : `float`
        Maximum of the back-projection, in the unit of the visibilities.
    """
    numbers = np.array([int(label[:-1]) for label in plane.labels])
    own = numbers[:, np.newaxis] == np.arange(1, 11)
    # A row of weights for each plane: the mean of its own visibilities
    weights = np.concatenate([np.ones((1, len(numbers))), own.T])
    weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)
    planes = back_projection(found * weights, plane, grid, np.ones(len(numbers)))
    unit = planes[0].max()
    size = np.full((1, *grid.shape), np.sqrt(grid.area))
    return np.concatenate([planes / unit, size]).astype(np.float32), unit
