"""Detector, level, pointing and bias of an image of SOHO/LASCO, from its header."""

from dataclasses import dataclass

import numpy as np

import astropy.units as u

from sunpy.map import GenericMap

from sunpy_restore.core.images.maps import check_size, roll_angle

__all__ = ["FULL", "SOLAR_RADIUS", "SUN", "WANDER", "Lasco", "angle_on_ground", "check_lasco"]

FULL = 1024
"""Pixels of the detector along each axis."""

SUN = {"C2": (511.634, 504.293), "C3": (516.956, 531.632)}
"""Centre of the Sun on each detector as ``(x, y)`` in pixels counted from 0; constant within about 2 pixels."""

WANDER = 4
"""Largest distance in pixels of the grid of blocks from where the centre of the Sun predicts it."""

_SCALE = {"C2": 11.9, "C3": 56.0}  # arcsec per pixel

SOLAR_RADIUS = {name: 960.0 / scale for name, scale in _SCALE.items()}
"""Radius of the Sun at 1 au in pixels of each detector."""

_LEVELS = {"1": 0.5, "2": 0.5, "3": 0.5, "4": 1.0, "5": 1.0}  # by the second digit of the file name


@dataclass(frozen=True, kw_only=True)
class Lasco:
    """
    Properties of an image of LASCO.

    Parameters
    ----------
    detector : ``"C2"`` or ``"C3"``
        The coronagraph.
    level : `float`
        Calibration level, 0.5 or 1.
    center : pair of `float`
        Centre of the Sun as ``(x, y)`` in pixels counted from 0.
    bias : `float`
        Bias of the detector in the unit of the image; 0 if it was subtracted.
    binning : `int`
        Pixels of the detector along each axis of an image pixel: 1, 2 or 4.
    exposure : `float`
        Exposure time in seconds, NaN if unknown.
    turn : `float`
        Angle in degrees counter-clockwise by which the image was rotated on the ground.
    blank : `float`, optional
        Value of pixels without data (``BLANK``).
    binned_on_ground : `bool`
        Whether the header tells that pixels were binned after the image was sent: they are larger than those summed on
        board (``LEBXSUM``, ``SUMCOL``).
    """

    detector: str
    level: float
    center: tuple[float, float]
    bias: float = 0.0
    binning: int = 1
    exposure: float = np.nan
    turn: float = 0.0
    blank: float | None = None
    binned_on_ground: bool = False

    def is_full(self, shape):
        """Whether an image of this shape is a full frame."""
        return tuple(shape) == (FULL // self.binning,) * 2


def check_lasco(smap):
    """
    Read the properties of an image of LASCO C2 or C3, and refuse other images.

    Headers of level 0.5 have neither the level nor the unit nor the observer; none of them is needed.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map, of any class if its header has the keywords of LASCO.

    Returns
    -------
    `Lasco`

    Raises
    ------
    TypeError
        No Map, a Map of another instrument, or data that are not real numbers.
    ValueError
        Another coronagraph than C2 and C3, another level than 0.5 and 1, another pixel scale than that of the detector
        and 2 or 4 times that, or fewer than 4 rows or columns.
    """
    if not isinstance(smap, GenericMap):
        raise TypeError(
            f"Found {type(smap).__name__}; expected a Map of SOHO/LASCO. Make one with sunpy.map.Map(file)."
        )
    meta = smap.meta
    instrument, detector = (str(meta.get(key) or "").strip().upper() for key in ("instrume", "detector"))
    if instrument != "LASCO":
        found = " ".join(filter(None, (str(meta.get("telescop") or "").strip(), instrument, detector)))
        raise TypeError(
            f"Found an image of {found or 'an unnamed instrument'} ({type(smap).__name__}); expected one of SOHO/LASCO "
            "(INSTRUME = 'LASCO', DETECTOR = 'C2' or 'C3'). inpaint() knows the geometry and the telemetry blocks of "
            "LASCO only."
        )
    if detector not in _SCALE:
        raise ValueError(f"Found DETECTOR = {detector or None!r}; expected 'C2' or 'C3'.")
    if smap.data.dtype.kind not in "biuf":
        raise TypeError(
            f"Found data of type {smap.data.dtype}; expected real numbers. Take the real part or the modulus of "
            "complex data."
        )
    check_size(smap)
    level, binning, center = _level(smap), _binning(meta, detector), _center(smap)
    turn = _number(meta.get("rectify"), 0.0)
    if not turn and smap.data.shape == (FULL // binning,) * 2:
        # An image that was rotated by 180 degrees without RECTIFY has the centre of the Sun elsewhere
        here = binning * (np.array(center) + 0.5) - 0.5 - SUN[detector]
        there = binning * (np.array(center) + 0.5) - 0.5 - (FULL - 1 - np.array(SUN[detector]))
        turn = 180.0 if np.hypot(*there) < min(np.hypot(*here), 2 * WANDER) else 0.0
    return Lasco(
        detector=detector,
        level=level,
        center=center,
        bias=_bias(smap) if level < 1 else 0.0,
        binning=binning,
        exposure=_number(meta.get("exptime"), np.nan),
        turn=turn,
        blank=_number(meta.get("blank"), None),
        binned_on_ground="lebxsum" in meta and binning > _summed_on_board(meta),
    )


def angle_on_ground(smap):
    """
    Angle by which an image was rotated after it was observed, as far as the header tells.

    Headers of LASCO have the roll of the spacecraft as ``CROTA1`` and ``CROTA2``. `sunpy.map.GenericMap.rotate` and
    most other software replace these by a matrix.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.

    Returns
    -------
    `float`
        Degrees, with the roll of the spacecraft; 0 for an image without a matrix, or with ``CROTA2``, too.
    """
    matrices = ({f"{name}{i}_{j}" for i in (1, 2) for j in (1, 2)} for name in ("pc", "cd"))
    if "crota2" in smap.meta or not any(matrix & smap.meta.keys() for matrix in matrices):
        return 0.0
    return roll_angle(smap)


def _number(value, default):
    """A number in the header, also as text; ``RECTIFY`` is a word at one level and an angle in degrees at another."""
    try:
        return default if value is None or isinstance(value, (bool, np.bool_)) else float(value)
    except (TypeError, ValueError):
        return default


def _level(smap):
    """Calibration level from LEVEL, or else from BUNIT, the file name, or the data."""
    meta, data = smap.meta, smap.data
    named = str(meta.get("level") or "").strip().upper().removeprefix("L")
    if named:
        level = _number(named, np.nan)
        if level not in (0.5, 1.0):
            raise ValueError(
                f"Found LEVEL = {meta['level']!r}; expected 0.5 or 1. Derived images have no telemetry blocks."
            )
        return level
    unit, name = (str(meta.get(key) or "").strip() for key in ("bunit", "filename"))
    if unit.upper().startswith("MSB"):
        return 1.0
    if name[:1] in ("2", "3") and name[1:8].isdigit() and name[1] in _LEVELS:
        return _LEVELS[name[1]]
    # Integer counts, and images whose header has OFFSET, are of level 0.5; 8-bit images for display have no bias
    return 0.5 if (data.dtype.kind in "iu" and data.dtype.itemsize > 1) or "offset" in meta else 1.0


def _binning(meta, detector):
    sides = np.abs([_number(meta.get(f"cdelt{axis}"), np.nan) for axis in (1, 2)]) * _unit(meta).to(u.arcsec)
    for binning in (1, 2, 4):
        if np.all(np.abs(sides / (binning * _SCALE[detector]) - 1) < 0.15):
            return binning
    raise ValueError(
        f"Found pixels of {sides[0]:g} x {sides[1]:g} arcsec (CDELT1, CDELT2); expected {_SCALE[detector]} arcsec for "
        f"{detector}, or 2 or 4 times that. Use the original image: telemetry blocks cannot be found in resampled "
        "images."
    )


def _summed_on_board(meta):
    """Pixels of the detector along a row of a pixel that was sent; 0 and 1 mean the same in the headers."""
    return np.prod([max(_number(meta.get(key), 1.0), 1.0) for key in ("lebxsum", "sumcol")])


def _unit(meta):
    return u.Unit(str(meta.get("cunit1") or "arcsec").strip().lower())


def _center(smap):
    """Pixel of the centre of the Sun by the gnomonic projection about CRVAL, which needs no observer."""
    meta = smap.meta
    to_radian = _unit(meta).to(u.rad)
    x, y = (to_radian * _number(meta.get(f"crval{axis}"), 0.0) for axis in (1, 2))
    scale = np.array([_number(meta.get(f"cdelt{axis}"), np.nan) for axis in (1, 2)]) * to_radian
    plane = np.array([-np.tan(x) / np.cos(y), -np.tan(y)])
    step = np.linalg.solve(scale[:, np.newaxis] * np.asarray(smap.rotation_matrix), plane)
    reference = [_number(meta.get(f"crpix{axis}"), np.nan) - 1 for axis in (1, 2)]
    if not np.isfinite(reference).all():
        found = ", ".join(f"CRPIX{axis} = {meta.get(f'crpix{axis}')!r}" for axis in (1, 2))
        raise ValueError(
            f"Found {found}; expected the reference pixel, without which the position of the Sun is unknown. Take it "
            "from the header of the original file."
        )
    return float(reference[0] + step[0]), float(reference[1] + step[1])


def _bias(smap):
    """OFFSET in the unit of the image, also of a sum or of counts per second; 0 if it was subtracted."""
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
