"""Cut images into tiles and put the results together."""

import operator
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = [
    "TiledJob",
    "at_least",
    "call_on_tiles",
    "checked_image",
    "plan_tiles",
    "prepared_result",
    "read_tiles",
    "rounded_up",
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


def rounded_up(value, stride):
    """Round a number up to a multiple of ``stride``."""
    return -(-value // stride) * stride


def plan_tiles(shape, largest, active=None, stride=1):
    """
    Divide an image into tiles of nearly equal size.

    Parameters
    ----------
    shape : tuple of `int`
        Shape ``(ny, nx)`` of the image.
    largest : `int`
        Largest side of a tile in pixels, before it is rounded up to a multiple of the stride.
    active : `numpy.ndarray` of `bool`, optional
        Tiles without an active pixel are left out.
    stride : `int`, optional
        Corners and sides of the tiles are multiples of this number of pixels.

    Returns
    -------
    size : tuple of `int`
        Size ``(height, width)`` of all tiles, except that those at the far edges may be smaller.
    tiles : list of tuple of `slice`
        The pixels of each tile along y and x.
    """
    size = tuple(rounded_up(-(-length // -(-length // largest)), stride) for length in shape)
    if active is not None:
        active = np.asarray(active)
        if active.dtype != bool:
            raise TypeError(f"Found active pixels of type {active.dtype}; expected a boolean array.")
        if active.shape != tuple(shape):
            raise ValueError(f"Found active pixels of shape {active.shape}; expected {shape}, that of the image.")
    rows, columns = (
        [slice(start, min(start + side, length)) for start in range(0, length, side)]
        for length, side in zip(shape, size, strict=True)
    )
    return size, [(y, x) for y in rows for x in columns if active is None or active[y, x].any()]


def read_tiles(channels, tiles, size, halo):
    """
    Read tiles with a halo of neighbouring pixels. Beyond its edges the image continues by symmetric reflection.

    Parameters
    ----------
    channels : `numpy.ndarray`
        Image of shape ``(channels, ny, nx)``.
    tiles : list of tuple of `slice`
        Tiles, see `plan_tiles`.
    size : tuple of `int`
        Size ``(height, width)`` with which every tile is read.
    halo : `int`
        Width of the halo in pixels.

    Returns
    -------
    `numpy.ndarray` of ``float32``
        Shape ``(tiles, channels, height + 2 * halo, width + 2 * halo)``.

    Raises
    ------
    ValueError
        A pixel is not finite.
    """
    height, width = (side + 2 * halo for side in size)
    data = np.empty((len(tiles), len(channels), height, width), dtype=np.float32)
    for (y, x), target in zip(tiles, data, strict=True):
        rows = _reflected(y.start - halo, height, channels.shape[1])
        columns = _reflected(x.start - halo, width, channels.shape[2])
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


def call_on_tiles(function, data, scale):
    """Call a function with tiles, and check the shape and type of its result; see `read_tiles` for the data."""
    tiles, _, height, width = shape = data.shape
    result = np.asarray(function(data))
    expected = (tiles, scale * height, scale * width)
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


def write_tiles(out, results, tiles, scale, halo):
    """Write the results of tiles, without their halo, into ``out`` of shape ``(channels, scale * ny, scale * nx)``."""
    if results.shape[1] != len(out):
        raise ValueError(
            f"Found a result of {results.shape[1]} channels; expected {len(out)}, as in earlier calls of the function."
        )
    edge = scale * halo
    for tile, result in zip(tiles, results, strict=True):
        y, x = (slice(scale * part.start, scale * part.stop) for part in tile)
        out[:, y, x] = result[:, edge : edge + y.stop - y.start, edge : edge + x.stop - x.start]


@dataclass(frozen=True)
class TiledJob:
    """
    A function that is applied to an image, with tiles of any size.

    Parameters
    ----------
    function, scale, halo, stride, active, fill, out_dtype
        See `~sunpy_restore.core.inference.apply_tiled`.
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

    def run(self, tile, batch, bar):
        """
        Apply the function.

        Parameters
        ----------
        tile, batch : `int`
            Largest side of a tile without its halo; largest number of tiles per call of the function.
        bar : `tqdm.tqdm`
            Progress bar.

        Returns
        -------
        `numpy.ndarray`
            Shape ``(C', scale * ny, scale * nx)``.
        """
        out, scale, halo = None, self.scale, self.halo
        size, tiles = plan_tiles(self.channels.shape[1:], tile, self.active, self.stride)
        bar.reset(total=len(tiles))
        for first in range(0, len(tiles), batch):
            group = tiles[first : first + batch]
            results = call_on_tiles(self.function, read_tiles(self.channels, group, size, halo), scale)
            if out is None:
                out = self._prepared(results.shape[1])
            write_tiles(out, results, group, scale, halo)
            bar.update(len(group))
        if out is None:
            # No tile is active; one call tells the number of channels that the function returns
            side = self.stride + 2 * halo
            zeros = np.zeros((1, len(self.channels), side, side), dtype=np.float32)
            out = self._prepared(call_on_tiles(self.function, zeros, scale).shape[1])
        return out

    def _prepared(self, count):
        shape = (count, *(self.scale * length for length in self.channels.shape[1:]))
        return prepared_result(shape, self.fill, self.out_dtype)
