"""Conservation of charge in CCD columns that bloomed."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

__all__ = ["Charge", "column_charge", "column_properties", "column_runs", "conserve_charge"]

_LARGEST_FACTOR = 3.0  # by which light above the lower bound is scaled to conserve charge


@dataclass(frozen=True)
class Charge:
    """
    Charge in the column segments of a bloomed core.

    Parameters
    ----------
    segments : `numpy.ndarray` of `int`
        Number of the column segment that a pixel belongs to, from 1; 0 for none. Shape ``(my, mx)``.
    totals : `numpy.ndarray`
        Observed charge in each segment.
    """

    segments: np.ndarray
    totals: np.ndarray


def column_runs(mask):
    """
    Number the runs of masked pixels in columns.

    Parameters
    ----------
    mask : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray` of `int`
        From 1; 0 outside of the mask. Shape ``(ny, nx)``.
    """
    # Connected along the first axis only
    return ndimage.label(mask, structure=[[0, 1, 0], [0, 1, 0], [0, 1, 0]])[0]


def column_charge(image, mask, saturated):
    """
    Find the column segments within which charge bloomed, and the charge in them.

    Parameters
    ----------
    image : `numpy.ndarray`
        Observed image, shape ``(ny, nx)``.
    mask, saturated : `numpy.ndarray` of `bool`
        Pixels to fill; pixels at the full well.

    Returns
    -------
    `Charge`
        One segment for each run of masked pixels in a column that contains saturated pixels.
    """
    runs = column_runs(mask)
    with_saturated = np.unique(runs[saturated & mask])
    number = np.zeros(runs.max() + 1, dtype=int)
    number[with_saturated] = np.arange(1, len(with_saturated) + 1)
    segments = number[runs]
    totals = np.bincount(segments.ravel(), np.where(mask, image, 0).ravel(), minlength=len(with_saturated) + 1)
    return Charge(segments, totals[1:])


def conserve_charge(charge, least, filled):
    """
    Scale the part of a fill above a lower bound so that every column segment contains its observed charge.

    Parameters
    ----------
    charge : `Charge`
        Charge in the column segments.
    least, filled : `numpy.ndarray`
        Lower bound, and filled image, shape ``(my, mx)``.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(my, mx)``. In the segments it is never below ``least``, even if the charge is less than that.
    """
    above = np.maximum(filled - least, 0)
    count = len(charge.totals) + 1
    fixed, free = (np.bincount(charge.segments.ravel(), part.ravel(), minlength=count)[1:] for part in (least, above))
    factor = np.clip(charge.totals - fixed, 0, _LARGEST_FACTOR * free) / np.maximum(free, np.finfo(float).tiny)
    factor = np.concatenate([[1], factor])
    return np.where(charge.segments > 0, least + factor[charge.segments] * above, filled)


def column_properties(observation, window, restored):
    """
    Properties of each pixel of a window that concern saturation.

    Parameters
    ----------
    observation : `~sunpy_restore.desaturation.observation.Observation`
        The observation.
    window : `~sunpy_restore.desaturation.filling.channels.InputWindow`
        Window around the damage.
    restored : `numpy.ndarray`
        Filled image in the window, in units of its scale.

    Returns
    -------
    saturated, primary, height, ratio, bloomed, gap : `numpy.ndarray` or `float`
        Whether a pixel is saturated, and by light; logarithms of the height of its saturated run and of the restored
        light in its column segment over the charge; share of bloomed pixels; and missing charge per pixel.
    """
    place = window.place
    saturated, primary = observation.saturated[place], observation.primary[place]
    charge = column_charge(observation.image[place] / window.scale, ~(window["mask"] == 0), saturated)
    count = len(charge.totals) + 1
    labels = charge.segments

    def total(image):
        return np.bincount(labels.ravel(), image.ravel(), minlength=count)[1:]

    height = np.log1p(total(saturated.astype(float)))
    ratio = np.log(np.maximum(total(restored), 0.1) / np.maximum(charge.totals, 0.1))
    bloomed = np.count_nonzero(saturated & ~primary) / max(np.count_nonzero(saturated), 1)
    gap = np.abs(total(restored) - charge.totals) / np.maximum(total(np.ones(labels.shape)), 1)
    height, ratio, gap = (np.concatenate([[0.0], values])[labels] for values in (height, ratio, gap))
    return saturated.astype(float), primary.astype(float), height, ratio, bloomed, gap
