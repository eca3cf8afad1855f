"""Units of back-projections, which are those of visibilities."""

import itertools
import warnings
from functools import lru_cache
from numbers import Real

import astropy.units as u

from sunpy.map import GenericMap
from sunpy.util.exceptions import SunpyMetadataWarning

from sunpy_restore.core.messages import warn_user

__all__ = ["is_by_idl", "unit_of", "warn_of_sums"]

_IDL_UNIT = u.count / (u.s * u.keV * u.cm**2)
"""Unit of back-projections by the STIX IDL software, whose headers have none or a wrong one."""
_COUNTED = (u.count, u.photon, u.electron, u.adu)
_PER = tuple(
    time * area * energy
    for time, area, energy in itertools.product((1, u.s**-1), (1, u.cm**-2), (u.dimensionless_unscaled, u.keV**-1))
)
_UNITS = (
    *(counted * per for counted in _COUNTED for per in _PER),
    u.dimensionless_unscaled, u.s**-1 * u.cm**-2, u.s**-1 * u.cm**-2 * u.keV**-1,
)  # fmt: skip
"""Units of visibilities, and those that are equivalent to them."""
_ROUNDING = 1e-6
"""Largest deviation of the number of pixels that are binned from an integer."""
_EXPECTED = "expected that of visibilities, such as ct / (s keV cm2), or none"


def is_by_idl(smap):
    """
    Whether a Map is by the STIX IDL software.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        Any Map.

    Returns
    -------
    `bool`
    """
    return str(smap.meta.get("creator", "")).startswith("stx_map2fits")


def unit_of(smap, visibilities=None):
    """
    Unit of a back-projection.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The back-projection. Without ``BUNIT`` it has the unit of the visibilities; the ``BUNIT`` of the IDL software is
        ignored, because it is wrong.
    visibilities : `~sunpy_restore.backprojection.visibilities.measured.MeasuredVisibilities`, optional
        Its visibilities.

    Returns
    -------
    `~astropy.units.Unit`
        Dimensionless if it is not known.

    Raises
    ------
    ValueError
        ``BUNIT`` cannot be parsed or is not the unit of visibilities, or the FITS standard does not support the unit.
    """
    if is_by_idl(smap):
        return _IDL_UNIT
    text = str(smap.meta.get("bunit") or "").strip()
    unit = _map_unit(smap, text) if text else None
    if text and unit is None:
        raise ValueError(
            f"Found BUNIT = {text!r}, which is not a unit of the FITS standard; {_EXPECTED}. Correct BUNIT, or remove "
            "it."
        )
    if unit is not None:
        _refuse_other(unit)
    elif visibilities is not None:
        unit = visibilities.unit
    unit = u.dimensionless_unscaled if unit is None else unit
    _refuse_unsupported(unit)
    return unit


def _map_unit(smap, text):
    """Unit of a Map with this ``BUNIT``, `None` if it cannot be parsed."""
    with warnings.catch_warnings():
        # The error of `unit_of` says the same
        warnings.simplefilter("ignore", SunpyMetadataWarning)
        return _parsed_unit(text) if type(smap).unit is GenericMap.unit else smap.unit


@lru_cache(maxsize=16)
def _parsed_unit(text):
    """Images of one instrument have the same unit, which takes milliseconds to parse."""
    return GenericMap._parse_fits_unit(text)


@lru_cache(maxsize=16)
def _refuse_unsupported(unit):
    try:
        (unit / u.arcsec**2).to_string("fits")
    except ValueError as error:
        raise ValueError(
            f"Found the unit {unit}, which the FITS standard does not support; {_EXPECTED}: {error}. Correct the unit."
        ) from error


def warn_of_sums(smap):
    """
    Warn of an image that may contain sums over pixels, in which no flux can be found.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The back-projection, and the header that it was read with.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        Its pixels have a multiple of their original size.
    """
    # sunpy keeps the original header in memory; what superpixel() did with the values is not recorded
    original = getattr(smap.meta, "original_meta", {})
    factors = []
    for axis in (1, 2):
        before, after = original.get(f"cdelt{axis}"), smap.meta.get(f"cdelt{axis}")
        known = isinstance(before, Real) and isinstance(after, Real) and before
        factors.append(abs(after / before) if known else 1.0)
    number = round(factors[0]) * round(factors[1])
    if number > 1 and max(abs(factor - round(factor)) for factor in factors) < _ROUNDING:
        warn_user(
            f"The image was binned by {factors[0]:.0f} x {factors[1]:.0f} pixels, and is taken for means. If it "
            f"contains sums, the default of superpixel(), the flux is {number} times too large. Use the image before "
            "it was binned, or superpixel(..., func=numpy.mean)."
        )


@lru_cache(maxsize=16)
def _refuse_other(unit):
    if any(unit.is_equivalent(known) for known in _UNITS):
        return
    if any(unit.is_equivalent(known / angle) for known in _UNITS for angle in (u.sr, u.pix)):
        raise ValueError(
            f"Found the unit {unit}, that of a brightness per solid angle or pixel; {_EXPECTED}. In a back-projection "
            "the maximum of a point source is its flux. Correct BUNIT if the values are normalized so; or else give "
            "the back-projection and not a restored image."
        )
    raise ValueError(f"Found the unit {unit}; {_EXPECTED}. Give the back-projection, or correct BUNIT.")
