"""Forward fit: a few Gaussian sources that explain visibilities."""

from typing import NamedTuple

import numpy as np

from sunpy_restore.backprojection.fitting.levenberg import model_of
from sunpy_restore.backprojection.fitting.scenes import Scene
from sunpy_restore.backprojection.fitting.search import SourceSearch, criterion_of, parameters_of
from sunpy_restore.backprojection.imaging.field import restrict

__all__ = ["FittedSources", "fit_sources"]

_MOST = 3
"""Largest number of sources."""


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
    search = SourceSearch(field.visibilities / size, np.asarray(errors) / size, points, field.grid)
    models = search.models(_MOST)
    sources = sorted(search.refined(min(models, key=criterion_of)).sources, key=lambda one: -one[0]) if models else []
    found = _fitted(sources, points, search.errors, size)
    scene = found.scene
    return found._replace(scene=scene._replace(x=scene.x + field.center[0], y=scene.y + field.center[1]))


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
    parts = [parameters_of(source, size) for source in sources]
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
