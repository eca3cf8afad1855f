"""
Evidence of blooming in the light around saturated pixels.

Charge that blooms fills whole pixels of a column, one pixel partly, and none beyond it. The light above and below the
runs of saturated pixels then drops more steeply than that next to them on both sides, behind a step of one or two
pixels, and the runs are longer along the columns than along the rows. Where charge was clipped, the light falls off in
the same way on all sides. A logistic regression weighs these differences. A second one leaves out the pixels next to
the runs, where the interpolation of registered images hides the step. Both were fitted to 800 pairs of a bloomed and a
clipped exposure of the same scene: brightened images of the corona at 171 and 304 angstrom, and flares before them in
all seven channels, with a full well of 0.95 to 1 times 16383 DN, flat fields of 0 to 2 %, and with and without
registration. ``tools/fit_blooming_evidence.py`` in the source repository fits both. The thresholds were chosen by hand.
"""

import numpy as np
from scipy import ndimage

from sunpy_restore.desaturation.detection.plateau import with_margin

__all__ = [
    "column_and_row_profiles",
    "features",
    "features_far",
    "is_bloomed",
    "is_doubtful",
    "log_odds",
    "vertical_runs",
]

_REACH = 7  # pixels beyond a run
_AROUND = 10  # pixels around saturated ones, from which the background is taken
_BACKGROUND = 0.1  # quantile of their light
_TALL = 3  # pixels; shortest run that is used if there is one
_FAINTEST = 0.02  # of the full well above the background
_MISFITS = (0.02, 10.0)
# Light along columns and along rows, its logarithm at 2 and 4 pixels, logarithms of the lengths and of the misfit
_ALONG_COLUMNS = (17.11, -20.34, -7.65, 2.06, -2.3, 3.35, 1.21)
_ALONG_ROWS = (7.8, 1.07, 6.24, 6.18, -10.29, 8.78, -3.05)
_WEIGHTS = (*_ALONG_COLUMNS, *_ALONG_ROWS, -4.04, 2.22, 3.03, -3.24, -0.7)
_OFFSET = -11.42
# Logarithm of the light at 4 and 6 pixels along columns and along rows, of the lengths and of the misfit
_WEIGHTS_FAR = (-3.58, 1.52, 1.93, -0.11, 2.46, -2.48, -0.87)
_OFFSET_FAR = -1.29
_FAINTEST_FAR = 0.05
_DECISIVE = 2.0  # logarithm of the odds above which charge bloomed
_DECISIVE_MISFIT = 0.4  # below which charge bloomed unless the light farther out contradicts it
_CONTRADICTION = -0.5  # logarithm of the odds from that light
_CLIPPED = -1.5  # logarithm of the odds below which charge was clipped
_DOUBTFUL_MISFIT = 0.8  # below which it may have bloomed


def vertical_runs(saturated):
    """
    Find the runs of saturated pixels in columns.

    Parameters
    ----------
    saturated : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.

    Returns
    -------
    column, start, stop : `numpy.ndarray` of `int`
        Column, first row, and row after the last of every run.
    """
    edges = np.diff(np.pad(saturated.T.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    column, start = np.nonzero(edges == 1)
    return column, start, np.nonzero(edges == -1)[1]


def column_and_row_profiles(image, saturated, level):
    """
    Mean light beyond the ends of the runs of saturated pixels in columns and in rows, and their mean lengths.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, any unit.
    saturated : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    level : `float`
        Saturation level, in the unit of the image.

    Returns
    -------
    light : `numpy.ndarray`
        At 1 to 7 pixels from the ends, along columns and along rows, between 0 for the background and 1 for the
        saturation level. Shape ``(2, 7)``; NaN if nothing is seen.
    length : `numpy.ndarray`
        Pixels, shape ``(2,)``. Runs are weighted by the square of their length, because long ones tell more.
    """
    around = ndimage.maximum_filter(saturated.astype(np.uint8), 2 * _AROUND + 1) > 0
    around &= np.isfinite(image) & ~with_margin(saturated)
    background = np.quantile(image[around], _BACKGROUND) if around.any() else 0.0
    light, length = np.full((2, _REACH), np.nan), np.ones(2)
    if not background < level:
        return light, length
    for axis, (own, full) in enumerate(((image, saturated), (image.T, saturated.T))):
        column, start, stop = vertical_runs(full)
        tall = stop - start >= min(_TALL, (stop - start).max())
        column, start, stop = column[tall], start[tall], stop[tall]
        weight = (stop - start).astype(float) ** 2
        length[axis] = weight @ (stop - start) / weight.sum()
        x, weight = np.tile(column, 2), np.tile(weight, 2)
        for distance in range(1, _REACH + 1):
            row = np.concatenate([start - distance, stop - 1 + distance])
            inside = (row >= 0) & (row < len(own))
            row = np.where(inside, row, 0)
            seen = inside & ~full[row, x] & np.isfinite(own[row, x])
            if seen.any():
                values = (own[row[seen], x[seen]] - background) / (level - background)
                light[axis, distance - 1] = weight[seen] @ values / weight[seen].sum()
    return light, length


def log_odds(light, length, misfit):
    """
    Logarithm of the odds that charge bloomed and was not clipped.

    Parameters
    ----------
    light, length : `numpy.ndarray`
        See `column_and_row_profiles`.
    misfit : `float`
        Misfit of a bloomed source relative to that of a clipped one.

    Returns
    -------
    `float`
        Minus infinity if the light beyond the runs is not seen.
    """
    if not np.isfinite(light).all():
        return -np.inf
    return float(np.dot(_WEIGHTS, features(light, length, misfit)) + _OFFSET)


def features(light, length, misfit):
    """
    The quantities that `log_odds` weighs.

    Parameters
    ----------
    light, length, misfit
        See `log_odds`; finite.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(19,)``.
    """
    near = np.log(np.maximum(light[0, [1, 3]], _FAINTEST))
    return np.concatenate([*light, near, _shape(length, misfit)])


def features_far(light, length, misfit):
    """
    The quantities that are weighed without the light next to the runs.

    Parameters
    ----------
    light, length, misfit
        See `log_odds`; finite.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(7,)``.
    """
    return np.concatenate([*np.log(np.maximum(light[:, [3, 5]], _FAINTEST_FAR)), _shape(length, misfit)])


def _shape(length, misfit):
    return np.append(np.log(length), np.log(np.clip(misfit, *_MISFITS)))


def is_bloomed(light, length, misfit):
    """
    Whether there is clear evidence that charge bloomed.

    Parameters
    ----------
    light, length, misfit
        See `log_odds`.

    Returns
    -------
    `bool`
    """
    if log_odds(light, length, misfit) > _DECISIVE:
        return True
    if not (misfit < _DECISIVE_MISFIT and np.isfinite(light).all()):
        return False
    return bool(np.dot(_WEIGHTS_FAR, features_far(light, length, misfit)) + _OFFSET_FAR > _CONTRADICTION)


def is_doubtful(light, length, misfit):
    """
    Whether charge may have bloomed, although there is no clear evidence of it.

    Parameters
    ----------
    light, length, misfit
        See `log_odds`.

    Returns
    -------
    `bool`
    """
    may_have = log_odds(light, length, misfit) > _CLIPPED or misfit < _DOUBTFUL_MISFIT
    return bool(may_have) and not is_bloomed(light, length, misfit)
