"""Simulated observations on which the uncertainty of restored STIX images is calibrated."""

from functools import partial
from typing import NamedTuple

import numpy as np

from astropy.stats import gaussian_fwhm_to_sigma

from sunpy_restore.backprojection.fitting.forward import draw_flare, draw_scene, draw_subcollimators
from sunpy_restore.backprojection.fitting.scenes import ellipse, image_of, joined, visibilities_of_scene
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.observation import Observation
from sunpy_restore.backprojection.recipe.scores import KINDS, simulated_scene
from sunpy_restore.backprojection.recipe.shapes import SHAPES, draw_shape
from sunpy_restore.backprojection.visibilities.fourier import Grid, shift_phase_center, visibilities_of_image
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.uncertainty.evidence import Case

__all__ = ["calibration_cases", "draw_case"]

_SEED, _SERIES = 18, (560, 280, 280)
"""Of scenes that no training and no evaluation uses; numbers of scenes with seeds of one series."""
_PARTS = 5
"""Number of parts of the cases."""
_LEVELS = (0.005, 0.35)
"""Smallest and largest RMS of the complex noise, relative to the mean amplitude."""
_CLASSES = {"noise below 4 %": 0.04, "noise 4 to 12 %": 0.12, "noise above 12 %": np.inf}
"""Labels of noise levels with their upper limits."""
_SCENES = {"sources": 0.4, "flare": 0.2, "field": 0.08, "several": 0.08, "wide": 0.02, "shape": 0.22}
"""Kinds of scenes with their probabilities; shapes are not made of Gaussians and are in no training."""
_PIXELS = (2.0, 3.0, 4.0)
"""Pixel sizes in arcsec."""
_KNOWN_ERRORS = 0.4
"""Fraction of the observations whose visibilities are given with errors."""
_WRONG_ERRORS = 0.3
"""Fraction of these whose errors are wrong by a factor."""
_CALIBRATION_ERRORS = 0.25
"""Fraction of the observations with noise that is proportional to the amplitude in addition."""


class _Source(NamedTuple):
    """A source: its visibilities at points, and its image on a grid, per clean beam."""

    visibilities: object
    image: object


def calibration_cases():
    """
    Observations of simulated flares with their true images.

    One to five sources, loops with footpoints, cores with halos, and shapes that are not made of Gaussians and in no
    training; noise of 0.5 to 35 % of the mean amplitude; with and without errors of the visibilities, some of which are
    wrong; fields of 130 to 330 arcsec, also rotated ones.

    Returns
    -------
    `list` of `~sunpy_restore.core.uncertainty.evidence.Case`
        The parts have different scenes. The group is the noise level.
    """
    places = [((index + 0.5) / count, series, index) for series, count in enumerate(_SERIES) for index in range(count)]
    return [_case(number, [_SEED, series, index]) for number, (_, series, index) in enumerate(sorted(places))]


def _case(number, seed):
    level = _level(seed)
    group = next(label for label, limit in _CLASSES.items() if level < limit)
    return Case(name=f"scene {number}", part=f"part {number % _PARTS}", make=partial(draw_case, seed), group=group)


def _level(seed):
    return np.exp(np.random.default_rng([*seed, 1]).uniform(*np.log(_LEVELS)))


def draw_case(seed):
    """
    Simulate an observation.

    Parameters
    ----------
    seed : `list` of `int`
        Seed of the random number generator.

    Returns
    -------
    observation : `~sunpy_restore.backprojection.observation.Observation`
        The observation.
    truth : `numpy.ndarray`
        The scene convolved with the clean beam, per square arcsec, in the shape of the observation.
    """
    rng, level = np.random.default_rng(seed), _level(seed)
    kind = rng.choice(list(_SCENES), p=list(_SCENES.values()))
    sides = np.repeat(rng.uniform(130, 230) if kind == "field" else rng.uniform(225, 330), 2)
    if rng.random() < 0.2:
        sides[rng.integers(2)] *= rng.uniform(1, 1.3)
    pixel = rng.choice(_PIXELS)
    angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.3 else 0.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = stix_uv(draw_subcollimators(rng))
    blank = Observation(
        visibilities=np.zeros(len(points.u), dtype=complex), points=points, matrix=pixel * turn,
        shape=tuple(int(side / pixel) for side in sides),
    )  # fmt: skip
    source, flux = _drawn(kind, rng, sides.min()), np.exp(rng.uniform(np.log(0.1), np.log(1e4)))
    own, grid = blank.own_axes()
    visibilities, errors = _observed(flux * source.visibilities(own), level, rng)
    if rng.random() >= _KNOWN_ERRORS:
        errors = None
    elif rng.random() < _WRONG_ERRORS:
        errors = errors * np.exp(rng.uniform(np.log(0.6), np.log(1.6)))
    observation = Observation(
        visibilities=visibilities, points=points, matrix=blank.matrix, shape=blank.shape, errors=errors
    )
    return observation, flux * source.image(grid) / beam_area()


def _observed(true, level, rng):
    """Visibilities with noise, and its standard deviation in the real and in the imaginary part."""
    errors = np.full(len(true), level * np.abs(true).mean())
    if rng.random() < _CALIBRATION_ERRORS:
        errors = np.hypot(errors, rng.uniform(0, 0.07) * np.abs(true))
    errors = errors / np.sqrt(2)
    noise = rng.standard_normal((2, len(true)))
    return true + errors * (noise[0] + 1j * noise[1]), errors


def _drawn(kind, rng, side):
    """Draw a source of a kind with a total flux of 1."""
    if kind == "shape":
        return _raster(draw_shape(rng.choice(SHAPES), rng), *rng.uniform(-50, 50, 2))
    if kind == "sources":
        scene = simulated_scene(rng.choice(KINDS), rng)
    elif kind == "wide":
        scene = ellipse(1.0, *rng.uniform(-20, 20, 2), *rng.uniform(60, 100, 2), rng.uniform(0, np.pi))
    elif kind == "several":
        scene = _several(rng)
    else:
        scene = draw_flare(rng) if kind == "flare" else draw_scene(rng, side)
    return _Source(partial(visibilities_of_scene, scene), lambda grid: image_of(scene, grid, BEAM))


def _several(rng):
    """Three to five compact sources."""
    count = rng.integers(3, 6)
    parts = [
        ellipse(flux, *rng.uniform(-75, 75, 2), width, width, 0.0)
        for flux, width in zip(rng.uniform(0.25, 1, count), rng.uniform(2, 14, count), strict=True)
    ]
    scene = joined(parts)
    return scene._replace(flux=scene.flux / scene.flux.sum())


def _raster(shape, x, y):
    """A source with the brightness of pixels, whose centre is at x and y."""
    brightness, pixel = shape
    fine = Grid(brightness.shape, (pixel, pixel))

    def visibilities(points):
        return shift_phase_center(visibilities_of_image(brightness, points, fine), points, -x, -y)

    def image(grid):
        along_y, along_x = (
            np.exp(-0.5 * (np.subtract.outer(at, own + shift) / (BEAM * gaussian_fwhm_to_sigma)) ** 2)
            for at, own, shift in ((grid.y, fine.y, y), (grid.x, fine.x, x))
        )
        return along_y @ brightness @ along_x.T

    return _Source(visibilities, image)
