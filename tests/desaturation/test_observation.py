"""Observations of AIA Maps: what is known about the saturation, and Maps that are refused before any work."""

from dataclasses import fields

import numpy as np
import pytest

from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.desaturation import observation
from sunpy_restore.desaturation.detection.saturation import find_saturation
from sunpy_restore.desaturation.observation import Observation

WELL = 16383.0


@pytest.fixture(scope="module")
def hole(flaring):
    mask = np.zeros(flaring.data.shape, dtype=bool)
    mask[92:118, 106:134] = True
    return mask


def test_saturation_is_found_without_a_mask(flaring):
    observed, saturation = Observation.from_map(flaring), find_saturation(flaring)
    for name in ("mask", "saturated", "primary", "level"):
        np.testing.assert_array_equal(getattr(observed, name), getattr(saturation, name))
    assert observed.channel == 193
    assert observed.nothing_to_do is None


def test_saturation_is_unknown_for_a_given_mask(flaring, hole):
    with pytest.warns(RestoreWarning, match="masked pixels have the value of saturated ones"):
        observed = Observation.from_map(flaring, mask=hole)
    assert (observed.saturated, observed.primary, observed.level, observed.channel) == (None, None, None, 193)
    np.testing.assert_array_equal(observed.mask, hole)


def test_saturation_level_told_by_the_user(make_map, flaring, hole):
    level = flaring.data.max()
    found = Observation.from_map(flaring, saturated=level)
    expected = Observation.from_map(flaring)
    np.testing.assert_array_equal(found.saturated, flaring.data >= level)
    assert found.level == level
    assert (found.mask & ~expected.mask).sum() == 0
    observed = Observation.from_map(flaring, mask=hole, saturated=level)
    np.testing.assert_array_equal(observed.mask, hole)
    np.testing.assert_array_equal(observed.saturated, hole & (flaring.data >= level))
    assert not (observed.primary & ~observed.saturated).any()


def test_masked_pixels_without_a_number_count_as_saturated(make_map, flaring, hole):
    full = flaring.data >= flaring.data.max()
    blanked = make_map(np.where(full, np.nan, flaring.data))
    one, two = (Observation.from_map(smap, mask=hole, saturated=WELL) for smap in (flaring, blanked))
    np.testing.assert_array_equal(one.saturated, two.saturated)
    np.testing.assert_array_equal(one.primary, two.primary)


def test_display_images_saturate_at_a_told_level(make_map, flaring):
    display = make_map((255 * np.sqrt(flaring.data.clip(0) / WELL)).astype(np.uint8))
    with pytest.warns(RestoreWarning, match=r"8-bit one for display.*are not proportional to a flux"):
        observed = Observation.from_map(display, saturated=255)
    assert observed.channel is None
    np.testing.assert_array_equal(observed.primary, display.data == 255)
    assert observed.mask.sum() > observed.saturated.sum() > 10


@pytest.mark.filterwarnings("ignore:The image has the values of an 8-bit one")
def test_interpolation_makes_no_counts_of_a_display_image(make_map, flaring):
    display = np.clip(255 * np.sqrt(flaring.data.clip(0) / WELL), 0, 255).round()
    between = make_map((display[:-1] + 2 * display[1:]) / 3)
    assert len(np.unique(between.data)) > 256
    observed = Observation.from_map(between, saturated=255)
    assert observed.channel is None
    np.testing.assert_array_equal(observed.primary, observed.saturated)


def test_impossible_saturation_levels_are_refused(flaring, hole):
    for level in (0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="expected a positive number"):
            Observation.check(flaring, saturated=level)
    for level in ("16383", True, [1.0]):
        with pytest.raises(TypeError, match="expected a number"):
            Observation.check(flaring, saturated=level)
    with pytest.raises(ValueError, match="all masked pixels are fainter"):
        Observation.check(flaring, mask=hole, saturated=2 * WELL)


def test_simulated_exposures_are_observed_as_their_maps_are(make_map, make_flare):
    image, _ = make_flare(seed=2)
    one, two = Observation.from_exposure(image, 193), Observation.from_map(make_map(image))
    for field in fields(Observation):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(two, field.name))


def test_diffraction_pattern_is_known_for_counts_only(make_map, flaring, hole):
    assert Observation.from_map(make_map(flaring.data, WAVELNTH=1600)).channel is None
    display = make_map((255 * np.sqrt(flaring.data.clip(0) / WELL)).astype(np.uint8))
    assert Observation.from_map(display, mask=hole).channel is None


def test_faint_counts_with_a_saturation_level_are_no_display_image(make_map, flaring, hole):
    smap = make_map(np.minimum(np.round(flaring.data / 200) * 200, WELL))
    assert len(np.unique(smap.data)) < 256
    assert Observation.from_map(smap).channel == 193
    assert Observation.from_map(smap, mask=hole).channel is None


def test_maps_are_refused_before_saturation_is_found(make_map, flaring, hole, monkeypatch):
    monkeypatch.setattr(observation, "find_saturation", None)
    assert Observation.check(flaring) is None
    assert Observation.check(flaring, mask=hole) is None
    with pytest.raises(TypeError, match="expected an AIAMap"):
        Observation.check(make_map(flaring.data, INSTRUME="HMI_SIDE1"))
    with pytest.raises(ValueError, match="8-bit data"):
        Observation.check(make_map(flaring.data.astype(np.uint8)))
    with pytest.raises(ValueError, match="exposure time"):
        Observation.check(make_map(flaring.data, BUNIT="DN / s", EXPTIME=0.0))
    with pytest.raises(TypeError, match="expected a boolean one"):
        Observation.check(flaring, mask=hole.astype(int))
    with pytest.raises(ValueError, match=r"\(240, 220\)"):
        Observation.check(flaring, mask=hole.T)


def test_image_is_not_copied_or_changed_without_need(flaring):
    before = flaring.data.copy()
    observed = Observation.from_map(flaring)
    assert observed.image is flaring.data
    assert observed.harmonic_fill is not flaring.data
    np.testing.assert_array_equal(flaring.data, before)


def test_charge_of_columns_that_the_edge_cuts_is_not_used(make_map):
    data = np.full((60, 40), 500.0)
    data[:20, 10:14] = WELL
    data[30:45, 25:28] = WELL
    with pytest.warns(RestoreWarning, match="at the edge"):
        observed = Observation.from_map(make_map(data))
    expected = np.zeros(data.shape, dtype=bool)
    expected[30:45, 25:28] = True
    np.testing.assert_array_equal(observed.enclosed, expected)
    np.testing.assert_array_equal(observed.saturated, data == WELL)
