"""The charge in the columns of a core whose full wells have spilt: it has moved, and none of it is lost."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

__all__ = ["Charge", "column_charge", "conserve_charge"]

_LARGEST_FACTOR = 3.0  # by which what is above its surroundings is scaled to conserve charge


@dataclass(frozen=True)
class Charge:
    """
    The charge in the columns of a bloomed core.

    Parameters
    ----------
    segments : `numpy.ndarray` of `int`
        Shape ``(my, mx)``: number of the segment of a column that a pixel belongs to, from 1; 0 for none.
    totals : `numpy.ndarray`
        Charge in each segment, as observed.
    """

    segments: np.ndarray
    totals: np.ndarray


def column_charge(image, mask, full):
    """
    Segments of columns within which charge was moved, and what is in them.

    Parameters
    ----------
    image : `numpy.ndarray`
        The exposure as observed, shape ``(ny, nx)``.
    mask, full : `numpy.ndarray` of `bool`
        Pixels to fill; pixels at the full well.

    Returns
    -------
    `Charge`
        One segment per run of masked pixels in a column that has full ones.
    """
    # Runs along the first axis: no connection between columns
    runs, _ = ndimage.label(mask, structure=[[0, 1, 0], [0, 1, 0], [0, 1, 0]])
    with_full = np.unique(runs[full & mask])
    number = np.zeros(runs.max() + 1, dtype=int)
    number[with_full] = np.arange(1, len(with_full) + 1)
    segments = number[runs]
    totals = np.bincount(segments.ravel(), np.where(mask, image, 0).ravel(), minlength=len(with_full) + 1)
    return Charge(segments, totals[1:])


def conserve_charge(charge, least, filled):
    """
    Scale what a fill has above a lower bound until every segment of a column holds its charge again.

    Parameters
    ----------
    charge : `Charge`
        What the columns hold.
    least, filled : `numpy.ndarray`
        Shape ``(my, mx)``: lower bound, and fill.

    Returns
    -------
    `numpy.ndarray`
        Nowhere below ``least`` in a segment, whatever its charge.
    """
    above = np.maximum(filled - least, 0)
    count = len(charge.totals) + 1
    fixed, free = (np.bincount(charge.segments.ravel(), part.ravel(), minlength=count)[1:] for part in (least, above))
    factor = np.clip(charge.totals - fixed, 0, _LARGEST_FACTOR * free) / np.maximum(free, np.finfo(float).tiny)
    factor = np.concatenate([[1], factor])
    return np.where(charge.segments > 0, least + factor[charge.segments] * above, filled)
