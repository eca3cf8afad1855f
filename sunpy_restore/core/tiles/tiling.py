"""Cut images into tiles and put the results together."""

import operator
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from sunpy_restore.core.tiles.tilegrid import plan_tiles

__all__ = [
    "TiledJob",
    "at_least",
    "call_on_tiles",
    "checked_image",
    "prepared_result",
    "read_tiles",
    "write_tiles",
]


def checked_image(image):
    """Convert an image to an array of real numbers of shape ``(ny, nx)`` or ``(channels, ny, nx)``."""
    image = np.asarray(image)
    if image.dtype.kind not in "fiub":
        raise TypeError(f"Found data of type {image.dtype}; expected an image of real numbers.")
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(
            f"Found shape {image.shape}; expected an image of shape (ny, nx) or (channels, ny, nx) that is not empty."
        )
    return image


def at_least(smallest, name, value):
    """
    Check a number that must not be smaller than another.

    Parameters
    ----------
    smallest : `int`
        Smallest accepted value.
    name : `str`
        What the number is, for the error message.
    value : integer
        The number.

    Returns
    -------
    `int`

    Raises
    ------
    TypeError
        The value is no integer.
    ValueError
        The value is too small.
    """
    value = operator.index(value)
    if value < smallest:
        raise ValueError(f"Found {value}; expected {name} to be at least {smallest}.")
    return value


def read_tiles(channels, tiles, size, halo):
    """
    Read tiles with a halo of neighbouring pixels. Beyond its edges the image continues by symmetric reflection.

    Parameters
    ----------
    channels : `numpy.ndarray`
        Image of shape ``(channels, ny, nx)``.
    tiles : list of tuple of `slice`
        Tiles, see `~sunpy_restore.core.tiles.tilegrid.plan_tiles`.
    size : tuple of `int`
        Size ``(height, width)`` with which every tile is read.
    halo : `int` or pair of pairs of `int`
        Width of the halo in pixels; or before and after the tile, along y and x.

    Returns
    -------
    `numpy.ndarray` of ``float32``
        Shape ``(tiles, channels, height + 2 * halo, width + 2 * halo)``.

    Raises
    ------
    ValueError
        A pixel is not finite.
    """
    halos = ((halo, halo),) * 2 if np.ndim(halo) == 0 else halo
    height, width = (side + sum(ends) for side, ends in zip(size, halos, strict=True))
    data = np.empty((len(tiles), len(channels), height, width), dtype=np.float32)
    for (y, x), target in zip(tiles, data, strict=True):
        rows = _reflected(y.start - halos[0][0], height, channels.shape[1])
        columns = _reflected(x.start - halos[1][0], width, channels.shape[2])
        for channel, part in zip(channels, target, strict=True):
            # Values beyond single precision become infinite, and are refused below
            with np.errstate(over="ignore"):
                part[...] = channel[rows[:, np.newaxis], columns]
    if not np.isfinite(data).all():
        raise ValueError(
            "Found pixels that are not finite in single precision; expected a finite image. Use fill_invalid first."
        )
    return data


def _reflected(start, count, length):
    """Indices ``start ... start + count - 1`` of an axis that continues by symmetric reflection."""
    index = np.arange(start, start + count) % (2 * length)
    return np.minimum(index, 2 * length - 1 - index)


def call_on_tiles(function, data, scale, trim=0):
    """Call a function with tiles, and check the shape and type of its result; see `read_tiles` for the data."""
    tiles, _, height, width = shape = data.shape
    result = np.asarray(function(data))
    expected = (tiles, scale * (height - 2 * trim), scale * (width - 2 * trim))
    if result.ndim != 4 or (result.shape[0], *result.shape[2:]) != expected or result.shape[1] == 0:
        raise ValueError(
            f"Found a function whose result has shape {result.shape} for tiles of shape {shape}; expected "
            f"({expected[0]}, channels, {expected[1]}, {expected[2]}) for scale {scale}."
        )
    if result.dtype.kind not in "fiub":
        raise TypeError(f"Found a function whose result is of type {result.dtype}; expected real numbers.")
    return result


def prepared_result(shape, fill, dtype):
    """Make an array of a shape and type with a fill value, or with values that broadcast to it."""
    try:
        fill = np.broadcast_to(fill, shape)
    except ValueError:
        raise ValueError(
            f"Found fill values of shape {np.shape(fill)}; expected some that broadcast to the result, {shape}."
        ) from None
    return fill.astype(dtype, order="C")


def write_tiles(out, results, tiles, scale):
    """Write the results of tiles into ``out`` of shape ``(channels, scale * ny, scale * nx)``."""
    if results.shape[1] != len(out):
        raise ValueError(
            f"Found a result of {results.shape[1]} channels; expected {len(out)}, as in earlier calls of the function."
        )
    for tile, result in zip(tiles, results, strict=True):
        y, x = (slice(scale * part.start, scale * part.stop) for part in tile)
        out[:, y, x] = result[:, : y.stop - y.start, : x.stop - x.start]


@dataclass(frozen=True)
class TiledJob:
    """
    A function that is applied to an image, with tiles of any size.

    Parameters
    ----------
    function, scale, halo, stride, active, fill, out_dtype, trim, workers
        See `~sunpy_restore.core.tiles.local.apply_tiled`.
    channels : `numpy.ndarray`
        The image, shape ``(C, ny, nx)``.
    """

    function: Callable
    channels: np.ndarray
    scale: int
    halo: int
    stride: int
    active: np.ndarray | None
    fill: object
    out_dtype: np.dtype
    trim: int | None = None
    reach: int = 0
    workers: int = 1

    def run(self, tile, batch, bar):
        """
        Apply the function.

        Parameters
        ----------
        tile : pair of `int`
            Largest height and width of a tile without its halo.
        batch : `int`
            Largest number of tiles per call of the function.
        bar : progress bar
            Progress bar.

        Returns
        -------
        `numpy.ndarray`
            Shape ``(C', scale * ny, scale * nx)``.
        """
        out = None
        size, tiles = plan_tiles(self.channels.shape[1:], tile, self.active, self.stride, self.reach)
        bar.reset(total=len(tiles))
        groups = [tiles[first : first + batch] for first in range(0, len(tiles), batch)]
        for group, results in _computed(partial(self._result, size=size), groups, self.workers):
            if out is None:
                out = self._prepared(results.shape[1])
            write_tiles(out, results, group, self.scale)
            bar.update(len(group))
        if out is None:
            # No tile is active; one call tells the number of channels that the function returns
            side = self.stride + 2 * self.halo
            zeros = np.zeros((1, len(self.channels), side, side), dtype=np.float32)
            out = self._prepared(call_on_tiles(self.function, zeros, self.scale, self.trim or 0).shape[1])
        return out

    def _result(self, group, size):
        """Results of tiles without their halo."""
        if self.trim is None:
            data = read_tiles(self.channels, group, size, self.halo)
            results, before = call_on_tiles(self.function, data, self.scale), [self.halo] * 2
        else:
            # Beyond its edges the function continues the image by itself
            (tile,) = group
            ends = [
                (self.trim if part.start == 0 else self.halo, self.trim if part.stop == length else self.halo)
                for part, length in zip(tile, self.channels.shape[1:], strict=True)
            ]
            inner = [part.stop - part.start for part in tile]
            data = read_tiles(self.channels, group, inner, ends)
            results = call_on_tiles(self.function, data, self.scale, self.trim)
            before = [first - self.trim for first, _ in ends]
        y, x = (self.scale * start for start in before)
        return results[:, :, y : y + self.scale * size[0], x : x + self.scale * size[1]]

    def _prepared(self, count):
        shape = (count, *(self.scale * length for length in self.channels.shape[1:]))
        return prepared_result(shape, self.fill, self.out_dtype)


def _computed(function, groups, workers):
    """Results in order, computed by threads that take the next group when they are free."""
    if workers < 2 or len(groups) < 2:
        for group in groups:
            yield group, function(group)
        return
    with ThreadPoolExecutor(workers) as pool:
        # Few results wait at a time
        waiting = deque()
        try:
            for group in groups:
                waiting.append((group, pool.submit(function, group)))
                if len(waiting) > workers:
                    first, job = waiting.popleft()
                    yield first, job.result()
            while waiting:
                first, job = waiting.popleft()
                yield first, job.result()
        finally:
            for _, job in waiting:
                job.cancel()
