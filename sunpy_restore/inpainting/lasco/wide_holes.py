"""Holes that are wider than those in which the errors of fills were measured."""

import numpy as np
from scipy import ndimage

from sunpy_restore.inpainting.lasco.geometry import BLOCK

__all__ = ["WIDEST", "hole_widths"]

WIDEST = 8
"""Blocks; width of the widest holes in the calibration of the uncertainty, bands through the whole frame."""


def hole_widths(filled, binning=1):
    """
    Find how wide the hole of each filled pixel is.

    Parameters
    ----------
    filled : `numpy.ndarray` of `bool`
        Filled pixels, shape ``(ny, nx)``.
    binning : `int`
        Pixels of the detector along each axis of an image pixel.

    Returns
    -------
    `numpy.ndarray`
        Side of the largest square within the hole, in telemetry blocks, for the ``n`` filled pixels. A band is as wide
        as it has rows or columns.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.inpainting.lasco.wide_holes import hole_widths
    >>> filled = np.zeros((1024, 1024), dtype=bool)
    >>> filled[:256] = filled[640:672, 320:352] = True
    >>> [float(width) for width in np.unique(hole_widths(filled))]
    [1.0, 8.0]
    """
    labels, count = ndimage.label(filled, np.ones((3, 3)))
    if not count:
        return np.zeros(0)
    # Beyond the border of the image nothing is filled
    inside = ndimage.distance_transform_cdt(np.pad(filled, 1), metric="chessboard")[1:-1, 1:-1]
    deepest = ndimage.maximum(inside, labels, np.arange(count + 1))
    return 2 * binning / BLOCK * deepest[labels[filled]]
