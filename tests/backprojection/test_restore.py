"""Tests of the restoration of observations, without Maps."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import astropy.units as u

from sunpy_restore.backprojection.classical import clean_observation, forward_fit
from sunpy_restore.backprojection.fitting.scenes import ellipse, joined, visibilities_of_scene
from sunpy_restore.backprojection.imaging.agreement import chi_squared, model_visibilities
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.observation import Observation
from sunpy_restore.backprojection.restore import not_negative
from sunpy_restore.backprojection.task import TASK
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
