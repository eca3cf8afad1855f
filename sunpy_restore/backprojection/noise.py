"""Noise of visibilities whose errors are not known."""

from functools import lru_cache

import numpy as np

from sunpy_restore.backprojection.agreement import visibility_covariance
from sunpy_restore.backprojection.beam import convolve_with_beam
from sunpy_restore.backprojection.clean import clean, wide_beam
from sunpy_restore.backprojection.field import restrict
from sunpy_restore.backprojection.fourier import back_projection, weights_of
from sunpy_restore.backprojection.uvplane import UVPoints

__all__ = ["cleaned_field", "errors_of", "noise_factor"]

_PRIOR_FWHM = 20.0
"""Full width at half maximum in arcsec of the Gaussian by which the CLEAN model is broadened to the prior."""
_SCALES = np.concatenate([[0.0], np.logspace(-1, 6, 57)])
"""Ratios of the largest eigenvalue of the prior to the noise variance that are tried."""
_UNDERESTIMATED = 1.5
"""Ratio of the estimated noise to given errors from which these are taken as underestimated."""
_LEAST_NOISE = 1e-4
"""Smallest estimated noise, relative to the mean amplitude."""


def errors_of(observation):
    """
    Errors of the visibilities of an observation, estimated where they are not known.

    Parameters
    ----------
    observation : `~sunpy_restore.backprojection.observation.Observation`
        The observation.

    Returns
    -------
    `numpy.ndarray`
        Standard deviation of the real part and of the imaginary part of each visibility, shape ``(n,)``. Errors that
        are known are kept, unless the noise is estimated to be at least 1.5 times as large; then they are scaled.
    """
    visibilities, (points, grid) = observation.visibilities, observation.own_axes()
    known = np.ones(len(visibilities)) if observation.errors is None else observation.errors
    if not visibilities.any():
        return known
    factor = noise_factor(visibilities, known, points, grid)
    if observation.errors is None:
        return known * max(factor, _LEAST_NOISE * np.abs(visibilities).mean())
    return known * factor if factor > _UNDERESTIMATED else known


def noise_factor(visibilities, errors, points, grid):
    """
    Estimate the noise of visibilities relative to given errors.

    The brightness is a Gaussian random field whose variance is the square of a broadened CLEAN image. Its scale and
    that of the noise are those of the largest likelihood of the visibilities, many of whose combinations do not depend
    on the brightness inside the source.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities, shape ``(n,)``.
    errors : `numpy.ndarray`
        Errors with the right ratios, shape ``(n,)``.
    points : `~sunpy_restore.backprojection.uvplane.UVPoints`
        Points of the (u, v) plane.
    grid : `~sunpy_restore.backprojection.fourier.Grid`
        Pixel grid of the image, whose extent limits that of the source.

    Returns
    -------
    `float`
        The factor by which the errors have to be multiplied.
    """
    axes = (np.ascontiguousarray(axis, dtype=float).tobytes() for axis in (points.u, points.v))
    values = np.asarray(visibilities, dtype=complex).tobytes(), np.asarray(errors, dtype=float).tobytes()
    grid = grid._replace(shape=tuple(grid.shape), pixel=tuple(grid.pixel))
    return _factor(*values, *axes, tuple(points.labels), grid)


@lru_cache(maxsize=4)
def _factor(visibilities, errors, u, v, labels, grid):
    """The same from the bytes of the arrays, because a restoration asks for it several times."""
    visibilities, errors = np.frombuffer(visibilities, dtype=complex), np.frombuffer(errors)
    points = UVPoints(np.frombuffer(u), np.frombuffer(v), labels)
    field, _, cleaned = cleaned_field(visibilities, points, grid)
    prior = convolve_with_beam(cleaned.model, field.grid, _PRIOR_FWHM) ** 2
    noise = np.concatenate([errors, errors])
    values, vectors = np.linalg.eigh(visibility_covariance(prior, points, field.grid) / np.outer(noise, noise))
    values = np.maximum(values, 0) / max(values[-1], np.finfo(float).tiny)
    powers = (vectors.T @ (np.concatenate([field.visibilities.real, field.visibilities.imag]) / noise)) ** 2
    variances = 1 + _SCALES[:, np.newaxis] * values
    noises = np.mean(powers / variances, axis=1)
    likelihood = -len(powers) * np.log(noises) - np.log(variances).sum(axis=1)
    return float(np.sqrt(noises[np.argmax(likelihood)]))


def cleaned_field(visibilities, points, grid):
    """
    Deconvolve the part of an image in which sources are searched by CLEAN.

    Parameters
    ----------
    visibilities, points, grid
        See `noise_factor`.

    Returns
    -------
    field : `~sunpy_restore.backprojection.field.Field`
        The part of the image.
    dirty : `numpy.ndarray`
        Its back-projection.
    cleaned : `~sunpy_restore.backprojection.clean.Cleaned`
        Result of 100 iterations.
    """
    field = restrict(visibilities, points, grid)
    dirty = back_projection(field.visibilities, points, field.grid, weights_of(points))
    return field, dirty, clean(dirty, wide_beam(points, field.grid), field.grid)
