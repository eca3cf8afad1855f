"""Images as a page shows them: only the pixels of the present view are sampled, at the resolution of the screen."""

import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["Layer", "MapFrame", "TurnedFrame", "View", "sample"]

_NODES = 33  # positions per axis at which the WCS is evaluated; those between are interpolated
_SHORTEST = 64  # pixels, of the coarsest level of a pyramid
_NAMES = {
    kind + axis: f"{system} {coordinate}"
    for kind, system in (("HP", "Helioprojective"), ("HG", "Stonyhurst"), ("CR", "Carrington"))
    for axis, coordinate in (("LN", "longitude"), ("LT", "latitude"))
}


@dataclass(frozen=True)
class View:
    """
    A rectangle in the coordinates of a frame, and the pixels of the screen that it fills.

    Parameters
    ----------
    left, right, bottom, top : `float`
        Limits, in the unit of the frame.
    shape : `tuple` of `int`
        Rows and columns on the screen.
    """

    left: float
    right: float
    bottom: float
    top: float
    shape: tuple[int, int]

    @classmethod
    def around(cls, limits, side):
        """The square view of ``side`` pixels around limits ``(left, right, bottom, top)``."""
        left, right, bottom, top = limits
        half = max(right - left, top - bottom) / 2 or 0.5
        x, y = (left + right) / 2, (bottom + top) / 2
        return cls(x - half, x + half, y - half, y + half, (side, side))


class MapFrame:
    """
    Helioprojective or other coordinates of a Map.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.

    Attributes
    ----------
    unit : `str`
        Unit of both coordinates.
    names : `tuple` of `str`
        Names of the coordinates.
    """

    def __init__(self, smap):
        wcs = smap.wcs
        self._wcs, self._shape = wcs.low_level_wcs, smap.data.shape
        projective = all(name[:2] == "HP" for name in wcs.wcs.ctype)
        self.unit = "arcsec" if projective else "deg"
        self.names = tuple(_NAMES.get(name[:4].rstrip("-"), name) for name in wcs.wcs.ctype)
        self._factor = 3600.0 if projective else 1.0

    def to_world(self, x, y):
        """Coordinates of pixels ``x`` and ``y``, counted from 0."""
        lon, lat = self._wcs.pixel_to_world_values(x, y)
        return ((np.asarray(lon) + 180) % 360 - 180) * self._factor, np.asarray(lat) * self._factor

    def to_pixel(self, lon, lat):
        """Pixels of coordinates."""
        return self._wcs.world_to_pixel_values(np.divide(lon, self._factor), np.divide(lat, self._factor))

    @property
    def limits(self):
        """Left, right, bottom and top of the image."""
        ny, nx = self._shape
        across, along = np.linspace(-0.5, nx - 0.5, 9), np.linspace(-0.5, ny - 0.5, 9)
        x = np.concatenate([across, across, np.full(9, -0.5), np.full(9, nx - 0.5)])
        y = np.concatenate([np.full(9, -0.5), np.full(9, ny - 0.5), along, along])
        lon, lat = self.to_world(x, y)
        finite = np.isfinite(lon) & np.isfinite(lat)
        if not finite.any():
            return 0.0, 1.0, 0.0, 1.0
        return tuple(float(value) for part in (lon[finite], lat[finite]) for value in (part.min(), part.max()))


@dataclass(frozen=True)
class TurnedFrame:
    """
    Distances in an image without a place on the Sun, turned about its centre.

    Parameters
    ----------
    shape : `tuple` of `int`
        Pixels ``(ny, nx)``.
    pixel : `float`
        Side of a pixel.
    angle : `float`
        Counter-clockwise rotation of the image in degrees.
    unit : `str`
        Unit of ``pixel``.
    """

    shape: tuple[int, int]
    pixel: float
    angle: float = 0.0
    unit: str = "Mm"
    names: tuple[str, str] = ("x", "y")

    @property
    def _turn(self):
        angle = np.deg2rad(self.angle)
        return np.cos(angle), np.sin(angle), (self.shape[1] - 1) / 2, (self.shape[0] - 1) / 2

    def to_world(self, x, y):
        """Distances of pixels from the lower left corner of the image that is not turned."""
        cos, sin, x0, y0 = self._turn
        dx, dy = np.subtract(x, x0), np.subtract(y, y0)
        return ((cos * dx - sin * dy + x0 + 0.5) * self.pixel, (sin * dx + cos * dy + y0 + 0.5) * self.pixel)

    def to_pixel(self, x, y):
        """Pixels at distances."""
        cos, sin, x0, y0 = self._turn
        dx, dy = np.divide(x, self.pixel) - x0 - 0.5, np.divide(y, self.pixel) - y0 - 0.5
        return cos * dx + sin * dy + x0, -sin * dx + cos * dy + y0

    @property
    def limits(self):
        """Left, right, bottom and top of the image."""
        ny, nx = self.shape
        x, y = self.to_world(np.array([-0.5, nx - 0.5, -0.5, nx - 0.5]), np.array([-0.5, -0.5, ny - 0.5, ny - 0.5]))
        return float(x.min()), float(x.max()), float(y.min()), float(y.max())


@dataclass
class Layer:
    """
    An image that can be shown.

    Parameters
    ----------
    name : `str`
        Its name in the page.
    data : `numpy.ndarray`
        The image, the first row at the bottom.
    frame : `MapFrame` or `TurnedFrame`
        Its coordinates.
    unit : `str`
        Unit of the data.
    norm : `~matplotlib.colors.Normalize`
        Stretch, with or without limits.
    cmap : `str`
        Name of a colour map.
    flags : mapping of `str` to `numpy.ndarray` of `bool`
        Pixels to mark, such as ``"filled"``, by the name of the overlay.
    """

    name: str
    data: np.ndarray
    frame: Any
    unit: str = ""
    norm: Any = None
    cmap: str = "gray"
    flags: dict = field(default_factory=dict)

    @classmethod
    def of_map(cls, name, smap, flags=None):
        """The layer of a `~sunpy.map.GenericMap`. Masked pixels are shown only if they can be marked (``"masked"``)."""
        settings = smap.plot_settings
        unit = "" if smap.unit is None else smap.unit.to_string()
        hidden = smap.mask is not None and "masked" not in (flags or {})
        data = np.where(smap.mask, np.nan, smap.data) if hidden else smap.data
        return cls(name, data, MapFrame(smap), unit, settings.get("norm"), settings["cmap"], flags or {})

    @cached_property
    def _percentiles(self):
        return {}

    @cached_property
    def levels(self):
        """The image, and means over 2 x 2, 4 x 4 ... pixels, in ``float32``."""
        levels = [np.asarray(self.data, dtype=np.float32)]
        while min(levels[-1].shape) >= 2 * _SHORTEST:
            levels.append(_halved(levels[-1]))
        return levels

    @cached_property
    def flag_levels(self):
        """As `levels`, for the flags: a pixel is marked if any part of it is."""
        return {name: _flag_levels(flags) for name, flags in self.flags.items()}

    def sampled(self, view):
        """The image on the pixels of a view, NaN outside of it."""
        return sample(self.levels, self.frame, view)

    def limits(self, low=0.5, high=99.8):
        """Percentiles of the valid values, measured in at most about a million pixels."""
        step = max(1, int(np.sqrt(self.data.size / 1e6)))
        if (low, high) not in self._percentiles:
            values = np.asarray(self.data[::step, ::step], dtype=float)
            values = values[np.isfinite(values)]
            found = np.percentile(values, (low, high)) if values.size else (0.0, 1.0)
            self._percentiles[low, high] = tuple(map(float, found))
        first, last = self._percentiles[low, high]
        return (first, last) if last > first else (first, first + 1.0)

    def stretch(self, low=0.5, high=99.8):
        """A copy of the norm with these percentiles as its limits."""
        from matplotlib.colors import Normalize

        norm = copy.deepcopy(self.norm) or Normalize()
        norm.vmin, norm.vmax = self.limits(low, high)
        return norm


def _halved(image):
    ny, nx = (length // 2 * 2 for length in image.shape)
    parts = image[:ny, :nx].reshape(ny // 2, 2, nx // 2, 2)
    valid = np.isfinite(parts)
    if valid.all():
        return parts.mean(axis=(1, 3))
    number = valid.sum(axis=(1, 3))
    total = np.where(valid, parts, 0).sum(axis=(1, 3))
    return np.where(number > 0, total / np.maximum(number, 1), np.nan).astype(np.float32)


def _flag_levels(flags):
    levels = [np.asarray(flags, dtype=bool)]
    while min(levels[-1].shape) >= 2 * _SHORTEST:
        ny, nx = (length // 2 * 2 for length in levels[-1].shape)
        levels.append(levels[-1][:ny, :nx].reshape(ny // 2, 2, nx // 2, 2).any(axis=(1, 3)))
    return levels


def sample(levels, frame, view):
    """
    Sample an image on the pixels of a view.

    Parameters
    ----------
    levels : `list` of `numpy.ndarray`
        The image at full, half, quarter ... resolution.
    frame : `MapFrame` or `TurnedFrame`
        Its coordinates.
    view : `View`
        The view.

    Returns
    -------
    `numpy.ndarray`
        Shape of the view; NaN, or False for flags, outside of the image. The finest level is not finer than the screen
        needs, so that the work does not grow with the image.
    """
    x, y = _positions(frame, view)
    middle = view.shape[0] // 2
    steps = [abs(np.gradient(part[max(0, middle - 1) : middle + 2], axis=0)).max() for part in (x, y) if len(part) > 1]
    step = max(steps, default=1.0)
    level = int(np.clip(np.floor(np.log2(max(step, 1e-9)) + 0.25), 0, len(levels) - 1)) if np.isfinite(step) else 0
    image, factor = levels[level], 2**level
    with np.errstate(invalid="ignore"):
        i, j = np.floor((y + 0.5) / factor), np.floor((x + 0.5) / factor)
        inside = (i >= 0) & (i < image.shape[0]) & (j >= 0) & (j < image.shape[1])
    i, j = (np.where(inside, part, 0).astype(np.intp) for part in (i, j))
    return np.where(inside, image[i, j], False if image.dtype == bool else np.float32(np.nan))


def _positions(frame, view):
    """Pixels ``x, y`` of an image at the centres of the pixels of a view."""
    rows, columns = view.shape
    sizes = [min(_NODES, count) for count in (rows, columns)]
    nodes = [
        (np.linspace(0, count - 1, size) + 0.5) / count for count, size in zip((rows, columns), sizes, strict=True)
    ]
    lat = view.bottom + nodes[0] * (view.top - view.bottom)
    lon = view.left + nodes[1] * (view.right - view.left)
    coarse = frame.to_pixel(*np.meshgrid(lon, lat))
    along = [_interpolation(count, size) for count, size in zip((rows, columns), sizes, strict=True)]
    return [(along[0] @ np.asarray(part) @ along[1].T) for part in coarse]


def _interpolation(count, size):
    """Matrix of the linear interpolation from ``size`` nodes to ``count`` pixels."""
    places = np.linspace(0, size - 1, count)
    first = np.minimum(places.astype(int), max(size - 2, 0))
    matrix = np.zeros((count, size))
    matrix[np.arange(count), first] = 1 - (places - first)
    if size > 1:
        matrix[np.arange(count), first + 1] += places - first
    return matrix
