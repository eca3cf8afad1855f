"""Hogbom's CLEAN."""

from typing import NamedTuple

import numpy as np

from sunpy_restore.backprojection.channels import BEAM, PLANES
from sunpy_restore.backprojection.fourier import Grid, back_projection, dirty_beam, weights_of
from sunpy_restore.backprojection.scenes import FWHM
from sunpy_restore.backprojection.uvplane import stix_uv
from sunpy_restore.core.task import Method

__all__ = ["METHODS", "Cleaned", "beam_area", "clean", "clean_planes", "clean_visibilities", "seen_with_beam"]

_NUMBERS = [(number, PLANES.index(f"subcollimator{number}")) for number in range(1, 11)]
_PIXEL = PLANES.index("pixel")


class Cleaned(NamedTuple):
    """
    What CLEAN makes of a dirty map.

    Parameters
    ----------
    image : `numpy.ndarray`
        The model seen with the clean beam, and the residual, per square arcsec.
    model : `numpy.ndarray`
        Flux of the point sources in each pixel, in the unit of the dirty map.
    residual : `numpy.ndarray`
        What is left of the dirty map, in its unit.
    iterations : `int`
        Number of components that were subtracted.
    """

    image: np.ndarray
    model: np.ndarray
    residual: np.ndarray
    iterations: int


def beam_area(fwhm=BEAM):
    """Area of a Gaussian beam in square arcsec, from its full width at half maximum in arcsec: 2 pi sigma**2."""
    return 2 * np.pi * (fwhm / FWHM) ** 2


def seen_with_beam(model, grid, fwhm=BEAM):
    """
    An image of point sources in the middles of pixels, seen with a Gaussian beam.

    Parameters
    ----------
    model : `numpy.ndarray`
        Flux in each pixel, shape ``(ny, nx)``.
    grid : `~sunpy_restore.backprojection.fourier.Grid`
        The pixels.
    fwhm : `float`, optional
        Full width at half maximum of the beam in arcsec.

    Returns
    -------
    `numpy.ndarray`
        Flux per beam, shape ``(ny, nx)``. Over `beam_area` it is that per square arcsec.
    """
    along_y, along_x = (np.exp(-0.5 * (np.subtract.outer(s, s) * FWHM / fwhm) ** 2) for s in (grid.y, grid.x))
    return along_y @ model @ along_x


def clean(dirty, beam, grid, *, fwhm=BEAM, gain=0.1, iterations=100, threshold=None):
    """
    Hogbom's CLEAN: a share of the highest peak at a time is taken for a point source, whose dirty beam is subtracted.

    It ends after a number of iterations, when no residual is farther from zero than a threshold, or when the one that
    is farthest is negative. Image, model, residual and the iteration in which it ends are those of
    ``xrayvision.clean.clean``, and of ``vis_clean`` there, on fields with odd numbers of rows and columns. Three things
    are not as in its version 0.2.1. Along an axis with an even number of pixels that subtracts the beam one pixel
    beside the peak, and it fails where the other number is odd; here the beam is at the peak. The residual that is
    given is not yet over the area of the clean beam, which is 2 pi sigma**2: the same as the sum over pixels there,
    unless these are as large as the beam, or the field is smaller than it. And where no residual is positive nothing is
    subtracted.

    Parameters
    ----------
    dirty : `numpy.ndarray`
        Back-projection, shape ``(ny, nx)``; it is not changed.
    beam : `numpy.ndarray`
        Back-projection of a point source of flux 1 in the middle, with odd numbers of rows and columns, at least
        ``(2 * ny - 1, 2 * nx - 1)``; see `~sunpy_restore.backprojection.fourier.dirty_beam`.
    grid : `~sunpy_restore.backprojection.fourier.Grid`
        Pixels of the back-projection.
    fwhm : `float`, optional
        Full width at half maximum of the clean beam in arcsec.
    gain : `float`, optional
        Share of a peak that is subtracted at a time.
    iterations : `int`, optional
        Largest number of them.
    threshold : `float`, optional
        Where to end, in the unit of the back-projection.

    Returns
    -------
    `Cleaned`

    Raises
    ------
    ValueError
        The back-projection has other pixels than the grid or such without a value, the beam has no middle or doesn't
        reach from corner to corner, or the clean beam has no width.

    References
    ----------
    * Hogbom 1974, Astronomy and Astrophysics Supplement 15, 417
    """
    dirty, beam = np.asarray(dirty, dtype=float), np.asarray(beam, dtype=float)
    _check(dirty, beam, grid, fwhm)
    residual, model, part = dirty.copy(), np.zeros_like(dirty), np.empty_like(dirty)
    row, column = (n // 2 for n in beam.shape)
    peak, done = divmod(int(residual.argmax()), grid.shape[1]), 0
    while done < iterations and residual[peak] > 0:
        share = gain * residual[peak]
        model[peak] += share
        top, left = row - peak[0], column - peak[1]
        np.multiply(beam[top : top + grid.shape[0], left : left + grid.shape[1]], share, out=part)
        np.subtract(residual, part, out=residual)
        done += 1
        peak = divmod(int(residual.argmax()), grid.shape[1])
        highest, lowest = residual[peak], residual.min()
        if -lowest > highest or (threshold is not None and highest <= threshold):
            break
    image = (seen_with_beam(model, grid, fwhm) + residual) / beam_area(fwhm)
    return Cleaned(image, model, residual, done)


def _check(dirty, beam, grid, fwhm):
    if dirty.shape != tuple(grid.shape):
        raise ValueError(f"Found a back-projection of {dirty.shape} pixels, expected {tuple(grid.shape)} of the grid.")
    if not np.isfinite(dirty).all():
        found = np.count_nonzero(~np.isfinite(dirty))
        raise ValueError(f"Found {found} pixels that are not finite, expected none; fill them first.")
    least = tuple(2 * n - 1 for n in grid.shape)
    if beam.ndim != 2 or any(n % 2 == 0 or n < m for n, m in zip(beam.shape, least, strict=True)):
        raise ValueError(f"Found a dirty beam of {beam.shape} pixels, expected odd numbers of at least {least}.")
    if not fwhm > 0:
        raise ValueError(f"Found a clean beam of {fwhm} arcsec, expected a positive width.")


def clean_visibilities(found, plane, grid, *, iterations=100):
    """
    CLEAN of the back-projection of visibilities with natural weights.

    Parameters
    ----------
    found : `numpy.ndarray` of `complex`
        Visibilities, shape ``(n,)``.
    plane : `~sunpy_restore.backprojection.uvplane.UVPlane`
        Their places.
    grid : `~sunpy_restore.backprojection.fourier.Grid`
        Pixels wanted.
    iterations : `int`, optional
        Largest number of iterations.

    Returns
    -------
    `Cleaned`
    """
    dirty = back_projection(found, plane, grid, weights_of(plane))
    return clean(dirty, _wide_beam(plane, grid), grid, iterations=iterations)


def _wide_beam(plane, grid):
    """The dirty beam of natural weights about any pixel of a field."""
    wide = grid._replace(shape=tuple(2 * n - 1 for n in grid.shape))
    return dirty_beam(plane, wide, weights_of(plane))


def clean_planes(planes):
    """
    CLEAN with 100 iterations.

    Parameters
    ----------
    planes : `numpy.ndarray`
        Shape ``(len(PLANES), ny, nx)``, see `~sunpy_restore.backprojection.channels.PLANES`. The dirty beam is that of the
        sub-collimators whose planes are not zero everywhere.

    Returns
    -------
    `numpy.ndarray`
        Flux per clean beam in the unit of the planes, shape ``(ny, nx)``: a point source has its flux as its maximum.
        Without a sub-collimator or a size of the pixels nothing is known of the dirty beam, and the result is the
        back-projection as it is.
    """
    numbers = [number for number, index in _NUMBERS if planes[index].any()]
    pixel = float(np.median(planes[_PIXEL]))
    if not numbers or not 0 < pixel < np.inf:
        return np.array(planes[0], dtype=float)
    plane = stix_uv(numbers)
    grid = Grid(planes.shape[1:], (pixel, pixel))
    return clean(planes[0], _wide_beam(plane, grid), grid).image * beam_area()


METHODS = {"clean": Method(clean_planes, None)}
