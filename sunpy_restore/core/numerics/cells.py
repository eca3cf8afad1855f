"""Sums over square cells of pixels, interpolation between cells, and normalized convolution."""

import numpy as np
from scipy import ndimage

__all__ = ["between_cells", "cell_sums", "normalized_convolution"]

_LEAST = 1e-3  # smallest weight of the known pixels; averages with less weight tend to zero


def cell_sums(image, size):
    """
    Sum an image over square cells.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    size : `int`
        Side of a cell in pixels; the last cells of a row or column may be smaller.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Shape ``(ceil(ny / size), ceil(nx / size))``.
    """
    image = np.pad(image.astype(float), [(0, -length % size) for length in image.shape])
    rows, columns = (length // size for length in image.shape)
    return image.reshape(rows, size, columns, size).sum(axis=(1, 3))


def between_cells(values, size, wanted, shape):
    """
    Interpolate values of cells linearly at the centres of cells of another size.

    Parameters
    ----------
    values : `numpy.ndarray`
        One value per cell, shape ``(ny, nx)``.
    size, wanted : `int`
        Sides of the given cells and of the wanted cells in pixels; both grids begin at the same corner.
    shape : pair of `int`
        Number of wanted cells along each axis.

    Returns
    -------
    `numpy.ndarray`
        Of that shape; constant beyond the centres of the outermost given cells.
    """
    places = [(np.arange(length) * wanted + (wanted - size) / 2) / size for length in shape]
    return ndimage.map_coordinates(values, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")


def normalized_convolution(image, known, sigma):
    """
    Smooth the known pixels of an image with a Gaussian.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, floating point.
    known : `numpy.ndarray` of `bool`
        Pixels that enter the average; others may have any value.
    sigma : `float`
        Standard deviation of the Gaussian in pixels.

    Returns
    -------
    `numpy.ndarray`
        Same shape and type. Unknown pixels get the average of the known pixels around; it is zero where none is near.

    References
    ----------
    * Knutsson & Westin 1993, https://doi.org/10.1109/CVPR.1993.341081
    """
    weight = ndimage.gaussian_filter(known.astype(image.dtype), sigma)
    return ndimage.gaussian_filter(np.where(known, image, 0), sigma) / np.maximum(weight, _LEAST)
