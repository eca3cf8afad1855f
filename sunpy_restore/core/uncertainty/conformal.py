"""Conformal prediction: factors that make intervals cover the truth as often as they say."""

import numpy as np
from scipy import optimize, stats

__all__ = ["LEVELS", "SHARES", "coverage_factor", "level_factor", "quantile", "risk_bound", "risk_controlling_factor"]

LEVELS = {1.0: 0.6827, 1.96: 0.95}
"""Half widths of intervals in units of the uncertainty, and the share of the truth that each should contain."""

SHARES = {round(share, 2): width for width, share in LEVELS.items()}
"""Shares of the truth that a user can ask for, and the half width of the interval that contains them."""

_TOLERANCES = {1.0: 0.02, 1.96: 0.015}
_NARROWEST, _WIDEST = 0.02, 50.0


def coverage_factor(ratios, weights=None):
    """
    Find the factor for uncertainties with which both intervals of `LEVELS` cover the truth.

    A single factor cannot satisfy both levels exactly if the errors are not normally distributed. That with the
    smallest of the larger deviation is taken, in units of 2 per cent at 1 sigma and 1.5 per cent at 1.96 sigma.

    Parameters
    ----------
    ratios : `numpy.ndarray`
        Absolute errors in units of the uncertainty, shape ``(n,)``.
    weights : `numpy.ndarray`, optional
        Weight of each error, shape ``(n,)``.

    Returns
    -------
    `float`

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.core.uncertainty.conformal import coverage_factor
    >>> errors = np.random.default_rng(1).normal(scale=3, size=100_000)
    >>> round(coverage_factor(np.abs(errors)), 1)
    3.0
    """
    ratios = np.asarray(ratios, dtype=float)
    weights = np.ones_like(ratios) if weights is None else np.asarray(weights, dtype=float)
    order = np.argsort(ratios)
    ratios, shares = ratios[order], np.cumsum(weights[order])
    shares = np.append(0, shares / shares[-1])

    def covered(width):
        return shares[np.searchsorted(ratios, width, side="right")]

    def deviation(logarithm):
        factor = np.exp(logarithm)
        return max(abs(covered(level * factor) - expected) / _TOLERANCES[level] for level, expected in LEVELS.items())

    candidates = np.linspace(np.log(_NARROWEST), np.log(_WIDEST), 2001)
    return float(np.exp(min(candidates, key=deviation)))


def level_factor(ratios, weights=None, *, width):
    """
    Find the factor for uncertainties with which the interval of one width covers the truth.

    Parameters
    ----------
    ratios, weights
        See `coverage_factor`.
    width : `float`
        Half width of the interval in units of the uncertainty, one of `LEVELS`.

    Returns
    -------
    `float`
    """
    ratios = np.asarray(ratios, dtype=float)
    weights = np.ones_like(ratios) if weights is None else np.asarray(weights, dtype=float)
    return float(np.clip(quantile(ratios, weights, LEVELS[width]) / width, _NARROWEST, _WIDEST))


def quantile(values, weights, share):
    """
    Find the smallest value up to which a share of the weight lies.

    Parameters
    ----------
    values, weights : `numpy.ndarray`
        Shape ``(n,)``.
    share : `float`
        From 0 to 1.

    Returns
    -------
    `float`
    """
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulative, share * cumulative[-1])])


def risk_bound(risk, number, delta=0.1):
    """
    Bound the expected risk of new images from above, by the inequalities of Hoeffding and Bentkus.

    Parameters
    ----------
    risk : `float`
        Mean risk of the images that were measured, from 0 to 1: for example the share of pixels outside their interval.
    number : `int`
        Number of images, which are independent of each other.
    delta : `float`
        Probability that the expected risk is larger than the bound.

    Returns
    -------
    `float`

    References
    ----------
    * Bates et al. 2021, Journal of the ACM 68, 43, https://doi.org/10.1145/3478535
    """

    def excess(bound):
        return _p_value(risk, number, bound) - delta

    highest = 1 - 1e-9
    if excess(highest) > 0:
        return 1.0
    return float(optimize.brentq(excess, min(risk + 1e-12, highest), highest))


def _p_value(risk, number, bound):
    """Probability of such a small mean risk if the expected one is the bound: the smaller of two inequalities."""
    share = min(risk, bound)
    divergence = stats.entropy([share, 1 - share], [bound, 1 - bound])
    hoeffding = np.exp(-number * divergence)
    bentkus = np.e * stats.binom.cdf(np.ceil(number * risk), number, bound)
    return min(hoeffding, bentkus)


def risk_controlling_factor(risks, factors, alpha, delta=0.1):
    """
    Find the smallest factor for uncertainties that controls the risk of new images.

    Parameters
    ----------
    risks : `numpy.ndarray`
        Risk of each image with each factor, shape ``(images, factors)``, from 0 to 1; it falls with the factor.
    factors : `numpy.ndarray`
        Factors in increasing order.
    alpha : `float`
        Largest expected risk.
    delta : `float`
        Probability that the expected risk is larger than ``alpha``.

    Returns
    -------
    `float`
        Infinite if no factor is large enough.

    References
    ----------
    * Angelopoulos et al. 2022, Image-to-image regression with distribution-free uncertainty quantification and
      applications in imaging, https://doi.org/10.48550/arXiv.2202.05265
    """
    best = np.inf
    for factor, risk in zip(reversed(factors), np.mean(risks, axis=0)[::-1], strict=True):
        # The bound is below alpha
        if risk >= alpha or _p_value(risk, len(risks), alpha) > delta:
            break
        best = float(factor)
    return best
