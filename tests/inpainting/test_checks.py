"""Checks of inpainted images: results of the package pass, and spoilt ones are flagged."""

import copy

import numpy as np
import pytest
from scipy import ndimage

import astropy.units as u

import sunpy.map

from sunpy_restore import filled, inpaint, load, report, save
from sunpy_restore.core.images.maps import with_data
from sunpy_restore.data import sample_path
from sunpy_restore.inpainting.checks import border_step, profile_difference
from sunpy_restore.inpainting.forward import draw_losses


@pytest.fixture(scope="module")
def original():
    """The sample is complete; blocks are removed from it."""
    smap = sunpy.map.Map(sample_path("lasco_c3_cme"))
    smap.data[draw_losses(smap.data.shape, np.random.default_rng(1), 0.002)] = 0
    return smap


@pytest.fixture(scope="module")
def restored(original):
    return inpaint(original)


def in_holes(restored, change):
    data = restored.data.astype(float)
    return with_data(restored, np.where(filled(restored), change(data), data))


def flagged(restored, original):
    return {check.name for check in report(restored, original).flagged}


def test_the_sample_passes(original, restored, tmp_path):
    found = report(restored, original)
    assert found.passed, found
    expected = ["Distance from good images", "Guessed pixels", "Widest hole", "Border step", "Radial profile"]
    assert [check.name for check in found][2:] == expected
    save(restored, tmp_path / "filled.fits")
    assert report(load(tmp_path / "filled.fits"), original) == found


@pytest.mark.parametrize(
    "change",
    [
        lambda image: 1.03 * image,
        lambda image: ndimage.shift(image, (0, 0.5), mode="reflect"),
        lambda image: ndimage.gaussian_filter(image, 1),
    ],
    ids=["brighter", "moved by half a pixel", "smoothed"],
)
def test_spoilt_images_are_flagged(original, restored, change):
    assert "Observed pixels changed" in flagged(with_data(restored, change(restored.data.astype(float))), original)


@pytest.mark.parametrize("factor", [0.97, 1.03])
def test_another_brightness_in_the_holes_is_flagged(original, restored, factor):
    assert "Border step" in flagged(in_holes(restored, lambda image: factor * image), original)


def test_a_wrong_profile_is_flagged(original, restored):
    """A gradient that vanishes at the border of the holes."""
    depth = ndimage.distance_transform_edt(filled(restored))
    found = flagged(in_holes(restored, lambda image: image * (1 + 0.02 * np.clip(depth - 1, 0, 5))), original)
    assert found == {"Radial profile"}


def test_one_changed_pixel_is_flagged(original, restored):
    data = restored.data.copy()
    data[700, 300] += 1
    assert flagged(with_data(restored, data), original) == {"Observed pixels changed"}


def test_given_masks_and_small_parts_are_checked(original):
    part = original.submap([480, 800] * u.pix, width=79 * u.pix, height=79 * u.pix)
    mask = np.zeros(part.data.shape, dtype=bool)
    mask[30:50, 30:50] = True
    found = report(inpaint(part, mask=mask, method="harmonic"), part)
    assert found["Observed pixels changed"].passed
    assert found["Border step"].passed


@pytest.mark.filterwarnings("ignore:.*little more than a guess")
@pytest.mark.parametrize(("rows", "passed"), [(8, True), (10, False)])
def test_holes_wider_than_in_the_calibration_are_flagged(original, rows, passed):
    part = original.submap([624, 600] * u.pix, width=383 * u.pix, height=399 * u.pix)
    mask = np.zeros(part.data.shape, dtype=bool)
    mask[32 : 32 * (rows + 1)] = True
    check = report(inpaint(part, mask=mask, method="harmonic"), part)["Widest hole"]
    assert (check.value, check.passed) == (rows, passed)


def test_small_holes_are_not_checked(original):
    mask = np.zeros(original.data.shape, dtype=bool)
    mask[800:802, 500:502] = True
    found = report(inpaint(original, mask=mask, method="harmonic"), original)
    assert [check.name for check in found.not_checked] == ["Border step", "Radial profile"]
    assert not found.passed
    assert not found.flagged


def test_the_measures_are_those_of_made_up_steps():
    rng = np.random.default_rng(0)
    deviation = rng.normal(size=(200, 200))
    hole = np.zeros((200, 200), dtype=bool)
    hole[40:80, 60:100] = hole[120:150, 30:60] = True
    everywhere = np.ones_like(hole)
    center = (100.0, -50.0)
    for step in (0, 0.5, -1.5):
        image = copy.copy(deviation)
        image[hole] += step
        assert border_step(image, hole, everywhere & ~hole) == pytest.approx(abs(step), abs=0.25)
        assert profile_difference(image, hole, everywhere & ~hole, center) == pytest.approx(abs(step), abs=0.25)
    assert border_step(deviation, hole & False, everywhere) is None
    assert profile_difference(deviation, hole & False, everywhere, center) is None
