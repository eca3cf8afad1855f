"""
Differences between neighbouring pixels, in which diffraction fringes stand out against the corona.

The intensity of the corona under the fringes is unknown, but it varies little over two pixels, whereas fringes vary
strongly.
"""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.numerics.cells import normalized_convolution

__all__ = [
    "BLUR",
    "GUARD",
    "comparable",
    "differences",
    "differences_adjoint",
    "local_mean_and_spread",
    "local_variance",
    "misfit",
    "strength",
]

BLUR = 0.7
"""Standard deviation in pixels of the Gaussian blur before the comparison, which suppresses the noise of pixels."""

GUARD = 4
"""Pixels next to a mask that are not compared: they contain bloomed charge and the wings of the core."""

_LAG = 2  # pixels between the two whose difference is taken
_BOX = 15  # pixels; side of the box in which the variance of the differences is estimated


def differences(image):
    """
    Differences of pixels at a distance of two pixels.

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
    result[0, :-_LAG] = image[_LAG:] - image[:-_LAG]
    result[1, :, :-_LAG] = image[:, _LAG:] - image[:, :-_LAG]
    return result


def differences_adjoint(both):
    """
    Transpose of `differences`.

    Parameters
    ----------
    both : `numpy.ndarray`
        Shape ``(2, ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``.
    """
    result = np.zeros(both.shape[1:])
    result[_LAG:] += both[0, :-_LAG]
    result[:-_LAG] -= both[0, :-_LAG]
    result[:, _LAG:] += both[1, :, :-_LAG]
    result[:, :-_LAG] -= both[1, :, :-_LAG]
    return result


def comparable(image, usable):
    """
    Smooth an image, and select the differences in it that can be compared with a model.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    usable : `numpy.ndarray` of `bool`
        Valid pixels outside of the mask.

    Returns
    -------
    smoothed : `numpy.ndarray`
        Shape ``(ny, nx)``.
    pairs : `numpy.ndarray` of `bool`
        Shape ``(2, ny, nx)``, True where both pixels of a difference are farther than `GUARD` from unusable ones.
    """
    far = ~ndimage.binary_dilation(~usable, iterations=GUARD)
    pairs = np.zeros((2, *far.shape), dtype=bool)
    pairs[0, :-_LAG] = far[:-_LAG] & far[_LAG:]
    pairs[1, :, :-_LAG] = far[:, :-_LAG] & far[:, _LAG:]
    return normalized_convolution(image, usable, BLUR), pairs


def local_variance(values, trusted):
    """
    Variance of differences in the neighbourhood of each one.

    Parameters
    ----------
    values : `numpy.ndarray`
        Differences, shape ``(2, ny, nx)``.
    trusted : `numpy.ndarray` of `bool`
        Differences that are used.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(2, ny, nx)``; positive unless all trusted differences are zero.
    """
    size = np.abs(values) * trusted
    share = ndimage.uniform_filter(trusted.astype(float), (0, _BOX, _BOX), mode="constant")
    spread = ndimage.uniform_filter(size, (0, _BOX, _BOX), mode="constant") / np.maximum(share, 1e-6)
    floor = 1e-3 * np.sum(size) / max(np.sum(trusted), 1)
    # The standard deviation of a normal variable is 1.25 times its mean absolute deviation
    return (1.25 * np.maximum(spread, floor)) ** 2


def local_mean_and_spread(image, valid, size):
    """
    Mean and standard deviation of the valid pixels in a box around each pixel.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    valid : `numpy.ndarray` of `bool`
        Pixels that are used.
    size : `int`
        Side of the box in pixels.

    Returns
    -------
    mean, spread : `numpy.ndarray`
        Shape ``(ny, nx)``; 0 where a box has no valid pixel.
    """
    share = ndimage.uniform_filter(valid.astype(float), size)
    known = np.where(valid, image, 0)
    mean, square = (ndimage.uniform_filter(part, size) / np.maximum(share, 1e-6) for part in (known, known**2))
    return mean, np.sqrt(np.maximum(square - mean**2, 0))


def misfit(residual, variance):
    """
    Misfit of a model to differences, in which outliers enter by their logarithm.

    Parameters
    ----------
    residual, variance : `numpy.ndarray`
        Observed minus predicted differences, and the variance of the observed ones, shape ``(n,)``.

    Returns
    -------
    `float`
    """
    return np.log1p(residual**2 / (3 * variance)).sum()


def strength(observed, predicted, variance):
    """
    Strength of observed differences, divided by the strength that a model predicts.

    Parameters
    ----------
    observed, predicted, variance : `numpy.ndarray`
        Differences, and the variance of the observed ones, shape ``(n,)``. Outliers have less weight.

    Returns
    -------
    `float`
        NaN if no differences are predicted.
    """
    weights = 1 / (variance + (observed - predicted) ** 2 / 3)
    expected = weights @ predicted**2
    return float(weights @ (observed * predicted) / expected) if expected else np.nan
