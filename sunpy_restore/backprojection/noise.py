"""Noise of visibilities whose errors are not known."""

from functools import lru_cache

import numpy as np

from sunpy_restore.backprojection.agreement import visibility_covariance
from sunpy_restore.backprojection.beam import convolve_with_beam
from sunpy_restore.backprojection.clean import clean, wide_beam
from sunpy_restore.backprojection.field import restrict
from sunpy_restore.backprojection.fourier import back_projection, weights_of
from sunpy_restore.backprojection.uvplane import UVPoints
from sunpy_restore.backprojection.waves import bytes_of, plain

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
    return _factor(np.asarray(errors, dtype=float).tobytes(), *_as_keys(visibilities, points, grid))


# A restoration asks for both of the following several times: they are kept by the bytes of the arrays


def _as_keys(visibilities, points, grid):
    return np.asarray(visibilities, dtype=complex).tobytes(), *bytes_of(points), tuple(points.labels), plain(grid)


@lru_cache(maxsize=4)
def _factor(errors, visibilities, u, v, labels, grid):
    points, errors = UVPoints(np.frombuffer(u), np.frombuffer(v), labels), np.frombuffer(errors)
    field, _, cleaned = _cleaned_field(visibilities, u, v, labels, grid)
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
        Its back-projection, read-only.
    cleaned : `~sunpy_restore.backprojection.clean.Cleaned`
        Result of 100 iterations, read-only.
    """
    return _cleaned_field(*_as_keys(visibilities, points, grid))


@lru_cache(maxsize=4)
def _cleaned_field(visibilities, u, v, labels, grid):
    points = UVPoints(np.frombuffer(u), np.frombuffer(v), labels)
    field = restrict(np.frombuffer(visibilities, dtype=complex), points, grid)
    dirty = back_projection(field.visibilities, points, field.grid, weights_of(points))
    cleaned = clean(dirty, wide_beam(points, field.grid), field.grid)
    for array in (field.visibilities, dirty, *cleaned):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return field, dirty, cleaned
