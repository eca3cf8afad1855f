"""Units of back-projections, which are those of visibilities."""

import itertools
import warnings

import astropy.units as u

from sunpy.util.exceptions import SunpyMetadataWarning

__all__ = ["is_by_idl", "unit_of"]

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
    visibilities : `~sunpy_restore.backprojection.measured.MeasuredVisibilities`, optional
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
    with warnings.catch_warnings():
        # The error below says the same
        warnings.simplefilter("ignore", SunpyMetadataWarning)
        unit = smap.unit if text else None
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
    try:
        (unit / u.arcsec**2).to_string("fits")
    except ValueError as error:
        raise ValueError(
            f"Found the unit {unit}, which the FITS standard does not support; {_EXPECTED}: {error}. Correct the unit."
        ) from error
    return unit


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
