"""Masks that a user gives: Maps, and arrays that are masked themselves."""

import numpy as np

__all__ = ["array_of", "refuse_masked"]

_LARGEST_SHIFT = 0.1
"""Largest distance in pixels between a pixel of an image and that of a Map that is its mask."""


def array_of(mask, smap):
    """
    Boolean array of a Map that is the mask of an image.

    Parameters
    ----------
    mask : `~sunpy.map.GenericMap`
        Map with the values 0 (or False) and 1.
    smap : `~sunpy.map.GenericMap`
        The image.

    Returns
    -------
    `numpy.ndarray` of `bool`
        True where the mask is 1.

    Raises
    ------
    TypeError
        Some pixels of the mask are masked.
    ValueError
        The mask has other values, or other pixels than the image.
    """
    refuse_masked(mask)
    found = f"Found a Map of class {type(mask).__name__} as the mask"
    if mask.data.shape != smap.data.shape:
        raise ValueError(
            f"{found}, with the shape {mask.data.shape}; expected {smap.data.shape}, that of the image. Use "
            "mask.reproject_to(image.wcs)."
        )
    if not np.isin(mask.data, (0, 1)).all():
        raise ValueError(
            f"{found} with other values than 0 and 1; expected 1 in the pixels to fill. Pass an array such as "
            "image.data > threshold."
        )
    ny, nx = mask.data.shape
    corners = np.array([(x, y) for x in (0, nx - 1) for y in (0, ny - 1)], dtype=float)
    shift = np.abs(smap.wcs.wcs_world2pix(mask.wcs.wcs_pix2world(corners, 0), 0) - corners).max()
    if not shift < _LARGEST_SHIFT:
        raise ValueError(
            f"{found} whose pixels lie up to {shift:.3g} pixels from those of the image; expected the same pixels. Use "
            "mask.reproject_to(image.wcs), or pass the array mask.data if its coordinates do not matter."
        )
    return mask.data.astype(bool)


def refuse_masked(mask):
    """
    Refuse a mask in which pixels are masked, because whether they are to be filled is not known.

    Parameters
    ----------
    mask : `numpy.ndarray`, `~sunpy.map.GenericMap` or other object
        The mask. Only a `numpy.ma.MaskedArray` and a Map have masked pixels.

    Raises
    ------
    TypeError
        Some pixels are masked.
    """
    if isinstance(mask, np.ma.MaskedArray):
        what, own, advice = "masked array", np.ma.getmaskarray(mask), "mask.filled(True) to include them"
    elif hasattr(mask, "mask") and hasattr(mask, "wcs") and mask.mask is not None:
        what, own, advice = "Map", np.asarray(mask.mask), "the array mask.data to use the values under its mask"
    else:
        return
    if own.any():
        raise TypeError(
            f"Found a {what} with {np.count_nonzero(own)} masked pixels as the mask; expected True or False in each "
            f"pixel. Pass {advice}, or set them otherwise."
        )
