"""A small network that predicts the error of each restored pixel from what is known about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np

from sunpy_restore.core.uncertainty.conformal import LEVELS, coverage_factor, level_factor

__all__ = ["ErrorModel", "fit_error_model", "level_ratios", "stratum_factors"]

_HIDDEN = 32
_CHUNK = 2**18  # pixels that are predicted together
_SMALLEST, _LARGEST = -9.0, 9.0  # natural logarithm of the uncertainty in units of the scale
_OUTSIDE = 0.05  # share of the samples beyond which features are clipped, in per cent
_OUTLIER = 3.0  # uncertainties; the weight of larger errors increases linearly


@dataclass(frozen=True, kw_only=True)
class ErrorModel:
    """
    Prediction of the 1-sigma error of each pixel, for one method of a task.

    Parameters
    ----------
    features, strata : `tuple` of `str`
        Names of the features and of the kinds of pixels.
    low, high : `numpy.ndarray`
        Range of the features in the cases that the model was fitted to; values beyond it are clipped.
    layers : `list` of pairs of `numpy.ndarray`
        Weights and biases.
    factors : `numpy.ndarray`
        Conformal factor of each stratum.
    correlation : mapping of `float` to `float`
        Correlation of the errors of neighbouring pixels, see
        `~sunpy_restore.core.numerics.correlation.fit_correlation`.
    sha256 : `str`
        SHA-256 of the weights whose errors it predicts; empty for classical methods.
    ratios : mapping of `float` to `numpy.ndarray`
        Half width of an interval in sigma, one of `~sunpy_restore.core.uncertainty.conformal.LEVELS`, to the factor of
        each stratum with which the uncertainty is right for this interval alone, see `level_ratios`.
    """

    features: tuple[str, ...]
    strata: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    layers: list
    factors: np.ndarray
    correlation: dict
    sha256: str = ""
    ratios: Mapping[float, np.ndarray] = field(default_factory=dict)

    def predict(self, evidence, width=None):
        """
        Predict the uncertainty.

        Parameters
        ----------
        evidence : `~sunpy_restore.core.uncertainty.evidence.Evidence`
            What is known about ``n`` pixels.
        width : `float`, optional
            Half width in sigma of the interval that is to cover the truth, a key of ``ratios``; by default a
            compromise between all.

        Returns
        -------
        `numpy.ndarray`
            1-sigma uncertainty in the unit of the restored image, shape ``(n,)``; infinite where nothing is known.
        """
        factors = self.factors if width is None else self.factors * self.ratios[width]
        sigma = self.ratio(evidence.matrix())
        sigma *= factors[evidence.stratum] * evidence.scale
        if evidence.added is not None:
            sigma = np.hypot(sigma, evidence.added)
        sigma[evidence.unknown] = np.inf
        return sigma

    def ratio(self, values):
        """
        Predict the uncertainty in units of the scale, before the conformal factors.

        Parameters
        ----------
        values : `numpy.ndarray`
            Features, shape ``(n, len(features))``.

        Returns
        -------
        `numpy.ndarray`
            Shape ``(n,)``.
        """
        ratio = np.empty(len(values))
        for start in range(0, len(values), _CHUNK):
            part = np.s_[start : start + _CHUNK]
            ratio[part] = np.exp(self._logarithm(values[part]))
        return ratio

    def _logarithm(self, values):
        hidden = _normalised(values, self.low, self.high)
        for index, (weight, bias) in enumerate(self.layers):
            hidden = hidden @ weight.T + bias
            if index < len(self.layers) - 1:
                hidden = np.tanh(hidden)
        return np.clip(hidden[:, 0], _SMALLEST, _LARGEST)


def _normalised(values, low, high):
    """Features from -1 to 1."""
    return 2 * (np.clip(values, low, high) - low) / np.maximum(high - low, 1e-12) - 1


def fit_error_model(features, values, errors, *, weights, seed=0, steps=1500):
    """
    Fit the network of an error model to errors that are known.

    The loss is the negative logarithm of the likelihood of errors that are normally distributed up to 3 sigma, and have
    exponential tails beyond: the loss of Huber (1964), so that outliers do not decide the fit.

    Parameters
    ----------
    features : `tuple` of `str`
        Names of the features.
    values : `numpy.ndarray`
        Features, shape ``(n, len(features))``.
    errors : `numpy.ndarray`
        Errors in units of their scale, shape ``(n,)``.
    weights : `numpy.ndarray`
        Weight of each sample, shape ``(n,)``.
    seed : `int`
        Seed of the random numbers.
    steps : `int`
        Steps of the optimiser.

    Returns
    -------
    low, high : `numpy.ndarray`
        See `ErrorModel`.
    layers : `list` of pairs of `numpy.ndarray`
    """
    import torch

    low, high = np.percentile(values, [_OUTSIDE, 100 - _OUTSIDE], axis=0).astype(np.float32)
    generator = torch.Generator().manual_seed(seed)
    known = torch.from_numpy(_normalised(values.astype(np.float32), low, high))
    errors = torch.from_numpy(np.asarray(errors, np.float32)).abs()
    weights = torch.from_numpy(np.asarray(weights, np.float32))
    weights = weights / weights.mean()
    sizes = [len(features), _HIDDEN, _HIDDEN, 1]
    layers = [
        (torch.randn(after, before, generator=generator) / before**0.5, torch.zeros(after))
        for before, after in pairwise(sizes)
    ]
    layers[-1] = (torch.zeros_like(layers[-1][0]), torch.full((1,), float(0.5 * torch.log((errors**2).mean() + 1e-12))))
    parameters = [part.requires_grad_() for layer in layers for part in layer]
    optimiser = torch.optim.Adam(parameters, lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=steps)
    for _ in range(steps):
        chosen = torch.randint(len(known), (2048,), generator=generator)
        hidden = known[chosen]
        for weight, bias in layers[:-1]:
            hidden = torch.tanh(hidden @ weight.T + bias)
        logarithm = (hidden @ layers[-1][0].T + layers[-1][1])[:, 0].clip(_SMALLEST, _LARGEST)
        ratios = errors[chosen] * torch.exp(-logarithm)
        penalty = torch.nn.functional.huber_loss(ratios, torch.zeros_like(ratios), reduction="none", delta=_OUTLIER)
        loss = (weights[chosen] * (logarithm + penalty)).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()
    return low, high, [tuple(part.detach().numpy() for part in layer) for layer in layers]


def stratum_factors(ratios, stratum, strata, weights=None, limits=(), find=coverage_factor):
    """
    Find the conformal factor of each stratum.

    Parameters
    ----------
    ratios : `numpy.ndarray`
        Absolute errors in units of the prediction, shape ``(n,)``.
    stratum : `numpy.ndarray` of `int`
        Stratum of each, shape ``(n,)``.
    strata : `tuple` of `str`
        Names of the strata.
    weights : `numpy.ndarray`, optional
        Weight of each, shape ``(n,)``.
    limits : iterable of `str`
        Strata whose errors are mostly 0, so that no factor is right: there the uncertainty is an upper limit, which is
        not reduced.
    find : callable
        ``find(ratios, weights)`` finds a factor.

    Returns
    -------
    `numpy.ndarray`
        The factor over all pixels where a stratum has fewer than 100.
    """
    weights = np.ones(len(ratios)) if weights is None else weights
    overall = find(ratios, weights)
    factors = np.full(len(strata), overall)
    for index in range(len(strata)):
        own = stratum == index
        if np.count_nonzero(own) >= 100:
            factors[index] = find(ratios[own], weights[own])
        if strata[index] in limits:
            factors[index] = max(factors[index], 1.0)
    return factors


def level_ratios(factors, *samples):
    """
    Find the factors with which the uncertainty is right for a single interval.

    Parameters
    ----------
    factors : `numpy.ndarray`
        Conformal factor of each stratum, a compromise between the intervals.
    *samples
        ``ratios``, ``stratum``, ``strata``, ``weights`` and ``limits`` of `stratum_factors`.

    Returns
    -------
    `dict` of `float` to `numpy.ndarray`
        Half width of the interval in sigma to the factor of each stratum.
    """
    return {width: stratum_factors(*samples, find=partial(level_factor, width=width)) / factors for width in LEVELS}
