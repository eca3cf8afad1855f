"""
Running a local function, a network for instance, over an image of any size.

The image is cut into tiles that carry enough of their neighbours for the result to be that of the whole image, while
the memory needed depends on the tile only.
"""

from contextlib import nullcontext

import numpy as np
from scipy.ndimage import distance_transform_edt
from tqdm.auto import tqdm

from sunpy_restore.core.tiling import (
    at_least,
    call_on_tiles,
    checked_image,
    plan_tiles,
    prepared_result,
    read_tiles,
    rounded_up,
    write_tiles,
)

__all__ = ["apply_tiled", "choose_device", "fill_invalid", "network_function"]


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
    fill=np.nan,
    progress=False,
    description="",
    out_dtype=np.float32,
):
    """
    Apply a local function to an image, tile by tile.

    The result is that of one call with the whole image, to the rounding of the function, if the function sees no
    further than ``halo`` pixels. Beyond its edges the image is continued by symmetric reflection. Besides the image
    and the result, the memory needed is that of one batch of tiles. A function that looks at all of the image is called
    with the whole at once.

    Parameters
    ----------
    function : callable
        Takes a `numpy.ndarray` of ``float32`` of shape (tiles, C, h, w) and gives one of shape
        (tiles, C', scale * h, scale * w).
    image : array-like
        Image of shape (ny, nx) or (C, ny, nx), of any real type and memory layout. It is not changed.
    scale : `int`, optional
        Output pixels per input pixel along each axis.
    halo : `int` or `None`
        Reach of the function: how many input pixels away from an output pixel still matter to it. `None`: all of them,
        so that nothing is cut, nor continued beyond the edges further than ``stride`` demands.
    tile : `int`, optional
        Largest side of a tile in input pixels, without its halo.
    stride : `int`, optional
        Step of the grid on which the function samples its input, in input pixels. All tiles then begin, with their
        halo, at a multiple of it and have sizes that are one, for which ``tile`` and ``halo`` are rounded up.
    batch : `int`, optional
        Largest number of tiles in a call of the function.
    active : `numpy.ndarray` of `bool`, optional
        Where the result is wanted, of shape (ny, nx). Tiles without such a pixel are skipped.
    fill : `float` or array-like, optional
        What skipped tiles hold: a number, or an image that broadcasts to the result.
    progress : `bool`, optional
        Whether to show a progress bar.
    description : `str`, optional
        Text in front of the progress bar.
    out_dtype : floating-point data type, optional
        Type of the result.

    Returns
    -------
    `numpy.ndarray`
        Of shape (scale * ny, scale * nx) if the function gives one channel, and (C', scale * ny, scale * nx) if it
        gives more; C-contiguous and of native byte order.

    Raises
    ------
    TypeError
        If the image is not of a real type, ``active`` not boolean or ``out_dtype`` not a floating-point type.
    ValueError
        If the image is empty or has a wrong number of dimensions, if it holds pixels that are not finite where they
        are needed, if ``active`` or the result of the function has a wrong shape, or if a number is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.core.inference import apply_tiled
    >>> apply_tiled(lambda x: 2 * x, np.arange(6).reshape(2, 3), halo=0, tile=2)
    array([[ 0.,  2.,  4.],
           [ 6.,  8., 10.]], dtype=float32)
    """
    image = checked_image(image)
    out_dtype = np.dtype(out_dtype).newbyteorder("=")
    if out_dtype.kind != "f":
        raise TypeError(f"Expected a floating-point out_dtype, found {out_dtype}.")
    numbers = {"scale": scale, "tile": tile, "batch": batch, "stride": stride}
    scale, tile, batch, stride = (at_least(1, *pair) for pair in numbers.items())
    planes = image[np.newaxis] if image.ndim == 2 else image
    ny, nx = planes.shape[1:]
    if halo is None:
        tile, halo = max(ny, nx), 0
    halo = rounded_up(at_least(0, "halo", halo), stride)
    size, tiles = plan_tiles((ny, nx), tile, active, stride)

    def prepared(channels):
        return prepared_result((channels, scale * ny, scale * nx), fill, out_dtype)

    out = None
    with tqdm(total=len(tiles), desc=description or None, unit="tile", disable=not progress) as bar:
        for first in range(0, len(tiles), batch):
            group = tiles[first : first + batch]
            results = call_on_tiles(function, read_tiles(planes, group, size, halo), scale)
            if out is None:
                out = prepared(results.shape[1])
            write_tiles(out, results, group, scale, halo)
            bar.update(len(group))
    if out is None:  # nothing is active, and the function alone knows its number of channels
        side = stride + 2 * halo
        pixel = np.zeros((1, len(planes), side, side), dtype=np.float32)
        out = prepared(call_on_tiles(function, pixel, scale).shape[1])
    return out[0] if len(out) == 1 else out


def fill_invalid(image, valid=None):
    """
    Replace the invalid pixels of an image by their nearest valid neighbours.

    Parameters
    ----------
    image : array-like
        Image of shape (ny, nx), or (C, ny, nx) whose planes are filled one by one. It is not changed.
    valid : array-like of `bool`, optional
        Which pixels are valid, broadcast to the image. Pixels that are not finite are never valid.

    Returns
    -------
    filled : `numpy.ndarray`
        Copy of the image, with at least single precision and native byte order, and with finite pixels only.
    valid : `numpy.ndarray` of `bool`
        Which pixels of it were valid, of the shape of the image.

    Raises
    ------
    TypeError
        If the image is not of a real type.
    ValueError
        If an image holds no valid pixel, is empty or has a wrong number of dimensions, or if ``valid`` has a wrong
        shape.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.core.inference import fill_invalid
    >>> filled, valid = fill_invalid([[1, 2, np.nan]])
    >>> filled
    array([[1., 2., 2.]])
    >>> valid
    array([[ True,  True, False]])
    """
    image = checked_image(image)
    filled = image.astype(np.result_type(image.dtype, np.float32), order="C")
    finite = np.isfinite(filled)
    if valid is not None:
        try:
            finite &= np.asarray(valid, dtype=bool)
        except ValueError:
            raise ValueError(
                f"Expected a mask of valid pixels of the shape of the image, {image.shape}, found {np.shape(valid)}."
            ) from None
    plane_shape = (-1, *image.shape[-2:])
    for plane, good in zip(filled.reshape(plane_shape), finite.reshape(plane_shape), strict=True):
        if good.all():
            continue
        if not good.any():
            raise ValueError(
                f"None of the {good.size} pixels of the image is valid: all are masked or not finite. "
                "At least one valid pixel is needed."
            )
        nearest = distance_transform_edt(~good, return_distances=False, return_indices=True)
        plane[~good] = plane[tuple(nearest[:, ~good])]
    return filled, finite


def choose_device(device=None):
    """
    The device to compute on.

    Parameters
    ----------
    device : `str` or `torch.device`, optional
        Name of a device, such as ``"cpu"`` or ``"cuda:1"``. By default CUDA, then MPS, then the CPU.

    Returns
    -------
    `torch.device`

    Raises
    ------
    ValueError
        If there is no such device, or it cannot be used on this computer.
    """
    import torch

    if device is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.zeros(1, device=chosen).item()
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"Cannot compute on the device {device!r} ({reason}). "
            'Give the name of a device of this computer, such as "cpu", "cuda" or "mps", or None to choose one.'
        ) from error
    return chosen


def network_function(module, device=None):
    """
    Make a network a function on arrays, as `apply_tiled` takes it.

    Parameters
    ----------
    module : `torch.nn.Module`
        Network from (tiles, C, h, w) to (tiles, C', scale * h, scale * w). A copy of it is used, in evaluation mode,
        in single precision and with the rewrites of `sunpy_restore.networks.acceleration.accelerate`.
    device : `str` or `torch.device`, optional
        Where to run it, see `choose_device`.

    Returns
    -------
    callable
        From `numpy.ndarray` to `numpy.ndarray` of ``float32``.
    """
    import torch

    from sunpy_restore.networks.acceleration import accelerate

    device = choose_device(device)
    network = accelerate(module).float().to(device)

    def function(tiles):
        tensor = torch.from_numpy(np.array(tiles, dtype=np.float32, order="C")).to(device)
        with torch.inference_mode(), _full_precision(device):
            result = network(tensor.contiguous(memory_format=torch.channels_last))
        return np.ascontiguousarray(result.float().cpu().numpy())

    return function


def _full_precision(device):
    """CUDA convolves single precision with 10-bit mantissas unless told otherwise."""
    if device.type != "cuda":
        return nullcontext()
    from torch.backends import cudnn

    return cudnn.flags(
        enabled=cudnn.enabled, benchmark=cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=False
    )
