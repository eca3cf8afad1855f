"""Hogbom's CLEAN algorithm."""

from typing import NamedTuple

import numpy as np

from sunpy_restore.backprojection.imaging.agreement import chi_squared
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area, convolve_with_beam
from sunpy_restore.backprojection.visibilities.fourier import back_projection, dirty_beam, weights_of

__all__ = ["Cleaned", "clean", "clean_visibilities", "wide_beam"]


class Cleaned(NamedTuple):
    """
    Result of CLEAN.

    Parameters
    ----------
    image : `numpy.ndarray`
        Model convolved with the clean beam plus residual, per square arcsec.
    model : `numpy.ndarray`
        Flux of the point sources in each pixel, in the unit of the dirty map.
    residual : `numpy.ndarray`
        Dirty map minus the dirty beams of the point sources, in its unit.
    iterations : `int`
        Number of components that were subtracted.
    """

    image: np.ndarray
    model: np.ndarray
    residual: np.ndarray
    iterations: int


def clean(dirty, beam, grid, *, fwhm=BEAM, gain=0.1, iterations=100, threshold=None, finished=None):
    """
    Deconvolve a dirty map by Hogbom's CLEAN.

    Each iteration takes a fraction of the highest peak as a point source and subtracts its dirty beam. CLEAN stops
    after a number of iterations, when the largest absolute residual is negative, or when no residual exceeds a
    threshold.

    Parameters
    ----------
    dirty : `numpy.ndarray`
        Back-projection, shape ``(ny, nx)``; it is not changed.
    beam : `numpy.ndarray`
        Back-projection of a point source of flux 1 at the central pixel, with odd numbers of rows and columns, at least
        ``(2 * ny - 1, 2 * nx - 1)``; see `~sunpy_restore.backprojection.visibilities.fourier.dirty_beam`.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid of the back-projection.
    fwhm : `float`, optional
        Full width at half maximum of the clean beam in arcsec.
    gain : `float`, optional
        Fraction of a peak that is subtracted per iteration.
    iterations : `int`, optional
        Largest number of iterations.
    threshold : `float`, optional
        Residual at which to stop, in the unit of the back-projection.
    finished : callable, optional
        ``finished(row, column, flux) -> bool``: called after each component, whether to stop.

    Returns
    -------
    `Cleaned`

    Raises
    ------
    ValueError
        The back-projection does not have the shape of the grid or has pixels that are not finite, the dirty beam has no
        central pixel or is too small, or the width of the clean beam is not positive.

    Notes
    -----
    Image, model, residual and number of iterations agree with those of ``xrayvision.clean`` for odd numbers of rows and
    columns. Version 0.2.1 of ``xrayvision`` differs in three points. Along an axis with an even number of pixels it
    subtracts the beam one pixel off the peak, and fails if the other number is odd. It divides the residual by the sum
    of the pixels of the clean beam instead of 2 pi sigma**2; both are equal unless the pixels are as large as the beam
    or the field is smaller than it. It also subtracts a component where no residual is positive.

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
        place, flux = peak, gain * residual[peak]
        model[peak] += flux
        top, left = row - peak[0], column - peak[1]
        np.multiply(beam[top : top + grid.shape[0], left : left + grid.shape[1]], flux, out=part)
        np.subtract(residual, part, out=residual)
        done += 1
        peak = divmod(int(residual.argmax()), grid.shape[1])
        highest, lowest = residual[peak], residual.min()
        if -lowest > highest or (threshold is not None and highest <= threshold):
            break
        if finished is not None and finished(*place, flux):
            break
    image = (convolve_with_beam(model, grid, fwhm) + residual) / beam_area(fwhm)
    return Cleaned(image, model, residual, done)


def _check(dirty, beam, grid, fwhm):
    if dirty.shape != tuple(grid.shape):
        raise ValueError(
            f"Found a back-projection of {dirty.shape} pixels; expected {tuple(grid.shape)}, the shape of the grid."
        )
    if not np.isfinite(dirty).all():
        count = np.count_nonzero(~np.isfinite(dirty))
        raise ValueError(f"Found {count} pixels that are not finite; expected none. Fill them first.")
    least = tuple(2 * n - 1 for n in grid.shape)
    if beam.ndim != 2 or any(n % 2 == 0 or n < m for n, m in zip(beam.shape, least, strict=True)):
        raise ValueError(f"Found a dirty beam of {beam.shape} pixels; expected odd numbers of at least {least}.")
    if not fwhm > 0:
        raise ValueError(f"Found a clean beam of {fwhm} arcsec; expected a positive width.")


def clean_visibilities(visibilities, points, grid, *, iterations=100, weighting="natural", errors=None):
    """
    Deconvolve the back-projection of visibilities by CLEAN.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities, shape ``(n,)``.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Their points of the (u, v) plane.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid of the result.
    iterations : `int`, optional
        Largest number of iterations.
    weighting : ``"natural"`` or ``"uniform"``
        Weighting of the visibilities.
    errors : `numpy.ndarray`, optional
        Standard deviation of the real part and of the imaginary part of each visibility, shape ``(n,)``. CLEAN stops
        when the reduced chi squared of the components is 1.

    Returns
    -------
    `Cleaned`
    """
    weights = weights_of(points, weighting)
    dirty = back_projection(visibilities, points, grid, weights)
    finished = None if errors is None else _Explained(visibilities, errors, points, grid)
    return clean(dirty, wide_beam(points, grid, weighting), grid, iterations=iterations, finished=finished)


class _Explained:
    """Whether components of CLEAN explain visibilities within their errors."""

    def __init__(self, visibilities, errors, points, grid):
        self.residual, self.errors, self.points, self.grid = visibilities, errors, points, grid

    def __call__(self, row, column, flux):
        phase = 2 * np.pi * (self.points.u * self.grid.x[column] + self.points.v * self.grid.y[row])
        self.residual = self.residual - flux * np.exp(1j * phase)
        return chi_squared(0, self.residual, self.errors) <= 1


def wide_beam(points, grid, weighting="natural"):
    """
    Dirty beam that covers a field from any of its pixels, as `clean` needs it.

    Parameters
    ----------
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid of the field, shape ``(ny, nx)``.
    weighting : ``"natural"`` or ``"uniform"``
        Weighting of the visibilities.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(2 * ny - 1, 2 * nx - 1)``.
    """
    wide = grid._replace(shape=tuple(2 * n - 1 for n in grid.shape))
    return dirty_beam(points, wide, weights_of(points, weighting))
