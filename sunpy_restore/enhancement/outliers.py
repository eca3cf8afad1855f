"""Outliers in HMI images: cosmic rays, hot and dead pixels, which are sharper than the optics allow."""

from functools import lru_cache

import numpy as np
from scipy import ndimage

from sunpy_restore.enhancement.telescope import HMI

__all__ = ["SHARPEST", "find_outliers", "sharpest_of"]

SHARPEST = 0.26
"""
Mean excess of the eight neighbours relative to that of an outlier, at most, for HMI.

The image of a point source has 0.4 or more: its light falls on the neighbours, too.
"""

_ROUNDS = 6
"""Outliers are found from the ends of a track inwards; tracks of up to twice this length are found."""

_AROUND = [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3) if (dy, dx) != (0, 0)]
_NEXT = [max(abs(dy), abs(dx)) == 1 for dy, dx in _AROUND]


def find_outliers(image, known, *, excess, limits, sharpest=SHARPEST):
    """
    Find pixels that stand out from their neighbours more than a point source would, or that are beyond physical limits.

    Parameters
    ----------
    image : `numpy.ndarray`
        Normalised image, shape ``(ny, nx)``, finite.
    known : `numpy.ndarray` of `bool`
        Pixels that are searched; the others are not used.
    excess : `float`
        Smallest difference from the median of the surroundings.
    limits : pair of `float`
        Smallest and largest physical value.
    sharpest : `float`
        Mean excess of the eight neighbours relative to that of an outlier, at most.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    found = known & ((image < limits[0]) | (image > limits[1]))
    image = np.pad(image.astype(np.float32), 2)
    for _ in range(_ROUNDS):
        usable = np.pad(known & ~found, 2)
        places = np.nonzero(_candidates(image, usable, excess, sharpest))
        outlying = _is_outlier(image, usable, places, excess, sharpest)
        if not outlying.any():
            break
        found[tuple(axis[outlying] - 2 for axis in places)] = True
    return found


@lru_cache(maxsize=8)
def sharpest_of(telescope):
    """
    Mean excess of the neighbours of an outlier, at most, for the point spread function of a telescope.

    Parameters
    ----------
    telescope : `~sunpy_restore.enhancement.telescope.Telescope`
        The telescope.

    Returns
    -------
    `float`
        In proportion to that of the image of a point source.
    """
    return SHARPEST * (_point_source(telescope) / _point_source(HMI))


def _point_source(telescope, fine=5):
    """Mean of the eight neighbours of the pixel with a point source in its centre, relative to that pixel."""
    kernel = telescope.psf.sampled(telescope.pixel_scale / fine)
    image = ndimage.uniform_filter(np.pad(kernel, 2 * fine), fine, mode="constant")
    middle = image.shape[0] // 2
    around = image[middle - fine : middle + fine + 1 : fine, middle - fine : middle + fine + 1 : fine]
    return (around.sum() - around[1, 1]) / 8 / around[1, 1]


def _candidates(image, usable, excess, sharpest):
    """Usable pixels that differ enough from the mean of their usable neighbours."""
    values = np.where(usable, image, 0)
    total, count = values.copy(), usable.astype(np.float32)
    for axis in (0, 1):
        for array in (total, count):
            ndimage.convolve1d(array, [1, 1, 1], axis=axis, mode="constant", output=array)
    mean = (total - values) / np.maximum(count - 1, 1)
    return usable & (count > 3) & (np.abs(values - mean) > (1 - sharpest) * excess)


def _is_outlier(image, usable, places, excess, sharpest):
    """Whether each place is an outlier, from the median of the 24 pixels and the excess of the 8 pixels around it."""
    around = np.stack(
        [
            np.where(usable[rows, columns], image[rows, columns], np.nan)
            for rows, columns in ((places[0] + dy, places[1] + dx) for dy, dx in _AROUND)
        ]
    )
    difference = image[places] - np.nanmedian(around, axis=0)
    above = np.sign(difference) * (around[_NEXT] - (image[places] - difference))
    neighbours = np.nanmean(np.clip(above, 0, None), axis=0)
    return (np.abs(difference) > excess) & (neighbours < sharpest * np.abs(difference))
