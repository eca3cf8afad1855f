"""Tests of the noise of visibilities: estimated without errors, and errors that are too small."""

import numpy as np
import pytest

from sunpy_restore.backprojection.fitting.forward import with_noise
from sunpy_restore.backprojection.fitting.noise import (
    errors_of,
    measured_points,
    noise_factor,
    warn_of_wrong_errors,
)
from sunpy_restore.backprojection.fitting.scenes import ellipse, joined, loop, visibilities_of_scene
from sunpy_restore.backprojection.observation import Observation
from sunpy_restore.backprojection.visibilities.fourier import Grid
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.exceptions import RestoreWarning

POINTS = stix_uv()
GRID = Grid((64, 64), (4.0, 4.0))
SCENES = {
    "compact": ellipse(1, 20, -30, 10, 6, 0.3),
    "extended": ellipse(1, -10, 5, 50, 30, 1.0),
    "double": joined([ellipse(1, 20, -30, 10, 6, 0.3), ellipse(0.5, -20, 10, 8, 8, 0)]),
    "loop": loop(1, 0, 0, 70, 8, 0.5, 2.5),
}


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
def test_noise_is_estimated_without_errors(name, level):
    ratios = []
    for seed in range(10):
        visibilities, error = with_noise(
            visibilities_of_scene(SCENES[name], POINTS), level, np.random.default_rng(seed)
        )
        ratios.append(noise_factor(visibilities, np.full(24, error), POINTS, GRID))
    assert 0.75 < np.median(ratios) < 1.2
    assert 0.5 < min(ratios)
    assert max(ratios) < 1.9


@pytest.mark.parametrize(("ratio", "kept"), [(1.0, True), (3.0, True), (0.5, False), (0.2, False), (12.0, False)])
def test_errors_are_kept_unless_they_are_too_small_or_far_too_large(ratio, kept):
    visibilities, error = with_noise(visibilities_of_scene(SCENES["double"], POINTS), 0.1, np.random.default_rng(1))
    errors = ratio * error * np.linspace(0.8, 1.2, 24)
    observation = Observation(
        visibilities=visibilities, points=POINTS, matrix=4 * np.eye(2), shape=GRID.shape, errors=errors
    )
    used = errors_of(observation)
    np.testing.assert_allclose(used / errors, used[0] / errors[0])
    assert (used[0] == errors[0]) == kept
    if not kept:
        assert np.mean(used) == pytest.approx(error, rel=0.5)


@pytest.mark.parametrize(
    ("ratio", "message"),
    [(1.0, None), (3.0, "too large.*They are used"), (12.0, "too large.*multiplied by this factor")],
)
def test_errors_that_are_too_large_are_warned_of(ratio, message):
    for seed in range(3):
        visibilities, error = with_noise(
            visibilities_of_scene(SCENES["double"], POINTS), 0.1, np.random.default_rng(seed)
        )
        observation = Observation(
            visibilities=visibilities, points=POINTS, matrix=4 * np.eye(2), shape=GRID.shape,
            errors=np.full(24, ratio * error),
        )  # fmt: skip
        if message is None:
            warn_of_wrong_errors(observation)
        else:
            with pytest.warns(RestoreWarning, match=message):
                warn_of_wrong_errors(observation)


def test_small_errors_may_be_larger_than_the_noise():
    """Those of the calibration are not seen in the scatter."""
    visibilities = visibilities_of_scene(SCENES["double"], POINTS)
    errors = np.full(24, 0.05 * np.abs(visibilities).mean())
    observation = Observation(
        visibilities=visibilities, points=POINTS, matrix=4 * np.eye(2), shape=GRID.shape, errors=errors
    )
    warn_of_wrong_errors(observation)
    np.testing.assert_array_equal(errors_of(observation), errors)


def test_visibilities_with_errors_that_are_far_larger_than_the_others_are_not_measured():
    errors = np.linspace(1, 3, 24)
    assert measured_points(errors, POINTS).all()
    errors[[2, 7]] = 1e3, 1e9
    with pytest.warns(RestoreWarning, match=f"2 of 24 visibilities, {POINTS.labels[2]}, {POINTS.labels[7]}, are more"):
        kept = measured_points(errors, POINTS)
    assert np.flatnonzero(~kept).tolist() == [2, 7]


def test_estimated_errors_are_proportional_to_the_visibilities():
    visibilities, _ = with_noise(visibilities_of_scene(SCENES["loop"], POINTS), 0.1, np.random.default_rng(2))
    one, twice = (
        errors_of(Observation(visibilities=factor * visibilities, points=POINTS, matrix=4 * np.eye(2), shape=(64, 64)))
        for factor in (1, 2)
    )
    np.testing.assert_array_equal(twice, 2 * one)
    assert np.ptp(one) == 0


@pytest.mark.parametrize(("seed", "level"), [(seed, level) for seed in range(4) for level in (0.01, 0.02)])
def test_correct_errors_of_broad_sources_are_kept(seed, level):
    """The estimate of the noise is too large for them, if the noise is small."""
    scene = ellipse(1, 10, 10 - 5 * seed, 40 + 8 * seed, 32 + 4 * seed, seed)
    visibilities, error = with_noise(visibilities_of_scene(scene, POINTS), level, np.random.default_rng(seed))
    errors = np.full(24, error)
    observation = Observation(
        visibilities=visibilities, points=POINTS, matrix=4 * np.eye(2), shape=GRID.shape, errors=errors
    )
    np.testing.assert_allclose(errors_of(observation), errors, rtol=0.2)
