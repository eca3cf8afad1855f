"""Borders of zeros, which a rotation or a shift of an image leaves outside of the observed frame."""

import numpy as np
from scipy import ndimage

from sunpy_restore.desaturation.detection.plateau import with_margin

__all__ = ["find_padding"]

_SOLID = 15  # pixels; side of a square that faint, noisy images do not fill with zeros


def find_padding(data):
    """
    Find the pixels outside of the frame that was observed, which are exactly zero.

    These are rows and columns of zeros at the edges of an image, and areas of zeros at its corners that contain a
    square of 15 x 15 pixels. The two pixels next to them are included, because interpolation mixes them with zeros.
    Single pixels of zero counts are observed.

    Parameters
    ----------
    data : `numpy.ndarray`
        Shape ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``; nowhere True if all pixels are zero.
    """
    zero = np.asarray(data) == 0
    corners = zero[[0, 0, -1, -1], [0, -1, 0, -1]]
    if not corners.any() or zero.all():
        return np.zeros(zero.shape, dtype=bool)
    padding = np.ones(zero.shape, dtype=bool)
    padding[_between(~zero.all(axis=1)), _between(~zero.all(axis=0))] = False
    solid = ndimage.minimum_filter(zero.view(np.uint8), _SOLID) > 0
    if solid.any():
        areas = ndimage.label(zero)[0]
        at_corner = np.unique(areas[[0, 0, -1, -1], [0, -1, 0, -1]])
        padding |= zero & np.isin(areas, np.intersect1d(at_corner, areas[solid]))
    return with_margin(padding) if padding.any() else padding


def _between(observed):
    """From the first to the last True element."""
    places = np.flatnonzero(observed)
    return slice(places[0], places[-1] + 1)
