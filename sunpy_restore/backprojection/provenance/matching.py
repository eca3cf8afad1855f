"""Match measured visibilities to the Map that was made from them: orientation, weighting and phase centre."""

from typing import NamedTuple

import numpy as np
from scipy import optimize

from sunpy_restore.backprojection.provenance.alignment import align, fit_alignment
from sunpy_restore.backprojection.provenance.geometry import points_in_pixels
from sunpy_restore.backprojection.visibilities.fourier import (
    WEIGHTINGS,
    Grid,
    back_projection,
    shift_phase_center,
    weights_of,
)

__all__ = ["match_inversions", "match_phase_center"]

_LARGEST_DIFFERENCE = 0.05
"""Largest RMS difference between the visibilities of a Map and measured ones, relative to the RMS of the former."""
_SHIFTS = Grid((401, 401), (5.0, 5.0))
"""Shifts of the phase centre that are tried."""
_SMALL_FIELD = 200.0
"""Side of an image in arcsec below which it may not show the rotation of the visibilities."""


class _Match(NamedTuple):
    """Shift of the phase centre in arcsec, and the difference that remains relative to the visibilities of the Map."""

    shift: tuple[float, float]
    difference: float


def match_inversions(measured, inversions, shape, center, weighting=None):
    """
    Choose the orientation of a Map in which it is the back-projection of measured visibilities.

    Parameters
    ----------
    measured : `~sunpy_restore.backprojection.visibilities.measured.MeasuredVisibilities`
        Measured visibilities.
    inversions : `list` of `~sunpy_restore.backprojection.provenance.inversion.Inversion`
        Visibilities of the Map with natural weights in one or several orientations, the most probable one first.
    shape : pair of `int`
        Rows and columns of the Map.
    center, weighting
        See `match_phase_center`.

    Returns
    -------
    visibilities : `numpy.ndarray` of `complex`
        See `match_phase_center`.
    matrix : `numpy.ndarray`
        That of the chosen inversion.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        The phase centre or the scale differs from that of the Map.

    Raises
    ------
    ValueError
        See `match_phase_center`.
    """
    points, tried = measured.points, []
    for inversion in inversions:
        values = _weighted(inversion, points)
        matches = {name: _best_shift(measured, one, center) for name, one in values.items()}
        if min(match.difference for match in matches.values()) > _LARGEST_DIFFERENCE:
            # A small image hardly constrains long waves, which then differ without any effect on its pixels
            matches = {
                name: match._replace(
                    difference=_image_difference(measured, values[name], name, match, inversion, shape)
                )
                for name, match in matches.items()
            }
        tried.append((inversion, matches))
        if min(match.difference for match in matches.values()) <= _LARGEST_DIFFERENCE:
            break
    inversion, matches = min(tried, key=lambda one: min(match.difference for match in one[1].values()))
    extent = np.linalg.norm(inversion.matrix, axis=0) * shape[::-1]
    chosen = _accepted(measured, matches, weighting, extent)
    shift = np.array(matches[chosen].shift)
    moved = shift_phase_center(measured.visibilities, points, *shift)
    alignment = fit_alignment(moved, _weighted(inversion, points)[chosen], points, inversion.matrix, shape, chosen)
    offset = min((shift - known for known in _known_shifts(measured, center)), key=np.linalg.norm)
    return align(moved, alignment, points, offset), inversion.matrix


def match_phase_center(measured, visibilities, center, weighting=None):
    """
    Move the phase centre of measured visibilities to the centre of the Map that was made from them.

    Parameters
    ----------
    measured : `~sunpy_restore.backprojection.visibilities.measured.MeasuredVisibilities`
        Measured visibilities.
    visibilities : mapping of `str` to `numpy.ndarray` of `complex`
        For each weighting that the Map may have been made with, its visibilities at the same points, with its centre as
        phase centre.
    center : pair of `float`
        Centre of the Map as ``(x, y)`` in arcsec, in its coordinates.
    weighting : `str`, optional
        Weighting that the Map was made with; by default the one that fits.

    Returns
    -------
    `numpy.ndarray` of `complex`
        Measured visibilities with the centre of the Map as phase centre.

    Raises
    ------
    ValueError
        The Map is not their back-projection for any phase centre.
    """
    matches = {name: _best_shift(measured, values, center) for name, values in visibilities.items()}
    shift = matches[_accepted(measured, matches, weighting)].shift
    return shift_phase_center(measured.visibilities, measured.points, *shift)


def _weighted(inversion, points):
    """Visibilities of an inversion for each weighting that the Map may have been made with."""
    return {name: inversion.visibilities * weights_of(points) / weights_of(points, name) for name in WEIGHTINGS}


def _known_shifts(measured, center):
    """Shifts of the phase centre to the centre of the Map: it is there already, or where the header says."""
    return (0.0, 0.0), (center[0] - measured.phase_center[0], center[1] - measured.phase_center[1])


def _accepted(measured, matches, weighting, extent=None):
    """The weighting whose match is used, unless none is good enough."""
    fitting = min(matches, key=lambda name: matches[name].difference)
    chosen = weighting or fitting
    difference = matches[chosen].difference
    if difference > _LARGEST_DIFFERENCE:
        if matches[fitting].difference <= _LARGEST_DIFFERENCE:
            advice = f"The Map was made with weighting={fitting!r}."
        else:
            advice = (
                "Give visibilities of the same time, energy and calibration, in the unit of the Map, and only those "
                "that it was made from."
            )
            if extent is not None and min(extent) < _SMALL_FIELD:
                advice += (
                    f" Or the Map of {extent[0]:.0f} x {extent[1]:.0f} arcsec is too small to show the rotation of the "
                    "visibilities: restore the whole image and cut out the result."
                )
        raise ValueError(
            f"The Map is not the back-projection of these visibilities in {measured.unit} with {chosen} weights: for "
            f"any phase centre they differ by {difference:.0%} from those of the Map. {advice}"
        )
    return chosen


def _image_difference(measured, visibilities, name, match, inversion, shape):
    """RMS difference between the images of measured visibilities and those of the Map, relative to the latter."""
    shifted = shift_phase_center(measured.visibilities, measured.points, *match.shift)
    points, grid = points_in_pixels(measured.points, inversion.matrix), Grid(shape, (1.0, 1.0))
    images = [
        back_projection(values, points, grid, weights_of(points, name))
        for values in (shifted - visibilities, visibilities)
    ]
    return float(np.sqrt(np.mean(images[0] ** 2) / np.mean(images[1] ** 2)))


def _best_shift(measured, visibilities, center):
    """Shift of the phase centre, and the difference that remains relative to the visibilities."""
    size = np.sqrt(np.mean(np.abs(visibilities) ** 2))

    def difference(shift):
        shifted = shift_phase_center(measured.visibilities, measured.points, *shift)
        return np.sqrt(np.mean(np.abs(shifted - visibilities) ** 2)) / size

    best = min(_known_shifts(measured, center), key=difference)
    if difference(best) > _LARGEST_DIFFERENCE:
        best = _alignment(measured, visibilities, difference)
    return _Match(best, float(difference(best)))


def _alignment(measured, visibilities, difference):
    """Shift between two phase centres, because the one in a header is not always that of the pixels."""
    product = measured.visibilities * np.conj(visibilities)
    aligned = back_projection(product, measured.points, _SHIFTS, np.ones(len(product)))
    row, column = np.unravel_index(np.argmax(aligned), aligned.shape)
    options = {"xatol": 1e-7, "fatol": 1e-12}
    start = (_SHIFTS.x[column], _SHIFTS.y[row])
    return optimize.minimize(difference, start, method="Nelder-Mead", options=options).x
