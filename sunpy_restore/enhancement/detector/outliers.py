"""Outliers in HMI images: cosmic rays, hot and dead pixels, which are sharper than the optics allow."""

from functools import lru_cache

import numpy as np
from scipy import ndimage

from sunpy_restore.enhancement.optics.telescope import HMI

__all__ = ["SHARPEST", "find_outliers", "sharpest_of", "uniform_border"]

SHARPEST = 0.26
"""
Mean excess of the eight neighbours relative to that of an outlier, at most, for HMI.

The image of a point source has 0.4 or more: its light falls on the neighbours, too.
"""

_ROUNDS = 6
"""Outliers are found from the ends of a track inwards; tracks of up to twice this length are found."""

_ONE_SIDED = 5.5
"""
Increase of the smallest difference with the share of the 24 pixels around a pixel that are not known.

Steep solar structure stands out from pixels on one side of it. In cutouts of real images with neighbours as faint as
those of outliers, it does so by up to 3 times the difference for known surroundings at edges, and 4 times in corners.
"""

_STRONG = 4
"""Ratio to the smallest difference from which on a pixel at the border may be one of several outlying neighbours."""

_LEAST_KNOWN = 8
"""Least number of known pixels among the 24 around an outlier: those of a corner."""

_RUN, _LEAST_UNIFORM = 4, 10
"""Equal pixels in a row at the border, and in all, from which on an area was filled when the image was rotated."""

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
        Smallest difference from the median of the surroundings, if all of them are known. It is larger at the border
        of the image and next to pixels that are not used.
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
    known = known & ~uniform_border(image, known)
    measured = np.pad(known & ~found, 2)
    image = np.pad(image.astype(np.float32), 2)
    for _ in range(_ROUNDS):
        usable = np.pad(known & ~found, 2)
        places = np.nonzero(_candidates(image, usable, excess, sharpest))
        outlying = _is_outlier(image, usable, measured, places, excess, sharpest)
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
    telescope : `~sunpy_restore.enhancement.optics.telescope.Telescope`
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


def _is_outlier(image, usable, measured, places, excess, sharpest):
    """Whether each place is an outlier, from the median of the 24 pixels and the excess of the 8 pixels around it."""
    beside = [(places[0] + dy, places[1] + dx) for dy, dx in _AROUND]
    around = np.stack([np.where(usable[place], image[place], np.nan) for place in beside])
    count = sum(measured[place].astype(int) for place in beside)
    unknown = 1 - count / len(_AROUND)
    least = excess * (1 + _ONE_SIDED * unknown)
    difference = image[places] - np.nanmedian(around, axis=0)
    above = np.sign(difference) * (around[_NEXT] - (image[places] - difference))
    neighbours = np.nanmean(np.clip(above, 0, None), axis=0)
    # The flank of a source beyond the border is steeper than the source as a whole
    limit = sharpest * np.where(np.abs(difference) < _STRONG * least, 1 - unknown, 1)
    outlying = (np.abs(difference) > least) & (neighbours < limit * np.abs(difference))
    return outlying & (count >= _LEAST_KNOWN)


def uniform_border(image, known):
    """
    Find areas of equal values at the border, by which rotated images are filled up.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    known : `numpy.ndarray` of `bool`
        Pixels that are searched.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    uniform = np.zeros(known.shape, bool)
    values = set()
    for line, usable in ((image, known), (image.T, known.T)):
        for end in (0, -1):
            if line.shape[1] < _RUN:
                continue
            parts = np.lib.stride_tricks.sliding_window_view(line[end], _RUN)
            same = (parts == parts[:, :1]).all(axis=1) & usable[end][: len(parts)]
            values.update(parts[same, 0].tolist())
    for value in values:
        labels, _ = ndimage.label(known & (image == value), structure=np.ones((3, 3)))
        at_border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        large = np.flatnonzero(np.bincount(labels.ravel()) >= _LEAST_UNIFORM)
        uniform |= np.isin(labels, np.intersect1d(large, at_border[at_border > 0]))
    return uniform
