"""Stars, cosmic rays and planets: what is small, and does not stay where it is from one frame to the next."""

import numpy as np
from scipy import ndimage

__all__ = ["blocks", "remove_transients", "remove_point_sources"]

_POINT = 5.0  # local standard deviations
_NEAR, _WIDE = 32, 64  # pixels; sides of the blocks in which the spread is taken
_SHARE = 0.2  # of the brightness; streamers change by less from frame to frame
_LONE = 15  # pixels; what fits in between is a planet or a comet, not the corona

# Swaps that leave the median of seven in the middle: Devillard (1998), "Fast median search"
_SWAPS = (0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6), (2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4)


def blocks(image, side):
    """
    The pixels of each square block of an image.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    side : `int`
        Side of a block in pixels.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(rows, columns, side**2)``, NaN beyond the edges of the image.
    """
    padded = np.pad(image, [(0, -length % side) for length in image.shape], constant_values=np.nan)
    rows, columns = (length // side for length in padded.shape)
    return padded.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(rows, columns, -1)


def remove_point_sources(image):
    """
    Put the local median in the place of stars and cosmic rays.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, NaN where there is nothing. It is not changed.

    Returns
    -------
    `numpy.ndarray`
        The image, where it exceeds the median of 7 x 7 pixels by less than 5 local standard deviations, and half of
        what that median varies by there.
    """
    seen = np.isfinite(image)
    share = ndimage.uniform_filter(seen.astype(float), 7)
    calm = np.where(seen, image, ndimage.uniform_filter(np.where(seen, image, 0), 7) / np.maximum(share, 1e-9))
    for axis in (0, 1):
        calm = _median(calm, axis)
    excess = image - calm
    # Fringes at the edge of the occulter stay, for next to them the median itself rises as much
    relief = ndimage.maximum_filter(calm, 7) - ndimage.minimum_filter(calm, 7)
    limit = _POINT * _spread(excess, _NEAR) + relief / 2
    # The wings of a star are lower, but next to it
    points = ndimage.binary_dilation(excess > limit, np.ones((3, 3))) & (excess > limit / 2)
    return np.where(points, calm, image)


def remove_transients(images):
    """
    Take out what is small and bright in one frame and not in the others.

    Parameters
    ----------
    images : `numpy.ndarray`
        Frames of the same brightness, without bias, shape ``(n, ny, nx)``, NaN where there is nothing. They are not
        changed.

    Returns
    -------
    `numpy.ndarray`
        The frames, NaN where a planet or a comet of up to 15 pixels was; as they are where no other shows anything.
    """
    seen = np.isfinite(images)
    known, count = np.where(seen, images, 0), seen.sum(axis=0)
    total, lone = known.sum(axis=0), np.zeros(images.shape, dtype=bool)
    for index, frame in enumerate(known):
        both = seen[index] & (count > 1)
        others = (total - frame) / np.maximum(count - seen[index], 1)
        excess = np.where(both, frame - others, 0)
        excess -= ndimage.grey_opening(excess, _LONE)
        limit = _POINT * _spread(np.where(both, excess, np.nan), _WIDE) + _SHARE * np.abs(others)
        lone[index] = ndimage.binary_dilation(excess > limit, np.ones((3, 3))) & both
    return np.where(lone & (count > lone.sum(axis=0)), np.nan, images)


def _median(image, axis):
    """Running median of seven pixels along an axis."""
    padded = np.pad(image, [(3, 3) if axis == number else (0, 0) for number in (0, 1)], mode="reflect")
    length = image.shape[axis]
    lines = [np.moveaxis(padded, axis, 0)[start : start + length] for start in range(7)]
    for low, high in _SWAPS:
        lines[low], lines[high] = np.minimum(lines[low], lines[high]), np.maximum(lines[low], lines[high])
    return np.moveaxis(lines[3], 0, axis)


def _spread(excess, side):
    """
    Standard deviation in the block of each pixel, 0 where it shows nothing.

    From the 90th percentile: lossy compression leaves most pixels of faint blocks exactly at the median.
    """
    ordered = np.sort(blocks(np.abs(excess), side), axis=-1)  # NaN last
    rank = (0.9 * np.maximum(np.isfinite(ordered).sum(axis=-1, keepdims=True) - 1, 0)).astype(int)
    spread = np.nan_to_num(np.take_along_axis(ordered, rank, axis=-1)[..., 0]) / 1.645
    return np.repeat(np.repeat(spread, side, axis=0), side, axis=1)[: excess.shape[0], : excess.shape[1]]
