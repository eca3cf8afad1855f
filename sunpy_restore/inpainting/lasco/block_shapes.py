"""Regions whose shape is that of missing telemetry blocks."""

import numpy as np
from scipy import ndimage

__all__ = ["forms_squares"]

_IN_SQUARES = 0.98  # of the pixels of a region
_STRAIGHT = 0.5  # sides of a square; mean length between corners


def forms_squares(pixels, side):
    """
    Test whether a region consists of squares of a size, of telemetry blocks for instance.

    A region of another origin, such as the part of a corona that was clipped, has a curved border.

    Parameters
    ----------
    pixels : `numpy.ndarray` of `bool`
        The region, shape ``(ny, nx)``.
    side : `int`
        Least side of the squares in pixels.

    Returns
    -------
    `bool`

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.inpainting.lasco.block_shapes import forms_squares
    >>> y, x = np.indices((256, 256))
    >>> forms_squares((y // 32 == 3) & (x < 96), 32), forms_squares(np.hypot(y - 128, x - 128) < 90, 32)
    (True, False)
    """
    squares = ndimage.binary_opening(ndimage.binary_opening(pixels, np.ones((1, side))), np.ones((side, 1)))
    if not squares.any() or squares.sum() < _IN_SQUARES * pixels.sum():
        return False
    around = np.pad(squares, 1)
    length = sum(np.count_nonzero(np.diff(around, axis=axis)) for axis in (0, 1))
    corners = np.count_nonzero(np.diff(np.diff(around, axis=0), axis=1))
    return bool(length >= _STRAIGHT * side * corners)
