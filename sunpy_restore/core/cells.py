"""Images in larger cells than pixels."""

import numpy as np
from scipy import ndimage

__all__ = ["between_cells", "cell_sums"]


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
