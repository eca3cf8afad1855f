"""
Checks of restored STIX images against the visibilities.

All limits are three standard deviations of the noise: the given errors of the visibilities, or the noise estimated from
the visibilities themselves. Errors that the noise hides cannot be flagged: with the noise of the sample, 10 % per
visibility, the flux is known to 2 % and the position to 0.6 arcsec. If every image would pass because of a large
noise, the check fails with the value NaN.
"""

import numpy as np

import astropy.units as u

from sunpy_restore.backprojection.agreement import chi_squared, model_visibilities
from sunpy_restore.backprojection.beam import BEAM
from sunpy_restore.backprojection.noise import errors_of
from sunpy_restore.core.report import Check

__all__ = ["checks"]

_SIGMAS = 3.0
_SHORTEST = 6
"""Number of the shortest baselines: those of two sub-collimators of STIX."""
_LARGEST_FLUX_LIMIT = 100.0
"""Limit of the flux in per cent from which an image without any flux would pass."""
_NEGATIVE = 1.0
"""Largest share of negative brightness, in per cent of the positive one."""


def checks(comparison):
    """
    Check a restored STIX image.

    Parameters
    ----------
    comparison : `~sunpy_restore.core.report.Comparison`
        The restored image and the observation.

    Returns
    -------
    `list` of `~sunpy_restore.core.report.Check`
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
    measured, errors = observation.visibilities, errors_of(observation.with_surroundings()[0])
    model = model_visibilities(image, points, grid, 3600 * comparison.meta.get("bmaj", BEAM / 3600))
    slope, offsets, sigmas = _aligned(model, measured, errors, points)
    largest = 1 + _SIGMAS / np.sqrt(len(measured))
    short = np.argsort(points.frequency, kind="stable")[:_SHORTEST]
    found = [
        Check(
            name="Chi squared of the visibilities",
            value=np.nan if chi_squared(0, measured, errors) <= largest else chi_squared(model, measured, errors),
            low=0, high=largest,
            meaning="Mean squared residual of the visibilities in units of their noise; 1 is expected.",
        ),
        _flux("all baselines", slope, sigmas[0]),
        _flux("shortest baselines", *_factor(model[short], measured[short], errors[short])),
    ]  # fmt: skip
    halves = [n * abs(size) / 2 for n, size in zip(grid.shape, grid.pixel, strict=True)][::-1]
    for axis, offset, sigma, half in zip("xy", offsets, sigmas[1:], halves, strict=True):
        found.append(
            Check(
                name=f"Offset along {axis}",
                value=float(offset) if _SIGMAS * sigma < half else np.nan,
                low=-_SIGMAS * sigma,
                high=_SIGMAS * sigma,
                unit="arcsec",
                meaning="Displacement of the image along a pixel axis relative to the phases of the visibilities.",
            )
        )
    positive = image.clip(min=0).sum()
    negative = 100 * (positive - image.sum()) / positive if positive else np.nan
    found.append(
        Check(
            name="Negative brightness",
            value=float(negative),
            low=0,
            high=_NEGATIVE,
            unit="%",
            meaning="Sum of the negative pixels relative to that of the positive ones; brightness is not negative.",
        )
    )
    return found


def _flux(name, factor, sigma):
    """Excess of the flux of the image, if the visibilities are that factor larger."""
    is_known = factor > 0 and 100 * _SIGMAS * sigma < _LARGEST_FLUX_LIMIT
    value = 100 * (1 / factor - 1) if is_known else np.nan
    return Check(
        name=f"Flux, {name}",
        value=float(value),
        low=-100 * _SIGMAS * sigma,
        high=100 * _SIGMAS * sigma,
        unit="%",
        meaning="Excess of the flux of the image over that of the visibilities, by a linear fit.",
    )


def _factor(model, measured, errors):
    """Factor by which the model fits best, and its standard deviation."""
    weight = np.sum(np.abs(model / errors) ** 2)
    if not weight:
        return np.nan, np.nan
    return float(np.sum((measured * model.conj()).real / errors**2) / weight), float(1 / np.sqrt(weight))


def _aligned(model, measured, errors, points):
    """Factor and shift by which the model fits best, by linear least squares, with standard deviations."""
    derivatives = [model, 2j * np.pi * points.u * model, 2j * np.pi * points.v * model]
    columns = np.stack(derivatives) / errors
    columns = np.concatenate([columns.real, columns.imag], axis=1)
    target = np.concatenate([(measured / errors).real, (measured / errors).imag])
    if not model.any():
        return np.nan, np.full(2, np.nan), np.full(3, np.nan)
    covariance = np.linalg.pinv(columns @ columns.T)
    solution = covariance @ (columns @ target)
    # The solution is the shift that the image needs; it is displaced by the opposite
    return float(solution[0]), -solution[1:] / solution[0], np.sqrt(np.diag(covariance))
