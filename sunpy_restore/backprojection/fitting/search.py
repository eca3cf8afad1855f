"""Search for the Gaussian sources that explain visibilities, by the Bayesian information criterion."""

from typing import NamedTuple

import numpy as np

from astropy.stats import gaussian_fwhm_to_sigma

from sunpy_restore.backprojection.fitting.levenberg import covariance_of, fit_gaussians, model_of
from sunpy_restore.backprojection.visibilities.fourier import back_projection

__all__ = ["Model", "SourceSearch", "criterion_of", "parameters_of"]

_STARTING_WIDTHS = gaussian_fwhm_to_sigma * np.array([7.0, 19.0, 42.0])
"""Standard deviations in arcsec of the sources that are searched in residuals."""
_FAINTEST = 0.03
"""Smallest flux of a source, relative to the largest amplitude."""
_WIDEST = 200.0 * gaussian_fwhm_to_sigma
"""Largest standard deviation of a source in arcsec."""
_SPLIT_WIDTH = 12.0 * gaussian_fwhm_to_sigma
"""Standard deviation in arcsec from which a source may be split into two."""
_IMPROVEMENT, _FINAL_IMPROVEMENT = 0.05, 1e-3
"""Decrease of chi squared below which the fit of a model that is compared, and that of the best one, has converged."""
_KEPT = 2
"""Number of the best models to which a further source is added."""


class Model(NamedTuple):
    """Parameters of each source, chi squared (not reduced), and Bayesian information criterion."""

    sources: list
    chi_squared: float
    criterion: float


class SourceSearch:
    """Search for the best model of visibilities whose largest amplitude is 1."""

    def __init__(self, visibilities, errors, points, grid):
        self.visibilities, self.errors, self.points, self.grid = visibilities, errors, points, grid
        self.penalty = np.log(2 * len(visibilities))
        # Of a source of each of the starting widths, in units of the noise
        self.transfers = np.exp(-2 * (np.pi * np.outer(_STARTING_WIDTHS, points.frequency)) ** 2) / errors

    def models(self, most):
        """All models of up to a number of sources, as long as a further source lowers the smallest criterion."""
        models = self.fitted([[self.brightest([])]])
        if not models:
            return []
        models += self.stretched(models[0])
        found = list(models)
        for _ in range(most - 1):
            models = self.extended(sorted(models, key=criterion_of)[:_KEPT])
            if not models:
                break
            models += self.stretched(min(models, key=criterion_of))
            improved = min(map(criterion_of, models)) < min(map(criterion_of, found))
            found += models
            if not improved:
                break
        return found

    def refined(self, model):
        """A model, fitted until it has converged."""
        return min([model, *self.fitted([model.sources], _FINAL_IMPROVEMENT)], key=criterion_of)

    def fitted(self, starts, least_improvement=_IMPROVEMENT):
        """The fitted models, without those of which a source is too faint, too wide or outside of the field."""
        if not starts:
            return []
        found = fit_gaussians(starts, self.points, self.visibilities, self.errors, least_improvement)
        return [
            Model(sources, chi_squared, chi_squared + self.penalty * sum(map(len, sources)))
            for sources, chi_squared in found
            if self.allowed(sources)
        ]

    def allowed(self, sources):
        """Whether no source is too faint, too wide or outside of the field."""
        half_y, half_x = (n * size / 2 for n, size in zip(self.grid.shape, self.grid.pixel, strict=True))
        for source in sources:
            flux, x, y = source[:3]
            if flux < _FAINTEST or abs(x) > half_x or abs(y) > half_y:
                return False
            if np.trace(covariance_of(source)) > 2 * _WIDEST**2:
                return False
        return True

    def brightest(self, sources):
        """Start of a source where the residual of a model has the highest significance."""
        residual = (self.visibilities - model_of(sources, self.points)[0]) / self.errors
        images = back_projection(residual * self.transfers, self.points, self.grid, np.ones(len(residual)))
        norms = np.sum(self.transfers**2, axis=1)
        highest = images.reshape(len(images), -1).argmax(axis=1)
        fluxes = np.take_along_axis(images.reshape(len(images), -1), highest[:, np.newaxis], axis=1)[:, 0]
        best = np.argmax(fluxes / np.sqrt(norms))
        row, column = np.unravel_index(highest[best], self.grid.shape)
        return np.array([fluxes[best] / norms[best], self.grid.x[column], self.grid.y[row], _STARTING_WIDTHS[best]])

    def extended(self, models):
        """Models of circular sources with one more source."""
        starts = []
        for model in models:
            sources = model.sources
            starts.append([*sources, self.brightest(sources)])
            widest = max(range(len(sources)), key=lambda index: np.trace(covariance_of(sources[index])))
            others = [source for index, source in enumerate(sources) if index != widest]
            starts += [[*others, *pair] for pair in _halves(sources[widest])]
        return self.fitted([[_circle(source) for source in start] for start in starts])

    def stretched(self, model):
        """The model with one source after another elliptical, as long as that lowers the criterion."""
        better = []
        while True:
            tried = self.fitted(
                [
                    [*model.sources[:index], ellipse, *model.sources[index + 1 :]]
                    for index, source in enumerate(model.sources)
                    if len(source) == 4
                    for ellipse in _ellipses(source)
                ]
            )
            if not tried:
                return better
            chosen = min(tried, key=criterion_of)
            # A single ellipse is kept in any case, because it shows along which axis to split it
            if chosen.criterion >= model.criterion and len(model.sources) > 1:
                return better
            better.append(chosen)
            model = chosen


def criterion_of(model):
    return model.criterion


def _circle(source):
    return np.array([*source[:3], max(np.sqrt(np.trace(covariance_of(source)) / 2), 1.0)])


def _ellipses(source):
    """Elliptical sources along both diagonals, because a fit that starts far from the orientation may not find it."""
    width = max(source[3], 2.0)
    return [np.array([*source[:3], width, slope * width, 0.9 * width]) for slope in (0.3, -0.3)]


def _halves(source):
    """Pairs of circular sources, at most one, into which a wide source may be split along its major axis."""
    values, vectors = np.linalg.eigh(covariance_of(source))
    if values[1] < _SPLIT_WIDTH**2:
        return
    step, width = 0.8 * np.sqrt(values[1]) * vectors[:, 1], max(0.9 * np.sqrt(max(values[0], 0)), 2.5)
    yield [np.array([source[0] / 2, *(source[1:3] + sign * step), width]) for sign in (1, -1)]


def parameters_of(source, size):
    """Flux, x, y, standard deviations along both axes and angle of a source; its flux is in units of a size."""
    values, vectors = np.linalg.eigh(covariance_of(source))
    angle = 0.0 if len(source) == 4 else np.arctan2(vectors[1, 1], vectors[0, 1])
    return [size * source[0], source[1], source[2], np.sqrt(max(values[1], 0)), np.sqrt(max(values[0], 0)), angle]
