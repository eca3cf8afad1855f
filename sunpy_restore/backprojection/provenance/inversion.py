"""Find the visibilities and the orientation of a back-projected image."""

from typing import NamedTuple

import numpy as np
from scipy import optimize

from sunpy_restore.backprojection.provenance.geometry import points_in_pixels, rotation
from sunpy_restore.backprojection.visibilities.fourier import Grid, invert_back_projection, shift_phase_center
from sunpy_restore.core.messages import warn_user

__all__ = ["Inversion", "find_orientations", "find_visibilities"]

_LARGEST_MISFIT = 0.02
"""Relative RMS residual above which an image is no back-projection; interpolation causes less."""
_ROUNDING = 1e-7
"""The same up to which only numbers in single precision are rounded, which no wrong orientation attains."""
_DISTINCT = np.log(1.25)
"""Least difference between the scores of two orientations of which one is wrong: 25 % in the RMS residual."""
_ALIKE = np.radians(6.0)
"""Angle between two orientations up to which their residuals are similar."""
_LARGE_FIELD = 200.0
"""Smallest side in arcsec of an image of which no wrong orientation explains more than 98 %."""
_ANGLES = 90
"""Number of orientations that are tried over half a turn; the other half gives complex conjugate visibilities."""
_REFINED, _MOST_REFINED = np.log(20.0), 8
"""Difference between the score of a minimum that is refined and the least one, and their largest number: the misfit of
exact images is that of the grid of angles."""
_SEARCH_RADIUS = 130.0
"""Half side in arcsec of the field around the maximum in which orientations are tried."""
_SMALLEST_SEARCH_RADIUS = 12
"""The same in pixels, at least."""
_SEARCH_ERROR = 0.02
"""Largest error in radian of the orientation that is found in that field."""
_LARGEST_SIDE = 64
"""Rows and columns of an image from which every second one is left out, and more of them from larger images."""
_PIXELS = Grid((1, 1), (1.0, 1.0))


class Inversion(NamedTuple):
    """
    Visibilities of an image, for one orientation of the instrument.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities with the centre of the image as phase centre, in the unit of the image.
    matrix : `numpy.ndarray`
        Steps from pixel to pixel along the axes of the instrument, see
        `~sunpy_restore.backprojection.provenance.geometry.scale_matrix`.
    misfit : `float`
        RMS residual relative to the RMS of the image.
    score : `float`
        Minus the logarithm of the posterior probability per pixel: that of the misfit, and half the squared amplitudes
        relative to the maximum of the image. In a small image, waves in a wrong orientation explain most of the image
        by large amplitudes that almost cancel.
    """

    visibilities: np.ndarray
    matrix: np.ndarray
    misfit: float
    score: float


def find_visibilities(data, world, points, weights):
    """
    Find the visibilities of a back-projected image, and the axes of the instrument.

    Parameters
    ----------
    data, world, points, weights
        See `find_orientations`.

    Returns
    -------
    `Inversion`
        That of the most probable orientation.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        Another orientation explains the image almost as well.

    Raises
    ------
    ValueError
        The image is no back-projection of visibilities at these points.
    """
    found, is_certain = find_orientations(data, world, points, weights)
    if not is_certain:
        sides = _sides(data, world)
        warn_user(
            f"The image of {sides[0]:.0f} x {sides[1]:.0f} arcsec is too small or too noisy to show the rotation of "
            f"the visibilities: different rotations leave a similar RMS residual, {found[0].misfit:.2g} of the image "
            "in the one that is used. The flux and the shape of the sources may be wrong. Restore the whole image and "
            "cut out the result, or give visibilities=."
        )
    return found[0]


def find_orientations(data, world, points, weights):
    """
    Find the orientations of the instrument that explain an image.

    The axes of the instrument are those of the Map's coordinates or those of its pixels, or they are rotated by an
    unknown angle, which is fitted: the headers of the STIX IDL software do not contain the roll of the spacecraft. If
    neither of the former explains the image down to rounding errors and the image is small, all are compared, and those
    of the header are preferred unless the fitted angle is distinctly more probable.

    Parameters
    ----------
    data : `numpy.ndarray`
        Image, shape ``(ny, nx)``; NaN where there is no value.
    world : `numpy.ndarray`
        Steps from pixel to pixel, see `~sunpy_restore.backprojection.provenance.geometry.scale_matrix`.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane along the axes of the instrument.
    weights : `numpy.ndarray`
        Weights that the image was made with, shape ``(n,)``.

    Returns
    -------
    found : `list` of `Inversion`
        Those that explain the image, the preferred one first.
    is_certain : `bool`
        Whether every clearly different orientation is distinctly less probable than the first one.

    Raises
    ------
    ValueError
        The image is no back-projection of visibilities at these points.
    """
    pixel_axes = np.diag(np.linalg.norm(world, axis=0) * [np.sign(np.linalg.det(world)), 1])
    fits = []
    for matrix in (world, pixel_axes):
        if fits and np.allclose(matrix, world, rtol=1e-9, atol=0):
            continue
        fits.append(_fit(data, matrix, points, weights))
        if fits[-1].misfit < _ROUNDING:
            return fits[-1:], True
    known = _preferred([fit for fit in fits if fit.misfit < _LARGEST_MISFIT])
    is_large = _sides(data, world).min() >= _LARGE_FIELD
    if known and is_large:
        return known, True
    angle, scan = _orientation(data, pixel_axes, points, weights)
    fitted = _fit(data, pixel_axes @ rotation(angle), points, weights)
    if fitted.misfit >= _LARGEST_MISFIT and not known:
        _refuse(min(fit.misfit for fit in [fitted, *fits]), points)
    found = _preferred([*known, fitted] if fitted.misfit < _LARGEST_MISFIT else known)
    is_certain = is_large or _is_distinct(found[0], [*fits, fitted, *scan])
    return found, is_certain


def _sides(data, world):
    """Sides in arcsec of the part of an image that has values, along its rows and its columns."""
    valid = np.isfinite(data)
    counts = [np.ptp(np.flatnonzero(valid.any(axis=axis))) + 1 if valid.any() else 0 for axis in (0, 1)]
    return np.linalg.norm(world, axis=0) * counts


def _preferred(fits):
    """Sort inversions by their scores; earlier ones come first unless later ones are distinctly more probable."""
    remaining, found = list(fits), []
    while remaining:
        least = min(fit.score for fit in remaining)
        first = next(index for index, fit in enumerate(remaining) if fit.score <= least + _DISTINCT)
        found.append(remaining.pop(first))
    return found


def _is_distinct(chosen, others):
    """Whether an inversion is distinctly more probable than all in clearly different orientations."""
    least = chosen.score + _DISTINCT
    return all(other.score > least or _angle_between(chosen.matrix, other.matrix) < _ALIKE for other in others)


def _angle_between(one, other):
    """Angle in radian between the orientations of two pixel matrices, up to half a turn."""
    turn = one @ np.linalg.inv(other)
    angle = np.arctan2(turn[1, 0] - turn[0, 1], turn[0, 0] + turn[1, 1])
    return abs((angle + np.pi / 2) % np.pi - np.pi / 2)


def _refuse(misfit, points):
    raise ValueError(
        f"The image is not a back-projection of visibilities at these {len(points.u)} points of the (u, v) plane "
        f"({points.labels[0]} to {points.labels[-1]}): found an RMS residual of {misfit:.1%} in the best orientation; "
        f"expected less than {_LARGEST_MISFIT:.0%}. Give the back-projection itself, not a CLEAN image, its components "
        "or a thresholded or resampled image. If other sub-collimators were used, give subcollimators=. If it was made "
        "with an older table of (u, v) points, as images of 2021 and 2022 were, give visibilities=."
    )


def _fit(data, matrix, points, weights):
    """Inversion of an image, from a subset of the rows and columns of a large image."""
    steps = np.array([max(n // _LARGEST_SIDE, 1) for n in data.shape])
    thin = data[:: steps[0], :: steps[1]]
    grid = _PIXELS._replace(shape=thin.shape)
    visibilities, misfit = invert_back_projection(thin, points_in_pixels(points, matrix * steps[::-1]), grid, weights)
    valid = thin[np.isfinite(thin)]
    size = np.abs(valid).max(initial=0)
    amplitudes = np.sum(np.abs(visibilities / size) ** 2) / (2 * valid.size) if size else 0.0
    # Numbers close to the smallest or the largest one leave no finite result
    misfit = misfit if np.isfinite(misfit) else np.inf
    score = np.log(max(misfit, np.finfo(float).tiny)) + (amplitudes if np.isfinite(amplitudes) else np.inf)
    # The phase centre is the centre of the subset and becomes that of the image
    away = [(n - 1) / 2 - step * (m - 1) / 2 for n, m, step in zip(data.shape, thin.shape, steps, strict=True)]
    visibilities = shift_phase_center(visibilities, points, *(matrix @ away[::-1]))
    return Inversion(visibilities, matrix, misfit, score)


def _orientation(data, pixel_axes, points, weights):
    """
    Most probable angle from the axes of the instrument to those of the pixels, and inversions in all orientations.

    It is found around the maximum first, where the misfit varies slowly with the angle, and then in the whole image.
    """
    middle = np.unravel_index(np.nanargmax(data), data.shape)
    halves = np.maximum(_SEARCH_RADIUS / np.abs(np.diag(pixel_axes))[::-1], _SMALLEST_SEARCH_RADIUS).astype(int)
    parts = [slice(max(pixel - half, 0), pixel + half + 1) for pixel, half in zip(middle, halves, strict=True)]
    near = data[tuple(parts)]

    def fit(angle, image):
        return _fit(image, pixel_axes @ rotation(angle), points, weights)

    def refined(angle, image, around):
        limits = (angle - around, angle + around)
        return optimize.minimize_scalar(
            lambda other: fit(other, image).misfit, limits, bounds=limits, options={"xatol": 1e-5}
        ).x

    angles = np.pi * np.arange(_ANGLES) / _ANGLES
    scan = [fit(angle, near) for angle in angles]
    scores = np.array([one.score for one in scan])
    minima = np.flatnonzero((scores <= np.roll(scores, 1)) & (scores <= np.roll(scores, -1)))
    minima = minima[np.argsort(scores[minima])]
    minima = minima[scores[minima] <= scores.min() + _REFINED][:_MOST_REFINED]
    starts = [refined(angles[index], near, np.pi / _ANGLES) for index in minima]
    best = min(starts, key=lambda angle: fit(angle, near).score) if len(starts) > 1 else starts[0]
    scan += [fit(angle, near) for angle in starts]
    return refined(best, data, _SEARCH_ERROR), scan
