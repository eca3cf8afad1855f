"""Checks of desaturated images: results of the package pass, and spoilt ones are flagged."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import sunpy.map

from sunpy_restore import desaturate, filled, load, report, save
from sunpy_restore.core.images.maps import with_data
from sunpy_restore.core.reports.report import Comparison
from sunpy_restore.data import sample_path
from sunpy_restore.desaturation.checks import checks
from sunpy_restore.desaturation.forward import FULL_WELL, fringes
from sunpy_restore.desaturation.fringes.psf import EUV_CHANNELS
from sunpy_restore.desaturation.observation import Observation


@pytest.fixture(scope="module")
def original():
    return sunpy.map.Map(sample_path("aia_193_flare"))


@pytest.fixture(scope="module")
def restored(original):
    return desaturate(original)


def flagged(restored, original, **options):
    return {check.name for check in report(restored, original, **options).flagged}


def in_core(restored, change):
    data = restored.data.astype(float)
    return with_data(restored, np.where(filled(restored), change(data), data))


@pytest.mark.parametrize("method", ["network", "diffraction"])
def test_the_sample_passes(original, restored, method, tmp_path):
    result = restored if method == "network" else desaturate(original, method=method)
    found = report(result, original)
    assert found.passed, found
    assert len(found) == 7
    save(result, tmp_path / "flare.fits")
    assert report(load(tmp_path / "flare.fits"), original) == found


def test_a_smooth_fill_lacks_charge(original):
    found = report(desaturate(original, method="biharmonic"), original)
    assert {check.name for check in found.flagged} == {"Charge in bloomed columns", "Fringe strength"}
    assert found["Charge in bloomed columns"].value < -20
    assert found["Fringe strength"].value > 1.25


SPOILT = {
    "brighter": lambda image: 1.03 * image,
    "moved by half a pixel": lambda image: ndimage.shift(image, (0, 0.5), mode="reflect"),
    "smoothed": lambda image: ndimage.gaussian_filter(image, 1),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_spoilt_images_are_flagged(original, restored, kind):
    spoilt = with_data(restored, SPOILT[kind](restored.data.astype(float)))
    assert "Observed pixels changed" in flagged(spoilt, original)


@given(place=st.integers(0, 39_000), change=st.sampled_from([1, -1, 1e-3, np.nan, np.inf]))
@settings(max_examples=10)
def test_any_changed_pixel_is_flagged(original, restored, place, change):
    y, x = np.argwhere(~filled(restored))[place]
    data = restored.data.astype(float)
    data[y, x] += change
    found = report(with_data(restored, data), original)
    assert found["Observed pixels changed"].value == 1
    assert not found.passed


@given(factor=st.floats(0.3, 3).filter(lambda factor: abs(factor - 1) > 0.011))
@settings(max_examples=10)
def test_other_light_in_a_bloomed_core_is_flagged(original, restored, factor):
    found = report(in_core(restored, lambda image: factor * image), original)
    assert not found["Charge in bloomed columns"].passed
    assert found["Charge in bloomed columns"].value == pytest.approx(100 * (factor - 1), abs=1e-3)
    assert found["Lowest value in the saturated core"].passed == (factor > 1)


def test_light_at_the_wrong_place_is_flagged(original, restored):
    moved = in_core(restored, lambda image: ndimage.shift(image, (0, 12), mode="nearest"))
    assert "Charge in bloomed columns" in flagged(moved, original)


def test_another_diffraction_pattern_is_flagged(original):
    other = sunpy.map.Map(original.data, {**original.meta, "wavelnth": 304})
    assert flagged(desaturate(other), other) == {"Fringe residual", "Fringe strength"}


@pytest.mark.parametrize("channel", EUV_CHANNELS)
def test_true_cores_pass(channel):
    """Simulated flares with known cores, on the sample without a flare."""
    rng = np.random.default_rng(channel)
    corona = sunpy.map.Map(sample_path("aia_171_quiet")).data.astype(float)
    y, x = np.indices(corona.shape)
    core = np.zeros(corona.shape)
    for _ in range(rng.integers(1, 4)):
        row, column = rng.uniform(90, 166, 2)
        width, peak = rng.uniform(1.5, 4), rng.uniform(1.2, 8) * FULL_WELL
        core += peak * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * width**2))
    truth = corona + core + fringes(core, channel)
    truth = rng.normal(truth, 0.8 * np.sqrt(np.maximum(truth, 1)))
    mask = ndimage.binary_dilation(truth > FULL_WELL, iterations=2)
    full = truth > FULL_WELL
    observation = Observation(
        image=np.minimum(truth, FULL_WELL), mask=mask, channel=channel, saturated=full, primary=full, level=FULL_WELL
    )
    found = checks(Comparison(observation=observation, restored=truth, unit=None, filled=mask, meta={}))
    assert [check.name for check in found] == [
        "Lowest value in the saturated core",
        "Fringe residual",
        "Fringe strength",
    ]
    assert all(check.passed for check in found), found


def test_the_fill_of_a_given_mask_is_checked(original, restored):
    """The header records the mask; without a saturation level only the fringe residual is left."""
    mask = np.zeros(original.data.shape, dtype=bool)
    mask[90:110, 80:100] = True
    found = report(desaturate(original, mask=mask, method="biharmonic"), original)
    assert [check.name for check in found] == [
        "Pixels without a value",
        "Observed pixels changed",
        "Distance from good images",
        "Lowest value in the saturated core",
        "Charge in bloomed columns",
        "Fringe residual",
        "Fringe strength",
    ]
    assert [check.verdict for check in found][3:] == ["not checked", "not checked", "pass", "not checked"]
    assert found["Observed pixels changed"].passed
    other = sunpy.map.Map(original.data, {**original.meta, "wavelnth": 1600})
    unknown = report(desaturate(other, mask=mask, method="biharmonic"), other)
    assert len(unknown.not_checked) == 4
    assert not unknown.passed
    again = desaturate(original, mask=filled(restored), saturated=15_045)
    assert report(again, original, saturated=15_045)["Fringe strength"].verdict == "pass"


def test_pixels_are_compared_under_a_mask_of_the_map(original):
    masked = sunpy.map.Map(original.data, original.meta)
    masked.mask = np.zeros(original.data.shape, dtype=bool)
    masked.mask[5:20, 5:20] = True
    assert report(desaturate(masked, method="diffraction"), masked).passed
