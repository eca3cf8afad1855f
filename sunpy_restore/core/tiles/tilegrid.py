"""Choose the size and the places of the tiles of an image."""

import numpy as np

__all__ = ["plan_grid", "plan_tiles", "rounded_up"]

_MOST_PARTS = 64  # along an axis
_SHARED = 0.2  # weight of the work of all threads, relative to the time


def rounded_up(value, stride):
    """Round a number up to a multiple of ``stride``."""
    return -(-value // stride) * stride


def plan_tiles(shape, largest, active=None, stride=1, reach=0):
    """
    Divide an image into tiles of nearly equal size.

    Parameters
    ----------
    shape : tuple of `int`
        Shape ``(ny, nx)`` of the image.
    largest : `int` or pair of `int`
        Largest side of a tile in pixels, or its largest height and width, before it is rounded up to a multiple of the
        stride.
    active : `numpy.ndarray` of `bool`, optional
        Tiles without an active pixel are left out.
    stride : `int`, optional
        Corners and sides of the tiles are multiples of this number of pixels.
    reach : `int`, optional
        Tiles with an active pixel at most as far away are kept as well.

    Returns
    -------
    size : tuple of `int`
        Size ``(height, width)`` of all tiles, except that those at the far edges may be smaller.
    tiles : list of tuple of `slice`
        The pixels of each tile along y and x.
    """
    largest = (largest, largest) if np.ndim(largest) == 0 else largest
    size = tuple(
        rounded_up(-(-length // -(-length // side)), stride) for length, side in zip(shape, largest, strict=True)
    )
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

    def is_active(y, x):
        y, x = (slice(max(part.start - reach, 0), part.stop + reach) for part in (y, x))
        return active is None or active[y, x].any()

    return size, [(y, x) for y in rows for x in columns if is_active(y, x)]


def plan_grid(shape, halo, largest, *, trim=None, stride=1, workers=1):
    """
    Choose the size of tiles with which an image needs the least time.

    Parameters
    ----------
    shape : pair of `int`
        Shape ``(ny, nx)`` of the image.
    halo, trim, stride, workers
        See `~sunpy_restore.core.tiles.local.apply_tiled`.
    largest : `int`
        Largest number of pixels of a tile with its halo.

    Returns
    -------
    `tuple` of `int`
        Height and width of a tile without its halo.
    """
    outer = halo if trim is None else 0
    inner = halo if trim is None else halo - trim

    def sides(length, count):
        side = rounded_up(-(-length // count), stride)
        return side, side + (2 * inner if count > 2 else inner + outer if count == 2 else 2 * outer)

    best = None
    for rows in range(1, _MOST_PARTS + 1):
        height, whole_height = sides(shape[0], rows)
        if height * (rows - 1) >= shape[0]:
            break
        for columns in range(1, _MOST_PARTS + 1):
            width, whole_width = sides(shape[1], columns)
            if width * (columns - 1) >= shape[1]:
                break
            work = whole_height * whole_width
            rounds = -(-rows * columns // workers)
            # Beyond the time, the sum of all work counts a little: other processes want to run, too
            cost = (work > largest, max(work - largest, 0), rounds * work + _SHARED * rows * columns * work / workers)
            if best is None or cost < best[0]:
                best = cost, (height, width)
    return best[1]
