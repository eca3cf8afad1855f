"""What can be put into a saturated core without a network."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core import filling
from sunpy_restore.core.task import Method

__all__ = ["METHODS", "biharmonic", "hump"]

_STEEPNESS = 0.25
"""Of `hump` per pixel, in units of the planes' scale; flares of 2 to 8 full wells have about that."""


def biharmonic(planes):
    """
    Smooth continuation of the surroundings.

    Parameters
    ----------
    planes : `numpy.ndarray`
        Image, mask and level, shape ``(3, ny, nx)``, see `~sunpy_restore.desaturation.channels.planes_of`.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``.
    """
    return filling.biharmonic(planes[0], planes[1] > 0)


def hump(planes):
    """
    The harmonic fill with a hump on it, as high as a pixel is deep in the mask: where inverse diffraction starts.

    Parameters
    ----------
    planes : `numpy.ndarray`
        As for `biharmonic`.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``.
    """
    mask = planes[1] > 0
    # No pixel beyond the edges of the image: the mask may go on there
    depth = ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1]
    return planes[0] + _STEEPNESS * depth


METHODS = {"biharmonic": Method(biharmonic, None), "diffraction": Method(hump, None)}
