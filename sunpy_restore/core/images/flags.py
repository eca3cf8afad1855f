"""Boolean images as text for a header, and on other pixel grids."""

import base64
import json
import zlib
from dataclasses import dataclass

import numpy as np

__all__ = ["AnyWithin", "PixelGrid", "from_text", "moved", "to_text"]

_SHIFT = 1e-3  # pixels; submaps are shifted by whole pixels, up to rounding in a header
_DRIFT = 1.0  # pixels; more means that an image was rotated or resampled, and not just given a better pointing
_LINEAR, _CUBIC = 1, 2  # pixels; radius of the kernels of GenericMap.resample and GenericMap.rotate
_ROWS = 256  # rows of pixels that are mapped at a time


@dataclass(frozen=True)
class PixelGrid:
    """
    The pixels of an image or of a series of images.

    Parameters
    ----------
    shape : `tuple` of `int`
        Shape ``(number, ny, nx)``.
    crpix : `tuple` of `float`
        Reference pixel ``(x, y, number)``, which begins at 1 as in FITS.
    matrix : `numpy.ndarray`
        ``CDELTi * PCi_j`` of the two spatial axes, shape ``(2, 2)``.
    step : `float`
        Images of the original series per image.
    """

    shape: tuple
    crpix: tuple
    matrix: np.ndarray
    step: float = 1.0


def to_text(flags, grid):
    """
    Write flags as printable ASCII text.

    Parameters
    ----------
    flags : `numpy.ndarray` of `bool`
        Shape ``grid.shape``.
    grid : `PixelGrid`
        Its pixels.

    Returns
    -------
    `str`
        JSON: the pixel grid; the box ``[y, x, ny, nx]`` that contains all flagged pixels; and its pixels as bits, row
        by row, each row filled up to whole bytes, compressed by zlib, in base64.
    """
    rows, columns = (np.flatnonzero(flags.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    y, x, ny, nx = (rows[0], columns[0], np.ptp(rows) + 1, np.ptp(columns) + 1) if len(rows) else (0, 0, 0, 0)
    bits = zlib.compress(np.packbits(flags[:, y : y + ny, x : x + nx], axis=-1).tobytes())
    content = {
        "shape": list(grid.shape),
        "crpix": list(grid.crpix),
        "matrix": grid.matrix.tolist(),
        "step": grid.step,
        "box": [int(number) for number in (y, x, ny, nx)],
        "bits": base64.b64encode(bits).decode("ascii"),
    }
    return json.dumps(content, separators=(",", ":"))


def from_text(text):
    """
    Read the result of `to_text`.

    Parameters
    ----------
    text : `str`
        Its result.

    Returns
    -------
    flags : `numpy.ndarray` of `bool`
        The flags.
    grid : `PixelGrid`
        Their pixels.

    Raises
    ------
    ValueError
        The text is something else, for example because it was cut.
    """
    try:
        content = json.loads(text)
        shape, (y, x, ny, nx) = tuple(content["shape"]), content["box"]
        grid = PixelGrid(shape, tuple(content["crpix"]), np.array(content["matrix"]), content["step"])
        flags = np.zeros(shape, dtype=bool)
        packed = np.frombuffer(zlib.decompress(base64.b64decode(content["bits"], validate=True)), dtype=np.uint8)
        bits = np.unpackbits(packed.reshape(shape[0], ny, -(-nx // 8)), axis=-1, count=nx)
        flags[:, y : y + ny, x : x + nx] = bits
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise ValueError(
            f"Found a record of the filled pixels that cannot be read ({error}); expected JSON as it was written. "
            "Restore the original image again, or remove RSTFILL from the header."
        ) from error
    return flags, grid


def moved(flags, old, new):
    """
    Find flagged pixels on another pixel grid of the same image.

    A change of ``CRPIX`` between images of one shape and scale is taken for a better pointing, which moves no pixel,
    unless ``CRPIX`` is now the centre of the image, as in `sunpy.map.GenericMap.rotate` with ``recenter=True``.

    Parameters
    ----------
    flags : `numpy.ndarray` of `bool`
        Flags on the old pixel grid.
    old, new : `PixelGrid`
        Both grids.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``new.shape``. If the pixels have been resampled, a pixel is flagged if any part of it was flagged before,
        or any pixel from which its value was interpolated.
    """
    flags = _moved_series(flags, old, new)
    ratio = np.linalg.inv(old.matrix) @ new.matrix
    (ny, nx), center = new.shape[1:], (np.array(new.shape[:0:-1]) + 1) / 2
    to_old = np.subtract(old.crpix[:2], ratio @ new.crpix[:2])
    drift = np.abs(ratio - np.eye(2)) @ np.maximum(old.shape[:0:-1], new.shape[:0:-1])
    if (drift < _DRIFT).all():
        recentred = np.allclose(new.crpix[:2], center, rtol=0, atol=_SHIFT)
        if new.shape[1:] == old.shape[1:] and not recentred:
            return flags
        shift = np.subtract(old.crpix[:2], new.crpix[:2])
        if np.abs(shift - np.round(shift)).max() < _SHIFT:
            return _window(flags, *np.round(shift[::-1]).astype(int), ny, nx)
    turned = np.abs(ratio).min() > _SHIFT
    radius = np.maximum(_CUBIC if turned else _LINEAR, np.abs(ratio).sum(axis=1) / 2 + 0.5)
    return np.stack([_resampled(image, ratio, to_old, radius, (ny, nx)) for image in flags])


def _resampled(flags, ratio, to_old, radius, shape):
    """The flags of one image on a grid whose pixel ``x``, from 1, is at ``ratio @ x + to_old`` on the old one."""
    result = np.zeros(shape, dtype=bool)
    rows, columns = (np.flatnonzero(flags.any(axis=axis)) for axis in (1, 0))
    if len(rows) == 0:
        return result
    # The part of the new grid in which a pixel can be flagged
    left, right, bottom, top = (
        place + sign * (size + 1)
        for line, size in ((columns, radius[0]), (rows, radius[1]))
        for place, sign in ((line[0], -1), (line[-1], 1))
    )
    corners = np.array([[left, right, left, right], [bottom, bottom, top, top]]) + 1
    places = np.linalg.solve(ratio, corners - to_old[:, np.newaxis]) - 1
    (x0, y0), (x1, y1) = (
        np.clip(edge(places, axis=1), 0, np.array(shape[::-1]) - 1).astype(int) for edge in (np.min, np.max)
    )
    near = AnyWithin(flags)
    for start in range(y0, y1 + 1, _ROWS):
        y, x = np.mgrid[start : min(start + _ROWS, y1 + 1), x0 : x1 + 1]
        # From pixels that begin at 0 to pixels that begin at 0
        u, v = (row[0] * (x + 1) + row[1] * (y + 1) + zero - 1 for row, zero in zip(ratio, to_old, strict=True))
        result[y[0, 0] : y[-1, 0] + 1, x0 : x1 + 1] = near(u, v, *radius)
    return result


class AnyWithin:
    """
    Whether any pixel is flagged in boxes around points.

    Parameters
    ----------
    flags : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """

    def __init__(self, flags):
        self.shape = flags.shape
        self.total = np.zeros(np.add(flags.shape, 1), dtype=np.int32)
        flags.cumsum(axis=0, out=self.total[1:, 1:]).cumsum(axis=1, out=self.total[1:, 1:])

    def __call__(self, x, y, radius_x, radius_y):
        """
        Find flagged pixels in boxes.

        Parameters
        ----------
        x, y : `numpy.ndarray`
            Centres of the boxes in pixels, which begin at 0; not finite where there is none.
        radius_x, radius_y : `float` or `numpy.ndarray`
            Half the size of the boxes. The centre of a pixel on the edge of a box is outside.

        Returns
        -------
        `numpy.ndarray` of `bool`
            Shape of ``x``.
        """
        known = np.isfinite(x) & np.isfinite(y)
        ends = []
        for place, radius, length in zip((y, x), (radius_y, radius_x), self.shape, strict=True):
            place, radius = np.where(known, place, 0), radius - _SHIFT
            # First pixel in the box, and the one after the last
            edges = np.ceil(place - radius), np.floor(place + radius) + 1
            ends.append([np.clip(edge, 0, length).astype(np.int32) for edge in edges])
        (bottom, top), (left, right) = ends
        total = self.total
        return known & (total[top, right] - total[bottom, right] - total[top, left] + total[bottom, left] > 0)


def _moved_series(flags, old, new):
    """The flags of each image of a series that was cut or rebinned along its first axis."""
    step = max(1, round(new.step / old.step))
    first = round(old.crpix[2] - 0.5 - step * (new.crpix[2] - 0.5))
    numbers = first + step * np.arange(new.shape[0])
    blocks = [flags[max(number, 0) : max(number + step, 0)].any(axis=0) for number in numbers]
    return np.stack(blocks)


def _window(flags, bottom, left, ny, nx):
    """A part of images, which may reach over their edges."""
    result = np.zeros((len(flags), ny, nx), dtype=bool)
    places = [
        (slice(max(start, 0), max(min(start + length, size), 0)), max(-start, 0))
        for start, length, size in ((bottom, ny, flags.shape[1]), (left, nx, flags.shape[2]))
    ]
    (rows, y), (columns, x) = places
    part = flags[:, rows, columns]
    result[:, y : y + part.shape[1], x : x + part.shape[2]] = part
    return result
