"""How an image agrees with visibilities that were measured, and how it is made to."""

import numpy as np

from sunpy_restore.backprojection.channels import BEAM
from sunpy_restore.backprojection.clean import beam_area, seen_with_beam
from sunpy_restore.backprojection.fourier import back_projection, visibilities
from sunpy_restore.backprojection.scenes import FWHM
from sunpy_restore.backprojection.uvplane import UVPlane

__all__ = ["chi_squared", "modelled", "reconciled"]

_STEPS = 4
_FLOOR = 3e-4  # of the brightest: a source that the image lacks can still come up
_SCALES = (-8.0, 12.0)  # decades of the prior variance, in units of the noise
_RIDGE = 1e-12  # of the largest eigenvalue; what is below can't be told from rounding


def modelled(image, plane, grid, fwhm=BEAM):
    """
    Visibilities of what was seen with the clean beam, without the beam.

    Parameters
    ----------
    image : `numpy.ndarray`
        Flux per square arcsec, shape ``(ny, nx)``.
    plane : `~sunpy_restore.backprojection.uvplane.UVPlane`
        Where they are wanted.
    grid : `~sunpy_restore.backprojection.fourier.Grid`
        Pixels of the image.
    fwhm : `float`, optional
        Full width at half maximum of the clean beam in arcsec; 0 for an image without one.

    Returns
    -------
    `numpy.ndarray` of ``complex128``
        Shape ``(n,)``, in the unit of the flux. Of what the beam carries beyond the edges nothing is known.
    """
    transfer = np.exp(-2 * (np.pi * fwhm / FWHM * plane.frequency) ** 2)
    return visibilities(image * grid.area, plane, grid) / transfer


def chi_squared(found, measured, errors):
    """
    Reduced chi squared of visibilities.

    Parameters
    ----------
    found, measured : `numpy.ndarray` of `complex`
        Visibilities, shape ``(n,)``.
    errors : `numpy.ndarray`
        Standard deviation of the real part and of the imaginary part of each that was measured, which ``xrayvision``
        and ``stixpy`` call the uncertainty of the amplitude.

    Returns
    -------
    `float`
        The mean over the ``2 n`` numbers; no parameters are counted off.
    """
    return float(np.mean(np.abs((found - measured) / errors) ** 2) / 2)


def reconciled(image, plane, grid, measured, errors, *, fwhm=BEAM):
    """
    An image that is made to agree with visibilities.

    Given the image, the brightness without the beam is taken for Gaussian, with a variance in each pixel that is in
    proportion to the image, as in the metric of the entropy (Skilling & Bryan 1984): changes stay where the emission
    is. The factor of that variance is the one for which the most probable brightness has a reduced chi squared of 1; an
    image that has 1 or less is left as it is. It is approached in two steps, by way of the geometric mean of the chi
    squared that there is and 1, because a source that the image lacks comes up where the image of the first step puts
    it. Negative values are set to zero, and what that breaks is mended up to two times.

    Parameters
    ----------
    image : `numpy.ndarray`
        Flux per square arcsec, seen with the clean beam, shape ``(ny, nx)``; negative values count as zero.
    plane : `~sunpy_restore.backprojection.uvplane.UVPlane`
        Places of the visibilities.
    grid : `~sunpy_restore.backprojection.fourier.Grid`
        Pixels of the image.
    measured : `numpy.ndarray` of `complex`
        Visibilities, shape ``(n,)``, in the unit of the flux.
    errors : `numpy.ndarray`
        See `chi_squared`.
    fwhm : `float`, optional
        Full width at half maximum of the clean beam in arcsec.

    Returns
    -------
    `numpy.ndarray`
        Flux per square arcsec, shape ``(ny, nx)``, nowhere negative. Where 1 can't be reached it is the one of the
        least chi squared that was found, never one above that of the image without its negative values.

    Raises
    ------
    ValueError
        An error is not positive, or a pixel, a visibility or an error not finite.

    References
    ----------
    * Skilling & Bryan 1984, MNRAS 211, 111, https://doi.org/10.1093/mnras/211.1.111
    """
    errors = np.broadcast_to(np.asarray(errors, dtype=float), np.shape(measured))
    if not all(np.isfinite(values).all() for values in (image, measured, errors)) or not (errors > 0).all():
        raise ValueError("Found values that are not finite or errors that are not positive; leave such points out.")
    best = image = np.maximum(image, 0)
    left = measured - modelled(image, plane, grid, fwhm)
    least = chi_squared(0, left, errors)
    for step in range(_STEPS):
        if least <= 1 or not image.any():
            break
        weight = image / image.max() + _FLOOR
        goal = 1 if step else np.sqrt(least)
        change = weight * back_projection(_multipliers(weight, plane, grid, left, errors, goal), plane, grid, 1)
        image = np.maximum(image + seen_with_beam(change, grid, fwhm) / beam_area(fwhm), 0)
        left = measured - modelled(image, plane, grid, fwhm)
        found = chi_squared(0, left, errors)
        if found < least:
            best, least = image, found
    return best


def _multipliers(weight, plane, grid, left, errors, goal):
    """
    The c for which weight A^T c is the most probable change of the flux in each pixel.

    A gives the real and the imaginary parts of visibilities: c = s (s A W A^T + S)^-1 r with the noise S and what is
    left r, in the eigenvectors of A W A^T in units of the noise, and the least s that reaches a goal of chi squared.
    """
    count = len(errors)
    noise = np.concatenate([errors, errors])
    values, vectors = np.linalg.eigh(_gram(weight, plane, grid) / np.outer(noise, noise))
    along = vectors.T @ (np.concatenate([left.real, left.imag]) / noise)
    known = values > _RIDGE * values[-1]
    values = np.where(known, values, 0)
    low, high = _SCALES - np.log10(values[-1])
    for _ in range(50):
        middle = (low + high) / 2
        enough = np.mean((along / (1 + 10**middle * values)) ** 2) < goal
        low, high = (low, middle) if enough else (middle, high)
    scale = 10**high
    parts = vectors @ (along * known * scale / (1 + scale * values)) / noise
    return parts[:count] + 1j * parts[count:]


def _gram(weight, plane, grid):
    """A W A^T, from the visibilities of the weight at the differences and sums of all pairs of points."""
    count = len(plane.u)
    one, other = np.triu_indices(count)
    u, v = (np.concatenate([s[one] - s[other], s[one] + s[other]]) for s in (plane.u, plane.v))
    found = visibilities(weight, UVPlane(u, v, ()), grid)
    minus, plus = np.empty((2, count, count), dtype=complex)
    minus[other, one], minus[one, other] = found[: len(one)].conj(), found[: len(one)]
    plus[one, other] = plus[other, one] = found[len(one) :]
    cosines = [plus.real + minus.real, plus.imag - minus.imag]
    return np.block([cosines, [plus.imag + minus.imag, minus.real - plus.real]]) / 2
