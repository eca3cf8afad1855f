"""Tests of the (u, v) points of STIX: published resolutions, and stixpy."""

import warnings
from itertools import pairwise

import numpy as np
import pytest

from sunpy_restore.backprojection.fitting.scenes import ellipse, joined, point, visibilities_of_scene
from sunpy_restore.backprojection.visibilities.fourier import Grid, back_projection, weights_of
from sunpy_restore.backprojection.visibilities.uvplane import SUBCOLLIMATORS, stix_uv, subcollimators_of

ALL = stix_uv(range(1, 11))
SCENE = joined([point(2, 20, -15), ellipse(5, -22, 8, 30, 14, 0.7)])


def rotated(scene, angle):
    """The scene in axes rotated by an angle."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return scene._replace(
        x=cosine * scene.x + sine * scene.y, y=cosine * scene.y - sine * scene.x, angle=scene.angle - angle
    )


def test_resolutions_are_those_published():
    """The resolution is half the period; that of the coarsest grids is up to 5 % off."""
    found = 1 / (2 * ALL.frequency).reshape(10, 3)
    expected = np.array([7.1, 10.2, 14.6, 20.9, 29.8, 42.7, 61.0, 87.3, 124.9, 178.6])
    np.testing.assert_allclose(found, expected[:, np.newaxis] * np.ones(3), rtol=0.05)
    np.testing.assert_allclose(found.mean(axis=1), expected, rtol=0.03)


def test_orientations_are_60_degrees_apart():
    angles = np.degrees(np.arctan2(ALL.v, ALL.u)).reshape(10, 3) % 180
    for one in np.sort(angles, axis=1):
        np.testing.assert_allclose([b - a for a, b in pairwise([*one, one[0] + 180])], 60, atol=6)


def test_labels_and_order_of_the_points():
    assert ALL.labels == tuple(f"{number}{letter}" for number in range(1, 11) for letter in "abc")
    assert tuple(SUBCOLLIMATORS) == tuple(range(3, 11))
    assert stix_uv().labels == ALL.labels[6:]
    assert stix_uv([9, 4]).labels == ("9a", "9b", "9c", "4a", "4b", "4c")
    assert stix_uv(number for number in (2, 1)).labels == (*ALL.labels[3:6], *ALL.labels[:3])
    chosen = stix_uv([9, 4])
    np.testing.assert_array_equal(chosen.u, ALL.u[[24, 25, 26, 9, 10, 11]])
    np.testing.assert_array_equal(chosen.v, ALL.v[[24, 25, 26, 9, 10, 11]])


def test_changing_the_points_does_not_change_those_of_the_next_call():
    stix_uv().u[:] = 0
    assert stix_uv().u.all()


@pytest.mark.parametrize("numbers", [[], [0], [11], [3, 3], [3, 4.5], np.arange(5, 12)])
def test_unknown_and_repeated_sub_collimators_are_refused(numbers):
    with pytest.raises(ValueError, match=r"sub-collimators \[[\d., ]*\]; expected different numbers from 1 to 10"):
        stix_uv(numbers)


def test_points_are_those_of_stixpy():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        visibility = pytest.importorskip("stixpy.calibration.visibility")
        theirs = visibility.get_uv_points_data()
    places = [[str(label).strip() for label in theirs["label"]].index(label) for label in ALL.labels]
    for ours, other in ((ALL.u, theirs["u"]), (ALL.v, theirs["v"])):
        np.testing.assert_allclose(ours, other.to_value("1/arcsec")[places], atol=1e-8)


@pytest.mark.parametrize("angle", [0, 0.4, -2.0, np.pi / 2, 7.0])
def test_rotated_points_have_the_visibilities_of_the_scene_in_rotated_axes(angle):
    points = ALL.rotated(angle)
    np.testing.assert_allclose(points.frequency, ALL.frequency, rtol=1e-12)
    assert points.labels == ALL.labels
    np.testing.assert_allclose(
        visibilities_of_scene(rotated(SCENE, angle), points), visibilities_of_scene(SCENE, ALL), atol=1e-12
    )
    back = points.rotated(-angle)
    np.testing.assert_allclose([back.u, back.v], [ALL.u, ALL.v], atol=1e-15)


def test_back_projection_in_rotated_axes_is_the_rotated_back_projection():
    found, grid = visibilities_of_scene(SCENE, ALL), Grid((20, 20), (4.0, 4.0))
    image = back_projection(found, ALL, grid, weights_of(ALL))
    # The x axis of the new frame is the y axis of the old one: row y, column x of the result is row x, column -y
    found = back_projection(found, ALL.rotated(np.pi / 2), grid, weights_of(ALL))
    np.testing.assert_allclose(found, np.rot90(image), atol=1e-12)
    assert np.abs(found - np.rot90(image, -1)).max() > 0.1


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("3-10", [3, 4, 5, 6, 7, 8, 9, 10]), ("3,4,7", [3, 4, 7]), ("9", [9]), ("1-2, 5, 7 - 8", [1, 2, 5, 7, 8])],
)
def test_numbers_and_ranges_are_parsed(text, numbers):
    assert subcollimators_of(text) == numbers
    assert stix_uv(subcollimators_of(text)).subcollimators.tolist() == [n for n in numbers for _ in "abc"]


@pytest.mark.parametrize("text", ["", "3,", "a", "3-", "-3", "10-3", "0-3", "3-11", "3-9999999999", "3--5", "3.5", "²"])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match=r"expected numbers from 1 to 10 .*Write 3-10 or 3,4,7"):
        subcollimators_of(text)
