"""Pixels of one image on the grid of another."""

import numpy as np

__all__ = ["repeated"]


def repeated(image, scale):
    """
    Repeat each pixel of an image along both axes.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, any type.
    scale : `int`
        Number of copies of a pixel along each axis.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(scale * ny, scale * nx)``.
    """
    return np.repeat(np.repeat(image, scale, axis=0), scale, axis=1)
