"""Agreement of images with measured visibilities, and images that are fitted to them."""

import numpy as np

from astropy.stats import gaussian_sigma_to_fwhm

from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area, convolve_with_beam
from sunpy_restore.backprojection.visibilities.fourier import back_projection, visibilities_of_image
from sunpy_restore.backprojection.visibilities.uvplane import UVPoints

__all__ = ["beam_transfer", "chi_squared", "fit_to_visibilities", "model_visibilities", "visibility_covariance"]

_ITERATIONS = 4
_SMALLEST_WEIGHT = 3e-4
"""Prior variance of an empty pixel, relative to the brightest one, so that a source can appear that the image lacks."""
_LOG_SCALES = (-8.0, 12.0)
"""Range of the common logarithm of the prior variance over the noise variance."""
_SMALLEST_EIGENVALUE = 1e-12
"""Smallest eigenvalue that is used, relative to the largest one; smaller ones are dominated by rounding errors."""


def model_visibilities(image, points, grid, fwhm=BEAM):
    """
    Visibilities of the brightness distribution behind an image, with the clean beam divided out.

    Parameters
    ----------
    image : `numpy.ndarray`
        Flux per square arcsec, shape ``(ny, nx)``.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid of the image.
    fwhm : `float`, optional
        Full width at half maximum of the clean beam in arcsec; 0 for an image without one.

    Returns
    -------
    `numpy.ndarray` of ``complex128``
        Shape ``(n,)``, in the unit of the flux. Flux that the beam carries beyond the edges of the image is not
        included.
    """
    return visibilities_of_image(image * grid.area, points, grid) / beam_transfer(points, fwhm)


def beam_transfer(points, fwhm=BEAM):
    """
    Factor by which a convolution with the clean beam reduces visibilities.

    Parameters
    ----------
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane.
    fwhm : `float`, optional
        Full width at half maximum of the beam in arcsec.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(n,)``.
    """
    return np.exp(-2 * (np.pi * fwhm / gaussian_sigma_to_fwhm * points.frequency) ** 2)


def chi_squared(model, measured, errors):
    """
    Reduced chi squared of visibilities.

    Parameters
    ----------
    model, measured : `numpy.ndarray` of `complex`
        Visibilities, shape ``(n,)``.
    errors : `numpy.ndarray`
        Standard deviation of the real part and of the imaginary part of each measured visibility, which ``xrayvision``
        and ``stixpy`` call the uncertainty of the amplitude.

    Returns
    -------
    `float`
        The mean over the ``2 n`` real numbers; the number of free parameters is not subtracted.
    """
    return float(np.mean(np.abs((model - measured) / errors) ** 2) / 2)


def fit_to_visibilities(image, points, grid, measured, errors, *, fwhm=BEAM):
    """
    Fit an image to measured visibilities.

    The prior of the brightness is a Gaussian around the image, with a variance in each pixel that is proportional to
    the image, as in the entropy metric of Skilling & Bryan (1984): changes are largest where there is emission. The
    variance is scaled such that the most probable brightness has a reduced chi squared of 1. An image with a reduced
    chi squared of 1 or less is not changed. The first iteration aims at the geometric mean of the present chi squared
    and 1, because a source that the image lacks can grow only where an earlier iteration has placed some flux. Negative
    values are set to zero after each iteration, and up to two further iterations correct for that.

    Parameters
    ----------
    image : `numpy.ndarray`
        Flux per square arcsec with the resolution of the clean beam, shape ``(ny, nx)``; negative values are taken as
        zero.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid of the image.
    measured : `numpy.ndarray` of `complex`
        Measured visibilities, shape ``(n,)``, in the unit of the flux.
    errors : `numpy.ndarray`
        See `chi_squared`.
    fwhm : `float`, optional
        Full width at half maximum of the clean beam in arcsec.

    Returns
    -------
    `numpy.ndarray`
        Flux per square arcsec, shape ``(ny, nx)``, not negative. Where a reduced chi squared of 1 cannot be attained
        it is the image with the smallest one, which never exceeds that of the input with negative values set to zero.

    Raises
    ------
    ValueError
        An error is not positive, or a pixel, a visibility or an error is not finite.

    References
    ----------
    * Skilling & Bryan 1984, MNRAS 211, 111, https://doi.org/10.1093/mnras/211.1.111
    """
    errors = np.broadcast_to(np.asarray(errors, dtype=float), np.shape(measured))
    if not all(np.isfinite(values).all() for values in (image, measured, errors)) or not (errors > 0).all():
        raise ValueError(
            "Found values that are not finite or errors that are not positive; expected neither. Leave such "
            "visibilities out."
        )
    best = image = np.maximum(image, 0)
    residual = measured - model_visibilities(image, points, grid, fwhm)
    least = chi_squared(0, residual, errors)
    for iteration in range(_ITERATIONS):
        if least <= 1 or not image.any():
            break
        weight = image / image.max() + _SMALLEST_WEIGHT
        goal = 1 if iteration else np.sqrt(least)
        multipliers = _multipliers(weight, points, grid, residual, errors, goal)
        change = weight * back_projection(multipliers, points, grid, 1)
        image = np.maximum(image + convolve_with_beam(change, grid, fwhm) / beam_area(fwhm), 0)
        residual = measured - model_visibilities(image, points, grid, fwhm)
        present = chi_squared(0, residual, errors)
        if present < least:
            best, least = image, present
    return best


def _multipliers(weight, points, grid, residual, errors, goal):
    """
    The c for which W A^T c is the most probable change of the flux in each pixel.

    A gives the real and imaginary parts of the visibilities, W is the diagonal matrix of the weights, S the covariance
    of the noise and r the residual: c = s (s A W A^T + S)^-1 r. It is computed in the eigenvectors of A W A^T in units
    of the noise, with the smallest scale s that attains the goal for chi squared, found by bisection.
    """
    count = len(errors)
    noise = np.concatenate([errors, errors])
    values, vectors = np.linalg.eigh(visibility_covariance(weight, points, grid) / np.outer(noise, noise))
    along = vectors.T @ (np.concatenate([residual.real, residual.imag]) / noise)
    significant = values > _SMALLEST_EIGENVALUE * values[-1]
    values = np.where(significant, values, 0)
    low, high = _LOG_SCALES - np.log10(values[-1])
    for _ in range(50):
        middle = (low + high) / 2
        attained = np.mean((along / (1 + 10**middle * values)) ** 2) < goal
        low, high = (low, middle) if attained else (middle, high)
    scale = 10**high
    parts = vectors @ (along * significant * scale / (1 + scale * values)) / noise
    return parts[:count] + 1j * parts[count:]


def visibility_covariance(weight, points, grid):
    """A W A^T, from the visibilities of the weight at the differences and sums of all pairs of points."""
    count = len(points.u)
    one, other = np.triu_indices(count)
    u, v = (np.concatenate([s[one] - s[other], s[one] + s[other]]) for s in (points.u, points.v))
    visibilities = visibilities_of_image(weight, UVPoints(u, v, ()), grid)
    differences, sums = visibilities[: len(one)], visibilities[len(one) :]
    minus, plus = np.empty((2, count, count), dtype=complex)
    minus[other, one], minus[one, other] = differences.conj(), differences
    plus[one, other] = plus[other, one] = sums
    cosines = [plus.real + minus.real, plus.imag - minus.imag]
    return np.block([cosines, [plus.imag + minus.imag, minus.real - plus.real]]) / 2
