"""Tests of the restoration of observations, without Maps."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

import astropy.units as u

from sunpy_restore.backprojection.channels import channels_of
from sunpy_restore.backprojection.classical import clean_observation, forward_fit
from sunpy_restore.backprojection.fitting.forward import with_noise
from sunpy_restore.backprojection.fitting.scenes import ellipse, image_of, joined, loop, visibilities_of_scene
from sunpy_restore.backprojection.imaging.agreement import chi_squared, model_visibilities
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.observation import Observation
from sunpy_restore.backprojection.restore import not_negative, with_network
from sunpy_restore.backprojection.task import TASK
from sunpy_restore.backprojection.visibilities.fourier import Grid
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.restoration.methods import load_method, restore_observation

POINTS = stix_uv()


@pytest.fixture(scope="module")
def observation(scene):
    visibilities = visibilities_of_scene(scene, POINTS)
    return Observation(visibilities=visibilities, points=POINTS, matrix=4 * np.eye(2), shape=(50, 55), unit=u.ct)


def test_result_is_that_of_the_method_per_square_arcsec(observation):
    restored = restore_observation(observation, load_method(TASK, "clean"))
    np.testing.assert_array_equal(restored.data, clean_observation(observation) / beam_area())
    assert restored.unit == u.ct / u.arcsec**2
    assert restored.cards == {"bmaj": BEAM / 3600, "bmin": BEAM / 3600, "bpa": 0}
    assert (restored.filled, restored.mask, restored.method) == (None, None, None)


def test_result_is_fitted_to_visibilities_with_errors(observation):
    measured = replace(observation, errors=np.full(24, 0.05))
    fitted = restore_observation(measured, load_method(TASK, "clean"))
    assert fitted.cards["rstchi2"] <= fitted.cards["rstchi0"] < 1.5
    points, grid = measured.own_axes()
    plain = clean_observation(measured) / beam_area()
    for image, name in ((plain, "rstchi0"), (fitted.data, "rstchi2")):
        model = model_visibilities(image, points, grid)
        assert fitted.cards[name] == chi_squared(model, measured.visibilities, measured.errors)


def test_sources_of_a_forward_fit_are_not_changed(observation):
    measured = replace(observation, errors=np.full(24, 0.05))
    restored = restore_observation(measured, load_method(TASK, "forward-fit"))
    np.testing.assert_array_equal(restored.data, forward_fit(measured).image / beam_area())
    assert restored.cards["rstchi0"] == restored.cards["rstchi2"]
    assert restored.cards["rstnsrc"] == 2


@pytest.mark.parametrize("method", ["clean", "mem"])
def test_flux_does_not_depend_on_errors_that_are_too_small(method):
    truth, fluxes = visibilities_of_scene(ellipse(14.4, 5, -3, 16, 12, 0.35), POINTS), {1.0: [], 0.5: [], 0.1: []}
    for factor, seed in itertools.product(fluxes, range(6)):
        noise = 0.49 * np.random.default_rng(seed).normal(size=(2, 24))
        measured = Observation(
            visibilities=truth + noise[0] + 1j * noise[1], points=POINTS, matrix=4 * np.eye(2), shape=(64, 64),
            unit=u.ct, errors=np.full(24, 0.49 * factor),
        )  # fmt: skip
        restored = restore_observation(measured, load_method(TASK, method))
        fluxes[factor].append(16 * restored.data.sum() / 14.4)
        assert restored.cards["rstchi2"] < 1.5
    for factor in (0.5, 0.1):
        assert np.mean(fluxes[factor]) == pytest.approx(1, abs=0.03)
        assert np.mean(fluxes[factor]) == pytest.approx(np.mean(fluxes[1.0]), abs=0.04)


@pytest.mark.parametrize("errors", [None, np.full(24, 0.02)])
def test_forward_fit_that_does_not_describe_the_flare_is_warned_of(errors):
    ring = joined([ellipse(1, 40 * np.cos(angle), 40 * np.sin(angle), 10, 10, 0) for angle in np.arange(6) * np.pi / 3])
    measured = Observation(
        visibilities=visibilities_of_scene(ring, POINTS), points=POINTS, matrix=4 * np.eye(2), shape=(64, 64),
        unit=u.ct, errors=errors,
    )  # fmt: skip
    with pytest.warns(RestoreWarning, match=r"does not agree with the visibilities.*chi squared is .*method='mem'"):
        restore_observation(measured, load_method(TASK, "forward-fit"))


def test_negative_values_of_a_network_are_set_to_zero():
    np.testing.assert_array_equal(not_negative(np.array([[-1.0, 0.0, 2.0]]), None), [[0, 0, 2]])


def drawn(kind, seed, noise=0.05):
    """An observation of circular sources, and its true image per square arcsec, from closed forms of their own."""
    rng = np.random.default_rng([seed, round(1000 * noise)])
    places = {
        "two": [(-32, 10), (28, -14)],
        "three": [(-35, -20), (30, -28), (5, 34)],
        "four": [(-38, -30), (34, -26), (30, 36), (-34, 32)],
        "halo": [(10, -8), (18, 0)],
        "arc": [(36 * np.cos(angle), 36 * np.sin(angle)) for angle in np.linspace(-1.2, 1.2, 41)],
    }[kind]
    x, y = (np.array(places) + rng.uniform(-6, 6, (1 if kind in ("arc", "halo") else len(places), 2))).T
    width = {"arc": np.full(41, 8.0), "halo": np.array([45.0, 7.0])}.get(kind, rng.uniform(3, 12, len(x))) / 2.3548
    flux = np.ones(41) / 41 if kind == "arc" else np.array([1, 0.7, 0.8, 0.6])[: len(x)] / 3
    along, across = POINTS.u[:, np.newaxis], POINTS.v[:, np.newaxis]
    waves = np.exp(2j * np.pi * (along * x + across * y) - 2 * (np.pi * width) ** 2 * (along**2 + across**2))
    true = (flux * waves).sum(axis=1)
    error = noise * np.abs(true).mean() / np.sqrt(2)
    observation = Observation(
        visibilities=true + error * (rng.normal(size=24) + 1j * rng.normal(size=24)), points=POINTS,
        matrix=3 * np.eye(2), shape=(80, 84), unit=u.ct,
    )  # fmt: skip
    _, grid = observation.own_axes()
    variance = width**2 + (BEAM / 2.3548) ** 2
    distance = (grid.x[:, np.newaxis] - x) ** 2 + (grid.y[:, np.newaxis, np.newaxis] - y) ** 2
    return observation, (flux * np.exp(-distance / (2 * variance)) / (2 * np.pi * variance)).sum(axis=-1)


def mean_error(kind, method, noise):
    """Mean RMS error of the images, relative to the RMS of the truth."""
    errors = []
    for seed in range(3):
        observation, truth = drawn(kind, seed, noise)
        restored = restore_observation(observation, load_method(TASK, method)).data
        errors.append(np.sqrt(np.mean(np.square(restored - truth)) / np.mean(np.square(truth))))
    return np.mean(errors)


@pytest.mark.filterwarnings("ignore:The image does not agree")
@pytest.mark.parametrize("noise", [0.05, 0.1])
@pytest.mark.parametrize("kind", ["two", "three", "four", "halo", "arc"])
def test_network_is_as_good_as_the_best_classical_method(kind, noise):
    network, fit, mem, clean = (mean_error(kind, name, noise) for name in ("network", "forward-fit", "mem", "clean"))
    assert network < 1.15 * min(fit, mem, clean)


@pytest.mark.parametrize("kind", ["three", "four"])
def test_network_follows_sources_that_are_apart(kind):
    assert mean_error(kind, "network", 0.05) < 0.6 * mean_error(kind, "mem", 0.05)


def test_four_sources_are_those_of_the_image_in_pixels_that_are_rotated():
    """The axes of the sources are those of the instrument."""
    straight, _ = drawn("four", 0)
    angle = 0.6
    turned = replace(straight, matrix=3 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]))
    results = [restore_observation(one, load_method(TASK, "network")).data for one in (straight, turned)]
    (x, y), step = turned.offsets(), 3
    expected = map_coordinates(results[0], [y / step + 39.5, x / step + 41.5], order=3)
    inside = (abs(x) < 100) & (abs(y) < 100)
    assert np.abs(results[1] - expected)[inside].max() < 0.02 * expected.max()


def test_other_networks_are_not_averaged_with_sources():
    """Only a network that takes the images of classical methods knows how far to follow them."""
    observation, _ = drawn("two", 0)

    class Doubled:
        module = object()

        def __call__(self, channels, progress=False):
            return 2 * channels[0]

    points, _ = observation.own_axes()
    result, followed = with_network(observation, Doubled())
    assert followed == 0
    channels, unit = channels_of(observation.visibilities, points, Grid((64, 64), (4.0, 4.0)))
    assert result.max() == pytest.approx(2 * unit * channels[0].max(), rel=0.02)


TOUCHING = {
    "row": joined([ellipse(flux, x, 0, 6, 6, 0) for flux, x in ((5, -20), (4, 0), (4, 20))]),
    "footpoints and loop top": joined(
        [ellipse(5, -20, 0, 6, 6, 0), ellipse(4, 20, 0, 6, 6, 0), ellipse(5, 0, 18, 12, 12, 0)]
    ),
}


def network_of(scene, noise, seed=0):
    """Cards, and the RMS error of the image relative to that of the truth."""
    visibilities, _ = with_noise(visibilities_of_scene(scene, POINTS), noise, np.random.default_rng(seed))
    seen = Observation(visibilities=visibilities, points=POINTS, matrix=2 * np.eye(2), shape=(129, 129), unit=u.ct)
    restored = restore_observation(seen, load_method(TASK, "network"))
    truth = image_of(scene, seen.own_axes()[1], BEAM) / beam_area()
    return restored.cards, np.sqrt(np.mean((restored.data - truth) ** 2) / np.mean(truth**2))


@pytest.mark.parametrize("name", TOUCHING)
def test_network_follows_three_touching_sources_that_are_no_loop_where_the_noise_is_low(name):
    """The error without the fit is 8 to 11 %."""
    cards, error = zip(*[network_of(TOUCHING[name], 0.015, seed) for seed in range(3)], strict=True)
    assert [one["rstnfit"] for one in cards] == [3, 3, 3]
    assert np.mean(error) < 0.04


def test_network_says_that_it_follows_no_loops_and_no_noisy_sources_that_touch():
    arc = loop(10.0, 0, 0, 80, 8, 0.5, 2.5)
    assert network_of(arc, 0.02)[0]["rstnfit"] == 0
    assert network_of(TOUCHING["row"], 0.2)[0]["rstnfit"] == 0
    assert network_of(ellipse(10, 20, -10, 6, 6, 0), 0.02)[0]["rstnfit"] == 1


def test_network_follows_four_compact_sources_in_a_row_with_each_of_five_noise_draws():
    """The error without the fit is 15 to 20 %."""
    row = joined([ellipse(flux, x, 4 * (x > 0), 7, 7, 0) for flux, x in ((5, -39), (4, -13), (4, 13), (5, 39))])
    cards, error = zip(*[network_of(row, 0.04, seed) for seed in range(5)], strict=True)
    assert [one["rstnfit"] for one in cards] == [4] * 5
    assert np.mean(error) < 0.08
    assert np.std(error) < 0.03
