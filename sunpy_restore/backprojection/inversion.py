"""Find the visibilities and the orientation of a back-projected image."""

import numpy as np
from scipy import optimize

from sunpy_restore.backprojection.fourier import Grid, invert_back_projection, shift_phase_center
from sunpy_restore.backprojection.geometry import points_in_pixels, rotation

__all__ = ["find_visibilities", "without_unused"]

_LARGEST_MISFIT = 0.02
"""Relative RMS residual above which an image is no back-projection; interpolation causes less."""
_ANGLES = 90
"""Number of orientations that are tried over half a turn; the other half gives complex conjugate visibilities."""
_SEARCH_RADIUS = 130.0
"""Half side in arcsec of the field around the maximum in which orientations are tried."""
_SMALLEST_SEARCH_RADIUS = 12
"""The same in pixels, at least."""
_SEARCH_ERROR = 0.02
"""Largest error in radian of the orientation that is found in that field."""
_LARGEST_SIDE = 64
"""Rows and columns of an image from which every second one is left out, and more of them from larger images."""
_UNUSED = 0.01
"""Largest visibility of an unused sub-collimator, relative to the largest of all; interpolation causes less."""
_PIXELS = Grid((1, 1), (1.0, 1.0))


def find_visibilities(data, world, points, weights):
    """
    Find the visibilities of a back-projected image, and the axes of the instrument.

    The axes of the instrument are those of the Map's coordinates or those of its pixels, or they are rotated by an
    unknown angle, which is fitted: the headers of the STIX IDL software do not contain the roll of the spacecraft.

    Parameters
    ----------
    data : `numpy.ndarray`
        Image, shape ``(ny, nx)``; NaN where there is no value.
    world : `numpy.ndarray`
        Steps from pixel to pixel, see `~sunpy_restore.backprojection.geometry.scale_matrix`.
    points : `~sunpy_restore.backprojection.uvplane.UVPoints`
        Points of the (u, v) plane along the axes of the instrument.
    weights : `numpy.ndarray`
        Weights that the image was made with, shape ``(n,)``.

    Returns
    -------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities with the centre of the image as phase centre, in the unit of the image.
    matrix : `numpy.ndarray`
        Steps from pixel to pixel along the axes of the instrument, in the form of ``world``.

    Raises
    ------
    ValueError
        The image is no back-projection of visibilities at these points.
    """
    pixel_axes = np.diag(np.linalg.norm(world, axis=0) * [np.sign(np.linalg.det(world)), 1])
    for matrix in (world, pixel_axes, None):
        if matrix is None:
            matrix = pixel_axes @ rotation(_orientation(data, pixel_axes, points, weights))
        visibilities, misfit = _fit(data, matrix, points, weights)
        if misfit < _LARGEST_MISFIT:
            return visibilities, matrix
    raise ValueError(
        f"The image is not a back-projection of visibilities at these {len(points.u)} points of the (u, v) plane "
        f"({points.labels[0]} to {points.labels[-1]}): found an RMS residual of {misfit:.1%} in the best orientation; "
        f"expected less than {_LARGEST_MISFIT:.0%}. Give the sub-collimators that it was made from, or the original "
        "image without resampling."
    )


def without_unused(visibilities, points):
    """
    Leave out sub-collimators whose visibilities are all zero.

    The STIX IDL software locates flares with sub-collimators 7 to 10 only, which its headers do not say.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities of a back-projection with natural weights, found with all sub-collimators that may have been used.
    points : `~sunpy_restore.backprojection.uvplane.UVPoints`
        Their points of the (u, v) plane.

    Returns
    -------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities of the sub-collimators that were used. The back-projection is a mean over fewer visibilities, which
        are smaller accordingly.
    points : `~sunpy_restore.backprojection.uvplane.UVPoints`
        Their points.
    """
    numbers = points.subcollimators
    largest = {number: np.abs(visibilities[numbers == number]).max() for number in numbers}
    used = np.array([largest[number] > _UNUSED * max(largest.values()) for number in numbers])
    labels = tuple(label for label, kept in zip(points.labels, used, strict=True) if kept)
    return visibilities[used] * used.mean(), points._replace(u=points.u[used], v=points.v[used], labels=labels)


def _fit(data, matrix, points, weights):
    """Visibilities of an image and their misfit, from a subset of the rows and columns of a large image."""
    steps = np.array([max(n // _LARGEST_SIDE, 1) for n in data.shape])
    thin = data[:: steps[0], :: steps[1]]
    grid = _PIXELS._replace(shape=thin.shape)
    visibilities, misfit = invert_back_projection(thin, points_in_pixels(points, matrix * steps[::-1]), grid, weights)
    # The phase centre is the centre of the subset and becomes that of the image
    away = [(n - 1) / 2 - step * (m - 1) / 2 for n, m, step in zip(data.shape, thin.shape, steps, strict=True)]
    return shift_phase_center(visibilities, points, *(matrix @ away[::-1])), misfit


def _orientation(data, pixel_axes, points, weights):
    """
    Angle from the axes of the instrument to those of the pixels with the smallest misfit.

    It is found around the maximum first, where the misfit varies slowly with the angle, and then in the whole image.
    """
    middle = np.unravel_index(np.nanargmax(data), data.shape)
    halves = np.maximum(_SEARCH_RADIUS / np.abs(np.diag(pixel_axes))[::-1], _SMALLEST_SEARCH_RADIUS).astype(int)
    parts = [slice(max(pixel - half, 0), pixel + half + 1) for pixel, half in zip(middle, halves, strict=True)]
    near = data[tuple(parts)]

    def misfit(angle, image):
        return _fit(image, pixel_axes @ rotation(angle), points, weights)[1]

    angles = np.pi * np.arange(_ANGLES) / _ANGLES
    best = angles[np.argmin([misfit(angle, near) for angle in angles])]
    for image, around in ((near, np.pi / _ANGLES), (data, _SEARCH_ERROR)):
        limits = (best - around, best + around)
        best = optimize.minimize_scalar(misfit, limits, bounds=limits, args=(image,), options={"xatol": 1e-5}).x
    return best
