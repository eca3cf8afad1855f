"""Multi-scale CLEAN: components are Gaussians of several widths."""

import numpy as np

from astropy.stats import gaussian_fwhm_to_sigma

from sunpy_restore.backprojection.imaging.agreement import chi_squared
from sunpy_restore.backprojection.imaging.beam import BEAM
from sunpy_restore.backprojection.imaging.field import gaussians_on, restrict
from sunpy_restore.backprojection.visibilities.fourier import back_projection

__all__ = ["multiscale_clean"]

_WIDTHS = np.array([0.0, 10.0, 20.0, 32.0, 48.0, 70.0])
"""Full widths at half maximum of the components in arcsec."""
_BIAS = 0.04
"""Decrease of the preference from one width to the next one."""
_GAIN, _ITERATIONS = 0.15, 400


def multiscale_clean(visibilities, errors, points, grid):
    """
    Deconvolve visibilities by multi-scale CLEAN.

    Each iteration takes a fraction of the component with the highest significance, with a small bias towards narrow
    ones as in Cornwell (2008). It stops at a reduced chi squared of 1, or when no component is positive. The residual
    is not added.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities with the centre of the image as phase centre, shape ``(n,)``.
    errors : `numpy.ndarray`
        Standard deviation of the real part and of the imaginary part, shape ``(n,)``.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane along the axes of the image.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid of the image, shape ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        Components convolved with the clean beam, flux per square arcsec, not negative, shape ``(ny, nx)``.

    References
    ----------
    * Cornwell 2008, IEEE Journal of Selected Topics in Signal Processing 2, 793,
      https://doi.org/10.1109/JSTSP.2008.2006388
    """
    field = restrict(visibilities, points, grid)
    transfer = np.exp(-2 * (np.pi * gaussian_fwhm_to_sigma * np.outer(_WIDTHS, points.frequency)) ** 2)
    image = np.zeros(grid.shape)
    for width, model in zip(_WIDTHS, _components(field, errors, points, transfer), strict=True):
        if model.any():
            image += gaussians_on(grid, model, field, np.hypot(width, BEAM))
    return image


def _components(field, errors, points, transfer):
    """Flux of the components of each width in each pixel of a field."""
    grid, residual = field.grid, field.visibilities
    weights = errors**-2 / np.sum(errors**-2)
    norms = np.sum(weights * transfer**2, axis=1)
    preference = ((1 - _BIAS * np.arange(len(_WIDTHS))) / np.sqrt(norms))[:, np.newaxis, np.newaxis]
    wide = grid._replace(shape=tuple(2 * n - 1 for n in grid.shape))
    beams = back_projection(transfer[:, np.newaxis] * transfer, points, wide, weights)
    maps = back_projection(residual * transfer, points, grid, weights)
    models = np.zeros_like(maps)
    for _ in range(_ITERATIONS):
        if chi_squared(0, residual, errors) <= 1:
            break
        place = scale, row, column = np.unravel_index(np.argmax(maps * preference), maps.shape)
        if not maps[place] > 0:
            break
        flux = _GAIN * maps[place] / norms[scale]
        models[place] += flux
        rows, columns = (
            slice(n - 1 - pixel, 2 * n - 1 - pixel) for n, pixel in zip(grid.shape, place[1:], strict=True)
        )
        maps -= flux * beams[scale, :, rows, columns]
        wave = np.exp(2j * np.pi * (points.u * grid.x[column] + points.v * grid.y[row]))
        residual = residual - flux * transfer[scale] * wave
    return models
