"""Log-polar grids around the Sun, on which streamers run along columns."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

__all__ = ["ROWS", "STEPS", "PolarGrid"]

STEPS = 1024
"""Columns of a full turn."""

ROWS = 470
"""Rows of a grid of a whole image, which span a factor of 18 in radius."""

_STEP = 2 * np.pi / STEPS  # radian of azimuth, and step of the logarithm of the radius
_SMOOTHINGS = ((0.0, 1.0), (0.7, 2.0), (1.3, 3.2))  # pixels; standard deviation for a grid step of so many pixels
_FULL_WEIGHT = 0.999  # of the known pixels in a linear interpolation


@dataclass(frozen=True)
class PolarGrid:
    """
    A log-polar grid around the Sun.

    The steps of azimuth and of the logarithm of the radius are equal, so the grid is conformal: it keeps angles and the
    shapes of small objects. Far from the Sun a step is several pixels; the image is smoothed accordingly before it is
    sampled.

    Parameters
    ----------
    center : pair of `float`
        Centre of the Sun as ``(x, y)`` in pixels counted from 0.
    rows : `slice`
        Rows. The radius of row ``i`` is ``exp(2 pi i / STEPS)`` pixels.
    columns : `slice`
        Columns. The azimuth of column ``j`` is ``2 pi j / STEPS``, from x to y. They may exceed a full turn.
    """

    center: tuple[float, float]
    rows: slice
    columns: slice

    @classmethod
    def around(cls, y, x, shape, center, margin):
        """
        The smallest grid that contains pixels and a margin around them.

        Parameters
        ----------
        y, x : `numpy.ndarray`
            Rows and columns of at least one pixel.
        shape : pair of `int`
            Shape ``(ny, nx)`` of the image.
        center : pair of `float`
            Centre of the Sun as ``(x, y)`` in pixels counted from 0.
        margin : `int`
            Rows and columns around the pixels; there are no rows beyond the corners of the image.
        """
        row, column = cls(center, slice(0, 0), slice(0, 0)).places(y, x)
        ny, nx = shape
        corners = np.hypot(*np.meshgrid(np.array([0, nx - 1]) - center[0], np.array([0, ny - 1]) - center[1]))
        outermost = int(np.ceil(np.log(max(corners.max(), 1)) / _STEP)) + 1
        first, last = int(row.min()) - margin, int(np.ceil(row.max())) + margin + 1
        rows = slice(max(first, 0), min(last, outermost))
        # The grid begins after the largest gap in azimuth
        taken = np.sort(column % STEPS)
        gaps = np.diff(taken, append=taken[0] + STEPS)
        start = taken[(np.argmax(gaps) + 1) % len(taken)]
        width = STEPS - gaps.max()
        return cls(center, rows, slice(int(start) - margin, int(np.ceil(start + width)) + margin + 1))

    @classmethod
    def whole(cls, observed, center, turns=1.0):
        """
        A grid of a whole image: the outermost factor of 18 in radius.

        Parameters
        ----------
        observed : `numpy.ndarray` of `bool`
            Observed pixels, shape ``(ny, nx)``.
        center : pair of `float`
            Centre of the Sun as ``(x, y)`` in pixels counted from 0.
        turns : `float`
            Number of turns.
        """
        last = cls.around(*np.nonzero(observed), observed.shape, center, 0).rows.stop
        return cls(center, slice(last - ROWS, last), slice(0, int(turns * STEPS)))

    @property
    def shape(self):
        """Number of rows and columns."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def places(self, y, x):
        """
        Positions of pixels of the image in the grid.

        Parameters
        ----------
        y, x : array-like
            Rows and columns in the image.

        Returns
        -------
        row, column : `numpy.ndarray`
            Relative to the start of the grid; the column is the smallest that is not negative.
        """
        dx, dy = np.asarray(x) - self.center[0], np.asarray(y) - self.center[1]
        row = np.log(np.maximum(np.hypot(dx, dy), 1)) / _STEP - self.rows.start
        column = (np.arctan2(dy, dx) / _STEP - self.columns.start) % STEPS
        return row, column

    def pixels(self):
        """
        Positions of the grid in the image.

        Returns
        -------
        y, x : `numpy.ndarray`
            Rows and columns in the image (fractional), in the shape of the grid.
        step : `numpy.ndarray`
            Pixels from each row to the next, shape ``(rows, 1)``.
        """
        radius = np.exp(_STEP * np.arange(self.rows.start, self.rows.stop))[:, np.newaxis]
        azimuth = _STEP * np.arange(self.columns.start, self.columns.stop)
        return self.center[1] + radius * np.sin(azimuth), self.center[0] + radius * np.cos(azimuth), radius * _STEP

    def sampled(self, image, valid):
        """
        Sample an image on the grid.

        Parameters
        ----------
        image : `numpy.ndarray`
            Shape ``(ny, nx)``; finite where valid.
        valid : `numpy.ndarray` of `bool`
            Pixels that are used.

        Returns
        -------
        values : `numpy.ndarray` of ``float32``
            In the shape of the grid, zero where unknown.
        known : `numpy.ndarray` of `bool`
            Where all surrounding pixels are valid.
        """
        y, x, step = self.pixels()
        box, y, x = _box(y, x, image.shape)
        valid = valid[box]
        weighted = np.stack([np.where(valid, image[box], 0), valid]).astype(np.float32)
        share = _interpolated(weighted[1], y, x)
        values = np.zeros(self.shape, dtype=np.float32)
        for index, (sigma, _) in enumerate(_SMOOTHINGS):
            part = _share(step, index)
            rows = np.nonzero(part[:, 0] > 0)[0]
            if not len(rows):
                continue
            smooth = ndimage.gaussian_filter(weighted, (0, sigma, sigma), mode="constant") if sigma else weighted
            here = slice(rows[0], rows[-1] + 1)
            smooth, norm = _interpolated(smooth, y[here], x[here])
            values[here] += part[here] * smooth / np.maximum(norm, 1e-3)
        known = share > _FULL_WEIGHT
        return np.where(known, values, 0).astype(np.float32), known

    def interpolated(self, *images):
        """
        Interpolate smooth images on the grid; masks become shares of pixels.

        Parameters
        ----------
        *images : `numpy.ndarray`
            All of shape ``(ny, nx)``.

        Returns
        -------
        `numpy.ndarray` of ``float32``
            Shape ``(len(images), *shape)``; zero outside of the image.
        """
        y, x, _ = self.pixels()
        box, y, x = _box(y, x, images[0].shape)
        return _interpolated(np.stack([image[box].astype(np.float32) for image in images]), y, x)

    def at_pixels(self, values, known, y, x):
        """
        Interpolate values of the grid at pixels of the image.

        Parameters
        ----------
        values : `numpy.ndarray`
            In the shape of the grid.
        known : `numpy.ndarray` of `bool`
            Values that are used.
        y, x : `numpy.ndarray`
            Rows and columns in the image.

        Returns
        -------
        `numpy.ndarray`
            NaN without a known value around.
        """
        places = self.places(y, x)
        weight = ndimage.map_coordinates(known.astype(np.float32), places, order=1, mode="nearest")
        total = ndimage.map_coordinates(np.where(known, values, 0).astype(np.float32), places, order=1, mode="nearest")
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(weight > 1e-3, total / weight, np.nan)


def _box(y, x, shape):
    """The part of an image around a grid, and the positions of the grid in it."""
    margin = 6
    starts = [int(np.clip(np.floor(part.min()) - margin, 0, n - 1)) for part, n in zip((y, x), shape, strict=True)]
    stops = [int(np.clip(np.ceil(part.max()) + margin + 1, 1, n)) for part, n in zip((y, x), shape, strict=True)]
    return tuple(map(slice, starts, stops)), y - starts[0], x - starts[1]


def _interpolated(image, y, x):
    """Linear interpolation of a stack of images at once, which is faster than `scipy.ndimage` for each of them."""
    ny, nx = image.shape[-2:]
    inside = (y >= 0) & (y <= ny - 1) & (x >= 0) & (x <= nx - 1)
    row, column = (np.clip(part.astype(np.intp), 0, max(n - 2, 0)) for part, n in ((y, ny), (x, nx)))
    down, right = ((part - low).astype(np.float32) for part, low in ((y, row), (x, column)))
    flat, corner = image.reshape(*image.shape[:-2], -1), row * nx + column
    below, right_of = nx * (ny > 1), int(nx > 1)
    upper, lower = (
        np.take(flat, start, axis=-1) * (1 - right) + np.take(flat, start + right_of, axis=-1) * right
        for start in (corner, corner + below)
    )
    return np.where(inside, upper * (1 - down) + lower * down, 0)


def _share(step, index):
    """Weight of the smoothing with this index in rows with these steps."""
    knots = [coarse for _, coarse in _SMOOTHINGS]
    heights = [float(number == index) for number in range(len(knots))]
    return np.interp(step, knots, heights)
