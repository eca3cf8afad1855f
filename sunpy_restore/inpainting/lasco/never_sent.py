"""Pixels that SOHO/LASCO does not send in an image, also under a mask that a user gives."""

import numpy as np
from scipy import ndimage

from sunpy_restore.inpainting.lasco.geometry import BLOCK, empty_pixels, obscured, unobserved_pixels

__all__ = ["masked_never_sent", "never_sent_pixels"]

_MIDDLE = 2 * BLOCK  # detector pixels around the centre of the Sun


def never_sent_pixels(data, lasco, empty=None):
    """
    Find pixels that are hidden or set to zero in images of the kind, and that have no data in this one.

    Parameters
    ----------
    data : `numpy.ndarray`
        Image, shape ``(ny, nx)``.
    lasco : `~sunpy_restore.inpainting.lasco.header.Lasco`
        Properties of the image.
    empty : `numpy.ndarray` of `bool`, optional
        Result of `~sunpy_restore.inpainting.lasco.geometry.empty_pixels`, if it is known.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    empty = empty_pixels(data, lasco) if empty is None else empty
    return empty & obscured(data.shape, lasco) if lasco.level >= 1 else unobserved_pixels(data, lasco, empty)


def masked_never_sent(never_sent, mask, outside, lasco):
    """
    Find masked pixels that are never sent, of which pixels of the same kind outside of the mask give evidence.

    Without any, the pixels under the mask may have been sent and then removed by the user. Around the centre of the
    Sun, only pixels of the same region count: in most images of C3, the blocks in the middle of the occulter are sent
    and those in the corners are not.

    Parameters
    ----------
    never_sent : `numpy.ndarray` of `bool`
        Result of `never_sent_pixels`, shape ``(ny, nx)``.
    mask : `numpy.ndarray` of `bool`
        The mask.
    outside : `numpy.ndarray` of `bool`
        Pixels without data outside of the mask.
    lasco : `~sunpy_restore.inpainting.lasco.header.Lasco`
        Properties of the image.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    found = np.zeros_like(mask)
    if not (never_sent & mask).any():
        return found
    y, x = np.indices(mask.shape, sparse=True)
    middle = lasco.binning * np.hypot(x - lasco.center[0], y - lasco.center[1]) < _MIDDLE
    regions, _ = ndimage.label(never_sent)
    central = never_sent & np.isin(regions, regions[middle & never_sent])
    for part in (central, never_sent & ~central):
        if (part & outside).any():
            found |= part & mask
    return found
