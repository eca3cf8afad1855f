"""Medians of cells of 4 x 4 pixels, which are robust and fast; averages of cells, and interpolation at pixels."""

import numpy as np
from scipy import ndimage

__all__ = ["CELL", "average_near", "cell_medians", "on_pixels"]

CELL = 4
"""Pixels along each axis of a cell."""

_SIGMAS = (2.0, 8.0, 32.0, 128.0)  # cells; of the Gaussians with which the noise is averaged
_ENOUGH = 0.02  # least share of valid cells in such an average


def cell_medians(image, valid):
    """
    Medians of the valid pixels in cells of 4 x 4 pixels.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    valid : `numpy.ndarray` of `bool`
        Pixels that are used.

    Returns
    -------
    medians : `numpy.ndarray`
        One value per cell, zero without a valid pixel.
    known : `numpy.ndarray` of `bool`
        Whether at least half of the pixels of a cell are valid.
    """
    pads = [(0, -length % CELL) for length in image.shape]
    values = np.pad(np.where(valid, image, np.inf), pads, constant_values=np.inf)
    rows, columns = (length // CELL for length in values.shape)
    cells = values.reshape(rows, CELL, columns, CELL).transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    cells = np.sort(cells, axis=2)
    count = np.isfinite(cells).sum(axis=2)
    middle = np.take_along_axis(cells, np.maximum(count - 1, 0)[..., np.newaxis] // 2, axis=2)[..., 0]
    return np.where(count > 0, middle, 0).astype(np.float32), count >= CELL**2 // 2


def on_pixels(cells, shape):
    """
    Interpolate values of cells of 4 x 4 pixels linearly at all pixels.

    Parameters
    ----------
    cells : `numpy.ndarray`
        One value per cell.
    shape : pair of `int`
        Shape ``(ny, nx)`` of the image.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``.
    """
    grid = np.meshgrid(*((np.arange(n, dtype=np.float32) - 1.5) / CELL for n in shape), indexing="ij", sparse=True)
    return _interpolated(cells, *grid)


def average_near(values, known):
    """
    Average cells over the smallest neighbourhood with enough known ones.

    Parameters
    ----------
    values : `numpy.ndarray`
        One value per cell.
    known : `numpy.ndarray` of `bool`
        Cells that are used; others may have any value.

    Returns
    -------
    `numpy.ndarray`
        Smooth averages at all cells, also at those that are not known.
    """
    result, missing = np.zeros_like(values), np.ones_like(values)
    for size in _SIGMAS:
        step = max(int(size // 4), 1)
        weight = _smoothed(known.astype(np.float32), size, step)
        mean = _smoothed(np.where(known, values, 0), size, step) / np.maximum(weight, 1e-6)
        # A gradual transition keeps the average continuous
        share = missing * np.clip(weight / _ENOUGH - 1, 0, 1)
        result, missing = result + share * mean, missing - share
    result += missing * (values[known].mean() if known.any() else 0)
    return result


def _smoothed(image, size, step):
    """Gaussian average; for large widths it is computed on a coarser grid."""
    if step == 1:
        return ndimage.gaussian_filter(image, size, mode="constant")
    pads = [(0, -length % step) for length in image.shape]
    padded = np.pad(image, pads)
    rows, columns = (length // step for length in padded.shape)
    thin = padded.reshape(rows, step, columns, step).mean(axis=(1, 3))
    thin = ndimage.gaussian_filter(thin, size / step, mode="constant")
    places = [(np.arange(n, dtype=np.float32) - (step - 1) / 2) / step for n in image.shape]
    return _interpolated(thin, *np.meshgrid(*places, indexing="ij", sparse=True))


def _interpolated(image, rows, columns):
    """Linear interpolation at a grid of rows and columns."""
    for axis, places in ((0, rows.ravel()), (1, columns.ravel())):
        places = np.clip(places, 0, image.shape[axis] - 1)
        low = np.minimum(places.astype(int), max(image.shape[axis] - 2, 0))
        high = np.minimum(low + 1, image.shape[axis] - 1)
        part = (places - low).astype(np.float32)
        part = part[:, np.newaxis] if axis == 0 else part
        image = np.take(image, low, axis) * (1 - part) + np.take(image, high, axis) * part
    return image
