"""Fill holes with a prediction that is made continuous with the surroundings."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.numerics.filling import checked_hole, harmonic
from sunpy_restore.core.tiles.windows import damaged_windows
from sunpy_restore.inpainting.corona.transients import remove_point_sources

__all__ = ["fill_from_expected"]

_SMOOTHING = 2.0  # pixels; standard deviation of the Gaussian that smooths the border of a hole
_MARGIN = 16  # pixels around a hole that are smoothed


def fill_from_expected(image, mask, expected):
    """
    Fill holes with a prediction, made continuous with the surroundings.

    The difference between image and prediction is continued into the holes by the harmonic fill, see
    `~sunpy_restore.core.numerics.filling.harmonic`, from a border that is smoothed against noise.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``; not finite in unobserved pixels. It is not changed.
    mask : `numpy.ndarray` of `bool`
        True where a pixel is to be filled.
    expected : `numpy.ndarray`
        Result of `~sunpy_restore.inpainting.temporal.neighbours.expected_from_neighbours`. Pixels to fill where it is
        NaN get the harmonic fill.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Pixels outside of the mask keep their values.

    Raises
    ------
    TypeError
        The mask is not boolean.
    ValueError
        Another shape, or no valid pixel.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.inpainting.temporal.fill import fill_from_expected
    >>> expected = np.tile([10.0, 20.0, 50.0, 20.0, 10.0], (5, 1))
    >>> hole = np.zeros((5, 5), dtype=bool)
    >>> hole[2, 1:4] = True
    >>> fill_from_expected(np.where(hole, 0, expected + 3), hole, expected)[2]
    array([13., 23., 53., 23., 13.])
    """
    mask = checked_hole(image, mask)
    if expected.shape != mask.shape:
        raise ValueError(f"Found a prediction of shape {expected.shape}; expected {mask.shape} as of the image.")
    filled = np.array(image, dtype=float)
    difference = np.where(mask, np.nan, filled - expected)
    for window in damaged_windows(mask & np.isfinite(expected), _MARGIN):
        own = window.own
        filled[window.place][own] = (expected[window.place] + _continued(difference[window.place]))[own]
    rest = mask & ~np.isfinite(expected)
    known = np.where(rest, np.nan, filled)
    for window in damaged_windows(rest, 1):
        hole = ~np.isfinite(known[window.place])
        if hole.all():
            # Without a valid pixel nearby, the harmonic fill crosses unobserved pixels
            return np.where(mask, harmonic(known, ~np.isfinite(known)), filled)
        filled[window.place][window.own] = harmonic(known[window.place], hole)[window.own]
    return filled


def _continued(difference):
    """The difference, smoothed where it is known and continued by the harmonic fill elsewhere."""
    known = np.isfinite(difference)
    if not known.any():
        return np.zeros(difference.shape)
    # Stars at the border of a hole must not extend into it
    calm = np.where(known, remove_point_sources(difference), 0)
    share = ndimage.gaussian_filter(known.astype(float), _SMOOTHING)
    return harmonic(ndimage.gaussian_filter(calm, _SMOOTHING) / np.maximum(share, 1e-9), ~known)
