"""Average of models of Gaussian sources by their evidence."""

from typing import NamedTuple

import numpy as np

from astropy.stats import gaussian_sigma_to_fwhm

from sunpy_restore.backprojection.fitting.scenes import Scene, brightness_at
from sunpy_restore.backprojection.fitting.search import SourceSearch, criterion_of, parameters_of
from sunpy_restore.backprojection.imaging.beam import BEAM
from sunpy_restore.backprojection.imaging.field import restrict

__all__ = ["WeightedSources", "are_distinct", "average_sources", "longest_row", "relative_noise"]

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

_DISTINCT = 3
"""Number of sources that touch and can still be told from the pieces of a loop."""
_LARGEST_NOISE, _LARGEST_CHI_SQUARED = 0.03, 1.5
"""Largest noise relative to the mean amplitude, and chi squared per degree of freedom, for which they can."""
_COMPACT = 18.0 / gaussian_sigma_to_fwhm
"""Largest standard deviation in arcsec of such sources."""
_LEAST_SHARE = 0.2
"""Least share of such a source in their flux: the ends of a loop get less."""


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


def longest_row(scene):
    """
    Largest number of sources that touch one another in a row, as those into which a fit cuts a loop.

    Parameters
    ----------
    scene : `~sunpy_restore.backprojection.fitting.scenes.Scene`
        Fitted sources.

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
    touching = (apart > _INSIDE * widths) & (apart < _APART * widths)
    narrow = scene.minor <= _WIDEST_PIECE
    touching = touching & np.outer(narrow, narrow) | np.eye(len(scene.x), dtype=bool)
    rows = np.linalg.matrix_power(touching.astype(int), len(scene.x)) > 0
    return int(rows.sum(axis=1).max(initial=0))


def are_distinct(sources, noise):
    """
    Whether three sources that touch are sources of their own and not the pieces into which a fit cuts a loop.

    Where the noise is low, the pieces of most loops are elliptical, wide or faint, or do not describe the visibilities,
    while compact round sources do. In simulated scenes with 2 % noise, 66 of 100 rows and triangles of three such
    sources were distinct, and 7 of 100 loops, whose image errors were hardly different with the fit. With 5 % noise or
    more, the fit makes loops worse.

    Parameters
    ----------
    sources : `WeightedSources`
        Models with at least one source.
    noise : `float`
        See `relative_noise`.

    Returns
    -------
    `bool`
    """
    best = sources.scenes[0]
    return bool(
        len(best.flux) == _DISTINCT
        and noise <= _LARGEST_NOISE
        and sources.chi_squared <= _LARGEST_CHI_SQUARED
        and (best.major == best.minor).all()
        and best.major.max() <= _COMPACT
        and best.flux.min() >= _LEAST_SHARE * best.flux.sum()
    )


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
