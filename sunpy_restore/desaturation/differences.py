"""
Differences from pixel to pixel, by which fringes are told from the corona that they lie on.

The corona is not known, but it changes little over two pixels, and fringes change much.
"""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.cells import normalized_convolution

__all__ = ["BLUR", "GUARD", "LAG", "comparable", "differences", "differences_adjoint", "usual_variance"]

BLUR = 0.7
"""Gaussian blur in pixels before the comparison, which leaves the noise of single pixels alone."""

GUARD = 4
"""Pixels next to a mask that are not compared: blooming and the core's own wings."""

LAG = 2
"""Pixels between the two whose difference is compared."""

_BOX = 15  # pixels over which the corona's differences are alike


def differences(image):
    """
    Differences over `LAG` pixels.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(2, ny, nx)``: along y and along x, zero where there is no second pixel.
    """
    result = np.zeros((2, *image.shape))
    result[0, :-LAG] = image[LAG:] - image[:-LAG]
    result[1, :, :-LAG] = image[:, LAG:] - image[:, :-LAG]
    return result


def differences_adjoint(both):
    """The transpose of `differences`."""
    result = np.zeros(both.shape[1:])
    result[LAG:] += both[0, :-LAG]
    result[:-LAG] -= both[0, :-LAG]
    result[:, LAG:] += both[1, :, :-LAG]
    result[:, :-LAG] -= both[1, :, :-LAG]
    return result


def comparable(image, usable):
    """
    An image without the noise of single pixels, and which differences in it can be compared.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    usable : `numpy.ndarray` of `bool`
        Pixels that show the corona.

    Returns
    -------
    smoothed : `numpy.ndarray`
        Shape ``(ny, nx)``.
    pairs : `numpy.ndarray` of `bool`
        Shape ``(2, ny, nx)``, True where both pixels of a difference are far from those that are not usable.
    """
    far = ~ndimage.binary_dilation(~usable, iterations=GUARD)
    pairs = np.zeros((2, *far.shape), dtype=bool)
    pairs[0, :-LAG] = far[:-LAG] & far[LAG:]
    pairs[1, :, :-LAG] = far[:, :-LAG] & far[:, LAG:]
    return normalized_convolution(image, usable, BLUR), pairs


def usual_variance(found, trusted):
    """
    Variance of the differences about each one.

    Parameters
    ----------
    found : `numpy.ndarray`
        Differences, shape ``(2, ny, nx)``.
    trusted : `numpy.ndarray` of `bool`
        Those that count.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(2, ny, nx)``; not zero unless all are.
    """
    size = np.abs(found) * trusted
    share = ndimage.uniform_filter(trusted.astype(float), (0, _BOX, _BOX), mode="constant")
    spread = ndimage.uniform_filter(size, (0, _BOX, _BOX), mode="constant") / np.maximum(share, 1e-6)
    floor = 1e-3 * np.sum(size) / max(np.sum(trusted), 1)
    # 1.25 mean absolute deviations are the standard deviation of a normal variable
    return (1.25 * np.maximum(spread, floor)) ** 2
