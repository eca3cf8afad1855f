"""What a network for desaturation sees: an image with a first fill, the mask, and the level of saturation."""

import numpy as np

from sunpy_restore.core.filling import harmonic

__all__ = ["planes_of"]


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
        Shape ``(3, ny, nx)``: the image over ``scale`` with the harmonic fill under the mask; the mask; ``level /
        scale`` where ``full``.
    scale : `float`
        The level, or where it isn't known the mean of the harmonic fill over the mask, so that planes do not depend on
        the unit of the image.
    """
    start = harmonic(image, mask)
    if level is None:
        # The mean may vanish or be negative off the limb, where an image is noise about zero
        inside, around = start[mask], np.abs(start[~mask])
        scale = max(float(inside.mean()), float(around.mean()), np.finfo(np.float32).tiny)
        known = np.zeros_like(start)
    else:
        scale, known = float(level), np.where(full, 1.0, 0.0)
    return np.stack([start / scale, mask, known]).astype(np.float32), scale
