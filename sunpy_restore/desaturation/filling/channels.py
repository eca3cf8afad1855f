"""
Input channels of the desaturation networks.

The channels are the image with its harmonic fill, the mask, the saturation level, the brightest value around the mask
and the image with its biharmonic fill, in the order of `~sunpy_restore.desaturation.task.CHANNELS`. They are not to be
confused with the AIA channels, which are wavelengths.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from sunpy_restore.core.numerics.filling import biharmonic, harmonic
from sunpy_restore.core.tiles.windows import damaged_windows
from sunpy_restore.desaturation.task import CHANNELS

__all__ = ["MARGIN", "InputWindow", "channels_of", "find_outliers", "input_windows"]

MARGIN = 128
"""Pixels around the damage that are available to a fill."""

_RIM = 8  # pixels around the mask in which the brightest value is sought
_NEIGHBOURHOOD = 16  # pixels around the mask that the scale is estimated from
_DARKEST = 0.03  # of a bright value, the smallest scale
_BRIGHT = 0.9  # quantile of a bright value
_OUTLIER_DISTANCE = 32  # pixels around the mask in which outliers are found
_SIDE = 7  # pixels, of the window with which a pixel is compared
_QUANTILE = 0.65  # of the window; up to 17 of 49 pixels may be outliers
_TAIL = 0.15  # of the window, whose distance from the quantile measures the scatter
_SCATTERS = 6.0  # distances of quantile and tail by which an outlier exceeds the quantile
_CONTRAST = 1.0  # of the quantile, by which a bright outlier also exceeds it
_DARK_CONTRAST = 0.6  # of the quantile, by which a dark outlier also falls below it


@dataclass(frozen=True)
class InputWindow:
    """
    Part of an image with some of its damaged pixels, as the input of a network or of a classical fill.

    Parameters
    ----------
    place : pair of `slice`
        Rows and columns of the window in the image.
    own : `numpy.ndarray` of `bool`
        Damaged pixels that belong to the window, shape ``(h, w)``. Other damaged pixels in it belong to another window.
    channels : `numpy.ndarray` of ``float32``
        Input channels, shape ``(5, h, w)``, see `channels_of`.
    scale : `float`
        Unit of the channels, in the unit of the image.
    """

    place: tuple[slice, slice]
    own: np.ndarray
    channels: np.ndarray
    scale: float

    def __getitem__(self, name):
        """Input channel of that name."""
        return self.channels[CHANNELS.index(name)]


def input_windows(image, mask, saturated=None, level=None):
    """
    Input channels around the damage of an image, which together contain each damaged pixel once.

    Parameters
    ----------
    image, mask, saturated, level
        See `channels_of`.

    Returns
    -------
    `list` of `InputWindow`
        Windows that extend `MARGIN` pixels beyond the damage, the one with most damaged pixels first.
    """
    windows = []
    for window in damaged_windows(mask, MARGIN):
        place = window.place
        channels, scale = channels_of(image[place], mask[place], None if saturated is None else saturated[place], level)
        windows.append(InputWindow(place, window.own, channels, scale))
    return windows


def channels_of(image, mask, saturated=None, level=None):
    """
    Compute the input channels and the scale by which they are normalised.

    The values of masked pixels are not used. Outliers near the mask, see `find_outliers`, are filled like masked pixels
    in the channels.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``; finite outside of the mask.
    mask : `numpy.ndarray` of `bool`
        True for the pixels to fill: some of the pixels, not all.
    saturated : `numpy.ndarray` of `bool`, optional
        Pixels that are known to be saturated; required with ``level``.
    level : `float`, optional
        Saturation level, in the unit of the image. A mask alone does not imply that anything is saturated.

    Returns
    -------
    channels : `numpy.ndarray` of ``float32``
        Shape ``(5, ny, nx)``: the image with the harmonic fill in the mask, divided by ``scale``; the mask; 1 in
        saturated pixels if their level is known, 0 elsewhere; the brightest valid value near the mask divided by
        ``scale``, in the mask if no level is known, 0 elsewhere; and the image with the biharmonic fill in the mask,
        divided by ``scale``. Masked pixels may be brighter or fainter than the brightest value around them.
    scale : `float`
        The saturation level. If this is unknown, the median of the harmonic fill in the mask or of the absolute values
        around the mask, whichever is larger, and not less than 3 % of the 90th percentile of the image. The channels
        thus do not depend on the unit of the image.
    """
    unknown = mask | find_outliers(image, mask)
    fill = harmonic(image, unknown)
    if level is None:
        scale, exceeded = _typical_value(fill, mask), np.zeros(mask.shape)
        brightest = np.where(mask, _brightest(fill, unknown, mask) / scale, 0)
    else:
        scale, exceeded, brightest = float(level), np.where(saturated, 1.0, 0.0), np.zeros(mask.shape)
    plate = biharmonic(image, unknown)
    return np.stack([fill / scale, mask, exceeded, brightest, plate / scale]).astype(np.float32), scale


def _typical_value(fill, mask):
    """A positive scale of the values to fill that outliers do not change."""
    # Off the limb an image is noise around zero, or zero
    around, everywhere = np.abs(fill[_near(mask, _NEIGHBOURHOOD)]), np.abs(fill)
    typical = max(np.median(fill[mask]), np.median(around), _DARKEST * np.quantile(everywhere, _BRIGHT))
    return float(typical if typical > 0 else max(everywhere.max(), np.finfo(np.float32).tiny))


def _brightest(fill, unknown, mask):
    """The brightest valid value near a mask that another one in its 3 x 3 neighbourhood reaches."""
    near = ndimage.binary_dilation(mask, iterations=_RIM) & ~unknown
    second = ndimage.rank_filter(np.where(unknown, -np.inf, fill), -2, size=3)
    candidates = second[near & np.isfinite(second)]
    return candidates.max() if candidates.size else np.median(fill[~mask])


def find_outliers(image, mask):
    """
    Find valid pixels near a mask that differ strongly from all of their surroundings.

    These are spikes, dead pixels, and bright or dark features of up to 17 pixels in a window of 7 x 7. The pixels next
    to a mask are not compared with those in it, which may be just as bright or dark.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``; finite outside of the mask.
    mask : `numpy.ndarray` of `bool`
        Pixels whose values are not used.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``; True up to 32 pixels from the mask, and nowhere in it.
    """
    near = _near(mask, _OUTLIER_DISTANCE)
    result = np.zeros(mask.shape, dtype=bool)
    result[near] = _exceeds(image, mask, near) | _exceeds(-np.asarray(image, dtype=float), mask, near)
    return result


def _exceeds(image, mask, near):
    """Whether pixels exceed the upper quantile of their window, masked pixels counted as the largest ones."""
    image = np.where(mask, np.inf, image)
    padded = np.pad(image, _SIDE // 2, mode="reflect" if min(image.shape) > _SIDE // 2 else "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_SIDE, _SIDE))[near].reshape(-1, _SIDE**2)
    places = [round(share * (_SIDE**2 - 1)) for share in (_TAIL, _QUANTILE)]
    low, high = np.partition(windows, places, axis=1)[:, places].T
    values = image[near]
    # For dark outliers the image is inverted, and its quantile negative
    contrast = np.where(high > 0, _CONTRAST, _DARK_CONTRAST) * np.abs(high)
    with np.errstate(invalid="ignore"):
        return values - high > np.maximum(_SCATTERS * (high - low), contrast)


def _near(mask, distance):
    """Valid pixels up to a distance from a mask."""
    return (ndimage.distance_transform_edt(~mask) <= distance) & ~mask
