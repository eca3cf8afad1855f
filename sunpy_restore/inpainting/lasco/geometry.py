"""Geometry of SOHO/LASCO: unobserved pixels, and the positions of image pixels on the detector."""

from dataclasses import replace
from functools import cache, lru_cache

import numpy as np
from scipy import ndimage

from sunpy_restore.inpainting.lasco.block_shapes import forms_squares
from sunpy_restore.inpainting.lasco.block_tables import middle_blocks, zeroed_blocks
from sunpy_restore.inpainting.lasco.header import FULL, SUN, WANDER

__all__ = ["BLOCK", "MARGIN", "OCCULTER_EDGE", "block_grid", "detector_pixels", "empty_pixels", "obscured",
           "unobserved_pixels"]  # fmt: skip

BLOCK = 32
"""Pixels along each axis of a telemetry block."""

OCCULTER_EDGE = {"C2": (2.0, 2.7), "C3": (3.7, 5.0)}
"""Radii of the edge of the occulter and the diffraction rings around it, in solar radii."""

_BZERO = np.float32(3.2501e-9)  # pixels without data in C3 at level 1, where the stored integer is 0

# Pixels that c3_cl_mask_lvl1.fts hides at level 1, from a frame of 2002, in detector pixels counted from 0. The edges
# of the pylon are given along its axis from the centre of the Sun.
_BORDER = 5
_DISC = {"C3": (517.3, 529.9, 73.5)}
_STOP = {"C3": (518.6, 531.2, 544.0)}
_PYLON = 225.05  # degrees counter-clockwise from the rows
_ALONG = (58, 70, 82, 106, 136, 226, 346, 436, 526)
_ACROSS = (
    (-46, -32.5, -23, -11.5, -8, -8.5, -10, -12, -13.5),
    (47, 39, 30.5, 22, 18.3, 18.3, 19.5, 21.5, 23.5),
)
# Discs and fields that a user has masked around the centre of the Sun: plausible radii in detector pixels, and the
# share of a circle that has to be empty.
_DISCS = {"C2": (60, 200), "C3": (50, 100)}
_STOPS = {"C2": (480, 620), "C3": (500, 570)}
_RING = 0.9

_FEWEST_BLOCKS = 8  # tabulated blocks in an image from which it can be told whether they were set to zero on board
_SENT = 0.25  # share of these blocks without data below which all of them were sent, and some were lost

_SHRINKAGE = 4  # pixels by which the interpolation to level 1 makes a block smaller

MARGIN = 5
"""Pixels around the mask of the calibration that do not count as lost: the Sun and the pylon move relative to it."""


def empty_pixels(data, lasco):
    """
    Find pixels without data: not finite, ``BLANK``, zero, the value of masked pixels at level 1, or the smallest value
    of the image if its pixels form squares of the size of telemetry blocks and are at most half of the image.

    Parameters
    ----------
    data : `numpy.ndarray`
        Image, shape ``(ny, nx)``.
    lasco : `~sunpy_restore.inpainting.lasco.header.Lasco`
        Properties of the image.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    empty = (data == 0) | ~np.isfinite(data)
    if lasco.blank is not None:
        empty |= data == lasco.blank
    if lasco.level < 1 and (low := data.min(where=~empty, initial=0)) < 0:
        # Zero minus the bias; it is no datum if it is that frequent
        lowest = data == low
        empty |= lowest if lowest.sum() >= BLOCK**2 / 2 or low == np.iinfo(np.int16).min else False
    elif data.dtype.kind == "f" and lasco.level == 1:
        empty |= np.abs(data - _BZERO) < 1e-6 * _BZERO
        # Saturated pixels share a value, too, but not in blocks that are never sent
        sample = data[_zeroed(data.shape, lasco, 0) & ~empty]
        values, counts = np.unique(sample[::4], return_counts=True)
        if counts.size and counts.max() > 0.5 * counts.sum():
            empty |= data == values[counts.argmax()]
    side = BLOCK - _SHRINKAGE * (lasco.level == 1)
    lowest = ~empty & (data == np.min(data[~empty], initial=data.max()))
    if lasco.binned_on_ground or not side**2 <= lowest.sum() <= data.size / 2:
        return empty
    return empty | lowest if forms_squares(lowest & ~obscured(data.shape, lasco, MARGIN), side) else empty


def unobserved_pixels(data, lasco, empty=None):
    """
    Find pixels that the instrument or the calibration hides, and that have no data in this image.

    At level 0.5 these are the blocks behind the occulter and in the corners, which are set to zero on board. Those in
    the middle of the occulter are sent together in most images; if one of them has data, none of them is hidden. If
    most of the other blocks have data, all blocks were sent in this image, and none of them is hidden. At level 1 they
    are the pixels that the calibration masks: the occulter, the pylon, and pixels outside of the field of view. Discs
    and fields of view that a user has masked around the centre of the Sun are found at both levels.

    Parameters
    ----------
    data : `numpy.ndarray`
        Image, shape ``(ny, nx)``.
    lasco : `~sunpy_restore.inpainting.lasco.header.Lasco`
        Properties of the image.
    empty : `numpy.ndarray` of `bool`, optional
        Result of `empty_pixels`, if it is known.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    empty = empty_pixels(data, lasco) if empty is None else empty
    hidden = empty & _masked_rings(empty, lasco)
    if lasco.level == 1:
        # In frames without missing blocks the calibration leaves these blocks negative
        return hidden | (empty & obscured(data.shape, lasco, MARGIN)) | (~(data > 0) & _zeroed(data.shape, lasco, 0))
    rows, columns = (np.arange(n) - first for n, first in zip(data.shape, block_grid(empty, lasco), strict=True))
    rows, columns = rows // BLOCK, columns // BLOCK
    table, middle = (blocks(lasco.detector, lasco.binning) for blocks in (zeroed_blocks, middle_blocks))
    if lasco.turn % 360 == 180:
        table, middle = table[::-1, ::-1], middle[::-1, ::-1]
    inside = [(index >= 0) & (index < len(table)) for index in (rows, columns)]
    blocks = np.zeros(data.shape, dtype=bool)
    blocks[np.ix_(*inside)] = table[np.ix_(rows[inside[0]], columns[inside[1]])]
    number = (rows[:, np.newaxis] * len(table) + columns)[blocks]
    # The last word of a frame may lie in a block of a corner
    zeroed = np.bincount(number, empty[blocks]) > 0.9 * np.maximum(np.bincount(number), 1)
    middle = np.intersect1d(np.flatnonzero(middle), number)
    if not zeroed[middle].all():
        zeroed[middle] = False
    others = np.setdiff1d(number, middle)
    if len(others) >= _FEWEST_BLOCKS and zeroed[others].mean() < _SENT:
        zeroed[others] = False
    hidden[blocks] |= zeroed[number]
    return hidden


def block_grid(empty, lasco):
    """
    Locate the first pixel of the grid of telemetry blocks.

    Parameters
    ----------
    empty : `numpy.ndarray` of `bool`
        Result of `empty_pixels`, shape ``(ny, nx)``; its edges refine the grid of a cutout.
    lasco : `~sunpy_restore.inpainting.lasco.header.Lasco`
        Properties of the image.

    Returns
    -------
    `tuple` of `int`
        Row and column, which may lie outside of a cutout.
    """
    if lasco.is_full(empty.shape):
        return 0, 0
    # The nominal position follows from the centre of the Sun on the detector
    expected = [FULL - 1 - sun if lasco.turn % 360 == 180 else sun for sun in SUN[lasco.detector]]
    origin = []
    for axis, (center, sun) in enumerate(zip(lasco.center[::-1], expected[::-1], strict=True)):
        nominal = round(center - ((sun + 0.5) / lasco.binning - 0.5))
        edges = np.diff(empty, axis=axis).sum(axis=1 - axis)
        places = np.arange(1, len(edges) + 1)
        offsets = sorted(range(-WANDER, WANDER + 1), key=abs)
        # Of equally good offsets the smallest
        origin.append(nominal + max(offsets, key=lambda off: edges[(places - nominal - off) % BLOCK == 0].sum()))
    return tuple(origin)


def detector_pixels(shape, lasco, empty=None):
    """
    Positions of the pixels of an image on the detector.

    Parameters
    ----------
    shape : pair of `int`
        Shape of the image, ``(ny, nx)``.
    lasco : `~sunpy_restore.inpainting.lasco.header.Lasco`
        Properties of the image.
    empty : `numpy.ndarray` of `bool`, optional
        Result of `empty_pixels`. A cutout of level 0.5 is then placed by whole pixels with `block_grid`, exactly.
        Otherwise a cutout is placed by the centre of the Sun, within about two pixels. A full frame needs neither.

    Returns
    -------
    x, y : `numpy.ndarray` of ``float32``
        Detector pixels, of 1024 x 1024 and counted from 0, of the centre of each image pixel. Shapes ``(1, nx)`` and
        ``(ny, 1)``, or ``(ny, nx)`` both if the image was rotated by an angle other than 180 degrees. Positions may lie
        outside of the detector.
    """
    y, x = np.indices(shape, dtype=np.float32, sparse=True)
    straight, upright = lasco.turn % 180 == 0, lasco.turn % 360 == 0
    snapped = empty is not None and lasco.level < 1
    if straight and (snapped or lasco.is_full(shape)):
        row, column = (0, 0) if lasco.is_full(shape) else block_grid(empty, lasco)
        x, y = (lasco.binning * (axis - first + 0.5) - 0.5 for axis, first in ((x, column), (y, row)))
        return (x, y) if upright else (FULL - 1 - x, FULL - 1 - y)
    x, y = (lasco.binning * (axis - first) for axis, first in zip((x, y), lasco.center, strict=True))
    # The centres in headers of level 1 are one pixel larger than those of level 0.5
    sun = np.array(SUN[lasco.detector], dtype=np.float32) + (lasco.level == 1)
    if straight:
        return (sun[0] + x, sun[1] + y) if upright else (sun[0] - x, sun[1] - y)
    cosine, sine = (np.float32(function(np.radians(lasco.turn))) for function in (np.cos, np.sin))
    return sun[0] + x * cosine + y * sine, sun[1] + y * cosine - x * sine


def obscured(shape, lasco, margin=0):
    """
    Find pixels that the calibration to level 1 masks, from the geometry only.

    Parameters
    ----------
    shape : pair of `int`
        Shape of the image, ``(ny, nx)``.
    lasco : `~sunpy_restore.inpainting.lasco.header.Lasco`
        Properties of the image.
    margin : `float`
        Margin around the masked pixels in detector pixels.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``, read-only: images with the same geometry share it.
    """
    return _obscured(tuple(shape), _placing(shape, lasco), margin)


def _placing(shape, lasco):
    """The properties that set the positions of pixels, equal for all full frames of a kind."""
    center = (0.0, 0.0) if lasco.is_full(shape) and lasco.turn % 180 == 0 else lasco.center
    return replace(lasco, center=center, bias=0.0, exposure=0.0, blank=None)


@lru_cache(maxsize=4)
def _obscured(shape, lasco, margin):
    x, y = detector_pixels(shape, lasco)
    border = margin + (_BORDER if lasco.detector in _STOP else -1)
    hidden = _zeroed(shape, lasco, margin) | (np.minimum(x, y) < border) | (np.maximum(x, y) > FULL - 1 - border)
    if lasco.detector in _STOP:
        for (x0, y0, radius), sign in ((_DISC[lasco.detector], 1), (_STOP[lasco.detector], -1)):
            hidden |= sign * ((x - x0) ** 2 + (y - y0) ** 2) <= sign * (radius + sign * margin) ** 2
        sun = SUN[lasco.detector]
        cosine, sine = np.cos(np.radians(_PYLON)), np.sin(np.radians(_PYLON))
        along = (x - sun[0] - 1) * cosine + (y - sun[1] - 1) * sine
        across = (y - sun[1] - 1) * cosine - (x - sun[0] - 1) * sine
        near = (along > 0) & (np.abs(across) < 50 + margin) & ~hidden
        low, high = (np.interp(along[near], _ALONG, side) for side in _ACROSS)
        hidden[near] = (across[near] > low - margin) & (across[near] < high + margin)
    hidden.setflags(write=False)
    return hidden


def _zeroed(shape, lasco, margin):
    """Pixels of the blocks that are set to zero on board, with a margin."""
    x, y = (np.rint(axis).astype(int).clip(-1, FULL) for axis in detector_pixels(shape, lasco))
    # The table has one more row and column on each side, False, for pixels outside of the detector
    return _table_pixels(lasco.detector, margin)[y + 1, x + 1]


@cache
def _table_pixels(detector, margin):
    pixels = np.kron(zeroed_blocks(detector), np.ones((BLOCK, BLOCK), dtype=bool))
    return np.pad(ndimage.maximum_filter(pixels, 2 * margin + 1), 1)


def _masked_rings(empty, lasco):
    """An empty disc around the centre of the Sun, and everything outside of a circle if it is empty."""
    y, x = np.indices(empty.shape, dtype=np.float32, sparse=True)
    radius = (lasco.binning * np.hypot(x - lasco.center[0], y - lasco.center[1])).astype(int)
    counts = np.bincount(radius[::2, ::2].ravel())
    share = np.bincount(radius[::2, ::2].ravel(), empty[::2, ::2].ravel()) / np.maximum(counts, 1)
    seen = np.flatnonzero((share < _RING) & (counts > 0))
    if not seen.size:
        return np.zeros_like(empty)
    (low, high), (near, far) = _DISCS[lasco.detector], _STOPS[lasco.detector]
    rings = np.zeros_like(empty)
    if np.flatnonzero(counts)[0] < low / 4 and low <= seen[0] <= high:
        rings |= radius <= seen[0] + 1
    if lasco.is_full(empty.shape) and near <= seen[-1] <= far:
        rings |= radius >= seen[-1] - 1
    return rings
