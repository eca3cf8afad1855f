"""What a network for desaturation sees: an image with a first fill, the mask, and the level of saturation."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.filling import harmonic

__all__ = ["planes_of"]

_NEAR = 8  # pixels


def planes_of(image, mask, full=None, level=None):
    """
    Planes for a network, and the scale that they are divided by.

    What the damaged pixels hold is not looked at.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``; finite outside of the mask.
    mask : `numpy.ndarray` of `bool`
        True where a pixel is to be filled; somewhere, but not everywhere.
    full : `numpy.ndarray` of `bool`, optional
        Pixels that are known to have saturated.
    level : `float`, optional
        Value at which they saturated.

    Returns
    -------
    planes : `numpy.ndarray` of ``float32``
        Shape ``(3, ny, nx)``: the image over ``scale`` with the harmonic fill under the mask; the mask; and a level
        that damaged pixels probably exceed, over ``scale``: the known one where ``full``, else under all of the mask
        the brightest valid value near it.
    scale : `float`
        The level, or where it isn't known the mean of the harmonic fill over the mask, so that planes do not depend on
        the unit of the image.
    """
    start = harmonic(image, mask)
    if level is None:
        # The mean may vanish or be negative off the limb, where an image is noise about zero
        inside, around = start[mask], np.abs(start[~mask])
        scale = max(float(inside.mean()), float(around.mean()), np.finfo(np.float32).tiny)
        exceeded = np.where(mask, _brightest(start, mask) / scale, 0)
    else:
        scale, exceeded = float(level), np.where(full, 1.0, 0.0)
    return np.stack([start / scale, mask, exceeded]).astype(np.float32), scale


def _brightest(image, mask):
    """The brightest valid value near a mask, lone bright pixels aside: second in its own neighbourhood."""
    near = ndimage.binary_dilation(mask, iterations=_NEAR) & ~mask
    second = ndimage.rank_filter(np.where(mask, -np.inf, image), -2, size=3)
    return max(second[near].max(), image[near].min())  # the latter if every pixel is alone
