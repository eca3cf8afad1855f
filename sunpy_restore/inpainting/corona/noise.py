"""Noise of coronagraph images, from differences of neighbouring pixels."""

from math import comb

import numpy as np

from sunpy_restore.inpainting.corona.cells import average_near, cell_medians, on_pixels

__all__ = ["find_noise", "noise_in_cells"]


def find_noise(image, valid, *, order=1):
    """
    Estimate the noise per pixel from differences along rows, which contain little structure.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    valid : `numpy.ndarray` of `bool`
        Pixels that are used; others may have any value.
    order : `int`
        Order of the differences. First-order differences are cheap, but exceed the noise several times at steep
        gradients such as the edge of the occulter. Third-order differences do not.

    Returns
    -------
    `numpy.ndarray` of ``float32``
        Standard deviation, smooth over the image, also in pixels that are not valid.
    """
    return on_pixels(average_near(*noise_in_cells(image, valid, order=order)), image.shape)


def noise_in_cells(image, valid, *, order):
    """
    Estimate the noise per pixel in cells of 4 x 4 pixels.

    Parameters
    ----------
    image, valid, order
        As for `find_noise`.

    Returns
    -------
    noise : `numpy.ndarray` of ``float32``
        Standard deviation, one value per cell.
    known : `numpy.ndarray` of `bool`
        Whether half of the differences of a cell are known.
    """
    difference, known = np.where(valid, image, 0).astype(np.float32, copy=False), valid
    for _ in range(order):
        difference = np.diff(difference, axis=1, append=difference[:, -1:])
        known = known & np.roll(known, -1, axis=1)
        known[:, -1] = False
    # The variance of a difference is the sum of the squared binomial coefficients
    return cell_medians(np.abs(difference) / np.float32(np.sqrt(comb(2 * order, order)) * 0.6745), known)
