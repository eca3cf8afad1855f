"""Removal of stars, cosmic rays and planets, which are small and move from one image to the next."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.numerics.pixels import dilated, relief_at

__all__ = ["blocks", "find_point_sources", "remove_point_sources", "remove_transients"]

_SIGNIFICANCE = 5.0  # local standard deviations
_SMALL_BLOCK, _LARGE_BLOCK = 32, 64  # pixels; sides of the blocks in which the standard deviation is measured
_RELATIVE_CHANGE = 0.2  # of the brightness; streamers change by less from image to image
_LARGEST = 15  # pixels; size of a planet or a comet, which are smaller than structure of the corona

_AT_A_TIME = 8192  # pixels

# Compare-and-swap network for the median of seven values: Devillard (1998), "Fast median search"
_SWAPS = (0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6), (2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4)


def blocks(image, side):
    """
    Split an image into square blocks.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    side : `int`
        Side of a block in pixels.

    Returns
    -------
    `numpy.ndarray`
        The pixels of each block, shape ``(rows, columns, side**2)``, NaN outside of the image.
    """
    padded = np.pad(image, [(0, -length % side) for length in image.shape], constant_values=np.nan)
    rows, columns = (length // side for length in padded.shape)
    return padded.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(rows, columns, -1)


def remove_point_sources(image):
    """
    Replace stars and cosmic rays by the local median.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, NaN in invalid pixels. It is not changed.

    Returns
    -------
    `numpy.ndarray`
        The image with the median of 7 x 7 pixels where it exceeds that by more than 5 local standard deviations plus
        half of the variation of the median.
    """
    seen = np.isfinite(image)
    share = ndimage.uniform_filter(seen.astype(float), 7)
    calm = np.where(seen, image, ndimage.uniform_filter(np.where(seen, image, 0), 7) / np.maximum(share, 1e-9))
    calm = _local_median(calm)
    points = _points(image - calm, calm)
    return np.where(points, calm, image)


def find_point_sources(image, valid, *, noise=0.0):
    """
    Find stars, cosmic rays, and hot and dead pixels.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, finite; pixels that are not valid have their expected value.
    valid : `numpy.ndarray` of `bool`
        Pixels in which sources are searched.
    noise : `numpy.ndarray` or `float`
        Smallest standard deviation of the noise.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Where the image differs from the median of 7 x 7 pixels by more than 5 local standard deviations plus half of
        the variation of the median.
    """
    calm = _local_median(image)
    excess = np.where(valid, image - calm, np.nan)
    return _points(np.abs(excess), calm, noise)


def _local_median(image):
    """Median of seven columns, then of seven rows."""
    for axis in (0, 1):
        image = _median(image, axis)
    return image


def _points(excess, calm, noise=0.0):
    """Pixels with a significant excess, and the fainter wings next to them."""
    limit = _SIGNIFICANCE * np.maximum(_spread(excess, _SMALL_BLOCK), noise)
    # The diffraction rings around the occulter stay, because the median varies as much there
    near = dilated(excess > limit)
    low, high = relief_at(calm, near, 7)
    limit, excess = limit[near] + (high - low) / 2, excess[near]
    found = np.zeros_like(near)
    found[near] = excess > limit
    found = dilated(found)
    found[near] &= excess > limit / 2
    return found


def remove_transients(images):
    """
    Remove small objects that are bright in one image and not in the others.

    Parameters
    ----------
    images : `numpy.ndarray`
        Images of matched brightness, without bias, shape ``(n, ny, nx)``, NaN in invalid pixels. They are not changed.

    Returns
    -------
    `numpy.ndarray`
        The images, NaN in planets and comets of up to 15 pixels; pixels that are valid in one image only stay.
    """
    seen = np.isfinite(images)
    known, count = np.where(seen, images, 0), seen.sum(axis=0)
    total, transient = known.sum(axis=0), np.zeros(images.shape, dtype=bool)
    for index, image in enumerate(known):
        both = seen[index] & (count > 1)
        others = (total - image) / np.maximum(count - seen[index], 1)
        excess = np.where(both, image - others, 0)
        excess -= ndimage.grey_opening(excess, _LARGEST)
        spread = _spread(np.where(both, excess, np.nan), _LARGE_BLOCK)
        limit = _SIGNIFICANCE * spread + _RELATIVE_CHANGE * np.abs(others)
        transient[index] = dilated(excess > limit) & both
    return np.where(transient & (count > transient.sum(axis=0)), np.nan, images)


def _median(image, axis):
    """Running median of seven pixels along an axis."""
    padded = np.pad(image, [(3, 3) if axis == number else (0, 0) for number in (0, 1)], mode="reflect")
    found = np.empty_like(image)
    # Parts that fit into the cache of the processor
    rows = max(_AT_A_TIME // image.shape[1], 1)
    for top in range(0, len(image), rows):
        bottom = min(top + rows, len(image))
        if axis == 0:
            lines = [padded[top + start : bottom + start] for start in range(7)]
        else:
            lines = [padded[top:bottom, start : start + image.shape[1]] for start in range(7)]
        for low, high in _SWAPS:
            lines[low], lines[high] = np.minimum(lines[low], lines[high]), np.maximum(lines[low], lines[high])
        found[top:bottom] = lines[3]
    return found


def _spread(excess, side):
    """
    Standard deviation in the block of each pixel, 0 without valid pixels.

    It follows from the 90th percentile, because lossy compression sets most pixels of faint blocks to the median.
    """
    parts = blocks(np.abs(excess), side)
    ranks = (0.9 * np.maximum(np.isfinite(parts).sum(axis=-1) - 1, 0)).astype(int)
    spread = np.empty(ranks.shape)
    for rank in np.unique(ranks):
        same = ranks == rank
        spread[same] = np.partition(parts[same], rank, axis=-1)[:, rank]  # NaN last
    spread = np.nan_to_num(spread) / 1.645
    return np.repeat(np.repeat(spread, side, axis=0), side, axis=1)[: excess.shape[0], : excess.shape[1]]
