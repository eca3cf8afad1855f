"""Visibilities that a user gives, and how they belong to a Map."""

from typing import NamedTuple

import numpy as np
from scipy import optimize

import astropy.units as u
from astropy.io import fits
from astropy.table import QTable

from sunpy_restore.backprojection.fourier import Grid, back_projection, shifted
from sunpy_restore.backprojection.uvplane import UVPlane, stix_uv

__all__ = ["Measured", "Table", "belonging", "open_visibilities", "read_visibilities"]

_APART = 0.05  # RMS by which the visibilities of a Map and those given may differ, of the latter
_SAME = 1e-5  # 1 / arcsec
_ACROSS, _STEP = 401, 5.0  # pixels and their size in arcsec, of the shifts that are tried


class Measured(NamedTuple):
    """
    Measured visibilities.

    Parameters
    ----------
    plane : `~sunpy_restore.backprojection.uvplane.UVPlane`
        Their places.
    found : `numpy.ndarray` of `complex`
        Values, shape ``(n,)``.
    errors : `numpy.ndarray` or `None`
        Standard deviations of real and imaginary part, shape ``(n,)``.
    unit : `~astropy.units.Unit`
        Unit of both.
    center : pair of `float`
        Phase centre as ``(x, y)`` in arcsec.
    """

    plane: UVPlane
    found: np.ndarray
    errors: np.ndarray | None
    unit: u.UnitBase
    center: tuple[float, float]


class Table(NamedTuple):
    """
    Visibilities of a file, with the attributes of ``xrayvision.visibility.Visibilities`` that matter here.

    Parameters
    ----------
    visibilities : `~astropy.units.Quantity`
        Complex, shape ``(n,)``.
    u, v : `~astropy.units.Quantity`
        Their places.
    amplitude_uncertainty : `~astropy.units.Quantity`
        Their errors.
    phase_center : `~astropy.units.Quantity`
        As (y, x).
    """

    visibilities: u.Quantity
    u: u.Quantity
    v: u.Quantity
    amplitude_uncertainty: u.Quantity
    phase_center: u.Quantity


def open_visibilities(path):
    """
    Visibilities of a FITS file.

    Parameters
    ----------
    path : path-like
        Has a table ``VISIBILITIES`` with the columns ``u``, ``v``, ``real``, ``imag`` and ``error`` and their units, as
        the sample ``stix_flare`` has it. The phase centre is in the middle of the image.

    Returns
    -------
    `Table`

    Raises
    ------
    ValueError
        There is no such table in it.
    """
    try:
        with fits.open(path) as file:
            table = QTable.read(file["VISIBILITIES"])
        columns = [u.Quantity(table[name]) for name in ("real", "imag", "u", "v", "error")]
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"Found no table VISIBILITIES with u, v, real, imag and error in {path}: {error}.") from error
    real, imaginary, *others = columns
    return Table(real + 1j * imaginary, *others, [0, 0] * u.arcsec)


def read_visibilities(given):
    """
    Take visibilities apart.

    Parameters
    ----------
    given : ``xrayvision.visibility.Visibilities``
        Or what has the same attributes: ``visibilities``, ``u``, ``v``, ``phase_center`` in the order (y, x), and
        ``amplitude_uncertainty`` or ``uncertainty``.

    Returns
    -------
    `Measured`
        With the labels of STIX where the points are those of STIX.

    Raises
    ------
    TypeError
        Something else.
    ValueError
        Values that are not finite, or errors that are not positive.
    """
    try:
        values = u.Quantity(given.visibilities)
        plane = [u.Quantity(part).to_value(1 / u.arcsec) for part in (given.u, given.v)]
        y, x = (float(u.Quantity(part).to_value(u.arcsec)) for part in given.phase_center)
    except (AttributeError, TypeError, ValueError) as error:
        raise TypeError(
            f"Found {type(given).__name__} for the visibilities, expected xrayvision.visibility.Visibilities, or "
            f"something with its visibilities, u, v and phase_center: {error}."
        ) from error
    errors = getattr(given, "amplitude_uncertainty", None)
    errors = getattr(given, "uncertainty", None) if errors is None else errors
    if errors is not None:
        errors = np.broadcast_to(u.Quantity(errors).to_value(values.unit).real, values.shape).astype(float)
        if not (np.isfinite(errors) & (errors > 0)).all():
            raise ValueError("Found errors of the visibilities that are not positive numbers. Leave such points out.")
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(f"Found visibilities of shape {values.shape}, expected finite numbers in one dimension.")
    return Measured(_labelled(*plane), np.asarray(values.value, dtype=complex), errors, values.unit, (x, y))


def _labelled(u_points, v_points):
    """Points with the labels of STIX, or numbers; of a point and its opposite both have the label."""
    stix = stix_uv(range(1, 11))
    labels = []
    for index, point in enumerate(zip(u_points, v_points, strict=True)):
        apart = np.minimum(*(np.hypot(stix.u - sign * point[0], stix.v - sign * point[1]) for sign in (1, -1)))
        nearest = int(np.argmin(apart))
        labels.append(stix.labels[nearest] if apart[nearest] < _SAME else f"#{index}")
    return UVPlane(np.asarray(u_points, dtype=float), np.asarray(v_points, dtype=float), tuple(labels))


def belonging(measured, back, middle):
    """
    Given visibilities with the middle of a Map as phase centre, if it is their back-projection.

    Parameters
    ----------
    measured : `Measured`
        The visibilities.
    back : `~sunpy_restore.backprojection.observation.Backprojection`
        The Map.
    middle : pair of `float`
        Middle of the Map as ``(x, y)`` in arcsec, in its coordinates.

    Returns
    -------
    `numpy.ndarray` of `complex`
        In the unit of the Map.

    Raises
    ------
    ValueError
        It is not their back-projection, wherever their phase centre is.
    """
    size = np.sqrt(np.mean(np.abs(back.found) ** 2))

    def apart(shift):
        return np.sqrt(np.mean(np.abs(shifted(measured.found, measured.plane, *shift) - back.found) ** 2)) / size

    away = middle[0] - measured.center[0], middle[1] - measured.center[1]
    best = min(((0.0, 0.0), away), key=apart)
    if apart(best) > _APART:
        best = _alignment(measured, back, apart)
    if apart(best) > _APART:
        raise ValueError(
            f"The Map is not the back-projection of these visibilities: they differ by {apart(best):.0%} of those that "
            "explain the Map, wherever their phase centre is. Give visibilities of the same time, energy and "
            f"calibration, in the unit of the Map; found {measured.unit}."
        )
    return shifted(measured.found, measured.plane, *best)


def _alignment(measured, back, apart):
    """The shift between two phase centres: the phase centre that a header tells is not always that of the pixels."""
    grid = Grid((_ACROSS, _ACROSS), (_STEP, _STEP))
    product = measured.found * np.conj(back.found)
    aligned = back_projection(product, measured.plane, grid, np.ones(len(product)))
    row, column = np.unravel_index(np.argmax(aligned), aligned.shape)
    options = {"xatol": 1e-7, "fatol": 1e-12}
    return optimize.minimize(apart, (grid.x[column], grid.y[row]), method="Nelder-Mead", options=options).x
