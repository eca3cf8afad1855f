"""Exposure times, scaled images and pixel scales: what is not credible is refused, and what the user says counts."""

import warnings

import numpy as np
import pytest

import astropy.units as u

import sunpy.map

from sunpy_restore import desaturate
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.data import sample_path
from sunpy_restore.desaturation.detection.exposure import exposures_for
from sunpy_restore.desaturation.detection.saturation import find_saturation
from sunpy_restore.desaturation.observation import Observation


@pytest.fixture(scope="module")
def counts():
    return sunpy.map.Map(sample_path("aia_193_flare"))


@pytest.fixture
def rate(counts):
    """``rate(**header)``: the flare in DN/s, with changes of the header; `None` omits a keyword."""

    def make(**changes):
        seconds = counts.exposure_time.to_value(u.s)
        cards = dict(counts.meta) | {"bunit": "DN / s"} | changes
        return sunpy.map.Map(counts.data / seconds, {key: value for key, value in cards.items() if value is not None})

    return make


@pytest.mark.parametrize("commanded", [None, 2000])
@pytest.mark.parametrize("unit", ["DN / s", "ct / s"])
def test_a_rate_with_an_exposure_time_of_one_second_is_refused(rate, unit, commanded):
    smap = rate(exptime=1.0, bunit=unit, aimgshce=commanded)
    with pytest.raises(ValueError, match=r"EXPTIME = 1 s.*Pass exposure= in seconds"):
        desaturate(smap, method="biharmonic")
    with pytest.raises(ValueError, match="EXPTIME = 1 s"):
        find_saturation(smap)


@pytest.mark.parametrize("seconds", [0.25, 2.9, 4.0])
def test_a_rate_whose_exposure_time_contradicts_the_commanded_one_is_refused(rate, seconds):
    with pytest.raises(ValueError, match="AIMGSHCE = 2000 ms"):
        desaturate(rate(exptime=seconds), method="biharmonic")


@pytest.mark.parametrize("exposure", ["seconds", "quantity", "milliseconds"])
def test_the_exposure_time_of_the_user_counts(counts, rate, exposure):
    seconds = counts.exposure_time.to_value(u.s)
    value = {"seconds": seconds, "quantity": seconds * u.s, "milliseconds": 1000 * seconds * u.ms}[exposure]
    expected = desaturate(counts, method="biharmonic")
    result = desaturate(rate(exptime=1.0), method="biharmonic", exposure=value)
    np.testing.assert_allclose(result.data * seconds, expected.data, rtol=1e-5)


def test_an_exposure_time_of_one_second_that_was_commanded_is_accepted(counts):
    seconds = counts.exposure_time.to_value(u.s)
    cards = dict(counts.meta) | {"bunit": "DN / s", "exptime": 1.0, "aimgshce": 1000}
    found = find_saturation(sunpy.map.Map(counts.data, cards))
    np.testing.assert_array_equal(found.mask, find_saturation(counts).mask)
    assert seconds == pytest.approx(2, rel=1e-3)


def test_one_exposure_time_per_image(counts, rate):
    seconds = counts.exposure_time.to_value(u.s)
    short = sunpy.map.Map(counts.data / 0.5, dict(counts.meta) | {"bunit": "DN / s", "exptime": 1.0, "aimgshce": 500})
    first, second = desaturate([rate(exptime=1.0), short], method="biharmonic", exposure=[seconds, 0.5 * u.s])
    np.testing.assert_allclose(first.data * seconds, second.data * 0.5, rtol=1e-5)


def test_exposure_times_are_checked(counts):
    with pytest.raises(ValueError, match="Found 2 exposure times for 1 images"):
        exposures_for([counts], [1.0, 2.0])
    for value in ("2", True, 2 * u.m, [1, 2] * u.s * 1j):
        with pytest.raises((TypeError, ValueError)):
            exposures_for([counts], value)
    for value in (0, -1.0, np.nan, np.inf * u.s):
        with pytest.raises(ValueError, match="positive time"):
            exposures_for([counts], value)
    assert exposures_for([counts] * 2, [1, 2] * u.ms) == [0.001, 0.002]
    assert exposures_for([counts] * 2, None) == [None, None]


def test_counts_need_no_exposure_time(counts):
    with pytest.raises(ValueError, match="expected it for images in DN / s only"):
        desaturate(counts, method="biharmonic", exposure=2.0)


def test_counts_that_may_be_a_rate(counts):
    seconds = counts.exposure_time.to_value(u.s)
    cards = dict(counts.meta) | {"exptime": 1.0}
    with pytest.raises(ValueError, match=r"in DN with EXPTIME = 1 s, but AIMGSHCE = 2000 ms"):
        find_saturation(sunpy.map.Map(counts.data / seconds, cards))
    del cards["aimgshce"]
    with pytest.warns(RestoreWarning, match="EXPTIME = 1 s exactly"):
        find_saturation(sunpy.map.Map(counts.data / seconds, cards))


def test_a_mask_needs_no_exposure_time(rate):
    smap = rate(exptime=1.0)
    mask = np.zeros(smap.data.shape, dtype=bool)
    mask[50:60, 50:60] = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        desaturate(smap, mask=mask, method="biharmonic")
        desaturate(smap, saturated=float(smap.data.max()), excess="bloomed", method="biharmonic")


@pytest.mark.parametrize("factor", [1.9, 2.1, 2.3, 2.5])
def test_bright_loops_of_a_scaled_image_are_not_saturated(factor):
    quiet = sunpy.map.Map(sample_path("aia_171_quiet"))
    assert not find_saturation(sunpy.map.Map(quiet.data * np.float32(factor), quiet.meta)).mask.any()


@pytest.mark.parametrize("factor", [3, 4.5, 20])
def test_scaled_images_are_refused(factor):
    quiet = sunpy.map.Map(sample_path("aia_171_quiet"))
    scaled = sunpy.map.Map(quiet.data * np.float32(factor), quiet.meta)
    with pytest.raises(ValueError, match=r"full well of 16383 DN.*corrected for degradation"):
        desaturate(scaled, method="biharmonic")
    with pytest.raises(ValueError, match="full well of 16383 DN"):
        find_saturation(scaled)


def test_spikes_and_masked_values_above_the_full_well_are_no_scaling():
    quiet = sunpy.map.Map(sample_path("aia_171_quiet"))
    data, mask = quiet.data.astype(float), np.zeros(quiet.data.shape, dtype=bool)
    data[20, 30] = data[90, 10] = 1e5
    data[40:44, 40:44], mask[40:44, 40:44] = 1e6, True
    assert not find_saturation(sunpy.map.Map(data, quiet.meta, mask=mask)).primary[~mask].any()


@pytest.mark.parametrize("factor", [0.5, 2, 4])
@pytest.mark.parametrize("given", ["nothing", "mask", "saturated"])
def test_binned_images_are_refused(counts, factor, given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shape = u.Quantity(counts.dimensions) / factor
        binned = counts.resample(shape) if factor < 1 else counts.superpixel([factor, factor] * u.pix)
    mask = np.zeros(binned.data.shape, dtype=bool)
    mask[5:9, 5:9] = True
    options = {"nothing": {}, "mask": {"mask": mask}, "saturated": {"saturated": 15000.0}}[given]
    with pytest.raises(ValueError, match=r"arcsec; expected 0.6 arcsec within 5 %"):
        desaturate(binned, method="biharmonic", **options)


@pytest.mark.parametrize("scale", [0.599, 0.6126])
def test_the_scales_of_all_cameras_are_accepted(counts, scale):
    find_saturation(sunpy.map.Map(counts.data, dict(counts.meta) | {"cdelt1": scale, "cdelt2": scale}))


@pytest.mark.parametrize("seconds", [0.5, 1.5])
def test_an_exposure_time_that_contradicts_the_commanded_one_is_used_with_a_warning(rate, seconds):
    with pytest.warns(RestoreWarning, match=f"exposure={seconds} s, but AIMGSHCE = 2000 ms"):
        find_saturation(rate(), exposure=seconds)


@pytest.mark.filterwarnings("ignore:Could not parse unit string")
@pytest.mark.parametrize("unit", ["foo", "kDN", "electron"])
def test_a_unit_that_cannot_be_read_is_refused(counts, unit):
    smap = sunpy.map.Map(counts.data, dict(counts.meta) | {"bunit": unit})
    with pytest.raises(ValueError, match=f"BUNIT = '{unit}'.*expected DN or DN / s"):
        desaturate(smap, method="biharmonic")


@pytest.mark.parametrize("unit", ["DN", "ct", None])
def test_a_saturation_level_may_have_the_unit_of_the_image(make_map, flaring, unit):
    smap = make_map(flaring.data, bunit=unit)
    expected = Observation.from_map(smap, saturated=15000.0)
    for level in (15000 * u.DN, 15 * u.kct, np.float32(15000) * u.DN):
        found = Observation.from_map(smap, saturated=level)
        assert found.level == pytest.approx(15000)
        np.testing.assert_array_equal(found.mask, expected.mask)


def test_saturation_levels_with_another_unit_are_refused(counts, rate):
    for smap, level in (
        (counts, 15000 * u.DN / u.s),
        (rate(), 15000 * u.DN),
        (counts, 3 * u.s),
        (counts, 3 * u.one),
    ):
        with pytest.raises(ValueError, match="expected a level in this unit"):
            desaturate(smap, saturated=level, method="biharmonic")
    with pytest.raises(TypeError, match="or a Quantity"):
        desaturate(counts, saturated=[15000] * u.DN, method="biharmonic")
