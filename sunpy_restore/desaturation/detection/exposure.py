"""Units and exposure times of AIA images, whose full well is one of counts per exposure."""

from numbers import Real

import numpy as np

import astropy.units as u

from sunpy_restore.core.images.prepared import refuse_unknown_unit
from sunpy_restore.core.messages import shown, warn_user
from sunpy_restore.desaturation.detection.plateau import find_overshoots
from sunpy_restore.desaturation.forward import FULL_WELL

__all__ = ["counts_per_unit", "exposure_time", "exposures_for", "is_rate", "level_in_unit_of", "refuse_scaled"]

_COMMANDED_TOLERANCE = 0.1  # of the exposure time; the shutter is exact to a millisecond
_HIGHEST = 1.08  # full wells; saturated pixels of level 1 show 0.92 to 1.00, and their flat field scatters by 4 %
_SPIKES = 2  # pixels above the highest value that are spikes


def exposures_for(maps, exposure):
    """
    Distribute the exposure time or times that a user gave over the images.

    Parameters
    ----------
    maps : `list` of `~sunpy.map.GenericMap`
        The images.
    exposure : `~astropy.units.Quantity`, `float`, `list` of them, or `None`
        One exposure time for all images, or one per image.

    Returns
    -------
    `list`
        One exposure time in seconds or `None` per image.

    Raises
    ------
    TypeError
        An exposure time is not a number or a Quantity of time.
    ValueError
        The number of exposure times is not the number of images, or one is not positive.
    """
    if exposure is None:
        return [None] * len(maps)
    several = isinstance(exposure, (list, tuple)) or np.ndim(exposure) == 1
    if several and len(exposure) != len(maps):
        raise ValueError(
            f"Found {len(exposure)} exposure times for {len(maps)} images; expected one for all or one per image."
        )
    return [_seconds(value) for value in (exposure if several else [exposure] * len(maps))]


def _seconds(exposure):
    if isinstance(exposure, u.Quantity) and exposure.isscalar and exposure.unit.is_equivalent(u.s):
        seconds = float(exposure.to_value(u.s))
    elif isinstance(exposure, Real) and not isinstance(exposure, bool):
        seconds = float(exposure)
    else:
        raise TypeError(f"Found exposure={shown(exposure)}; expected a number of seconds or a Quantity of time.")
    if not (np.isfinite(seconds) and seconds > 0):
        raise ValueError(f"Found exposure={exposure}; expected a positive time in seconds.")
    return seconds


def is_rate(smap):
    """
    Whether an AIA image is one of counts per second.

    Parameters
    ----------
    smap : `~sunpy.map.sources.AIAMap`
        The image.

    Returns
    -------
    `bool`
        True for DN/s, False for DN, which is assumed if the header has no unit.

    Raises
    ------
    ValueError
        Another unit.
    """
    if str(smap.meta.get("bunit", "")).strip().lower() != "counts":
        refuse_unknown_unit(smap, "DN or DN / s")
    unit = smap.unit
    if unit in (None, u.DN, u.ct):
        return False
    if unit in (u.DN / u.s, u.ct / u.s):
        return True
    raise ValueError(
        f"Found the unit {unit.to_string() or 'dimensionless'!r}; expected DN or DN / s, because calibrated or scaled "
        "values have no full well. Use the image of level 1 or 1.5."
    )


def counts_per_unit(smap, exposure=None):
    """
    Factor that converts the data of an AIA image to DN per exposure, the unit of the full well.

    Software that divides images by their exposure time often also sets ``EXPTIME`` to 1, so that the header does not
    tell the exposure time any more.

    Parameters
    ----------
    smap : `~sunpy.map.sources.AIAMap`
        A Map that `~sunpy_restore.desaturation.detection.saturation.check_aia` has accepted.
    exposure : `float`, optional
        Exposure time in seconds, instead of that in the header.

    Returns
    -------
    `float`
        1 for DN, the exposure time in seconds for DN/s.

    Raises
    ------
    ValueError
        An 8-bit display image, DN/s without a credible exposure time, or DN with an exposure time that is another one
        than that commanded to the instrument.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        An image in DN with an exposure time of exactly 1 s, or ``exposure`` is not that commanded to the instrument.
    """
    if smap.data.dtype.kind in "iu" and smap.data.dtype.itemsize == 1:
        raise ValueError(
            f"Found 8-bit data ({smap.data.dtype}); expected counts, because a display image has no full well. Pass "
            "mask= with True for the saturated pixels, or use the level-1 FITS file."
        )
    if not is_rate(smap):
        _check_counts(smap, exposure)
        return 1.0
    if exposure is not None:
        doubt = _doubt(smap, exposure)
        if doubt:
            warn_user(f"Found exposure={exposure:g} s{doubt} in the header. The given exposure time is used.")
        return exposure
    seconds = exposure_time(smap)
    if not (np.isfinite(seconds) and seconds > 0):
        raise ValueError(
            f"Found an image in {smap.unit} with the exposure time {smap.exposure_time}; expected EXPTIME in seconds, "
            "because the full well is one of DN per exposure. Pass exposure= in seconds, or mask=."
        )
    doubt = _doubt(smap, seconds)
    if doubt or (seconds == 1 and _commanded(smap) is None):
        raise ValueError(
            f"Found an image in {smap.unit} with EXPTIME = {seconds:g} s{doubt}; expected the exposure time of the "
            "observation, because the full well is one of DN per exposure. Software that divides images by the "
            "exposure time often sets EXPTIME to 1. Pass exposure= in seconds."
        )
    return seconds


def _check_counts(smap, exposure):
    """Refuse images in DN whose exposure time indicates that they are in DN/s."""
    if exposure is not None:
        raise ValueError(
            f"Found exposure={exposure:g} for an image in DN, whose full well does not depend on it; expected it for "
            "images in DN / s only. Leave it out, or correct BUNIT if the image was divided by the exposure time."
        )
    seconds = exposure_time(smap)
    doubt = _doubt(smap, seconds)
    if doubt:
        raise ValueError(
            f"Found an image in DN with EXPTIME = {seconds:g} s{doubt}; expected counts per exposure. If the image was "
            "divided by the exposure time, set BUNIT = 'DN / s' and pass exposure= in seconds; otherwise correct "
            "EXPTIME."
        )
    if seconds == 1 and _commanded(smap) is None:
        warn_user(
            "Found an image in DN with EXPTIME = 1 s exactly, as written by software that divides images by the "
            "exposure time. It is taken for one in DN per exposure. If it is in DN per second, set BUNIT = 'DN / s' "
            "and pass exposure= in seconds."
        )


def exposure_time(smap):
    """The exposure time in the header in seconds, NaN if there is none."""
    exposure = smap.exposure_time
    return np.nan if exposure is None else float(exposure.to_value(u.s))


def _commanded(smap):
    """The exposure time that was commanded to the instrument, in seconds; `None` if it is not known."""
    commanded = smap.meta.get("aimgshce")  # in milliseconds
    return commanded / 1000 if isinstance(commanded, Real) and commanded > 0 else None


def _doubt(smap, seconds):
    """How the exposure time contradicts the one commanded to the instrument, as a part of a sentence; or nothing."""
    commanded = _commanded(smap)
    if commanded is None or np.isnan(seconds) or abs(seconds / commanded - 1) <= _COMMANDED_TOLERANCE:
        return ""
    return f", but AIMGSHCE = {1000 * commanded:g} ms"


def refuse_scaled(counts, valid):
    """
    Refuse an image with values far above the full well.

    Parameters
    ----------
    counts : `numpy.ndarray`
        Image in DN per exposure, shape ``(ny, nx)``.
    valid : `numpy.ndarray` of `bool`
        Pixels with a value.

    Raises
    ------
    ValueError
        More than two valid pixels exceed the full well by 8 %, except where the interpolation of a registered image
        overshoots at the rim of saturated pixels.
    """
    high = valid & (counts > _HIGHEST * FULL_WELL)
    if np.count_nonzero(high) > _SPIKES:
        high &= ~find_overshoots(np.where(valid, counts, np.nan), high)
    if np.count_nonzero(high) > _SPIKES:
        raise ValueError(
            f"Found {np.count_nonzero(high)} pixels with up to {counts[high].max():.4g} DN per exposure; expected at "
            f"most the full well of {FULL_WELL:.0f} DN. The image was corrected for degradation, deconvolved or "
            "scaled: desaturate the image of level 1 or 1.5 first. If you know the value that saturated pixels show, "
            "pass it as saturated=."
        )


def level_in_unit_of(smap, level):
    """
    Convert a saturation level to a number in the unit of an image.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The image.
    level : `float` or `~astropy.units.Quantity`, optional
        The level; a number is in the unit of the image. Counts (ct) are DN.

    Returns
    -------
    `float` or `None`
        `None` if there is no level.

    Raises
    ------
    TypeError
        The level is not a number.
    ValueError
        The level is not positive, or has a unit that is not that of the image.
    """
    if level is None:
        return None
    value = level
    if isinstance(level, u.Quantity) and level.isscalar:
        value = _converted(level, u.DN if smap.unit is None else smap.unit)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(
            f"Found saturated={shown(level)}; expected a number in the unit of the Map, or a Quantity: the value of "
            "saturated pixels."
        )
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"Found saturated={level}; expected a positive number in the unit of the Map.")
    return float(value)


def _converted(level, unit):
    try:
        return float(level.to_value(unit, equivalencies=[(u.ct, u.DN), (u.ct / u.s, u.DN / u.s)]))
    except u.UnitConversionError:
        raise ValueError(
            f"Found saturated={level} for an image in {unit}; expected a level in this unit, because DN and DN / s "
            "differ by the exposure time. Convert it, or give the number that saturated pixels show."
        ) from None
