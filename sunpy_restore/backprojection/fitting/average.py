"""Average of models of Gaussian sources by their evidence."""

from typing import NamedTuple

import numpy as np

from astropy.stats import gaussian_sigma_to_fwhm

from sunpy_restore.backprojection.fitting.scenes import Scene, brightness_at
from sunpy_restore.backprojection.fitting.search import SourceSearch, criterion_of, parameters_of
from sunpy_restore.backprojection.imaging.beam import BEAM
from sunpy_restore.backprojection.imaging.field import restrict

__all__ = ["Trust", "WeightedSources", "average_sources", "distinctness", "longest_row", "relative_noise", "trust_in"]

_MOST = 4
"""Largest number of sources."""
_LEAST_WEIGHT = 0.01
"""Smallest weight of a model that is used, relative to the best one."""
_INSIDE, _APART = 0.6, 1.5
"""
Separations of two sources, relative to their width, below which one is inside of the other and above which they are
apart; in between they touch, as the pieces of a loop do.
"""
_WIDEST_PIECE = 36.0 / gaussian_sigma_to_fwhm
"""Largest standard deviation in arcsec across a piece of a loop; a halo around compact sources is wider."""

_APART_LIMITS = (1.4, 1.5, 1.6)
"""Separations from which sources are apart, over which the trust is averaged."""
_DISTINCT = (3, 4)
"""Numbers of sources that touch and can still be told from the pieces of a loop."""
_NOISE, _WIDTH, _SHARE = (0.06, 0.12), (13.0, 17.0), (0.5, 0.7)
"""
Ranges in which they become, or cease to be, distinct: noise relative to the mean amplitude, FWHM of the widest source
in arcsec, and flux of the faintest one relative to the mean: the ends of a loop get less.
"""
_GUIDING, _DESCRIBING = (1.8, 2.4), (1.5, 2.0)
"""Ranges of chi squared per degree of freedom in which sources cease to guide a network, and to be followed by it."""
_PIECES = 3
"""Number of sources from which they may be the pieces of another shape."""


class WeightedSources(NamedTuple):
    """
    Models of Gaussian sources, with weights by their evidence.

    Parameters
    ----------
    scenes : `list` of `~sunpy_restore.backprojection.fitting.scenes.Scene`
        The sources of each model, the best one first; empty if no source explains the visibilities.
    weights : `numpy.ndarray`
        Their weights, shape ``(n,)``, with a sum of 1.
    chi_squared : `float`
        Chi squared of the best model per degree of freedom.
    """

    scenes: list
    weights: np.ndarray
    chi_squared: float

    def brightness_at(self, x, y):
        """
        Weighted mean of the brightness of all models.

        Parameters
        ----------
        x, y : `numpy.ndarray`
            Positions in arcsec from the phase centre, of shapes that broadcast together.

        Returns
        -------
        `numpy.ndarray`
            Flux per clean beam.
        """
        return sum(
            weight * brightness_at(scene, x, y, BEAM) for weight, scene in zip(self.weights, self.scenes, strict=True)
        )


def average_sources(visibilities, errors, points, grid):
    """
    Fit one to four Gaussian sources to visibilities, and weight all models that were compared by their evidence.

    The weight of a model is exp(-B / 2) for a Bayesian information criterion of B, which approximates its posterior
    probability: where the number or the shape of the sources is uncertain, the average is a compromise.

    Parameters
    ----------
    visibilities, errors, points, grid
        See `~sunpy_restore.backprojection.fitting.sources.fit_sources`.

    Returns
    -------
    `WeightedSources`

    References
    ----------
    * Kass & Raftery 1995, Journal of the American Statistical Association 90, 773,
      https://doi.org/10.1080/01621459.1995.10476572
    """
    size, models = np.abs(visibilities).max(), []
    if size > 0:
        field = restrict(visibilities, points, grid)
        search = SourceSearch(field.visibilities / size, np.asarray(errors) / size, points, field.grid)
        models = sorted(search.models(_MOST), key=criterion_of)
    if not models:
        return WeightedSources([], np.zeros(0), 0.0)
    models[0] = search.refined(models[0])
    weights = np.exp((models[0].criterion - np.array([model.criterion for model in models])) / 2)
    kept = np.flatnonzero(weights >= _LEAST_WEIGHT)
    scenes = []
    for index in kept:
        scene = Scene(*np.array([parameters_of(source, size) for source in models[index].sources]).T)
        scenes.append(scene._replace(x=scene.x + field.center[0], y=scene.y + field.center[1]))
    free = max(2 * len(visibilities) - sum(map(len, models[0].sources)), 1)
    return WeightedSources(scenes, weights[kept] / weights[kept].sum(), float(models[0].chi_squared / free))


def longest_row(scene, apart_from=_APART):
    """
    Largest number of sources that touch one another in a row, as those into which a fit cuts a loop.

    Parameters
    ----------
    scene : `~sunpy_restore.backprojection.fitting.scenes.Scene`
        Fitted sources.
    apart_from : `float`
        Separation relative to the width of both sources from which they do not touch.

    Returns
    -------
    `int`
        1 if all sources are apart, or inside of one another, such as a core and its halo. Sources of more than 36
        arcsec (FWHM along the minor axis) touch no others.
    """
    steps = np.stack([np.subtract.outer(along, along) for along in (scene.x, scene.y)])
    apart = np.hypot(*steps)
    x, y = steps / np.maximum(apart, np.finfo(float).tiny)
    cosine, sine = np.cos(scene.angle), np.sin(scene.angle)
    # Variance of each source in the direction of the other one
    own = (scene.major * (x * cosine + y * sine)) ** 2 + (scene.minor * (y * cosine - x * sine)) ** 2
    widths = np.sqrt(gaussian_sigma_to_fwhm**2 * (own + own.T) + BEAM**2)
    touching = (apart > _INSIDE * widths) & (apart < apart_from * widths)
    narrow = scene.minor <= _WIDEST_PIECE
    touching = touching & np.outer(narrow, narrow) | np.eye(len(scene.x), dtype=bool)
    rows = np.linalg.matrix_power(touching.astype(int), len(scene.x)) > 0
    return int(rows.sum(axis=1).max(initial=0))


def distinctness(sources, noise):
    """
    How far three or four sources that touch are sources of their own and not the pieces into which a fit cuts a loop.

    The pieces of most loops are elliptical, wide or faint.

    Parameters
    ----------
    sources : `WeightedSources`
        Models with at least one source.
    noise : `float`
        See `relative_noise`.

    Returns
    -------
    `float`
        From 0 to 1. It changes gradually with the noise, and with the widths and fluxes of the sources.
    """
    best = sources.scenes[0]
    if len(best.flux) not in _DISTINCT or (best.major != best.minor).any():
        return 0.0
    faintest = best.flux.min() / best.flux.mean()
    return (
        _below(noise, _NOISE)
        * _below(gaussian_sigma_to_fwhm * best.major.max(), _WIDTH)
        * (1 - _below(faintest, _SHARE))
    )


class Trust(NamedTuple):
    """
    How far a network is guided by fitted sources, and how far it follows them then; both from 0 to 1.

    Parameters
    ----------
    guided, followed : `float`
    """

    guided: float
    followed: float


def trust_in(sources, noise):
    """
    Decide how far fitted sources are those of the flare and not the pieces into which a fit cuts another shape.

    Parameters
    ----------
    sources : `WeightedSources`
        Models of the sources.
    noise : `float`
        See `relative_noise`.

    Returns
    -------
    `Trust`
        Sources guide if they describe the visibilities and, three or more of them, do not touch in a row or are
        distinct, see `distinctness`. They are followed if they describe the visibilities well and no two touch, or are
        distinct. Between both is a range in which the trust changes gradually.
    """
    if not sources.scenes:
        return Trust(0.0, 0.0)
    best = sources.scenes[0]
    rows = np.array([longest_row(best, limit) for limit in _APART_LIMITS])
    pieces = len(best.flux) >= _PIECES
    distinct = distinctness(sources, noise) if pieces else 0.0
    guided = _below(sources.chi_squared, _GUIDING) * max(np.mean(rows < _PIECES), distinct) if pieces else 1.0
    return Trust(float(guided), float(_below(sources.chi_squared, _DESCRIBING) * max(np.mean(rows == 1), distinct)))


def _below(value, limits):
    """1 below the first limit, 0 above the second one, and linear in between."""
    first, last = limits
    return float(np.clip((last - value) / (last - first), 0, 1))


def relative_noise(visibilities, errors):
    """
    Standard deviation of a complex visibility relative to the mean amplitude.

    Parameters
    ----------
    visibilities, errors
        See `~sunpy_restore.backprojection.fitting.sources.fit_sources`.

    Returns
    -------
    `float`
    """
    return float(np.sqrt(2) * np.mean(errors) / max(np.abs(visibilities).mean(), np.finfo(float).tiny))
