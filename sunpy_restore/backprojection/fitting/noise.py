"""Noise of visibilities whose errors are not known."""

from functools import lru_cache

import numpy as np

from sunpy_restore.backprojection.fitting.scenes import visibilities_of_scene
from sunpy_restore.backprojection.fitting.sources import fit_sources
from sunpy_restore.backprojection.imaging.agreement import chi_squared, visibility_covariance
from sunpy_restore.backprojection.imaging.beam import convolve_with_beam
from sunpy_restore.backprojection.imaging.clean import clean, wide_beam
from sunpy_restore.backprojection.imaging.field import restrict
from sunpy_restore.backprojection.visibilities.fourier import back_projection, weights_of
from sunpy_restore.backprojection.visibilities.uvplane import UVPoints
from sunpy_restore.backprojection.visibilities.waves import bytes_of, plain
from sunpy_restore.core.messages import warn_user

__all__ = [
    "cleaned_field",
    "errors_of",
    "errors_with_model",
    "measured_points",
    "noise_factor",
    "warn_of_wrong_errors",
]

_PRIOR_FWHM = 20.0
"""Full width at half maximum in arcsec of the Gaussian by which the CLEAN model is broadened to the prior."""
_SCALES = np.concatenate([[0.0], np.logspace(-1, 6, 57)])
"""Ratios of the largest eigenvalue of the prior to the noise variance that are tried."""
_SCALED, _UNDERESTIMATED = 1.1, 1.25
"""
Ratios of the estimated noise to given errors from which these are scaled, and from which there is a warning. Correct
errors of 800 simulated flares exceed them in 5 % and 0.4 % of the cases.
"""
_TOO_LARGE, _FAR_TOO_LARGE, _LARGE_ERROR = 0.4, 1 / 6, 0.1
"""
Ratios of the estimated noise to given errors below which there is a warning, and below which these are scaled, and the
least ratio of the errors to the mean amplitude for both. With correct errors of 900 simulated flares the ratio was
0.53 or more. Errors may contain those of the calibration, which the scatter does not show.
"""
_UNMEASURED = 100.0
"""Ratio of an error to the median one from which the visibility is not measured."""
_MODEL_ERROR = 0.03
"""Smallest RMS error of a complex visibility, relative to the mean amplitude: calibration and model of the image."""
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
        are known are kept, unless the noise is estimated to be at least 1.1 times as large, or less than a sixth of
        errors of more than 10 % of the mean amplitude; then they are scaled.
    """
    visibilities = observation.visibilities
    if observation.errors is not None:
        return observation.errors * _correction(observation)
    known = np.ones(len(visibilities))
    if not visibilities.any():
        return known
    factor = noise_factor(visibilities, known, *observation.own_axes())
    return known * max(factor, _LEAST_NOISE * np.abs(visibilities).mean())


def errors_with_model(observation):
    """
    Errors of the visibilities, not smaller than those of the calibration and of the model of the image.

    Parameters
    ----------
    observation : `~sunpy_restore.backprojection.observation.Observation`
        The observation.

    Returns
    -------
    `numpy.ndarray`
        Those of `errors_of`, and at least 3 % of the mean amplitude (RMS of a complex visibility), shape ``(n,)``.
    """
    least = _MODEL_ERROR / np.sqrt(2) * np.abs(observation.visibilities).mean()
    return np.maximum(errors_of(observation.with_surroundings()[0]), least)


def warn_of_wrong_errors(observation):
    """
    Warn of given errors that are too small or much too large.

    Parameters
    ----------
    observation : `~sunpy_restore.backprojection.observation.Observation`
        The observation.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        The noise is estimated to be at least 1.25 times as large as the errors, or less than 0.4 times errors of more
        than 10 % of the mean amplitude.
    """
    factor = _estimated_ratio(observation)
    if factor > _UNDERESTIMATED:
        warn_user(
            f"The errors of the visibilities appear to be too small: the scatter of the visibilities is about "
            f"{factor:.2g} times as large. The errors are multiplied by this factor, so that the image does not "
            "follow the noise. Check their unit and that they are those of the real and the imaginary part."
        )
    elif factor < _TOO_LARGE:
        consequence = (
            "The errors are multiplied by this factor"
            if factor < _FAR_TOO_LARGE
            else "They are used, so that images of the classical methods probably lack flux"
        )
        warn_user(
            f"The errors of the visibilities appear to be too large: the scatter of the visibilities is about "
            f"{factor:.2g} times as large. {consequence}. Check their unit and that they are those of the real and the "
            "imaginary part."
        )


def measured_points(errors, points):
    """
    Find visibilities that were measured, among others that large errors mark as unusable.

    Parameters
    ----------
    errors : `numpy.ndarray`
        Given errors, shape ``(n,)``.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane.

    Returns
    -------
    `numpy.ndarray` of `bool`
        False where the error is more than 100 times the median, shape ``(n,)``.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        There are such points.
    """
    measured = errors <= _UNMEASURED * np.median(errors)
    if not measured.all():
        warn_user(
            f"The errors of {np.count_nonzero(~measured)} of {len(errors)} visibilities, "
            f"{', '.join(points.only(~measured).labels)}, are more than {_UNMEASURED:.0f} times the median error. "
            "These visibilities are left out as not measured."
        )
    return measured


def _correction(observation):
    """Factor by which given errors are multiplied: 1 unless they are too small or far too large."""
    factor = _estimated_ratio(observation)
    return factor if factor > _SCALED or factor < _FAR_TOO_LARGE else 1.0


def _estimated_ratio(observation):
    """
    Ratio of the estimated noise to given errors, or 1 if they are neither too small nor large and too large.

    Of errors that are too small, it is the smaller one of the estimate by `noise_factor`, which is too large for broad
    sources with little noise, and the residual of fitted Gaussian sources, which is too large if sources have other
    shapes.
    """
    visibilities, errors = observation.visibilities, observation.errors
    if errors is None or not visibilities.any():
        return 1.0
    points, grid = observation.own_axes()
    factor = noise_factor(visibilities, errors, points, grid)
    if factor > _SCALED:
        scatter = _scatter_of_fit(np.asarray(errors, dtype=float).tobytes(), *_as_keys(visibilities, points, grid))
        return max(min(factor, scatter), 1.0)
    relative = np.mean(errors) / np.abs(visibilities).mean()
    return 1.0 if relative <= _LARGE_ERROR else min(max(factor, _LEAST_NOISE / relative), 1.0)


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
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
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


@lru_cache(maxsize=4)
def _scatter_of_fit(errors, visibilities, u, v, labels, grid):
    points = UVPoints(np.frombuffer(u), np.frombuffer(v), labels)
    errors, visibilities = np.frombuffer(errors), np.frombuffer(visibilities, dtype=complex)
    scene = fit_sources(visibilities, errors, points, grid).scene
    return float(np.sqrt(chi_squared(visibilities_of_scene(scene, points), visibilities, errors)))


def cleaned_field(visibilities, points, grid):
    """
    Deconvolve the part of an image in which sources are searched by CLEAN.

    Parameters
    ----------
    visibilities, points, grid
        See `noise_factor`.

    Returns
    -------
    field : `~sunpy_restore.backprojection.imaging.field.Field`
        The part of the image.
    dirty : `numpy.ndarray`
        Its back-projection, read-only.
    cleaned : `~sunpy_restore.backprojection.imaging.clean.Cleaned`
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
