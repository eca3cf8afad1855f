"""Tests of the search for unused sub-collimators."""

import numpy as np
import pytest

from sunpy_restore.backprojection.inversion import without_unused
from sunpy_restore.backprojection.scenes import visibilities_of_scene
from sunpy_restore.backprojection.uvplane import stix_uv

POINTS = stix_uv()


@pytest.fixture(scope="module")
def truth(scene):
    return visibilities_of_scene(scene, POINTS)


def test_used_sub_collimators_are_kept(truth):
    visibilities, points = without_unused(truth, POINTS)
    assert points.labels == POINTS.labels
    np.testing.assert_array_equal(visibilities, truth)


def test_one_visibility_of_a_sub_collimator_is_enough(truth):
    fourth = POINTS.subcollimators == 4
    one = np.where(fourth, 0, truth)
    one[np.flatnonzero(fourth)[1]] = np.abs(truth).max() / 50
    assert without_unused(one, POINTS)[1].labels == POINTS.labels


def test_unused_sub_collimators_are_left_out_and_the_mean_is_rescaled(truth):
    fourth = POINTS.subcollimators == 4
    visibilities, points = without_unused(np.where(fourth, 0, truth), POINTS)
    assert set(POINTS.labels) - set(points.labels) == {"4a", "4b", "4c"}
    np.testing.assert_allclose(visibilities, truth[~fourth] * 21 / 24, rtol=1e-12)
