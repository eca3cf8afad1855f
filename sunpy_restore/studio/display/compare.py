"""Differences, profiles and power spectra of layers."""

from dataclasses import dataclass, field

import numpy as np
from matplotlib.colors import Normalize
from scipy import ndimage

from sunpy_restore.studio.display.view import Layer

__all__ = ["Difference", "power_spectrum", "profile", "read_out"]

_LONGEST = 1024  # pixels along an axis of the part whose power spectrum is computed
_POINTS = 600  # along a profile


@dataclass
class Difference:
    """
    The difference of two layers on the pixels of the screen, whose own pixels may differ.

    Parameters
    ----------
    first, second : `~sunpy_restore.studio.display.view.Layer`
        ``first - second`` is shown.
    """

    first: Layer
    second: Layer
    cmap: str = "RdBu_r"
    flags: dict = field(default_factory=dict)

    @property
    def name(self):
        """Which layers are subtracted."""
        return f"{self.first.name} - {self.second.name}"

    @property
    def frame(self):
        """The coordinates of the first layer."""
        return self.first.frame

    @property
    def unit(self):
        """The unit of the first layer."""
        return self.first.unit

    @property
    def flag_levels(self):
        """See `~sunpy_restore.studio.display.view.Layer`; a difference has none."""
        return {}

    def sampled(self, view):
        """The difference on the pixels of a view."""
        return self.first.sampled(view) - self.second.sampled(view)

    def stretch_of(self, view):
        """A linear stretch around zero for what a view shows."""
        values = self.sampled(view)
        values = np.abs(values[np.isfinite(values)])
        largest = float(np.percentile(values, 99.5)) if values.size else 0.0
        return Normalize(-(largest or 1.0), largest or 1.0)


def profile(layer, xs, ys):
    """
    Values along a line.

    Parameters
    ----------
    layer : `~sunpy_restore.studio.display.view.Layer`
        The image.
    xs, ys : `list` of `float`
        World coordinates of the corners of the line.

    Returns
    -------
    distance, value : `numpy.ndarray`
        Distance along the line in the unit of the frame, and the linearly interpolated values; NaN outside of the
        image.
    """
    xs, ys = np.asarray(xs, dtype=float), np.asarray(ys, dtype=float)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(xs), np.diff(ys)))])
    distance = np.linspace(0, along[-1], _POINTS)
    x, y = layer.frame.to_pixel(np.interp(distance, along, xs), np.interp(distance, along, ys))
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    places = np.nan_to_num(np.array([y, x]), nan=-10.0)
    value = ndimage.map_coordinates(layer.levels[0], places, order=1, mode="constant", cval=np.nan)
    return distance, value


def power_spectrum(layer, view):
    """
    Azimuthally averaged power spectrum of what a view shows, at the resolution of the image.

    Parameters
    ----------
    layer : `~sunpy_restore.studio.display.view.Layer`
        The image.
    view : `~sunpy_restore.studio.display.view.View`
        The part; of a larger one than 1024 x 1024 pixels the middle is used.

    Returns
    -------
    frequency, power : `numpy.ndarray`
        In cycles per unit of the frame, see `~sunpy_restore.core.numerics.metrics.radial_power_spectrum`; empty if the
        part is smaller than 16 pixels.
    """
    from sunpy_restore.core.numerics.metrics import radial_power_spectrum

    corners = np.array([[view.left, view.right, view.left, view.right], [view.bottom, view.bottom, view.top, view.top]])
    x, y = layer.frame.to_pixel(*corners)
    parts = []
    for places, length in ((y, layer.data.shape[0]), (x, layer.data.shape[1])):
        first, last = np.clip([np.nanmin(places), np.nanmax(places)], 0, length)
        middle, half = (first + last) / 2, min((last - first) / 2, _LONGEST / 2)
        parts.append(slice(int(max(0, np.ceil(middle - half))), int(min(length, np.floor(middle + half) + 1))))
    image = np.array(layer.data[tuple(parts)], dtype=float)
    valid = np.isfinite(image)
    if min(image.shape) < 16 or not valid.any():
        return np.empty(0), np.empty(0)
    image[~valid] = image[valid].mean()
    here = [np.asarray(part, dtype=float) for part in layer.frame.to_world(
        np.array([parts[1].start, parts[1].start + 1]), np.array([parts[0].start, parts[0].start]))]  # fmt: skip
    return radial_power_spectrum(image, float(np.hypot(*(np.diff(part)[0] for part in here))))


def read_out(layer, x, y):
    """
    What an image shows at a place.

    Parameters
    ----------
    layer : `~sunpy_restore.studio.display.view.Layer`
        The image.
    x, y : `float`
        World coordinates.

    Returns
    -------
    `str`
        Pixel and value.
    """
    column, row = (float(part) for part in layer.frame.to_pixel(x, y))
    if not (np.isfinite(column) and np.isfinite(row)):
        return f"{layer.name}: outside"
    i, j = int(np.floor(row + 0.5)), int(np.floor(column + 0.5))
    ny, nx = layer.data.shape
    if not (0 <= i < ny and 0 <= j < nx):
        return f"{layer.name}: outside"
    return f"{layer.name}: pixel ({column:.1f}, {row:.1f}), {float(layer.data[i, j]):.5g} {layer.unit}".rstrip()
