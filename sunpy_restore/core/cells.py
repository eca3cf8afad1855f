"""Sums and averages of pixels: in cells, and of those that are known around each."""

import numpy as np
from scipy import ndimage

__all__ = ["between_cells", "cell_sums", "normalized_convolution"]

_LEAST = 1e-3  # share of what is known in an average, below which this is drawn to zero


def cell_sums(plane, size):
    """
    Sums over square cells of an image.

    Parameters
    ----------
    plane : `numpy.ndarray`
        Shape ``(ny, nx)``.
    size : `int`
        Side of a cell; the last ones may be cut.

    Returns
    -------
    `numpy.ndarray` of ``float64``
    """
    plane = np.pad(plane.astype(float), [(0, -length % size) for length in plane.shape])
    rows, columns = (length // size for length in plane.shape)
    return plane.reshape(rows, size, columns, size).sum(axis=(1, 3))


def between_cells(values, size, wanted, shape):
    """
    Values of cells of one size at the middle of those of another one, linear between them.

    Parameters
    ----------
    values : `numpy.ndarray`
        Shape ``(ny, nx)``.
    size, wanted : `int`
        Sides of the cells that there are and of those that are wanted; both begin at the same corner.
    shape : pair of `int`
        The shape that is wanted.

    Returns
    -------
    `numpy.ndarray`
        Outside of the middles of the outermost cells it is as there.
    """
    places = [(np.arange(length) * wanted + (wanted - size) / 2) / size for length in shape]
    return ndimage.map_coordinates(values, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")


def normalized_convolution(image, known, sigma):
    """
    A Gaussian average of the pixels of an image that are known.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, of a floating type, which is also that of the result.
    known : `numpy.ndarray` of `bool`
        Pixels that count; others may have any value.
    sigma : `float`
        Standard deviation in pixels.

    Returns
    -------
    `numpy.ndarray`
        Also where the pixel itself isn't known; zero where none is near.
    """
    weight = ndimage.gaussian_filter(known.astype(image.dtype), sigma)
    return ndimage.gaussian_filter(np.where(known, image, 0), sigma) / np.maximum(weight, _LEAST)
