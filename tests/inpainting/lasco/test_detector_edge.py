"""The outermost rows and columns of the detector: measured ratios, and holes that reach the edge of the frame."""

from dataclasses import replace

import numpy as np
import pytest

import astropy.units as u

from sunpy_restore.core.restoration.methods import load_method, restore_observation
from sunpy_restore.inpainting.lasco.detector_edge import (
    BORDER,
    detector_sides,
    edge_response,
    flat_field_without_edge,
    unusual,
    without_response,
)
from sunpy_restore.inpainting.lasco.header import check_lasco
from sunpy_restore.inpainting.observation import Observation
from sunpy_restore.inpainting.task import TASK

SIDE, CENTER, BIAS = 1024, (511.6, 504.3), 620.0
PLACES = (np.s_[:32, 256:320], np.s_[480:544, 992:], np.s_[640:672, :32], np.s_[992:, 480:512])


def corona(noise=0.01, seed=0):
    y, x = np.indices((SIDE, SIDE))
    image = 2e7 / np.maximum(np.hypot(x - CENTER[0], y - CENTER[1]), 100) ** 1.4
    return image * np.random.default_rng(seed).normal(1, noise, image.shape)


def response(dim=0.015):
    """That of a C2 frame: bright rows, a dark column, and a peak in the top row."""
    factors, x = np.ones((SIDE, SIDE)), np.arange(SIDE)
    factors[0] *= 2.4 + 0.2 * np.cos(x / 200)
    factors[1] *= 1.06
    factors[-1] *= 2.4 + 0.6 * np.exp(-0.5 * ((x - 500) / 60) ** 2)
    factors[:, 0] *= dim
    factors[:, -1] *= 0.96
    return factors


def observe(**changes):
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    for place in PLACES:
        mask[place] = True
    truth = BIAS + corona() * response()
    parts = {"image": np.where(mask, 0, truth), "mask": mask, "unobserved": np.zeros_like(mask), "bias": BIAS}
    return Observation(**parts | {"center": CENTER, "detector": "C2"} | changes), truth


def test_ratios_are_measured_beside_the_holes():
    observation, _ = observe()
    found = observation.edge_response
    assert (found[BORDER:-BORDER, BORDER:-BORDER] == 1).all()
    edges = np.ones_like(observation.mask)
    edges[BORDER:-BORDER, BORDER:-BORDER] = False
    np.testing.assert_allclose(found[edges], response()[edges], rtol=0.08, atol=0.01)
    assert not unusual(found)[BORDER:-BORDER].any() or unusual(found)[BORDER:-BORDER, 1:].sum() == 0
    assert unusual(found)[[0, -1]].all()


@pytest.mark.parametrize("method", ["harmonic", "biharmonic", "radial"])
def test_holes_at_the_edge_of_the_frame_have_its_response(method):
    observation, truth = observe()
    found = restore_observation(observation, load_method(TASK, method)).data
    for place in PLACES:
        relative = (found - truth)[place] / np.median(truth[place] - BIAS)
        assert np.sqrt(np.mean(relative**2)) < 0.03
    np.testing.assert_array_equal(found[~observation.mask], observation.image[~observation.mask])


def test_the_network_uses_the_response_of_the_edge_once_though_the_flat_field_contains_it():
    vignetting = np.linspace(-0.2, 0.2, SIDE)[:, np.newaxis]
    flat_field = (vignetting + np.log(1.2 * response(dim=0.3))).astype(np.float32)
    observation, _ = observe(detector="C3", flat_field=flat_field)
    truth = BIAS + corona() * np.exp(vignetting) * response(dim=0.3)
    observation = replace(observation, image=np.where(observation.mask, 0, truth))
    found = restore_observation(observation, load_method(TASK, "network")).data
    for place in PLACES:
        relative = (found - truth)[place] / (truth[place] - BIAS)
        assert np.sqrt(np.mean(relative**2)) < 0.05
        assert np.abs(relative).max() < 0.3


def test_the_flat_field_keeps_the_edge_that_no_response_is_measured_for():
    flat_field, factors = np.arange(SIDE * SIDE, dtype=float).reshape(SIDE, SIDE), np.ones((SIDE, SIDE))
    factors[0] = 2.4
    found = flat_field_without_edge(flat_field, factors)
    np.testing.assert_array_equal(found[0, BORDER:-BORDER], flat_field[BORDER, BORDER:-BORDER])
    np.testing.assert_array_equal(found[1:], flat_field[1:])
    # In a cutout, the first row may be the only one at the border
    found = flat_field_without_edge(flat_field, factors, sides=(True, False, False, False))
    np.testing.assert_array_equal(found[0], flat_field[BORDER])
    assert flat_field_without_edge(flat_field, None) is flat_field
    assert flat_field_without_edge(None, factors) is None


CUTOUTS = {
    (0, 0): (True, False, False, True),
    (0, 424): (False, False, True, True),
    (324, 424): (False, True, True, False),
    (160, 200): (False, False, False, False),
}


@pytest.mark.parametrize(("corner", "sides"), CUTOUTS.items())
def test_sides_of_cutouts_at_the_border_of_the_detector(corner, sides, make_lasco):
    smap = make_lasco("C2").submap(corner * u.pix, top_right=(corner[0] + 699, corner[1] + 599) * u.pix)
    assert smap.data.shape == (600, 700)
    lasco = check_lasco(smap)
    assert detector_sides(smap.data.shape, lasco, smap.data == 0) == sides
    assert detector_sides(smap.data.shape, replace(lasco, turn=30.0)) == (False,) * 4


@pytest.mark.parametrize("turn", [0.0, 180.0])
def test_all_sides_of_full_frames_are_at_the_border(turn, make_lasco):
    smap = make_lasco("C3", binning=2)
    assert detector_sides(smap.data.shape, replace(check_lasco(smap), turn=turn)) == (True,) * 4


@pytest.mark.parametrize("method", ["harmonic", "radial"])
def test_holes_of_cutouts_at_the_edge_of_the_frame_have_its_response(method, make_lasco):
    counts = BIAS + 0.1 * corona() * response()
    complete = make_lasco("C2", data=counts, offset=BIAS).submap((100, 500) * u.pix, top_right=(899, 1023) * u.pix)
    hole = np.zeros(complete.data.shape, dtype=bool)
    hole[-32:, 380:412] = True
    observation = Observation.from_map(complete, mask=hole)
    found = restore_observation(observation, load_method(TASK, method)).data
    relative = (found - complete.data)[hole] / np.median(complete.data[hole] - BIAS)
    assert np.sqrt(np.mean(relative**2)) < 0.03


def test_rows_that_are_lost_as_a_whole_and_difference_images_have_no_response():
    known = np.ones((SIDE, SIDE), dtype=bool)
    known[:32] = False
    found = edge_response(corona() * response(), known)
    assert (found[:BORDER, BORDER:-BORDER] == 1).all()
    assert np.median(found[-1]) > 2
    difference = np.random.default_rng(1).normal(0, 10, (SIDE, SIDE))
    assert edge_response(difference, np.ones_like(known)) is None


@pytest.mark.parametrize("changes", [{"level": 1.0}, {"binning": 2}])
def test_level_1_and_cutouts_have_no_response(changes):
    observation, _ = observe(**changes)
    assert observation.edge_response is None
    assert observation.without_edge_response(observation.image) is observation.image


def test_frames_that_were_summed_on_board_have_fewer_outer_rows():
    image = (corona() * response()).reshape(512, 2, 512, 2).sum(axis=(1, 3))
    found = edge_response(image, np.ones(image.shape, dtype=bool), binning=2)
    inner = np.s_[3:-3, 3:-3]
    assert (found[inner] == 1).all()
    assert np.median(found[0]) == pytest.approx((np.median(response()[0]) + 1.06) / 2, rel=0.05)


def test_division_and_bias():
    image, factors = BIAS + corona() * response(), response(dim=0.5)
    found = without_response(image, factors, BIAS)
    np.testing.assert_allclose(found[:, 1:], (BIAS + corona())[:, 1:])
    assert without_response(image, None) is image


def test_neighbours_tell_nothing_about_the_outermost_pixels():
    observation, _ = observe(neighbours=BIAS + corona())
    found = observation.without_outliers.neighbours
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[BORDER:-BORDER, BORDER:-BORDER]).all()
