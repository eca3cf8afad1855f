"""
Input channels of the desaturation networks.

The channels are the image with its harmonic fill, the mask and the saturation level, in the order of
`~sunpy_restore.desaturation.task.CHANNELS`. They are not to be confused with the AIA channels, which are wavelengths.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from sunpy_restore.core.filling import harmonic
from sunpy_restore.core.windows import damaged_windows
from sunpy_restore.desaturation.task import CHANNELS

__all__ = ["MARGIN", "InputWindow", "channels_of", "input_windows"]

MARGIN = 128
"""Pixels around the damage that are available to a fill."""

_NEIGHBOURHOOD = 8  # pixels around the mask in which an unknown saturation level is estimated


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
        Input channels, shape ``(3, h, w)``, see `channels_of`.
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

    The values of masked pixels are not used.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``; finite outside of the mask.
    mask : `numpy.ndarray` of `bool`
        True for the pixels to fill: some of the pixels, not all.
    saturated : `numpy.ndarray` of `bool`, optional
        Pixels that are known to be saturated; required with ``level``.
    level : `float`, optional
        Saturation level, in the unit of the image.

    Returns
    -------
    channels : `numpy.ndarray` of ``float32``
        Shape ``(3, ny, nx)``: the image with the harmonic fill in the mask, divided by ``scale``; the mask; and a lower
        estimate of the level that the damaged pixels exceed, divided by ``scale``. The latter is the known level in
        saturated pixels, or else the brightest valid value near the mask in all of the mask. It is 0 elsewhere.
    scale : `float`
        The saturation level. If this is unknown, the mean of the harmonic fill in the mask, so that the channels do not
        depend on the unit of the image.
    """
    fill = harmonic(image, mask)
    if level is None:
        # Off the limb the image is noise around zero, and the mean in the mask may vanish or be negative
        inside, around = fill[mask], np.abs(fill[~mask])
        scale = max(float(inside.mean()), float(around.mean()), np.finfo(np.float32).tiny)
        exceeded = np.where(mask, _brightest(fill, mask) / scale, 0)
    else:
        scale, exceeded = float(level), np.where(saturated, 1.0, 0.0)
    return np.stack([fill / scale, mask, exceeded]).astype(np.float32), scale


def _brightest(image, mask):
    """The brightest valid value near a mask that another pixel in its 3 x 3 neighbourhood exceeds: no single spike."""
    near = ndimage.binary_dilation(mask, iterations=_NEIGHBOURHOOD) & ~mask
    second = ndimage.rank_filter(np.where(mask, -np.inf, image), -2, size=3)
    return max(second[near].max(), image[near].min())  # the latter if every valid pixel is isolated
