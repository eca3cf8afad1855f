"""
Checks of restored STIX images against the visibilities.

All limits are three standard deviations of the noise: the given errors of the visibilities, or the noise estimated from
the visibilities themselves, but at least 3 % of the mean amplitude (RMS of a complex visibility). STIX amplitudes are
calibrated to 3 to 5 %, and the images of the network deviate by 0.5 % from visibilities without noise. Errors that the
noise hides cannot be flagged: with the noise of the sample, 10 % per visibility, the flux is known to 2.5 % and the
position to 0.6 arcsec. If every image would pass because of a large noise, the check fails with the value NaN.

The flux is the visibility at zero frequency. It is not measured by a factor common to all visibilities: regularised
images, such as those of maximum entropy, attribute a part of the signal to the noise. Their amplitudes are too small,
by 3 to 6 % in the finest sub-collimators at 5 % noise, even if their flux is correct. Those of CLEAN increase with the
frequency. Therefore the factor is fitted as a function of the frequency f relative to the highest one,

    a + b (1 - exp(-(2 f)**2)),

where the prior of b has a standard deviation of 20 %. The excess of the flux is 1 / a - 1. A second check fits a
constant factor to the shortest baselines, where the amplitude is close to the flux. Chi squared covers the amplitudes
of fine structure.
"""

import numpy as np

import astropy.units as u

from sunpy_restore.backprojection.fitting.noise import errors_with_model
from sunpy_restore.backprojection.imaging.agreement import chi_squared, model_visibilities
from sunpy_restore.backprojection.imaging.beam import BEAM
from sunpy_restore.core.reports.report import Check

__all__ = ["checks"]

_SIGMAS = 3.0
_SHORTEST = 6
"""Number of the shortest baselines: those of two sub-collimators of STIX."""
_LARGEST_FLUX_LIMIT = 100.0
"""Limit of the flux in per cent from which an image without any flux would pass."""
_COARSE = 0.5
"""Frequency, relative to the highest one, below which the amplitudes mostly depend on the flux."""
_LARGEST_CHANGE = 0.2
"""Standard deviation of the prior of the change of the factor from low to high frequencies."""
_NEGATIVE = 1.0
"""Largest share of negative brightness, in per cent of the positive one."""


def checks(comparison):
    """
    Check a restored STIX image.

    Parameters
    ----------
    comparison : `~sunpy_restore.core.reports.report.Comparison`
        The restored image and the observation.

    Returns
    -------
    `list` of `~sunpy_restore.core.reports.report.Check`
        Chi squared of the visibilities, flux of all and of the shortest baselines, offset, negative brightness.

    Raises
    ------
    ValueError
        The unit of the image is not that of the visibilities per square arcsec.
    """
    observation, unit = comparison.observation, comparison.unit
    expected = observation.unit / u.arcsec**2
    if unit is None or not unit.is_equivalent(expected):
        raise ValueError(
            f"Found the unit {unit} of the restored Map; expected {expected}. Give the Map as backproj_to_clean() "
            "returned it."
        )
    image = np.nan_to_num(comparison.restored * unit.to(expected), posinf=0, neginf=0)
    points, grid = observation.own_axes()
    measured, errors = observation.visibilities, errors_with_model(observation)
    model = model_visibilities(image, points, grid, 3600 * comparison.meta.get("bmaj", BEAM / 3600))
    largest = 1 + _SIGMAS / np.sqrt(len(measured))
    short = np.argsort(points.frequency, kind="stable")[:_SHORTEST]
    found = [
        Check(
            name="Chi squared of the visibilities",
            value=np.nan if chi_squared(0, measured, errors) <= largest else chi_squared(model, measured, errors),
            low=0, high=largest,
            meaning="Mean squared residual of the visibilities in units of their noise; 1 is expected.",
        ),
        _flux(
            "all baselines", *_factor_at_zero(model, measured, errors, points.frequency),
            "Excess of the flux of the image over that of the visibilities, extrapolated from all baselines to zero.",
        ),
        _flux(
            "shortest baselines", *_factor(model[short], measured[short], errors[short]),
            "Excess of the amplitudes of the image at the shortest baselines, which are nearly its flux.",
        ),
    ]  # fmt: skip
    return [*found, *_offset_checks(model, measured, errors, points, grid), _negative_check(image)]


def _offset_checks(model, measured, errors, points, grid):
    """Displacement along both axes, which is unknown if the noise allows half of the image."""
    offsets, sigmas = _offsets(model, measured, errors, points)
    halves = [n * abs(size) / 2 for n, size in zip(grid.shape, grid.pixel, strict=True)][::-1]
    for axis, offset, sigma, half in zip("xy", offsets, sigmas, halves, strict=True):
        yield Check(
            name=f"Offset along {axis}",
            value=float(offset) if _SIGMAS * sigma < half else np.nan,
            low=-_SIGMAS * sigma,
            high=_SIGMAS * sigma,
            unit="arcsec",
            meaning="Displacement of the image along a pixel axis relative to the phases of the visibilities.",
        )


def _negative_check(image):
    positive = image.clip(min=0).sum()
    negative = 100 * (positive - image.sum()) / positive if positive else np.nan
    return Check(
        name="Negative brightness",
        value=float(negative),
        low=0,
        high=_NEGATIVE,
        unit="%",
        meaning="Sum of the negative pixels relative to that of the positive ones; brightness is not negative.",
    )


def _flux(name, factor, sigma, meaning):
    """Excess of the flux of the image, if the visibilities are that factor larger."""
    is_known = factor > 0 and 100 * _SIGMAS * sigma < _LARGEST_FLUX_LIMIT
    value = 100 * (1 / factor - 1) if is_known else np.nan
    return Check(
        name=f"Flux, {name}",
        value=float(value),
        low=-100 * _SIGMAS * sigma,
        high=100 * _SIGMAS * sigma,
        unit="%",
        meaning=meaning,
    )


def _factor(model, measured, errors):
    """Factor by which the model fits best, and its standard deviation."""
    solution, covariance = _linear_fit([model], measured, errors)
    return float(solution[0]), float(np.sqrt(covariance[0, 0]))


def _factor_at_zero(model, measured, errors, frequency):
    """Factor at zero frequency by which the model fits best, if it depends on the frequency; its standard deviation."""
    fine = -np.expm1(-((frequency / (_COARSE * frequency.max())) ** 2))
    solution, covariance = _linear_fit([model, fine * model], measured, errors, (np.inf, _LARGEST_CHANGE))
    return float(solution[0]), float(np.sqrt(covariance[0, 0]))


def _offsets(model, measured, errors, points):
    """Displacement of the model along x and y, and its standard deviations, by linear least squares."""
    derivatives = [model, 2j * np.pi * points.u * model, 2j * np.pi * points.v * model]
    solution, covariance = _linear_fit(derivatives, measured, errors)
    # The solution is the shift that the image needs; it is displaced by the opposite
    return -solution[1:] / solution[0], np.sqrt(np.diag(covariance))[1:]


def _linear_fit(shapes, measured, errors, prior=np.inf):
    """
    Real coefficients of complex functions that fit best, and their covariance; NaN if the functions are zero.

    The prior standard deviations of the coefficients may be given.
    """
    columns = np.stack(shapes) / errors
    columns = np.concatenate([columns.real, columns.imag], axis=1)
    count = len(columns)
    if not columns.any():
        return np.full(count, np.nan), np.full((count, count), np.nan)
    target = np.concatenate([(measured / errors).real, (measured / errors).imag])
    covariance = np.linalg.pinv(columns @ columns.T + np.diag(np.full(count, np.float64(prior) ** -2.0)))
    return covariance @ (columns @ target), covariance
