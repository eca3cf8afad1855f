"""How images made of simulated visibilities are scored."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sunpy_restore.backprojection.agreement import chi_squared, modelled
from sunpy_restore.backprojection.channels import BEAM
from sunpy_restore.backprojection.clean import beam_area, clean_visibilities
from sunpy_restore.backprojection.forward import with_noise
from sunpy_restore.backprojection.fourier import Grid
from sunpy_restore.backprojection.observation import Backprojection
from sunpy_restore.backprojection.restore import brightness
from sunpy_restore.backprojection.scenes import Scene, ellipse, image_of, joined, visibilities_of_scene
from sunpy_restore.backprojection.task import BACKPROJ
from sunpy_restore.backprojection.uvplane import UVPlane, stix_uv
from sunpy_restore.core.restorer import load_restorer

__all__ = [
    "GRID",
    "Simulated",
    "evaluation_pairs",
    "found_sources",
    "measure",
    "restorers",
    "share_found",
    "simulated_scene",
]

GRID = Grid((129, 129), (2.0, 2.0))
"""Pixels on which images are compared."""

LEVELS = (0.05, 0.1, 0.2)
"""Noise of the visibilities, over the largest amplitude."""

_SCENES = 40  # of each kind and level
_FAINTEST = 0.15  # of the maximum; what is fainter is no source
_NEAR = 8.0  # arcsec; farther off is another source
_CLEANS = {"clean": 100, "clean, 1000 iterations": 1000}


class Simulated(NamedTuple):
    """
    Visibilities of a scene, as measured.

    Parameters
    ----------
    scene : `~sunpy_restore.backprojection.scenes.Scene`
        The sources.
    found : `numpy.ndarray` of `complex`
        Visibilities with noise, shape ``(n,)``.
    plane : `~sunpy_restore.backprojection.uvplane.UVPlane`
        Their places.
    error : `float`
        Standard deviation of real and imaginary part.
    """

    scene: Scene
    found: np.ndarray
    plane: UVPlane
    error: float


def simulated_scene(kind, rng, *, separation=None):
    """
    Draw a scene of a kind.

    Parameters
    ----------
    kind : ``"single"``, ``"double"`` or ``"extended"``
        One source of 4 to 20 arcsec; two of 3 to 12 arcsec, the fainter one with 0.3 to 1 of the flux of the other,
        15 to 70 arcsec apart; one of 30 to 70 arcsec.
    rng : `numpy.random.Generator`
        Source of chance.
    separation : `float`, optional
        That of a double source in arcsec.

    Returns
    -------
    `~sunpy_restore.backprojection.scenes.Scene`
        Its flux is 1.
    """
    angle = rng.uniform(0, 2 * np.pi)
    if kind == "double":
        middle = rng.uniform(-50, 50, 2)
        apart = rng.uniform(15, 70) if separation is None else separation
        half = apart / 2 * np.array([np.cos(angle), np.sin(angle)])
        ratio, widths = rng.uniform(0.3, 1), rng.uniform(3, 12, 2)
        fluxes = np.array([1, ratio]) / (1 + ratio)
        places = (middle + half, middle - half)
        return joined(
            [ellipse(flux, *at, width, width, 0.0) for flux, at, width in zip(fluxes, places, widths, strict=True)]
        )
    limits, reach = ((4, 20), 70) if kind == "single" else ((30, 70), 50)
    width = rng.uniform(*limits)
    return ellipse(1.0, *rng.uniform(-reach, reach, 2), width, width * rng.uniform(0.4, 1), angle)


def evaluation_pairs(task, directory):
    """
    Simulated observations that no training has seen, for their seeds are others.

    Parameters
    ----------
    task : `str`
        Name of the task.
    directory : path-like
        Not used.

    Yields
    ------
    source : `str`
        Kind of the scene and noise.
    observed : `~sunpy_restore.backprojection.recipe.scores.Simulated`
    truth : `numpy.ndarray`
        The scene seen with the clean beam, per beam, on `~sunpy_restore.backprojection.recipe.scores.GRID`.
    """
    for kind in ("single", "double", "extended"):
        for level in LEVELS:
            for index in range(_SCENES):
                rng = np.random.default_rng([2022, round(1000 * level), index])
                yield f"{kind}, noise {level:.0%}", *_pair(simulated_scene(kind, rng), level, rng)


def _pair(scene, level, rng):
    """A scene as measured, and its truth."""
    plane = stix_uv()
    found, error = with_noise(visibilities_of_scene(scene, plane), level, rng)
    return Simulated(scene, found, plane, error), image_of(scene, GRID, BEAM)


def restorers(task, methods, *, weights, device):
    """
    Functions that make an image of a simulated observation.

    Parameters
    ----------
    task : `str`
        Name of the task.
    methods : `list` of `str` or `None`
        ``"network"`` and ``"clean"`` or ``"clean, 1000 iterations"``; all for `None`.
    weights, device
        Of the network.

    Returns
    -------
    `dict`
        Name to function.
    """
    functions = {}
    if methods is None or "network" in methods:
        functions["network"] = _network(load_restorer(BACKPROJ, weights=weights, device=device))
    for name, iterations in _CLEANS.items():
        if methods is None or name in methods:
            functions[name] = _cleaning(iterations)
    unknown = set(methods or ()) - functions.keys()
    if unknown:
        raise ValueError(f"Found the methods {sorted(unknown)}, expected some of network, {', '.join(_CLEANS)}.")
    return functions


def _network(restorer):
    def image(observed):
        matrix = np.diag([GRID.pixel[1], GRID.pixel[0]])
        return brightness(Backprojection(matrix, observed.found, observed.plane, GRID.shape), restorer)

    return image


def _cleaning(iterations):
    def image(observed):
        return beam_area() * clean_visibilities(observed.found, observed.plane, GRID, iterations=iterations).image

    return image


def measure(task, observed, restored, truth):
    """
    Scores of an image.

    Parameters
    ----------
    task : `str`
        Name of the task.
    observed : `~sunpy_restore.backprojection.recipe.scores.Simulated`
        What it was made of.
    restored, truth : `numpy.ndarray`
        Images per beam on `~sunpy_restore.backprojection.recipe.scores.GRID`.

    Returns
    -------
    `dict`
        ``scaled_error``, RMS error of the image at its best scale over the RMS of the truth; ``flux_error``, relative
        error of the total flux, and ``median_flux_error`` for its median size; ``chi_squared``, reduced; of single
        sources ``median_position``, in arcsec; of double ones ``both_found``, 1 where both and nothing else was found.
    """
    scale = (restored * truth).sum() / np.square(restored).sum()
    flux = restored.sum() / truth.sum() - 1
    errors = np.full(len(observed.found), observed.error)
    explained = modelled(restored / beam_area(), observed.plane, GRID)
    scores = {
        "scaled_error": float(np.sqrt(np.square(scale * restored - truth).mean() / np.square(truth).mean())),
        "flux_error": float(flux),
        "median_flux_error": float(flux),
        "median_chi_squared": float(chi_squared(explained, observed.found, errors)),
    }
    sources = np.stack([observed.scene.x, observed.scene.y], axis=1)
    places = found_sources(restored)
    if len(sources) == 1:
        scores["median_position"] = float(np.hypot(*(places[0] - sources[0])))
    else:
        apart = np.hypot(*(places[:, np.newaxis] - sources[np.newaxis]).transpose(2, 0, 1))
        own = apart.argmin(axis=1)
        scores["both_found"] = float(len(places) == 2 and set(own) == {0, 1} and (apart.min(axis=1) < _NEAR).all())
    return scores


def share_found(function, separation, *, level=0.05, count=40):
    """
    How often both of two sources are found, and nothing else.

    Parameters
    ----------
    function : callable
        Makes an image of a simulated observation, as `restorers` gives them.
    separation : `float`
        Distance of the sources in arcsec.
    level : `float`
        Noise of the visibilities, over the largest amplitude.
    count : `int`
        Number of scenes.

    Returns
    -------
    `float`
        From 0 to 1.
    """
    total = 0.0
    for index in range(count):
        rng = np.random.default_rng([2023, round(1000 * level), index])
        observed, truth = _pair(simulated_scene("double", rng, separation=separation), level, rng)
        total += measure("backproj", observed, function(observed), truth)["both_found"]
    return total / count


def found_sources(image):
    """
    Places of the local maxima of an image, the brightest first.

    Parameters
    ----------
    image : `numpy.ndarray`
        Image on `~sunpy_restore.backprojection.recipe.scores.GRID`.

    Returns
    -------
    `numpy.ndarray`
        As (x, y) in arcsec, shape ``(n, 2)``; of the paraboloid through each and the eight pixels about it.
    """
    peaks = (image == ndimage.maximum_filter(image, 3)) & (image >= _FAINTEST * image.max())
    rows, columns = np.nonzero(peaks)
    order = np.argsort(image[rows, columns])[::-1]
    places = []
    for row, column in zip(rows[order], columns[order], strict=True):
        up, right = _vertex(image[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2])
        places.append((GRID.x[column] + GRID.pixel[1] * right, GRID.y[row] + GRID.pixel[0] * up))
    return np.array(places)


def _vertex(near):
    """Rows and columns from the middle of 3 x 3 pixels to the vertex of a paraboloid; none at the edge of an image."""
    if near.shape != (3, 3):
        return 0.0, 0.0
    middle = near[1, 1]
    slope = np.array([near[2, 1] - near[0, 1], near[1, 2] - near[1, 0]]) / 2
    mixed = (near[2, 2] + near[0, 0] - near[2, 0] - near[0, 2]) / 4
    bend = np.array([[near[2, 1] - 2 * middle + near[0, 1], mixed], [mixed, near[1, 2] - 2 * middle + near[1, 0]]])
    if not (bend[0, 0] < 0 and np.linalg.det(bend) > 0):
        return 0.0, 0.0
    return tuple(np.clip(-np.linalg.solve(bend, slope), -1, 1))
