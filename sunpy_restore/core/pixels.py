"""Pixels of one image on the grid of another."""

import numpy as np

__all__ = ["repeated"]


def repeated(image, scale):
    """
    An image with each pixel repeated ``scale`` times along both axes.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, of any type.
    scale : `int`
        Number of repetitions.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(scale * ny, scale * nx)``.
    """
    return np.repeat(np.repeat(image, scale, axis=0), scale, axis=1)
