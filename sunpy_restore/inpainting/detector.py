"""What an image of SOHO/LASCO is, and which of its pixels show nothing by construction."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import ndimage

import astropy.units as u

from sunpy.map import GenericMap

__all__ = ["BLOCK", "MARGIN", "Lasco", "blind_pixels", "block_grid", "check_lasco", "empty_pixels", "obscured"]

BLOCK = 32
"""Pixels along each axis of a block of telemetry."""

_FULL = 1024  # pixels along each axis of the field that is read out
_SCALE = {"C2": 11.9, "C3": 56.0}  # arcsec per pixel
_SUN = {"C2": (511.634, 504.293), "C3": (516.956, 531.632)}  # pixels, the first of which is 0; constant to about 2
_WANDER = 4  # pixels that a grid of blocks may be off where the centre of the Sun says it is
_LEVELS = {"1": 0.5, "2": 0.5, "3": 0.5, "4": 1.0, "5": 1.0}  # by the second digit of the name of the file
_BZERO = np.float32(3.2501e-9)  # what pixels without value hold in C3, level 1: that of the stored integer 0

# Blocks that the instrument zeroes on board, the same in the frames of 2000 to 2010: 61 of C2 and 99 of C3, and the 4
# and 7 in the middle of the occulter, which are sent sometimes. A word for each row of blocks, the lowest row first,
# the leftmost block in the highest bit.
_BLOCKS = {
    "C2": """
        c0000003 80000001 00000000 00000000 00000000 00000000 00000000 00000000
        00000000 00000000 00000000 00000000 0007c000 0007e000 000ff000 000ff000
        000ff000 000ff000 0007e000 0003c000 00000000 00000000 00000000 00000000
        00000000 00000000 00000000 00000000 00000000 00000000 80000001 c0000003""",
    "C3": """
        ff0000ff fc00003f f800001f f8000007 f8000003 c0000003 80000001 80000000
        00000000 00000000 00000000 00000000 00000000 00000000 00000000 00018000
        0001c000 00018000 00000000 00000000 00000000 00000000 00000000 00000000
        00000000 80000000 80000001 c0000001 e0000003 f0000007 f800000f fc00003f""",
}

# What c3_cl_mask_lvl1.fts hides at level 1, from a frame of 2002, in pixels of the detector, the first of which is 0.
# The pylon is given along its axis from the centre of the Sun: there it reaches from one side to the other.
_BORDER = 5
_DISC = {"C3": (517.3, 529.9, 73.5)}
_STOP = {"C3": (518.6, 531.2, 544.0)}
_PYLON = 225.05  # degrees counter-clockwise from the rows
_ALONG = (58, 70, 82, 106, 136, 226, 346, 436, 526)
_ACROSS = (
    (-46, -32.5, -23, -11.5, -8, -8.5, -10, -12, -13.5),
    (47, 39, 30.5, 22, 18.3, 18.3, 19.5, 21.5, 23.5),
)
# A disc or a field that somebody else has masked, in pixels of the detector around the centre of the Sun: the radii
# that are believed, and how much of a circle has to be empty.
_DISCS = {"C2": (60, 200), "C3": (50, 100)}
_STOPS = {"C2": (480, 620), "C3": (500, 570)}
_RING = 0.9

MARGIN = 5
"""Pixels around what the calibration masks that aren't taken for lost: the mask stays, the Sun and the pylon move."""


@dataclass(frozen=True, kw_only=True)
class Lasco:
    """
    What an image of LASCO is.

    Parameters
    ----------
    detector : ``"C2"`` or ``"C3"``
        The coronagraph.
    level : `float`
        Calibration level, 0.5 or 1.
    center : pair of `float`
        Centre of the Sun as ``(x, y)`` in pixels, the first of which is 0.
    bias : `float`
        What the detector reads out without light, in the unit of the image; 0 where it was subtracted.
    binning : `int`
        Pixels of the detector along each axis of one of the image: 1, 2 or 4.
    exposure : `float`
        Exposure time in seconds, NaN where it is not known.
    turn : `float`
        Degrees counter-clockwise by which the image was turned on the ground.
    blank : `float`, optional
        Value of pixels without value (``BLANK``).
    """

    detector: str
    level: float
    center: tuple[float, float]
    bias: float = 0.0
    binning: int = 1
    exposure: float = np.nan
    turn: float = 0.0
    blank: float | None = None

    def is_full(self, shape):
        """Whether an image of that shape is a full frame."""
        return tuple(shape) == (_FULL // self.binning,) * 2


def check_lasco(smap):
    """
    Refuse what is not an image of LASCO C2 or C3 as it was observed, and say what it is.

    Headers of level 0.5 name neither level nor unit nor observer; nothing of that is needed.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map, of any class if its header has the keywords of LASCO.

    Returns
    -------
    `Lasco`
        What it is.

    Raises
    ------
    TypeError
        No Map, or a Map of another instrument.
    ValueError
        Another coronagraph than C2 and C3, a level other than 0.5 and 1, a pixel scale that is none of the detector,
        or a Map that was inpainted already.
    """
    if not isinstance(smap, GenericMap):
        raise TypeError(f"Found {type(smap).__name__}, expected a Map of SOHO/LASCO. sunpy.map.Map(file) makes one.")
    meta = smap.meta
    instrument, detector = (str(meta.get(key) or "").strip().upper() for key in ("instrume", "detector"))
    if instrument != "LASCO":
        found = " ".join(filter(None, (str(meta.get("telescop") or "").strip(), instrument, detector)))
        raise TypeError(
            f"Found an image of {found or 'an unnamed instrument'} ({type(smap).__name__}), expected one of SOHO/LASCO "
            "(INSTRUME = 'LASCO', DETECTOR = 'C2' or 'C3'). Only its geometry and its blocks of telemetry are known."
        )
    if detector not in _SCALE:
        raise ValueError(f"Found DETECTOR = {detector or None!r}, expected 'C2' or 'C3'.")
    if str(meta.get("rsttask", "")).startswith("inpaint"):
        raise ValueError(
            f"Found RSTTASK = {meta['rsttask']!r}: the Map has been inpainted already, expected an observed one."
        )
    level, binning, center = _level(smap), _binning(meta, detector), _center(smap)
    turn = _number(meta.get("rectify"), 0.0)
    if not turn and smap.data.shape == (_FULL // binning,) * 2:
        # Turned upside down by somebody else: the Sun's centre is where it would be then
        here = binning * (np.array(center) + 0.5) - 0.5 - _SUN[detector]
        there = binning * (np.array(center) + 0.5) - 0.5 - (_FULL - 1 - np.array(_SUN[detector]))
        turn = 180.0 if np.hypot(*there) < min(np.hypot(*here), 2 * _WANDER) else 0.0
    return Lasco(
        detector=detector,
        level=level,
        center=center,
        bias=_bias(smap) if level < 1 else 0.0,
        binning=binning,
        exposure=_number(meta.get("exptime"), np.nan),
        turn=turn,
        blank=_number(meta.get("blank"), None),
    )


def _number(value, default):
    """A header's number, also one that is written as a string; `RECTIFY` is a word in one level, degrees in another."""
    try:
        return default if value is None or isinstance(value, (bool, np.bool_)) else float(value)
    except ValueError:
        return default


def _level(smap):
    """Calibration level from what the header has: LEVEL, else BUNIT, the name of the file, or the data."""
    meta, data = smap.meta, smap.data
    named = str(meta.get("level") or "").strip().upper().removeprefix("L")
    if named:
        level = _number(named, np.nan)
        if level not in (0.5, 1.0):
            raise ValueError(
                f"Found LEVEL = {meta['level']!r}, expected 0.5 or 1. Derived images have no blocks of telemetry."
            )
        return level
    unit, name = (str(meta.get(key) or "").strip() for key in ("bunit", "filename"))
    if unit.upper().startswith("MSB"):
        return 1.0
    if name[:1] in ("2", "3") and name[1:8].isdigit() and name[1] in _LEVELS:
        return _LEVELS[name[1]]
    # Counts, and what OFFSET was not taken out of the header of, are of level 0.5; images for display have no bias
    return 0.5 if (data.dtype.kind in "iu" and data.dtype.itemsize > 1) or "offset" in meta else 1.0


def _binning(meta, detector):
    scale = abs(_number(meta.get("cdelt1"), np.nan)) * _unit(meta).to(u.arcsec)
    for binning in (1, 2, 4):
        if abs(scale / (binning * _SCALE[detector]) - 1) < 0.15:
            return binning
    raise ValueError(
        f"Found pixels of {scale:g} arcsec, expected {_SCALE[detector]} arcsec for {detector}, or 2 or 4 times that. "
        "Resampled images have lost the blocks of telemetry: use the image of the archive."
    )


def _unit(meta):
    return u.Unit(str(meta.get("cunit1") or "arcsec").strip().lower())


def _center(smap):
    """Pixel of the centre of the Sun: the gnomonic projection about CRVAL, for which no observer is needed."""
    meta = smap.meta
    to_radian = _unit(meta).to(u.rad)
    x, y = (to_radian * _number(meta.get(f"crval{axis}"), 0.0) for axis in (1, 2))
    scale = np.array([_number(meta.get(f"cdelt{axis}"), np.nan) for axis in (1, 2)]) * to_radian
    plane = np.array([-np.tan(x) / np.cos(y), -np.tan(y)])
    step = np.linalg.solve(scale[:, np.newaxis] * np.asarray(smap.rotation_matrix), plane)
    reference = [
        _number(meta.get(f"crpix{axis}"), (length + 1) / 2) - 1
        for axis, length in zip((1, 2), smap.data.shape[::-1], strict=True)
    ]
    return float(reference[0] + step[0]), float(reference[1] + step[1])


def _bias(smap):
    """OFFSET in the unit of the image, summed and divided as the image was; 0 if the image goes below it."""
    meta = smap.meta
    offset = _number(meta.get("offset"), 0.0)
    summed = np.prod([max(_number(meta.get(key), 1.0), 1.0) for key in ("lebxsum", "lebysum")])
    seconds = _number(meta.get("exptime"), 1.0) if str(meta.get("bunit") or "").replace(" ", "").endswith("/s") else 1.0
    sample = np.asarray(smap.data[::4, ::4], dtype=float)
    sample = sample[np.isfinite(sample) & (sample != 0) & (sample != _number(meta.get("blank"), 0.0))]
    lowest = np.percentile(sample, 0.5) if sample.size else np.inf
    for bias in (offset * summed / seconds, offset / seconds):
        if lowest >= 0.9 * bias:
            return float(bias)
    return 0.0


@cache
def _table(detector, binning=1):
    """Blocks that are zeroed on board, True; of a binned image those that are so as a whole. Don't change it."""
    words = [int(word, 16) for word in _BLOCKS[detector].split()]
    table = np.array([[bool(word >> (31 - column) & 1) for column in range(BLOCK)] for word in words])
    number = len(table) // binning
    return table.reshape(number, binning, number, binning).all(axis=(1, 3))


def empty_pixels(data, lasco):
    """
    Pixels that hold no value: not finite, ``BLANK``, zero, or a value of level 1 that is none.

    Parameters
    ----------
    data : `numpy.ndarray`
        Image, shape ``(ny, nx)``.
    lasco : `Lasco`
        What it is.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    empty = (data == 0) | ~np.isfinite(data)
    if lasco.blank is not None:
        empty |= data == lasco.blank
    if lasco.level < 1 and (low := data.min(where=~empty, initial=0)) < 0:
        # A negative value is none if a block holds nothing else: what was zero before the bias was subtracted
        lowest = data == low
        empty |= lowest if lowest.sum() >= BLOCK**2 / 2 or low == np.iinfo(np.int16).min else False
    elif data.dtype.kind == "f" and lasco.level == 1:
        empty |= np.abs(data - _BZERO) < 1e-6 * _BZERO
        # What saturates may share a value too, but not where nothing is seen
        sample = data[_zeroed(data.shape, lasco, 0) & ~empty]
        values, counts = np.unique(sample[::4], return_counts=True)
        if counts.size and counts.max() > 0.5 * counts.sum():
            empty |= data == values[counts.argmax()]
    return empty


def blind_pixels(data, lasco, empty=None):
    """
    Pixels that show nothing by construction, and hold no value in this image.

    At level 0.5 these are the blocks that are zeroed on board behind the occulter and in the corners. At level 1 it is
    what the calibration masks: occulter, pylon and what lies outside of the field. Discs and fields that somebody else
    has masked around the centre of the Sun are found at either.

    Parameters
    ----------
    data : `numpy.ndarray`
        Image, shape ``(ny, nx)``.
    lasco : `Lasco`
        What it is.
    empty : `numpy.ndarray` of `bool`, optional
        What `empty_pixels` returns, if that is known.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    empty = empty_pixels(data, lasco) if empty is None else empty
    blind = empty & _masked_rings(empty, lasco)
    if lasco.level == 1:
        # Blocks without counts are left negative where no other was lost
        return blind | (empty & obscured(data.shape, lasco, MARGIN)) | (~(data > 0) & _zeroed(data.shape, lasco, 0))
    rows, columns = (np.arange(n) - first for n, first in zip(data.shape, block_grid(empty, lasco), strict=True))
    rows, columns = rows // BLOCK, columns // BLOCK
    table = _table(lasco.detector, lasco.binning)
    table = table[::-1, ::-1] if lasco.turn == 180 else table
    inside = [(index >= 0) & (index < len(table)) for index in (rows, columns)]
    blocks = np.zeros(data.shape, dtype=bool)
    blocks[np.ix_(*inside)] = table[np.ix_(rows[inside[0]], columns[inside[1]])]
    number = (rows[:, np.newaxis] * len(table) + columns)[blocks]
    # A frame's last word may lie in a block of a corner
    share = np.bincount(number, empty[blocks]) / np.maximum(np.bincount(number), 1)
    blind[blocks] |= share[number] > 0.9
    return blind


def block_grid(empty, lasco):
    """
    Row and column of the first pixel of the grid of blocks, which may lie outside of a cutout.

    Parameters
    ----------
    empty : `numpy.ndarray` of `bool`
        What `empty_pixels` returns, shape ``(ny, nx)``: the edges in it refine the grid of a cutout.
    lasco : `Lasco`
        What the image is.

    Returns
    -------
    `tuple` of `int`
        Row and column.
    """
    if lasco.is_full(empty.shape):
        return 0, 0
    origin = []
    for axis, (center, sun) in enumerate(zip(lasco.center[::-1], _SUN[lasco.detector][::-1], strict=True)):
        nominal = round(center - ((sun + 0.5) / lasco.binning - 0.5))
        edges = np.diff(empty, axis=axis).sum(axis=1 - axis)
        places = np.arange(1, len(edges) + 1)
        offsets = sorted(range(-_WANDER, _WANDER + 1), key=abs)
        # The first of equals
        origin.append(nominal + max(offsets, key=lambda off: edges[(places - nominal - off) % BLOCK == 0].sum()))
    return tuple(origin)


def obscured(shape, lasco, margin=0):
    """
    Pixels in which the calibration to level 1 leaves nothing, by geometry alone.

    Parameters
    ----------
    shape : pair of `int`
        Shape of the image, ``(ny, nx)``.
    lasco : `Lasco`
        What the image is.
    margin : `float`
        Pixels of the detector that are added around.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    x, y = _detector_pixels(shape, lasco)
    hidden = _zeroed(shape, lasco, margin)
    border = margin + (_BORDER if lasco.detector in _STOP else -1)
    hidden |= (np.minimum(x, y) < border) | (np.maximum(x, y) > _FULL - 1 - border)
    if lasco.detector in _STOP:
        for (x0, y0, radius), sign in ((_DISC[lasco.detector], 1), (_STOP[lasco.detector], -1)):
            hidden |= sign * ((x - x0) ** 2 + (y - y0) ** 2) <= sign * (radius + sign * margin) ** 2
        sun = _SUN[lasco.detector]
        cosine, sine = np.cos(np.radians(_PYLON)), np.sin(np.radians(_PYLON))
        along = (x - sun[0] - 1) * cosine + (y - sun[1] - 1) * sine
        across = (y - sun[1] - 1) * cosine - (x - sun[0] - 1) * sine
        near = (along > 0) & (np.abs(across) < 50 + margin) & ~hidden
        low, high = (np.interp(along[near], _ALONG, side) for side in _ACROSS)
        hidden[near] = (across[near] > low - margin) & (across[near] < high + margin)
    return hidden


def _detector_pixels(shape, lasco):
    """Coordinates of the pixels on the full detector, the first pixel of which is 0."""
    y, x = np.indices(shape, dtype=np.float32, sparse=True)
    if lasco.is_full(shape) and lasco.turn % 180 == 0:
        x, y = (lasco.binning * (axis + 0.5) - 0.5 for axis in (x, y))
        return (x, y) if lasco.turn % 360 == 0 else (_FULL - 1 - x, _FULL - 1 - y)
    cosine, sine = np.cos(np.radians(lasco.turn)), np.sin(np.radians(lasco.turn))
    x, y = (lasco.binning * (axis - first) for axis, first in zip((x, y), lasco.center, strict=True))
    # The centres of level 1 lie a pixel above those of level 0.5
    sun = np.array(_SUN[lasco.detector], dtype=np.float32) + (lasco.level == 1)
    return sun[0] + x * np.float32(cosine) + y * np.float32(sine), sun[1] + y * np.float32(cosine) - x * np.float32(
        sine
    )


def _zeroed(shape, lasco, margin):
    """Pixels of the blocks that are zeroed on board, and some around."""
    x, y = (np.rint(axis).astype(int).clip(-1, _FULL) for axis in _detector_pixels(shape, lasco))
    # One more on either side, False, for what lies outside
    return _table_pixels(lasco.detector, margin)[y + 1, x + 1]


@cache
def _table_pixels(detector, margin):
    pixels = np.kron(_table(detector), np.ones((BLOCK, BLOCK), dtype=bool))
    return np.pad(ndimage.maximum_filter(pixels, 2 * margin + 1), 1)


def _masked_rings(empty, lasco):
    """A disc around the centre of the Sun that is empty, and all beyond a circle if that is."""
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
