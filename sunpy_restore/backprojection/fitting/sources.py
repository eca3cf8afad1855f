"""Forward fit: a few Gaussian sources that explain visibilities."""

from typing import NamedTuple

import numpy as np

from astropy.stats import gaussian_fwhm_to_sigma

from sunpy_restore.backprojection.fitting.levenberg import covariance_of, fit_gaussians, model_of
from sunpy_restore.backprojection.fitting.scenes import Scene
from sunpy_restore.backprojection.imaging.field import restrict
from sunpy_restore.backprojection.visibilities.fourier import back_projection

__all__ = ["FittedSources", "fit_sources"]

_MOST = 3
"""Largest number of sources."""
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


class FittedSources(NamedTuple):
    """
    Gaussian sources that were fitted to visibilities.

    Parameters
    ----------
    scene : `~sunpy_restore.backprojection.fitting.scenes.Scene`
        The sources, in order of decreasing flux.
    covariances : `numpy.ndarray`
        Covariances of flux, x, y and the elements xx, xy and yy of the squared widths of each source, shape ``(n, 6,
        6)``, in the units of the flux and arcsec.
    circular : `numpy.ndarray` of `bool`
        Whether each source was fitted with a single width, shape ``(n,)``.
    """

    scene: Scene
    covariances: np.ndarray
    circular: np.ndarray


class _Model(NamedTuple):
    """Parameters of each source, chi squared (not reduced), and Bayesian information criterion."""

    sources: list
    chi_squared: float
    criterion: float


def fit_sources(visibilities, errors, points, grid):
    """
    Fit one to three Gaussian sources to visibilities.

    Sources are added one after another, as long as that lowers the Bayesian information criterion, at the maximum of
    the back-projected residual or by splitting the widest one. Each is circular or, where that lowers the criterion,
    elliptical. The model with the smallest criterion is chosen.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities with the centre of the image as phase centre, shape ``(n,)``.
    errors : `numpy.ndarray`
        Standard deviation of the real part and of the imaginary part, shape ``(n,)``.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane along the axes of the image.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid of the image, in which the sources are.

    Returns
    -------
    `FittedSources`
        Without sources if no source explains the visibilities.

    References
    ----------
    * Volpara et al. 2022, Astronomy & Astrophysics 668, A145, https://doi.org/10.1051/0004-6361/202243907
    * Schwarz 1978, Annals of Statistics 6, 461, https://doi.org/10.1214/aos/1176344136
    """
    size = np.abs(visibilities).max()
    if not size > 0:
        return _fitted([], points, errors, 1.0)
    field = restrict(visibilities, points, grid)
    search = _Search(field.visibilities / size, np.asarray(errors) / size, points, field.grid)
    best = search.best()
    sources = [] if best is None else sorted(best.sources, key=lambda one: -one[0])
    found = _fitted(sources, points, search.errors, size)
    scene = found.scene
    return found._replace(scene=scene._replace(x=scene.x + field.center[0], y=scene.y + field.center[1]))


class _Search:
    """Search for the best model of visibilities whose largest amplitude is 1."""

    def __init__(self, visibilities, errors, points, grid):
        self.visibilities, self.errors, self.points, self.grid = visibilities, errors, points, grid
        self.penalty = np.log(2 * len(visibilities))
        # Of a source of each of the starting widths, in units of the noise
        self.transfers = np.exp(-2 * (np.pi * np.outer(_STARTING_WIDTHS, points.frequency)) ** 2) / errors

    def best(self):
        """The model with the smallest criterion, or `None`."""
        models = self.fitted([[self.brightest([])]])
        if not models:
            return None
        models += self.stretched(models[0])
        best = min(models, key=_criterion)
        for _ in range(_MOST - 1):
            models = self.extended(sorted(models, key=_criterion)[:_KEPT])
            if not models:
                break
            models += self.stretched(min(models, key=_criterion))
            chosen = min(models, key=_criterion)
            if chosen.criterion >= best.criterion:
                break
            best = chosen
        return min([best, *self.fitted([best.sources], _FINAL_IMPROVEMENT)], key=_criterion)

    def fitted(self, starts, least_improvement=_IMPROVEMENT):
        """The fitted models, without those of which a source is too faint, too wide or outside of the field."""
        if not starts:
            return []
        found = fit_gaussians(starts, self.points, self.visibilities, self.errors, least_improvement)
        return [
            _Model(sources, chi_squared, chi_squared + self.penalty * sum(map(len, sources)))
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
            chosen = min(tried, key=_criterion)
            # A single ellipse is kept in any case, because it shows along which axis to split it
            if chosen.criterion >= model.criterion and len(model.sources) > 1:
                return better
            better.append(chosen)
            model = chosen


def _criterion(model):
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


def _fitted(sources, points, errors, size):
    """Sources in the unit of the flux, with the inverse of the Fisher matrix as covariances."""
    count = len(sources)
    covariances = np.zeros((count, 6, 6))
    if count:
        # Squared widths are the parameters here: the derivative with respect to a width vanishes for a point source
        jacobian, places = _squared_width_jacobian(sources, points)
        jacobian = np.concatenate([jacobian.real / errors, jacobian.imag / errors], axis=1)
        inverse = np.linalg.pinv(jacobian @ jacobian.T, hermitian=True)
        for index, (first, circular) in enumerate(places):
            spread = np.eye(6, 4) if circular else np.eye(6)
            if circular:
                spread[5, 3] = 1
            own = slice(first, first + spread.shape[1])
            covariances[index] = spread @ inverse[own, own] @ spread.T
    unit = np.array([size, 1, 1, 1, 1, 1])
    parts = [_ellipse(source, size) for source in sources]
    columns = np.array(parts).reshape(count, 6).T
    circular = np.array([len(source) == 4 for source in sources], dtype=bool)
    return FittedSources(Scene(*columns), covariances * np.outer(unit, unit), circular)


def _squared_width_jacobian(sources, points):
    """Derivatives of the visibilities by flux, x, y and squared widths, and the first row of each source."""
    rows, places = [], []
    squares = (points.u**2, 2 * points.u * points.v, points.v**2)
    for source in sources:
        places.append((len(rows), len(source) == 4))
        values, derivatives = model_of([source], points)
        rows += list(derivatives[:3])
        factors = [points.frequency**2] if len(source) == 4 else squares
        rows += [-2 * np.pi**2 * factor * values for factor in factors]
    return np.array(rows), places


def _ellipse(source, size):
    values, vectors = np.linalg.eigh(covariance_of(source))
    angle = 0.0 if len(source) == 4 else np.arctan2(vectors[1, 1], vectors[0, 1])
    return [size * source[0], source[1], source[2], np.sqrt(max(values[1], 0)), np.sqrt(max(values[0], 0)), angle]
