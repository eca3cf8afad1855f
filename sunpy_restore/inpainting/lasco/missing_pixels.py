"""Pixels of a LASCO Map that are missing, not observed, or never sent."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.images.maps import valid_pixels, with_data
from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.numerics.filling import checked_hole
from sunpy_restore.inpainting.lasco.geometry import MARGIN, empty_pixels, obscured
from sunpy_restore.inpainting.lasco.missing_blocks import find_missing_blocks, mostly_lost
from sunpy_restore.inpainting.lasco.never_sent import masked_never_sent, never_sent_pixels

__all__ = [
    "count_guessed",
    "count_without_data",
    "missing_pixels",
    "most_frequent",
    "not_filled",
    "without_masked",
]

_NARROW = 3  # pixels; narrower regions of zeros may be data


def without_masked(smap, mask):
    """
    Put zeros under a given mask.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        A LASCO Map.
    mask : `numpy.ndarray` of `bool` or `None`
        Pixels to fill.

    Returns
    -------
    `~sunpy.map.GenericMap`
        The same Map if the mask is invalid, which is refused later.
    """
    if mask is None or np.shape(mask) != smap.data.shape or np.asarray(mask).dtype != bool:
        return smap
    return with_data(smap, np.where(mask, 0, smap.data).astype(smap.data.dtype))


def missing_pixels(smap, lasco, mask, original):
    """
    Find the pixels of a Map that are to be filled.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        Result of `without_masked`.
    lasco : `~sunpy_restore.inpainting.lasco.header.Lasco`
        Its header.
    mask : `numpy.ndarray` of `bool` or `None`
        Pixels to fill; by default the missing blocks.
    original : `~sunpy.map.GenericMap`
        The Map as it was given.

    Returns
    -------
    missing, unobserved, never_sent : `numpy.ndarray` of `bool`
        Missing pixels, other pixels without an observation, and missing pixels that the instrument never sends.

    Raises
    ------
    ValueError
        See `~sunpy_restore.core.numerics.filling.checked_hole` and
        `~sunpy_restore.inpainting.lasco.missing_blocks.find_missing_blocks`.
    """
    if mask is None:
        missing = find_missing_blocks(smap)
        return missing.mask, missing.unobserved, np.zeros_like(missing.mask)
    empty = empty_pixels(smap.data, lasco)
    valid = valid_pixels(smap) & ~empty
    mask = checked_hole(np.where(valid, smap.data, np.nan), mask)
    unobserved = ~valid & ~mask
    # Whether pixels under the mask were sent shows in the data, although their values are not used
    never_sent = never_sent_pixels(smap.data, lasco, empty & ~(mask & ~empty_pixels(original.data, lasco)))
    return mask, unobserved, masked_never_sent(never_sent, mask, unobserved, lasco)


def count_without_data(smap, lasco, missing):
    """
    Count pixels without data for another reason than that they are missing, masked or hidden.

    Parameters
    ----------
    smap, lasco
        See `missing_pixels`.
    missing : `numpy.ndarray` of `bool`
        Missing pixels.

    Returns
    -------
    `int`

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        There are such pixels besides missing blocks.
    """
    data = smap.data
    # The blocks that are zero on board are not those of a binned image
    empty = ~np.isfinite(data) if lasco.binned_on_ground else empty_pixels(data, lasco)
    hidden = obscured(data.shape, lasco, MARGIN) if lasco.level >= 1 else never_sent_pixels(data, lasco, empty)
    gone = empty & ~missing & ~hidden
    if smap.mask is not None:
        gone &= ~np.asarray(smap.mask, dtype=bool)
    if not gone.any():
        return 0
    # A single zero may be a datum of an image from which another one was subtracted
    gone &= ~np.isfinite(data) | ndimage.binary_opening(empty, np.ones((_NARROW, _NARROW)))
    count = int(np.count_nonzero(gone))
    if count and missing.any():
        warn_user(not_filled(count))
    return count


def not_filled(count):
    """
    Say that pixels without data are not filled.

    Parameters
    ----------
    count : `int`
        Number of these pixels.

    Returns
    -------
    `str`
    """
    return (
        f"{count} pixels without data (zero or without a finite value) are no complete blocks and are not filled. Pass "
        "mask= with True in all pixels to fill."
    )


def count_guessed(missing, unobserved, filled):
    """
    Count missing pixels whose values are little more than a guess.

    Parameters
    ----------
    missing, unobserved : `numpy.ndarray` of `bool`
        See `missing_pixels`.
    filled : `int`
        Number of filled pixels.

    Returns
    -------
    `int`

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        There are such pixels.
    """
    guessed = int(np.count_nonzero(mostly_lost(missing, unobserved)))
    if guessed:
        warn_user(
            f"{guessed} of {filled} filled pixels are far from all valid pixels or have more missing than valid pixels "
            "around, so their values are little more than a guess. "
            "sunpy_restore.inpainting.lasco.missing_blocks.mostly_lost finds these pixels."
        )
    return guessed


def most_frequent(values):
    """
    Find the most frequent value.

    Parameters
    ----------
    values : `numpy.ndarray`
        Values.

    Returns
    -------
    `float`
        NaN if none is finite.
    """
    found, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    return found[counts.argmax()] if found.size else np.nan
