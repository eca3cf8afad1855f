"""Uncertainty of restored images: predicted per pixel, and put on Maps."""

import sys

import numpy as np

from astropy.nddata import StdDevUncertainty

from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.numerics import correlation as correlations
from sunpy_restore.core.task import resolve
from sunpy_restore.core.uncertainty.conformal import SHARES
from sunpy_restore.core.uncertainty.errorfile import error_model

__all__ = [
    "CORRELATION_KEYWORD",
    "COVERAGE_KEYWORD",
    "UNKNOWN_KEYWORD",
    "check_draws",
    "find_known",
    "find_model",
    "find_reason",
    "standard_deviation",
    "uncertain",
]

CORRELATION_KEYWORD = "rstcorr"
"""Keyword of the correlation of the errors of neighbouring pixels, in lower case."""

COVERAGE_KEYWORD = "rstcover"
"""Keyword of the share of the truth that the interval contains, in lower case; absent for the compromise."""

UNKNOWN_KEYWORD = "rstunkn"
"""Keyword of the number of pixels whose uncertainty is infinite, in lower case."""

_MOST_DRAWS = 1000


def find_model(method, restored, share=None):
    """
    Find the error model of what a method has restored.

    Parameters
    ----------
    method : `~sunpy_restore.core.restoration.methods.Method`
        The method.
    restored : `~sunpy_restore.core.restoration.methods.Restored`
        What it has restored.
    share : `float`, optional
        See `standard_deviation`.

    Returns
    -------
    `~sunpy_restore.core.uncertainty.errormodel.ErrorModel`

    Raises
    ------
    ValueError
        There is none for the method or its weights, or it has no interval for the share.
    """
    return error_model(method, restored.method or method.name, share)


def standard_deviation(observation, restored, method, model, share=None):
    """
    Predict the uncertainty of a restored image.

    Parameters
    ----------
    observation : `~sunpy_restore.core.restoration.observation.Observation`
        The observation.
    restored : `~sunpy_restore.core.restoration.methods.Restored`
        What the method made of it.
    method : `~sunpy_restore.core.restoration.methods.Method`
        The method.
    model : `~sunpy_restore.core.uncertainty.errormodel.ErrorModel`
        Its error model.
    share : `float`, optional
        Share of the truth that an interval must contain, one of `~sunpy_restore.core.uncertainty.conformal.SHARES`; by
        default a compromise between all.

    Returns
    -------
    sigma : `numpy.ndarray`
        1-sigma uncertainty in the shape and unit of the restored image; infinite where nothing is known, NaN where the
        restoration says nothing about the pixel.
    correlation : `dict` of `float` to `float`
        Correlation of the errors, see `~sunpy_restore.core.numerics.correlation.fit_correlation`.
    """
    sigma = np.full(restored.data.shape, np.nan)
    for rows, evidence in _strips(observation, restored, method):
        if tuple(evidence.features) != model.features:
            raise ValueError(
                f"Found the features {', '.join(model.features)} in the file of the uncertainty; expected "
                f"{', '.join(evidence.features)}. Make it again with 'sunpy-restore calibrate {method.task.name}'."
            )
        sigma[rows][evidence.where] = model.predict(evidence, SHARES.get(share))
    return sigma, {width * evidence.magnification: weight for width, weight in model.correlation.items()}


def _strips(observation, restored, method):
    """Rows and the evidence of them: of all at once, unless the task has ``evidence_in_strips``."""
    function = resolve(method.task.evidence)
    strips = getattr(sys.modules[function.__module__], "evidence_in_strips", None)
    return (
        [(slice(None), function(observation, restored, method))]
        if strips is None
        else strips(observation, restored, method)
    )


def find_known(observation, restored, method):
    """
    Find what was observed of sums over restored pixels.

    Parameters
    ----------
    observation, restored, method
        See `standard_deviation`.

    Returns
    -------
    `~sunpy_restore.core.uncertainty.evidence.KnownSums`, `~sunpy_restore.core.uncertainty.waves.KnownWaves` or `None`
    """
    module = sys.modules[resolve(method.task.evidence).__module__]
    for name in ("known_sums", "known_waves"):
        if hasattr(module, name):
            return getattr(module, name)(observation, restored, method)
    return None


def find_reason(method):
    """
    Find out of which pixels of a task nothing can be known.

    The module of the task's function for `~sunpy_restore.core.uncertainty.evidence.Evidence` says it in ``UNKNOWN``.

    Parameters
    ----------
    method : `~sunpy_restore.core.restoration.methods.Method`
        The method.

    Returns
    -------
    `str`
        Empty if it does not.
    """
    return getattr(sys.modules[resolve(method.task.evidence).__module__], "UNKNOWN", "")


def uncertain(result, sigma, correlation, known=None, before=None, reason="", share=None):
    """
    Put the uncertainty on a restored Map.

    Parameters
    ----------
    result : `~sunpy.map.GenericMap`
        The restored Map, which is changed: its uncertainty and the header keywords ``RSTCORR``, ``RSTUNKN``,
        ``RSTCOVER`` and ``RSTSUMS`` or ``RSTWAVES``.
    sigma, correlation
        See `standard_deviation`.
    known : optional
        What was observed, see `find_known`.
    before : `~astropy.nddata.NDUncertainty`, optional
        Uncertainty of the observed Map, which pixels that were not restored keep.
    reason : `str`
        Of which pixels nothing can be known.
    share : `float`, optional
        See `standard_deviation`.
    """
    observed = np.isnan(sigma)
    if before is not None and observed.any():
        sigma = np.where(observed, _as_deviation(before, sigma.shape, result.unit), sigma)
    unknown = int(np.count_nonzero(np.isinf(sigma) & ~observed))
    result.uncertainty = StdDevUncertainty(sigma.astype(np.float32))
    result.meta[CORRELATION_KEYWORD] = correlations.to_text(correlation)
    result.meta[UNKNOWN_KEYWORD] = unknown
    if share is not None:
        result.meta[COVERAGE_KEYWORD] = share
    if known is not None:
        result.meta[known.keyword] = known.to_text()
    if unknown:
        which = f" ({reason})" if reason else ""
        warn_user(
            f"Nothing can be known about the error of {unknown} restored pixels{which}; their "
            "uncertainty is infinite. Leave them out of measurements."
        )


def _as_deviation(uncertainty, shape, unit):
    """Standard deviations as an array; NaN where the uncertainty is of another kind."""
    try:
        converted = uncertainty.represent_as(StdDevUncertainty)
    except (AttributeError, TypeError, ValueError):
        return np.full(shape, np.nan)
    values = np.broadcast_to(np.asarray(converted.array, dtype=float), shape)
    if converted.unit is not None and unit is not None and converted.unit != unit:
        values = values * converted.unit.to(unit)
    return values


def check_draws(number):
    """
    Refuse a number of samples that cannot be drawn.

    Parameters
    ----------
    number : `int` or `None`
        The number.

    Raises
    ------
    TypeError
        It is no integer.
    ValueError
        It is not from 1 to 1000.
    """
    if number is None:
        return
    if isinstance(number, bool | np.bool_) or not isinstance(number, int | np.integer):
        raise TypeError(f"Found samples={number!r}; expected a number of restorations to draw, or None.")
    if not 1 <= number <= _MOST_DRAWS:
        advice = "Leave it out to draw none" if number < 1 else "Ask for fewer restorations"
        raise ValueError(f"Found samples={number}; expected from 1 to {_MOST_DRAWS}. {advice}.")
