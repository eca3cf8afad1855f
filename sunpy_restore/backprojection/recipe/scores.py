"""Scores of restored images, on simulated observations with a known truth."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from sunpy_restore.backprojection.agreement import chi_squared, model_visibilities
from sunpy_restore.backprojection.beam import BEAM, beam_area
from sunpy_restore.backprojection.forward import with_noise
from sunpy_restore.backprojection.fourier import Grid
from sunpy_restore.backprojection.observation import Observation
from sunpy_restore.backprojection.scenes import Scene, ellipse, image_of, joined, visibilities_of_scene
from sunpy_restore.backprojection.uvplane import stix_uv
from sunpy_restore.core.methods import restore_observation

__all__ = ["GRID", "SimulatedObservation", "evaluation_pairs", "fraction_resolved", "measure"]

GRID = Grid((129, 129), (2.0, 2.0))
"""Pixel grid on which images are compared."""

LEVELS = (0.05, 0.1, 0.2)
"""Noise levels of the visibilities, relative to the largest amplitude."""

_SCENES = 40
"""Number of scenes of each kind and noise level."""
_FAINTEST_SOURCE = 0.15
"""Smallest maximum that is a source, relative to the maximum of the image."""
_LARGEST_DISTANCE = 8.0
"""Largest distance in arcsec of a source in an image from the true source."""


@dataclass(frozen=True, kw_only=True)
class SimulatedObservation(Observation):
    """
    Observation of a simulated scene, whose errors are not known to the methods.

    Parameters
    ----------
    visibilities, points, matrix, shape, unit, errors
        See `~sunpy_restore.backprojection.observation.Observation`.
    scene : `~sunpy_restore.backprojection.scenes.Scene`
        The sources.
    noise : `float`
        Standard deviation of the real and of the imaginary part of the visibilities.
    """

    scene: Scene
    noise: float


def simulated_scene(kind, rng, *, separation=None):
    """
    Draw a scene of a kind.

    Parameters
    ----------
    kind : ``"single"``, ``"double"`` or ``"extended"``
        One source of 4 to 20 arcsec; two sources of 3 to 12 arcsec that are 15 to 70 arcsec apart, the fainter one with
        0.3 to 1 of the flux of the other; one source of 30 to 70 arcsec.
    rng : `numpy.random.Generator`
        Random number generator.
    separation : `float`, optional
        Separation of the two sources in arcsec.

    Returns
    -------
    `~sunpy_restore.backprojection.scenes.Scene`
        The total flux is 1.
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
    widths, half = ((4, 20), 70) if kind == "single" else ((30, 70), 50)
    width = rng.uniform(*widths)
    return ellipse(1.0, *rng.uniform(-half, half, 2), width, width * rng.uniform(0.4, 1), angle)


def evaluation_pairs():
    """
    Simulated observations with seeds that no training uses.

    Yields
    ------
    source : `str`
        Kind of the scene and noise level.
    observation : `SimulatedObservation`
        The observation, on the pixels of `GRID`.
    truth : `numpy.ndarray`
        The scene convolved with the clean beam, per square arcsec, in the shape of `GRID`.
    """
    for kind in ("single", "double", "extended"):
        for level in LEVELS:
            for index in range(_SCENES):
                rng = np.random.default_rng([2022, round(1000 * level), index])
                yield f"{kind}, noise {level:.0%}", *_pair(simulated_scene(kind, rng), level, rng)


def _pair(scene, level, rng):
    """The observation of a scene, and the truth."""
    points = stix_uv()
    visibilities, noise = with_noise(visibilities_of_scene(scene, points), level, rng)
    observation = SimulatedObservation(
        visibilities=visibilities, points=points, matrix=np.diag(GRID.pixel[::-1]), shape=GRID.shape, scene=scene,
        noise=noise,
    )  # fmt: skip
    return observation, image_of(scene, GRID, BEAM) / beam_area()


def measure(observation, restored, truth):
    """
    Scores of a restored image.

    Parameters
    ----------
    observation : `SimulatedObservation`
        The observation.
    restored, truth : `numpy.ndarray`
        Images per square arcsec, in the shape of `GRID`.

    Returns
    -------
    `dict`
        ``scaled_error``: RMS error of the image multiplied by the factor that minimises it, relative to the RMS of the
        truth; ``flux_error`` and ``median_flux_error``: relative error of the total flux; ``median_chi_squared``:
        reduced chi squared of the visibilities; for a single source ``median_position``: distance of the brightest
        maximum from it in arcsec; for two sources ``both_found``: 1 if both were found and nothing else, else 0.
    """
    scale = (restored * truth).sum() / np.square(restored).sum()
    flux = restored.sum() / truth.sum() - 1
    model = model_visibilities(restored, observation.points, GRID)
    errors = np.full(len(observation.visibilities), observation.noise)
    scores = {
        "scaled_error": float(np.sqrt(np.square(scale * restored - truth).mean() / np.square(truth).mean())),
        "flux_error": float(flux),
        "median_flux_error": float(flux),
        "median_chi_squared": chi_squared(model, observation.visibilities, errors),
    }
    sources = np.stack([observation.scene.x, observation.scene.y], axis=1)
    places = find_sources(restored)
    if len(sources) == 1:
        scores["median_position"] = float(np.hypot(*(places[0] - sources[0])))
    else:
        apart = np.hypot(*(places[:, np.newaxis] - sources[np.newaxis]).transpose(2, 0, 1))
        matched = set(apart.argmin(axis=1)) == {0, 1} and (apart.min(axis=1) < _LARGEST_DISTANCE).all()
        scores["both_found"] = float(len(places) == 2 and matched)
    return scores


def fraction_resolved(method, separation, *, level=0.05, count=40):
    """
    Fraction of double sources of which a method finds both sources and nothing else.

    Parameters
    ----------
    method : `~sunpy_restore.core.methods.Method`
        The method, see `~sunpy_restore.core.methods.load_method`.
    separation : `float`
        Separation of the sources in arcsec.
    level : `float`
        Noise level of the visibilities, relative to the largest amplitude.
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
        observation, truth = _pair(simulated_scene("double", rng, separation=separation), level, rng)
        total += measure(observation, restore_observation(observation, method).data, truth)["both_found"]
    return total / count


def find_sources(image):
    """
    Positions of the local maxima of an image, in order of decreasing brightness.

    Parameters
    ----------
    image : `numpy.ndarray`
        Image in the shape of `GRID`.

    Returns
    -------
    `numpy.ndarray`
        Coordinates (x, y) in arcsec, shape ``(n, 2)``, of the vertex of the paraboloid through each maximum and the
        eight pixels around it.
    """
    peaks = (image == ndimage.maximum_filter(image, 3)) & (image >= _FAINTEST_SOURCE * image.max())
    rows, columns = np.nonzero(peaks)
    order = np.argsort(image[rows, columns])[::-1]
    places = []
    for row, column in zip(rows[order], columns[order], strict=True):
        up, right = _vertex(image[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2])
        places.append((GRID.x[column] + GRID.pixel[1] * right, GRID.y[row] + GRID.pixel[0] * up))
    return np.array(places)


def _vertex(near):
    """Rows and columns from the centre of 3 x 3 pixels to the vertex of a paraboloid; none at the edge of an image."""
    if near.shape != (3, 3):
        return 0.0, 0.0
    middle = near[1, 1]
    slope = np.array([near[2, 1] - near[0, 1], near[1, 2] - near[1, 0]]) / 2
    mixed = (near[2, 2] + near[0, 0] - near[2, 0] - near[0, 2]) / 4
    bend = np.array([[near[2, 1] - 2 * middle + near[0, 1], mixed], [mixed, near[1, 2] - 2 * middle + near[1, 0]]])
    if not (bend[0, 0] < 0 and np.linalg.det(bend) > 0):
        return 0.0, 0.0
    return tuple(np.clip(-np.linalg.solve(bend, slope), -1, 1))
