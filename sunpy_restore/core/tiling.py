"""How images are cut into tiles and put together again."""

import operator

import numpy as np

__all__ = [
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
    """The image as an array of real numbers of shape (ny, nx) or (channels, ny, nx)."""
    image = np.asarray(image)
    if image.dtype.kind not in "fiub":
        raise TypeError(f"Expected an image of real numbers, found data of type {image.dtype}.")
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(
            f"Expected an image of shape (ny, nx) or (channels, ny, nx) that is not empty, found shape {image.shape}."
        )
    return image


def at_least(smallest, name, value):
    """``value`` as an `int`, which must not be smaller than ``smallest``."""
    value = operator.index(value)
    if value < smallest:
        raise ValueError(f"Expected {name} to be at least {smallest}, found {value}.")
    return value


def rounded_up(value, multiple):
    """The next multiple that is not smaller."""
    return -(-value // multiple) * multiple


def plan_tiles(shape, largest, active=None, multiple=1):
    """
    Tiles of nearly equal size that partition an image.

    Parameters
    ----------
    shape : tuple of `int`
        Shape (ny, nx) of the image.
    largest : `int`
        Largest side of a tile, before it is rounded up to a multiple.
    active : `numpy.ndarray` of `bool`, optional
        Tiles without an active pixel are left out.
    multiple : `int`, optional
        Tiles begin at multiples of this, and their size is one.

    Returns
    -------
    size : tuple of `int`
        Size (height, width) of all tiles but those at the far edges, which may be smaller.
    tiles : list of tuple of `slice`
        The pixels of each tile along y and x.
    """
    size = tuple(rounded_up(-(-length // -(-length // largest)), multiple) for length in shape)
    if active is not None:
        active = np.asarray(active)
        if active.dtype != bool:
            raise TypeError(f"Expected a boolean array of active pixels, found data of type {active.dtype}.")
        if active.shape != tuple(shape):
            raise ValueError(f"Expected active pixels of the shape of the image, {shape}, found {active.shape}.")
    rows, columns = (
        [slice(start, min(start + side, length)) for start in range(0, length, side)]
        for length, side in zip(shape, size, strict=True)
    )
    return size, [(y, x) for y in rows for x in columns if active is None or active[y, x].any()]


def read_tiles(planes, tiles, size, halo):
    """
    Read tiles with their halo; beyond its edges the image is continued by symmetric reflection.

    Parameters
    ----------
    planes : `numpy.ndarray`
        Image of shape (channels, ny, nx).
    tiles : list of tuple of `slice`
        Tiles as `plan_tiles` gives them.
    size : tuple of `int`
        Size (height, width) that all of them are read with, so that they make one array.
    halo : `int`
        Pixels around it.

    Returns
    -------
    `numpy.ndarray` of ``float32``
        Of shape (tiles, channels, height + 2 * halo, width + 2 * halo).
    """
    height, width = (side + 2 * halo for side in size)
    data = np.empty((len(tiles), len(planes), height, width), dtype=np.float32)
    for (y, x), target in zip(tiles, data, strict=True):
        rows = _reflected(y.start - halo, height, planes.shape[1])
        columns = _reflected(x.start - halo, width, planes.shape[2])
        for plane, part in zip(planes, target, strict=True):
            with np.errstate(over="ignore"):  # the check below finds it
                part[...] = plane[rows[:, np.newaxis], columns]
    if not np.isfinite(data).all():
        raise ValueError(
            "The image holds pixels that are not finite in single precision. Replace them first, with fill_invalid."
        )
    return data


def _reflected(start, count, length):
    """Indices ``start ... start + count - 1`` into an axis that is continued by symmetric reflection."""
    index = np.arange(start, start + count) % (2 * length)
    return np.minimum(index, 2 * length - 1 - index)


def call_on_tiles(function, data, scale):
    """What ``function`` gives for ``data``, with its shape and type checked."""
    tiles, _, height, width = shape = data.shape
    result = np.asarray(function(data))
    expected = (tiles, scale * height, scale * width)
    if result.ndim != 4 or (result.shape[0], *result.shape[2:]) != expected or result.shape[1] == 0:
        raise ValueError(
            f"The function gave an array of shape {result.shape} for tiles of shape {shape}. At a scale of {scale} "
            f"it must give ({expected[0]}, channels, {expected[1]}, {expected[2]})."
        )
    if result.dtype.kind not in "fiub":
        raise TypeError(f"Expected a function that gives real numbers, found data of type {result.dtype}.")
    return result


def prepared_result(shape, fill, dtype):
    """Array of this shape that holds ``fill`` everywhere."""
    try:
        fill = np.broadcast_to(fill, shape)
    except ValueError:
        raise ValueError(
            f"Expected a fill that broadcasts to the result, of shape {shape}, found shape {np.shape(fill)}."
        ) from None
    return fill.astype(dtype, order="C")


def write_tiles(out, results, tiles, scale, halo):
    """Put tiles, without their halo, in their places in ``out``, of shape (channels, scale * ny, scale * nx)."""
    if results.shape[1] != len(out):
        raise ValueError(f"The function gave {results.shape[1]} channels after {len(out)} in an earlier call.")
    edge = scale * halo
    for tile, result in zip(tiles, results, strict=True):
        y, x = (slice(scale * part.start, scale * part.stop) for part in tile)
        out[:, y, x] = result[:, edge : edge + y.stop - y.start, edge : edge + x.stop - x.start]
