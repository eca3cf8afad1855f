"""Measured visibilities, and the Maps that they belong to."""

from os import PathLike
from typing import NamedTuple

import numpy as np

import astropy.units as u
from astropy.io import fits
from astropy.table import QTable

from sunpy_restore.backprojection.visibilities.uvplane import UVPoints, stix_uv
from sunpy_restore.core.messages import warn_user

__all__ = [
    "MeasuredVisibilities",
    "VisibilityTable",
    "open_visibilities",
    "read_visibilities",
    "visibilities_for",
]

_COLUMNS = ("real", "imag", "u", "v")
_LARGEST_DISTANCE = 1e-5
"""Largest distance in 1 / arcsec of a point from the STIX point whose label it gets."""
_LARGEST_CHANGE = 0.06
"""The same relative to the spatial frequency, if all points are those of an older table."""


class MeasuredVisibilities(NamedTuple):
    """
    Measured visibilities.

    Parameters
    ----------
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Their points of the (u, v) plane.
    visibilities : `numpy.ndarray` of `complex`
        Values, shape ``(n,)``.
    errors : `numpy.ndarray` or `None`
        Standard deviations of the real and the imaginary part, shape ``(n,)``.
    unit : `~astropy.units.Unit`
        Unit of the visibilities and their errors.
    phase_center : pair of `float`
        Phase centre as ``(x, y)`` in arcsec.
    """

    points: UVPoints
    visibilities: np.ndarray
    errors: np.ndarray | None
    unit: u.UnitBase
    phase_center: tuple[float, float]


class VisibilityTable(NamedTuple):
    """
    Visibilities from a file, with the same attributes as ``xrayvision.visibility.Visibilities``.

    Parameters
    ----------
    visibilities : `~astropy.units.Quantity`
        Complex values, shape ``(n,)``.
    u, v : `~astropy.units.Quantity`
        Points of the (u, v) plane.
    amplitude_uncertainty : `~astropy.units.Quantity`
        Errors, or `None`.
    phase_center : `~astropy.units.Quantity`
        Phase centre as (y, x).
    """

    visibilities: u.Quantity
    u: u.Quantity
    v: u.Quantity
    amplitude_uncertainty: u.Quantity | None
    phase_center: u.Quantity


def open_visibilities(path):
    """
    Read the visibilities in a FITS file.

    Parameters
    ----------
    path : path-like
        FITS file with a table that has the columns ``u``, ``v``, ``real``, ``imag`` and, optionally, ``error`` with
        their units, such as the sample ``stix_flare``. It is named ``VISIBILITIES`` or the only one with these columns.
        The phase centre is the centre of the image.

    Returns
    -------
    `VisibilityTable`

    Raises
    ------
    ValueError
        The file has no such table, or a column is missing.
    """
    try:
        with fits.open(path) as file:
            table = QTable.read(_table_of(file))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"Found no table VISIBILITIES in {path}; expected one with the columns {', '.join(_COLUMNS)} and, "
            f"optionally, error: {error}."
        ) from error
    missing = [name for name in _COLUMNS if name not in table.colnames]
    if missing:
        raise ValueError(
            f"Found no column {', '.join(missing)} in the table of visibilities in {path}; expected "
            f"{', '.join(_COLUMNS)} and, optionally, error. Its columns are {', '.join(table.colnames)}."
        )
    real, imaginary, *others = (_column(table[name]) for name in _COLUMNS)
    errors = _column(table["error"]) if "error" in table.colnames else None
    return VisibilityTable(real + 1j * imaginary, *others, errors, [0, 0] * u.arcsec)


def _column(column):
    """Values of a column; those that are NaN in the file are masked."""
    column = column.filled(np.nan) if hasattr(column, "filled") else column
    return u.Quantity(getattr(column, "unmasked", column))


def _table_of(file):
    """The table of visibilities: that with the name, or the only one with the columns."""
    if "VISIBILITIES" in file:
        return file["VISIBILITIES"]
    tables = [hdu for hdu in file if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
    complete = [hdu for hdu in tables if set(_COLUMNS) <= {name.lower() for name in hdu.columns.names}]
    if len(complete) == 1 or (len(tables) == 1 and not complete):
        return (complete or tables)[0]
    raise ValueError(f"found {len(tables)} tables, {len(complete)} of them with these columns")


def visibilities_for(maps, visibilities):
    """
    Assign measured visibilities to Maps.

    Parameters
    ----------
    maps : `list` of `~sunpy.map.GenericMap`
        The Maps.
    visibilities
        See `sunpy_restore.backproj_to_clean`.

    Returns
    -------
    `list` of `MeasuredVisibilities` or `None`
        One for each Map.

    Raises
    ------
    TypeError
        An item is not a set of visibilities.
    ValueError
        The number of sets differs from that of the Maps.
    """
    count = len(maps)
    if visibilities is None:
        return [None] * count
    several = isinstance(visibilities, (list, tuple)) and not hasattr(visibilities, "visibilities")
    if several and len(visibilities) != count:
        raise ValueError(f"Found {len(visibilities)} sets of visibilities for {count} images; expected one each.")
    if not several and count > 1:
        raise ValueError(f"Found one set of visibilities for {count} images; expected a list with one for each image.")
    return [read_visibilities(given) for given in (visibilities if several else [visibilities])]


def read_visibilities(given):
    """
    Read values, points and errors of visibilities.

    Parameters
    ----------
    given : ``xrayvision.visibility.Visibilities``
        Or an object with the same attributes: ``visibilities``, ``u``, ``v``, ``phase_center`` in the order (y, x), and
        ``amplitude_uncertainty`` or ``uncertainty``.

    Returns
    -------
    `MeasuredVisibilities`
        With the labels of STIX where the points are those of STIX.

    Raises
    ------
    TypeError
        The object does not have these attributes.
    ValueError
        Values are not finite, or some errors are not positive.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        All errors are NaN, not positive, or 1: they are taken as not given.
    """
    if isinstance(given, (str, PathLike)):
        raise TypeError(
            f"Found the path {str(given)!r} for the visibilities; expected the visibilities in it. Read them with "
            "sunpy_restore.backprojection.visibilities.measured.open_visibilities."
        )
    try:
        values = u.Quantity(given.visibilities)
        points = [u.Quantity(part).to_value(1 / u.arcsec) for part in (given.u, given.v)]
        y, x = (float(u.Quantity(part).to_value(u.arcsec)) for part in given.phase_center)
    except (AttributeError, TypeError, ValueError) as error:
        raise TypeError(
            f"Found {type(given).__name__} for the visibilities; expected xrayvision.visibility.Visibilities, or an "
            f"object with the attributes visibilities, u, v and phase_center: {error}."
        ) from error
    errors = getattr(given, "amplitude_uncertainty", None)
    errors = _given_errors(getattr(given, "uncertainty", None) if errors is None else errors, values)
    if values.ndim != 1:
        raise ValueError(f"Found visibilities of shape {values.shape}; expected one dimension.")
    labelled = _labelled(*points)
    _check_finite(values, labelled)
    values, unit = np.asarray(values.value, dtype=complex), values.unit
    return MeasuredVisibilities(labelled, values, errors, unit, (x, y))


def _given_errors(errors, values):
    """Errors of visibilities; `None` if there are none, with a warning if there are placeholders instead."""
    if errors is None:
        return None
    errors = np.broadcast_to(u.Quantity(errors).to_value(values.unit).real, values.shape).astype(float)
    valid = np.isfinite(errors) & (errors > 0)
    if len(errors) and not valid.any():
        found = "NaN or infinite" if not np.isfinite(errors).any() else "0" if not errors.any() else "not positive"
    elif (errors == 1).all() and len(errors) > 1:
        found = "1"
    elif valid.all():
        return errors
    else:
        raise ValueError(
            "Found errors of the visibilities that are not positive; expected positive numbers. Leave such points out."
        )
    warn_user(
        f"All errors of the visibilities are {found}. They are taken as not given: the noise is assumed to be the same "
        "in all visibilities, and is estimated from them. Give the errors, or leave them out."
    )
    return None


def _check_finite(values, points):
    """Refuse values and points that are not finite, by their numbers in the table and their labels."""
    wrong = np.flatnonzero(~(np.isfinite(values) & np.isfinite(points.u) & np.isfinite(points.v)))
    if len(wrong):
        names = ", ".join(f"{index + 1} ({points.labels[index]})" for index in wrong)
        raise ValueError(
            f"Found visibilities that are not finite: {names}, counted from 1; expected finite numbers. Leave them "
            "out, and make the Map without them."
        )


def _labelled(u_points, v_points):
    """
    Points with the labels of STIX, or numbers; a point and its opposite have the same label.

    Older tables of the points of STIX differ by a few percent. They are accepted if all points are near those of STIX.
    """
    stix = stix_uv(range(1, 11))
    apart = [
        np.hypot(sign * stix.u - np.reshape(u_points, (-1, 1)), sign * stix.v - np.reshape(v_points, (-1, 1)))
        for sign in (1, -1)
    ]
    apart = np.minimum(*apart)
    nearest, distance = np.argmin(apart, axis=1), apart.min(axis=1)
    is_older = (distance < _LARGEST_CHANGE * stix.frequency[nearest]).all() and len(set(nearest)) == len(nearest)
    known = distance < (np.inf if is_older else _LARGEST_DISTANCE)
    labels = [stix.labels[place] if known[index] else f"#{index}" for index, place in enumerate(nearest)]
    return UVPoints(np.asarray(u_points, dtype=float), np.asarray(v_points, dtype=float), tuple(labels))
