"""
Apply a local function, such as a network, to an image of any size.

The image is cut into tiles. Each tile is read with a halo of neighbouring pixels, so that the result is the same as for
the whole image, while the memory depends on the size of a tile only.
"""

from dataclasses import replace

import numpy as np
from tqdm.auto import tqdm

from sunpy_restore.core.system.memory import is_out_of_memory
from sunpy_restore.core.tiles.tilegrid import rounded_up
from sunpy_restore.core.tiles.tiling import TiledJob, at_least, checked_image

__all__ = ["apply_tiled"]

_SMALLEST_TILE = 32  # pixels, below which the halo is nearly all of the work


def apply_tiled(
    function,
    image,
    *,
    scale=1,
    halo,
    tile=256,
    stride=1,
    batch=4,
    active=None,
    reach=0,
    trim=None,
    workers=1,
    fill=np.nan,
    progress=False,
    description="",
    out_dtype=np.float32,
):
    """
    Apply a local function to an image, tile by tile.

    The result equals that of one call with the whole image, within rounding, if the receptive radius of the function is
    at most ``halo`` pixels. Beyond its edges the image continues by symmetric reflection. Besides the image and the
    result, memory is needed for one batch of tiles.

    Parameters
    ----------
    function : callable
        Takes a `numpy.ndarray` of ``float32`` of shape ``(tiles, C, h, w)`` and returns one of shape
        ``(tiles, C', scale * h, scale * w)``.
    image : array-like
        Image of shape ``(ny, nx)`` or ``(C, ny, nx)``, of any real type and memory layout. It is not changed.
    scale : `int`, optional
        Output pixels per input pixel along each axis.
    halo : `int` or `None`
        Receptive radius of the function in input pixels. If it is `None`, every output pixel depends on the whole
        image: the function is called once with the whole image, continued to a multiple of ``stride``.
    tile : `int` or pair of `int`, optional
        Largest side of a tile in input pixels, without its halo, or its largest height and width.
    stride : `int`, optional
        Step of the grid on which the function samples its input, in input pixels. Corners and sides of all tiles with
        their halo are then multiples of it; ``tile`` and ``halo`` are rounded up.
    batch : `int`, optional
        Largest number of tiles per call of the function.
    active : `numpy.ndarray` of `bool`, optional
        Pixels whose result is needed, shape ``(ny, nx)``. Tiles without such a pixel are skipped.
    reach : `int`, optional
        Tiles with such a pixel at most as far away are not skipped either.
    trim : `int`, optional
        Width of a border of each tile that the function uses, but for which it returns no result. At its edges the
        image is continued by this border only: there the function continues the image by itself, as in a call with the
        whole image. Tiles are then passed one at a time. By default the function returns a result for all pixels, and
        the image is continued by the whole halo.
    workers : `int`, optional
        Number of threads that call the function.
    fill : `float` or array-like, optional
        Values of skipped tiles: a number, or an array that broadcasts to the result.
    progress : `bool`, optional
        Show a progress bar.
    description : `str`, optional
        Text in front of the progress bar.
    out_dtype : floating-point data type, optional
        Type of the result.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(scale * ny, scale * nx)`` if the function returns one channel, else ``(C', scale * ny, scale * nx)``;
        C-contiguous and of native byte order.

    Raises
    ------
    TypeError
        The image is not of a real type, ``active`` is not boolean, or ``out_dtype`` is no floating-point type.
    ValueError
        The image is empty or has another number of dimensions, a pixel that is needed is not finite, ``active`` or the
        result of the function has another shape, or a number is out of range.
    MemoryError
        The memory is too small even for one of the smallest tiles. If it is too small for several tiles at once or for
        large ones, fewer and smaller tiles are tried.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.core.tiles.local import apply_tiled
    >>> apply_tiled(lambda x: 2 * x, np.arange(6).reshape(2, 3), halo=0, tile=2)
    array([[ 0.,  2.,  4.],
           [ 6.,  8., 10.]], dtype=float32)
    """
    image = checked_image(image)
    out_dtype = np.dtype(out_dtype).newbyteorder("=")
    if out_dtype.kind != "f":
        raise TypeError(f"Found out_dtype={out_dtype}; expected a floating-point type.")
    numbers = {"scale": scale, "batch": batch, "stride": stride, "workers": workers}
    scale, batch, stride, workers = (at_least(1, *pair) for pair in numbers.items())
    height, width = (at_least(1, "tile", side) for side in ((tile, tile) if np.ndim(tile) == 0 else tile))
    channels = image[np.newaxis] if image.ndim == 2 else image
    ny, nx = channels.shape[1:]
    whole = halo is None
    if whole:
        height, width, halo, workers = ny, nx, 0, 1
    halo = rounded_up(at_least(0, "halo", halo), stride)
    batch = batch if trim is None else 1
    job = TiledJob(function, channels, scale, halo, stride, active, fill, out_dtype, trim, reach, workers)
    while True:
        try:
            with tqdm(desc=description or None, unit="tile", disable=not progress) as bar:
                out = job.run((height, width), batch, bar)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            side = min(max(height, width), max(ny, nx))
            if batch == job.workers == 1 and (whole or side <= max(_SMALLEST_TILE, stride)):
                side += 0 if whole else 2 * halo
                raise MemoryError(
                    f"one part of {side} x {side} pixels does not fit; close other programs, or use another device"
                ) from error
            if batch > 1 or job.workers > 1:
                batch, job = 1, replace(job, workers=1)
            else:
                height, width = (min(length, side // 2) for length in (height, width))
        else:
            return out[0] if len(out) == 1 else out
