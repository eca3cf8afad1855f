"""
Tests of unusual back-projections: each kind is refused with an error or has a warning that names what is unusual.

Back-projections are linear in 24 visibilities, so that nearly all that is done to their pixels is told by the error of
a fit. The likeness tells what was done to the visibilities themselves.
"""

import warnings

import numpy as np
import pytest
from scipy import ndimage

import sunpy.map

from sunpy_restore.backprojection.fitting.forward import with_noise
from sunpy_restore.backprojection.fitting.scenes import visibilities_of_scene
from sunpy_restore.backprojection.likeness import fingerprint
from sunpy_restore.backprojection.observation import Observation
from sunpy_restore.backprojection.recipe.calibration import draw_case
from sunpy_restore.backprojection.recipe.scores import simulated_scene
from sunpy_restore.backprojection.task import TASK
from sunpy_restore.backprojection.visibilities.fourier import Grid, back_projection, weights_of
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.reports.likeness import score_of
from sunpy_restore.data import sample_path

POINTS = stix_uv()
GRID = Grid((49, 49), (5.0, 5.0))
FREQUENCY = POINTS.frequency


def header(data, **changes):
    return {
        "CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", "CUNIT1": "arcsec", "CUNIT2": "arcsec", "CDELT1": 5.0,
        "CDELT2": 5.0, "CRVAL1": 0.0, "CRVAL2": 0.0, "CRPIX1": (data.shape[1] + 1) / 2,
        "CRPIX2": (data.shape[0] + 1) / 2, "TELESCOP": "SOLO/STIX", "INSTRUME": "STIX",
        "DATE-OBS": "2022-11-14T10:00:00", "HGLN_OBS": 0.0, "HGLT_OBS": 0.0, "DSUN_OBS": 1e11, "RSUN_REF": 6.957e8,
    } | changes  # fmt: skip


def flare(index):
    """Visibilities of a flare, with noise of 2 to 15 %."""
    rng = np.random.default_rng([41, index])
    kind = ("single", "double", "loop")[index % 3]
    level = np.exp(rng.uniform(np.log(0.02), np.log(0.15)))
    return with_noise(100 * visibilities_of_scene(simulated_scene(kind, rng), POINTS), level, rng)[0]


def imaged(visibilities):
    return back_projection(visibilities, POINTS, GRID, weights_of(POINTS))


def shrunk(data):
    """Blocks of 4 x 4 pixels, as from a strong compression."""
    return np.repeat(np.repeat(data[::4, ::4], 4, axis=0), 4, axis=1)[: data.shape[0], : data.shape[1]]


def with_holes(data, rng):
    holes = data.copy()
    for row, column in rng.integers(0, 38, (8, 2)):
        holes[row : row + 8, column : column + 8] = 0
    return holes


PIXELS = {
    "8 bit": lambda data, rng: np.round(255 * (data - data.min()) / np.ptp(data)),
    "square root": lambda data, rng: np.sign(data) * np.sqrt(abs(data)),
    "logarithm": lambda data, rng: np.log10(np.maximum(data, 1e-3 * data.max())),
    "absolute values": lambda data, rng: abs(data),
    "constant added": lambda data, rng: data + 0.2 * data.max(),
    "cut at zero": lambda data, rng: np.maximum(data, 0),
    "threshold": lambda data, rng: np.where(data > 0.2 * data.max(), data, 0),
    "saturated": lambda data, rng: np.minimum(data, 0.6 * data.max()),
    "inverted": lambda data, rng: -data,
    "flat": lambda data, rng: np.ones_like(data),
    "gradient": lambda data, rng: np.broadcast_to(np.linspace(1, 2, data.shape[1]), data.shape),
    "noise of the pixels": lambda data, rng: data + 0.1 * data.max() * rng.standard_normal(data.shape),
    "only noise": lambda data, rng: rng.standard_normal(data.shape),
    "counts of photons": lambda data, rng: rng.poisson(30 * np.maximum(data, 0) / data.max()),
    "cosmic rays": lambda data, rng: np.where(rng.random(data.shape) < 0.02, 3 * data.max(), data),
    "particle storm": lambda data, rng: np.where(
        rng.random(data.shape) < 0.1, data.max() * rng.random(data.shape), data
    ),
    "median filter": lambda data, rng: ndimage.median_filter(data, 5),
    "compressed": lambda data, rng: shrunk(data),
    "missing blocks": with_holes,
    "shuffled": lambda data, rng: rng.permutation(data.ravel()).reshape(data.shape),
    "star": lambda data, rng: (np.hypot(*(np.indices(data.shape) - 24)) < 15) + 0.01 * rng.random(data.shape),
    "image of another telescope": lambda data, rng: ndimage.gaussian_filter(rng.random(data.shape), 1) ** 4,
    "apodized": lambda data, rng: data * np.outer(np.hanning(data.shape[0]), np.hanning(data.shape[1])),
}
VISIBILITIES = {
    "one hot detector": lambda seen, rng: seen * np.where(np.arange(len(seen)) == rng.integers(len(seen)), 8, 1),
    "weights of the square of the frequency": lambda seen, rng: seen * FREQUENCY**2,
    "coarse sub-collimators lost": lambda seen, rng: seen * (FREQUENCY > np.quantile(FREQUENCY, 0.4)),
    "phases lost": lambda seen, rng: abs(seen) * np.exp(2j * np.pi * rng.random(len(seen))),
    "only noise in the visibilities": lambda seen, rng: np.array([1, 1j]) @ rng.standard_normal((2, len(seen))),
    "source outside of the field": lambda seen, rng: np.exp(2j * np.pi * (260 * POINTS.u + 190 * POINTS.v)),
}
KINDS = {
    **{name: (lambda seen, rng, change=change: change(imaged(seen), rng)) for name, change in PIXELS.items()},
    **{name: (lambda seen, rng, change=change: imaged(change(seen, rng))) for name, change in VISIBILITIES.items()},
}


def told(smap):
    """Whether a Map is refused, causes a warning of the weights or sub-collimators, or is unusual."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RestoreWarning)
        try:
            Observation.check(smap)
            observation = Observation.from_map(smap)
        except (TypeError, ValueError, RestoreWarning):
            return True
    return score_of(TASK, observation)[0] > 1


@pytest.mark.parametrize("kind", KINDS)
def test_unusual_inputs_are_told(kind):
    for index in range(2):
        data = KINDS[kind](flare(index), np.random.default_rng([3, index]))
        assert told(sunpy.map.Map(np.array(data, dtype=float), header(data))), index


@pytest.mark.parametrize("change", [{"CDELT1": 6.0, "CDELT2": 6.0}, {"TELESCOP": "ASO-S", "INSTRUME": "HXI"}])
def test_wrong_headers_are_refused(change):
    data = imaged(flare(0))
    assert told(sunpy.map.Map(data, header(data, **change)))


def test_kinds_are_many():
    assert len(KINDS) >= 20


@pytest.mark.parametrize("index", range(6))
def test_good_images_are_not_unusual(index):
    data = imaged(flare(index))
    assert not told(sunpy.map.Map(data, header(data)))


def test_the_sample_is_not_unusual():
    assert not told(sunpy.map.Map(sample_path("stix_flare")))


def test_properties_do_not_depend_on_the_unit():
    observation = Observation(visibilities=flare(1), points=POINTS, matrix=5 * np.eye(2), shape=GRID.shape)
    other = Observation(visibilities=1e6 * flare(1), points=POINTS, matrix=5 * np.eye(2), shape=GRID.shape)
    one, two = fingerprint(observation), fingerprint(other)
    assert 5 <= len(one) <= 20
    for name, value in one.items():
        assert two[name] == pytest.approx(value, abs=1e-3), name


def test_nothing_is_like_an_image_without_a_source():
    observation = Observation(visibilities=0 * flare(1), points=POINTS, matrix=5 * np.eye(2), shape=GRID.shape)
    assert np.isnan(list(fingerprint(observation).values())).all()
    assert score_of(TASK, observation)[0] == np.inf


def test_few_false_alarms_in_simulations():
    """Simulated flares that were not among those from which the ranges were learned."""
    scores = [score_of(TASK, draw_case([23, index])[0])[0] for index in range(60)]
    assert np.mean(np.array(scores) > 1) <= 0.05
