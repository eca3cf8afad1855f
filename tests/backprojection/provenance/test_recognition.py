"""Tests of what is recognized in a back-projection: sub-collimators, weighting, residual maps."""

import numpy as np
import pytest

from sunpy_restore.backprojection.fitting.forward import with_noise
from sunpy_restore.backprojection.fitting.scenes import ellipse, joined, loop, visibilities_of_scene
from sunpy_restore.backprojection.imaging.clean import clean_visibilities
from sunpy_restore.backprojection.provenance.recognition import (
    has_other_weights,
    missing_points,
    recognized_weighting,
    refuse_residual,
    unused_points,
)
from sunpy_restore.backprojection.visibilities.fourier import Grid, invert_back_projection, weights_of
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv

POINTS = stix_uv()
GRID = Grid((64, 64), (4.0, 4.0))
SCENES = {
    "compact": ellipse(1, 20, -30, 10, 6, 0.3),
    "extended": ellipse(1, -10, 5, 45, 30, 1.0),
    "double": joined([ellipse(1, 20, -30, 10, 6, 0.3), ellipse(0.5, -20, 10, 8, 8, 0)]),
    "loop": loop(1, 0, 0, 70, 8, 0.5, 2.5),
}


def observed(name, level=0.05, seed=0):
    return with_noise(visibilities_of_scene(SCENES[name], POINTS), level, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def truth(scene):
    return visibilities_of_scene(scene, POINTS)


def test_used_sub_collimators_are_kept(truth):
    assert not unused_points(truth, POINTS).any()
    assert not unused_points(truth, POINTS, by_idl=True).any()


def test_one_visibility_of_a_sub_collimator_is_enough(truth):
    fourth = POINTS.subcollimators == 4
    one = np.where(fourth, 0, truth)
    one[np.flatnonzero(fourth)[1]] = np.abs(truth).max() / 10
    assert not unused_points(one, POINTS).any()


@pytest.mark.parametrize("by_idl", [True, False])
@pytest.mark.parametrize("numbers", [[4], [3, 4, 5, 6], [9, 10]])
def test_unused_sub_collimators_are_found(truth, numbers, by_idl):
    unused = np.isin(POINTS.subcollimators, numbers)
    np.testing.assert_array_equal(unused_points(np.where(unused, 0, truth), POINTS, by_idl=by_idl), unused)


@pytest.mark.parametrize("width", np.arange(20, 160, 5))
def test_sub_collimators_that_resolve_a_source_are_used(width):
    """The exact amplitudes of a wide source vanish at high frequencies."""
    assert not unused_points(visibilities_of_scene(ellipse(1, 10, 20, width, width, 0), POINTS), POINTS).any()


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("count", [1, 2])
def test_missing_points_are_found(name, count):
    """Rounding to single precision leaves amplitudes of up to 7e-6 of the mean at them."""
    visibilities, _ = observed(name)
    for first in range(24):
        missing = np.isin(np.arange(24), (first + 5 * np.arange(count)) % 24)
        found = np.where(missing, 7e-6 * np.abs(visibilities).mean(), visibilities)
        np.testing.assert_array_equal(missing_points(found, POINTS), missing)


@pytest.mark.parametrize("level", [0.0, 0.01, 0.1])
@pytest.mark.parametrize("width", [20, 50, 90, 150])
def test_measured_points_are_not_missing(width, level):
    """The exact amplitudes of a wide source vanish, and noise hardly ever makes one small."""
    for seed in range(20):
        scene = ellipse(1, 10, 20, width, width * (0.3 + 0.035 * seed), 0.3 * seed)
        visibilities, _ = with_noise(visibilities_of_scene(scene, POINTS), level, np.random.default_rng(seed))
        assert not missing_points(visibilities, POINTS).any()


@pytest.mark.parametrize("name", SCENES)
def test_weights_that_are_neither_natural_nor_uniform_are_found(name):
    for seed in range(5):
        visibilities, _ = observed(name, seed=seed)
        for power, others in ((0, False), (0.5, True), (1, False)):
            weights = POINTS.frequency**power
            seen = visibilities * weights / weights.mean()
            assert has_other_weights(seen, POINTS, GRID) == others
    assert not has_other_weights(np.zeros(24), POINTS, GRID)


def test_weights_that_emphasize_high_frequencies_more_than_uniform_ones_are_found():
    visibilities, _ = observed("double")
    assert has_other_weights(visibilities * POINTS.frequency**2 / 1e-4, POINTS, GRID)


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("seed", range(5))
def test_weighting_is_recognized(name, seed):
    visibilities, _ = observed(name, seed=seed)
    assert recognized_weighting(visibilities, POINTS, GRID) == ("natural", True)
    seen = visibilities * weights_of(POINTS, "uniform") / weights_of(POINTS)
    assert recognized_weighting(seen, POINTS, GRID)[0] == "uniform"


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("level", [0.02, 0.1])
def test_residual_maps_are_refused_and_back_projections_are_not(name, level):
    visibilities, error = observed(name, level)
    refuse_residual(visibilities, POINTS, GRID)
    residual = clean_visibilities(visibilities, POINTS, GRID, iterations=300, errors=np.full(24, error)).residual
    found, _ = invert_back_projection(residual, POINTS, GRID, weights_of(POINTS))
    with pytest.raises(ValueError, match=r"not the residual map.*outside of the image"):
        refuse_residual(found, POINTS, GRID)


def test_no_visibilities_are_natural():
    assert recognized_weighting(np.zeros(24), POINTS, GRID) == ("natural", True)
    refuse_residual(np.zeros(24), POINTS, GRID)
