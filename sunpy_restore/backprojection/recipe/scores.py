"""Scores of restored images, on simulated observations with a known truth."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist

from sunpy_restore.backprojection.fitting.forward import with_noise
from sunpy_restore.backprojection.fitting.scenes import Scene, ellipse, image_of, joined, loop, visibilities_of_scene
from sunpy_restore.backprojection.imaging.agreement import chi_squared, model_visibilities
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.observation import Observation
from sunpy_restore.backprojection.recipe.maxima import count_invented, find_sources
from sunpy_restore.backprojection.visibilities.fourier import Grid
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.restoration.methods import restore_observation

__all__ = [
    "FURTHER_KINDS",
    "GRID",
    "TRIPLE",
    "SimulatedObservation",
    "evaluation_pairs",
    "fraction_resolved",
    "measure",
]

GRID = Grid((129, 129), (2.0, 2.0))
"""Pixel grid on which images are compared."""

LEVELS = (0.02, 0.05, 0.1, 0.2)
"""Noise levels of the visibilities, relative to the mean amplitude."""
KINDS = ("single", "off-centre", "double", "unequal", "extended", "broad", "loop")
"""Kinds of scenes that the networks are scored with, see `simulated_scene`."""
TRIPLE = "triple"
FURTHER_KINDS = (TRIPLE, "quadruple", "halo")
"""Other kinds, with which the methods are compared in the guide."""

_SCENES = 20
"""Number of scenes of each kind and noise level."""
_LEAST_SEPARATION = 30.0
"""Smallest separation in arcsec of three sources."""
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
    scene : `~sunpy_restore.backprojection.fitting.scenes.Scene`
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
    kind : `str`
        ``"single"``: a source of 4 to 20 arcsec; ``"off-centre"``: the same, 60 arcsec from the centre; ``"double"``:
        two sources of 3 to 12 arcsec that are 15 to 70 arcsec apart, the fainter one with 0.3 to 1 of the flux of the
        other; ``"unequal"``: the same with a flux ratio of 1:5, at least 25 arcsec apart; ``"extended"``: a source of
        30 to 70 arcsec; ``"broad"``: a round source of 40 to 60 arcsec; ``"loop"``: a loop of 40 to 80 arcsec with two
        footpoints; ``"triple"`` and ``"quadruple"``: three and four sources of 3 to 12 arcsec that are at least 30
        arcsec apart, with fluxes of 1:0.4 at most; ``"halo"``: a source of 3 to 12 arcsec in one of 35 to 65 arcsec
        with 1 to 5 times its flux.
    rng : `numpy.random.Generator`
        Random number generator.
    separation : `float`, optional
        Separation of the two sources in arcsec.

    Returns
    -------
    `~sunpy_restore.backprojection.fitting.scenes.Scene`
        The total flux is 1.
    """
    angle = rng.uniform(0, 2 * np.pi)
    direction = np.array([np.cos(angle), np.sin(angle)])
    if kind == "loop":
        return _loop_with_footpoints(rng, angle)
    if kind in (TRIPLE, "quadruple"):
        return _several_sources(rng, 3 if kind == TRIPLE else 4)
    if kind == "halo":
        return _core_in_halo(rng, angle)
    if kind in ("double", "unequal"):
        middle, ratio = rng.uniform(-50, 50, 2), rng.uniform(0.3, 1) if kind == "double" else 0.2
        half = (rng.uniform(15 if kind == "double" else 25, 70) if separation is None else separation) / 2 * direction
        widths, places = rng.uniform(3, 12, 2), (middle + half, middle - half)
        fluxes = np.array([1, ratio]) / (1 + ratio)
        return joined(
            [ellipse(flux, *at, width, width, 0.0) for flux, at, width in zip(fluxes, places, widths, strict=True)]
        )
    limits = {"extended": (30, 70), "broad": (40, 60)}.get(kind, (4, 20))
    width, half = rng.uniform(*limits), 70 if kind == "single" else 50
    place = 60 * direction if kind == "off-centre" else rng.uniform(-half, half, 2)
    return ellipse(1.0, *place, width, width * (1 if kind == "broad" else rng.uniform(0.4, 1)), rng.uniform(0, np.pi))


def _loop_with_footpoints(rng, angle):
    arc = loop(1.0, *rng.uniform(-30, 30, 2), rng.uniform(40, 80), rng.uniform(5, 12), angle, rng.uniform(1.5, 3.0))
    ends = [ellipse(rng.uniform(0.25, 0.6), arc.x[end], arc.y[end], 6.0, 6.0, 0.0) for end in (0, -1)]
    scene = joined([arc, *ends])
    return scene._replace(flux=scene.flux / scene.flux.sum())


def _core_in_halo(rng, angle):
    place, width, core = rng.uniform(-40, 40, 2), rng.uniform(35, 65), rng.uniform(3, 12)
    flux, shift = rng.uniform(0.2, 1), rng.normal(0, width / 4, 2)
    halo = ellipse(1.0, *place, width, width * rng.uniform(0.6, 1), angle)
    scene = joined([halo, ellipse(flux, *(place + shift), core, core, 0.0)])
    return scene._replace(flux=scene.flux / scene.flux.sum())


def _several_sources(rng, count):
    places = rng.uniform(-50, 50, (count, 2))
    while pdist(places).min() < _LEAST_SEPARATION:
        places = rng.uniform(-50, 50, (count, 2))
    fluxes, widths = rng.uniform(0.4, 1, count), rng.uniform(3, 12, count)
    parts = zip(fluxes / fluxes.sum(), places, widths, strict=True)
    return joined([ellipse(flux, *place, width, width, 0.0) for flux, place, width in parts])


def evaluation_pairs(kinds=KINDS):
    """
    Simulated observations with seeds that no training uses.

    Parameters
    ----------
    kinds : iterable of `str`
        Kinds of scenes.

    Yields
    ------
    source : `str`
        Kind of the scene and noise level.
    observation : `SimulatedObservation`
        The observation, on the pixels of `GRID`.
    truth : `numpy.ndarray`
        The scene convolved with the clean beam, per square arcsec, in the shape of `GRID`.
    """
    for kind in kinds:
        number = (*KINDS, *FURTHER_KINDS).index(kind)
        for level in LEVELS:
            for index in range(_SCENES):
                rng = np.random.default_rng([2026, number, round(1000 * level), index])
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
        reduced chi squared of the visibilities; ``invented``: 1 if the image has a source that the truth convolved with
        the beam does not have, see `~sunpy_restore.backprojection.recipe.maxima.count_invented`, else 0; for a single
        source ``median_position``: distance of the brightest maximum from it in arcsec; for two sources
        ``both_found``: 1 if both were found and nothing else, else 0.
    """
    power = np.square(restored).sum()
    scale = (restored * truth).sum() / power if power > 0 else 1.0
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
    places = find_sources(restored, GRID)
    scores["invented"] = float(count_invented(restored, truth) > 0)
    if len(sources) == 1:
        scores["median_position"] = float(np.hypot(*(places[0] - sources[0])))
    elif len(sources) == 2:
        apart = np.hypot(*(places[:, np.newaxis] - sources[np.newaxis]).transpose(2, 0, 1))
        matched = set(apart.argmin(axis=1)) == {0, 1} and (apart.min(axis=1) < _LARGEST_DISTANCE).all()
        scores["both_found"] = float(len(places) == 2 and matched)
    return scores


def fraction_resolved(method, separation, *, level=0.05, count=40):
    """
    Fraction of double sources of which a method finds both sources and nothing else.

    Parameters
    ----------
    method : `~sunpy_restore.core.restoration.methods.Method`
        The method, see `~sunpy_restore.core.restoration.methods.load_method`.
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
