"""Detection of saturated pixels, exact in simulated exposures, with an independent implementation of blooming."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, special

import astropy.units as u

import sunpy.map

from sunpy_restore import desaturate
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.data import sample_path
from sunpy_restore.desaturation.detection import blooming
from sunpy_restore.desaturation.detection.blooming import separate_blooming
from sunpy_restore.desaturation.detection.evidence import column_and_row_profiles, is_bloomed, log_odds
from sunpy_restore.desaturation.detection.plateau import find_plateau, with_margin
from sunpy_restore.desaturation.detection.saturation import channel_of, check_aia, find_saturation

WELL = 16383.0
SHAPE = (180, 120)


def aia_map(data, **header):
    """Map with an AIA header and the changes ``header``; `None` omits a keyword."""
    cards = {
        "INSTRUME": "AIA_2",
        "TELESCOP": "SDO/AIA",
        "WAVELNTH": 193,
        "WAVEUNIT": "angstrom",
        "PIXLUNIT": "DN",
        "EXPTIME": 2.0,
        "LVL_NUM": 1.0,
        "DATE-OBS": "2014-10-26T12:48:18",
        "CTYPE1": "HPLN-TAN",
        "CTYPE2": "HPLT-TAN",
        "CUNIT1": "arcsec",
        "CUNIT2": "arcsec",
        "CDELT1": 0.6,
        "CDELT2": 0.6,
    } | header
    return sunpy.map.Map(data, {key: value for key, value in cards.items() if value is not None})


def bloom(light, well=WELL):
    """Pixel by pixel, half of the excess charge moves up and half down, to the nearest pixels with room."""
    held = np.minimum(light, well)
    for row, column in np.argwhere(light > well):
        for step in (-1, 1):
            charge, place = (light[row, column] - well) / 2, row + step
            while charge > 0 and 0 <= place < len(held):
                taken = min(charge, well - held[place, column])
                held[place, column] += taken
                charge -= taken
                place += step
    return held


def _along(angle, shape=SHAPE):
    y, x = np.indices(shape) - np.reshape(shape, (2, 1, 1)) / 2 + np.reshape((0.3, 0.2), (2, 1, 1))
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return x * c + y * s, y * c - x * s


def gaussian(peak, length, width, angle=0):
    along, across = _along(angle)
    return peak * np.exp(-((along / length) ** 2 + (across / width) ** 2) / 2)


def ribbon(peak, half_length, width, angle):
    """Uniform along its length, smooth at its ends."""
    along, across = _along(angle)
    ends = [special.erf((along + sign * half_length) / width / np.sqrt(2)) for sign in (1, -1)]
    return peak * np.exp(-((across / width) ** 2) / 2) * (ends[0] - ends[1]) / 2


def corona(seed=0, shape=SHAPE):
    return 500 + 12000 * ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 4, mode="wrap") ** 2


def exposure(source, *, blooms=True, seed=0):
    """A noisy exposure, and the pixels whose light exceeds the full well; ``source`` in full wells."""
    light = corona(seed) + WELL * source
    light = light + np.sqrt(light) * np.random.default_rng(seed).standard_normal(light.shape)
    return (bloom(light) if blooms else np.minimum(light, WELL)), light >= WELL


SOURCES = {
    **{f"round {peak}": gaussian(peak, 3, 3) for peak in (1.3, 2, 5, 10, 20)},
    **{f"horizontal {peak}": gaussian(peak, 15, 3) for peak in (1.3, 3, 10)},
    **{f"oblique {peak}": gaussian(peak, 15, 3, 40) for peak in (1.3, 3, 10)},
    **{f"vertical {peak}": gaussian(peak, 8, 3, 90) for peak in (1.3, 3, 7)},
    "point 30": gaussian(30, 1.1, 1.1),
    "two": gaussian(4, 3, 3) + np.roll(gaussian(8, 2, 2), (30, 25), (0, 1)),
}
UNIFORM_RIBBONS = {
    f"{name} {peak}": ribbon(peak, 18, 2.5, angle)
    for name, angle in (("horizontal", 0), ("oblique", 20), ("vertical", 80))
    for peak in (2, 6)
}


def scores(source, **keywords):
    observed, lit = exposure(source, **keywords)
    saturated, level = find_plateau(observed)
    primary = separate_blooming(saturated, observed, level)
    right = (primary & lit).sum()
    return right / primary.sum(), right / lit.sum()


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("blooms", [True, False])
def test_saturated_pixels_are_found_exactly(name, blooms):
    observed, _ = exposure(SOURCES[name], blooms=blooms)
    found = find_saturation(aia_map(observed.astype(np.float32)))
    assert np.array_equal(found.saturated, observed >= WELL)
    assert np.array_equal(found.mask, with_margin(found.saturated))
    assert not (found.primary & found.blooming).any()
    assert found.level == pytest.approx(WELL)


@pytest.mark.parametrize("name", SOURCES)
def test_smooth_sources_are_separated_from_blooming(name):
    precision, recall = scores(SOURCES[name])
    assert precision > 0.9
    assert recall > 0.8


@pytest.mark.parametrize("name", UNIFORM_RIBBONS)
def test_ribbons_with_ends_are_separated_from_blooming(name):
    """Their profile along a column isn't the Gaussian that is assumed."""
    precision, recall = scores(UNIFORM_RIBBONS[name])
    assert precision > 0.9
    assert recall > 0.55


@pytest.mark.parametrize("name", [name for name in SOURCES if name != "two"])
def test_all_saturation_is_primary_without_blooming(name):
    assert scores(SOURCES[name], blooms=False) == (1, 1)


@given(
    peak=st.floats(1.2, 20),
    width=st.floats(1.2, 4),
    stretch=st.floats(1, 3),
    angle=st.floats(0, 180),
    blooms=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_every_run_of_saturated_pixels_has_primary_saturation(peak, width, stretch, angle, blooms, seed):
    observed, _ = exposure(gaussian(peak, stretch * width, width, angle), blooms=blooms, seed=seed)
    saturated, level = find_plateau(observed)
    primary = separate_blooming(saturated, observed, level)
    assert not (primary & ~saturated).any()
    runs = ndimage.label(saturated, [[0, 1, 0], [0, 1, 0], [0, 1, 0]])[0]
    assert np.isin(runs[saturated], runs[primary]).all()


# Uniform along most of its length: its width next to the patch is not that of its columns
WEAK = ribbon(1.3, 12, 2.5, 30) + np.roll(0.6 * ribbon(1.3, 9, 2, 40), (9, 3), (0, 1))


def registered(image):
    """As bilinear interpolation leaves an image that is shifted along both axes."""
    return ndimage.shift(image, (0.3, 0.4), order=1, mode="nearest")


def test_it_is_told_if_blooming_cannot_be_told_from_clipping():
    smap = aia_map(registered(exposure(WEAK)[0]).astype(np.float32))
    with pytest.warns(RestoreWarning, match=r"does not show clearly.*assumed to have been clipped.*excess='bloomed'"):
        assumed = find_saturation(smap)
    assert not assumed.blooming.any()
    # What the user tells is not overruled
    assert find_saturation(smap, excess="bloomed").blooming.any()
    assert not find_saturation(smap, excess="clipped").blooming.any()


@pytest.mark.filterwarnings("error:The light around")
@pytest.mark.parametrize("name", [name for name in SOURCES if "1.3" not in name and name not in ("two", "round 2")])
@pytest.mark.parametrize("change", [np.asarray, registered])
def test_blooming_that_is_clear_is_not_doubted(name, change):
    image = change(exposure(SOURCES[name])[0])
    saturated, level = find_plateau(image)
    separate_blooming(saturated, image, level, warn=True)


@pytest.mark.filterwarnings("error:The light around")
@pytest.mark.parametrize("sample", ["aia_193_flare", "aia_171_quiet"])
def test_samples_are_not_doubted(sample):
    find_saturation(sunpy.map.Map(sample_path(sample)))


@pytest.mark.filterwarnings("error:The light around")
@pytest.mark.parametrize("excess", ["bloomed", "clipped"])
def test_what_is_told_overrules_the_light(excess):
    image, _ = exposure(SOURCES["round 5"])
    saturated, level = find_plateau(image)
    primary = separate_blooming(saturated, image, level, excess)
    assert np.array_equal(primary, saturated) == (excess == "clipped")


def test_unknown_words_for_the_excess_are_refused():
    image, _ = exposure(SOURCES["round 5"])
    with pytest.raises(ValueError, match="Unknown excess 'lost'; expected 'bloomed' or 'clipped'"):
        find_saturation(aia_map(image.astype(np.float32)), excess="lost")
    with pytest.raises(ValueError, match="Unknown excess 'lost'"):
        desaturate(aia_map(image.astype(np.float32)), excess="lost")
    mask = image > WELL / 2
    with pytest.raises(ValueError, match=r"Found excess='bloomed' with a mask.*Pass saturated= as well"):
        desaturate(aia_map(image.astype(np.float32)), mask=mask, excess="bloomed")


def test_separation_commutes_with_cutouts_and_reflections():
    observed, _ = exposure(SOURCES["oblique 3"])
    saturated, level = find_plateau(observed)
    primary = separate_blooming(saturated, observed, level)
    for change in (np.flipud, np.fliplr, lambda image: image[20:-10, 7:-3]):
        assert np.array_equal(separate_blooming(change(saturated), change(observed), level), change(primary))
    assert np.array_equal(separate_blooming(saturated, 0.01 * observed, 0.01 * level), primary)


@given(
    seconds=st.floats(0.1, 2.9).filter(lambda seconds: seconds != 1),
    rate=st.booleans(),
    dtype=st.sampled_from(["f4", ">f4", ">f8", ">i2", "i4"]),
)
@settings(max_examples=30, deadline=None)
def test_full_well_refers_to_dn_per_exposure(seconds, rate, dtype):
    observed, _ = exposure(SOURCES["round 2"])
    observed = np.round(observed)
    unit, factor = ("DN / s", seconds) if rate else ("DN", 1)
    dtype = dtype.replace("i2", "f4").replace("i4", "f4") if rate else dtype
    smap = aia_map((observed / factor).astype(dtype), EXPTIME=seconds, PIXLUNIT=unit)
    found = find_saturation(smap)
    assert np.array_equal(found.saturated, observed >= WELL)
    assert found.level == pytest.approx(WELL / factor, rel=1e-6)


@pytest.mark.parametrize("seconds", [0.02, 0.5, 2.9])
def test_bright_pixels_are_not_saturated(seconds):
    """12500 DN is below the full well, and so is 20000 DN/s in a short exposure."""
    image = corona() + gaussian(11000, 4, 6, 30)
    found = find_saturation(aia_map(image / seconds, EXPTIME=seconds, PIXLUNIT="DN / s"))
    assert not found.mask.any()
    assert not found.saturated.any()
    assert found.level == pytest.approx(WELL / seconds)


@pytest.mark.parametrize("pixels", [[(40, 40)], [(40, 40), (41, 41)], [(40, 40), (80, 80), (120, 30), (20, 90)]])
def test_spikes_are_not_saturation(pixels):
    image = corona()
    image[tuple(np.transpose(pixels))] = WELL
    assert not find_saturation(aia_map(image)).mask.any()


@pytest.mark.filterwarnings("ignore:1 isolated pixels")
def test_spikes_next_to_a_saturated_core_are_not_saturation():
    observed, _ = exposure(SOURCES["round 5"])
    expected = observed >= WELL
    observed[20, 20] = WELL
    assert np.array_equal(find_saturation(aia_map(observed)).saturated, expected)


@pytest.mark.filterwarnings("ignore:The light around")
def test_isolated_pixels_at_the_full_well_are_told():
    observed, _ = exposure(SOURCES["round 5"])
    observed[20, 20] = WELL
    with pytest.warns(RestoreWarning, match=r"1 isolated pixels have the value of the \d+ saturated ones.*taken for"):
        find_saturation(aia_map(observed))


def plage(full_well=WELL, seed=0):
    """Bright plage whose peaks alone exceed the full well, in many patches of a few pixels; clipped at it."""
    light = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(SHAPE), 2)
    light = 9000 + 2500 * light / light.std()
    light = light + np.random.default_rng(seed + 1).standard_normal(SHAPE) * np.sqrt(light.clip(0))
    return np.round(np.minimum(light, full_well))


def test_saturated_pixels_of_the_sample():
    assert np.count_nonzero(find_saturation(sunpy.map.Map(sample_path("aia_193_flare"))).mask) == 566


@pytest.mark.filterwarnings("ignore:The light around", "ignore:.*isolated pixels")
@pytest.mark.parametrize("full_well", [16383, 15600, 15000])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_bright_plage_around_clipped_pixels_is_not_saturated(full_well, seed):
    image = plage(full_well, seed)
    found = find_saturation(aia_map(image))
    assert found.level == full_well
    full = image == full_well
    assert full.sum() > 10
    assert not (found.saturated & ~full).any()
    assert (full & ~found.mask).sum() < 5


@pytest.mark.filterwarnings("ignore:The light around")
def test_many_single_pixels_with_the_same_highest_value_are_saturated():
    image = corona()
    places = np.random.default_rng(0).permutation(SHAPE[0] * SHAPE[1])[:60]
    image.flat[places] = WELL
    assert find_saturation(aia_map(image)).saturated.sum() == 60


@pytest.mark.filterwarnings("ignore:The light around")
def test_core_within_bright_plage_is_found_after_flat_fielding():
    """The plage has more pixels than the core, and belongs to the same bright patch."""
    rng = np.random.default_rng(0)
    image = corona()
    image[60:110, 40:90] = 13000 + 300 * rng.standard_normal((50, 50))
    image[80:90, 60:70] = 16300
    flat = 1 + 0.01 * rng.standard_normal(SHAPE)
    found = find_saturation(aia_map(image * flat))
    assert found.saturated[80:90, 60:70].all()
    assert found.saturated.sum() < 110


def processed(observed, rng):
    """Flat field of 8 % across the image and 1 % from pixel to pixel, then rotated and shifted by cubic splines."""
    flat = 1.08 + 0.04 * np.linspace(-1, 1, SHAPE[1]) + 0.01 * rng.standard_normal(SHAPE)
    return ndimage.shift(observed / flat, (0.4, -0.3), order=3, mode="nearest")


@pytest.mark.parametrize("name", ["round 2", "round 10", "oblique 3", "horizontal 10", "vertical 3"])
def test_uneven_plateau_of_a_registered_image(name):
    observed, lit = exposure(SOURCES[name])
    image = processed(observed, np.random.default_rng(1))
    found = find_saturation(aia_map(image, LVL_NUM=1.5))
    clipped = ndimage.shift((observed >= WELL).astype(float), (0.4, -0.3), order=1)
    assert found.level == pytest.approx(WELL / 1.08, rel=0.02)
    # Few pixels with more than half of the light of a saturated one are unmasked, and few others count as saturated
    half = clipped > 0.5
    assert (half & ~found.mask).sum() <= 0.01 * half.sum()
    assert (clipped[found.saturated] < 0.4).mean() < 0.01
    assert found.saturated.sum() > 0.95 * (clipped > 0.99).sum()
    assert not (found.mask & ~with_margin(clipped > 0)).any()
    if name != "round 2":
        lit = ndimage.shift(lit.astype(float), (0.4, -0.3), order=1) > 0.5
        assert (found.primary & lit).sum() > 0.9 * found.primary.sum()
        assert (found.primary & lit).sum() > 0.8 * lit.sum()


@pytest.mark.parametrize("scatter", [0.003, 0.01, 0.02])
@pytest.mark.parametrize("name", ["round 2", "round 10", "oblique 3", "horizontal 10", "two"])
def test_plateau_that_a_flat_field_has_lowered_in_places(name, scatter):
    """Where the flat field would raise it, the largest value of the file clips it."""
    observed, lit = exposure(SOURCES[name])
    whole = find_saturation(aia_map(observed))
    flat = 1 + scatter * np.random.default_rng(2).standard_normal(SHAPE).clip(None, 0)
    found = find_saturation(aia_map(observed * flat))
    full = observed >= WELL
    assert not (full & ~found.mask).any()
    assert found.saturated.sum() == pytest.approx(full.sum(), rel=0.1, abs=4)
    assert found.blooming.sum() == pytest.approx(whole.blooming.sum(), rel=0.1, abs=4)
    assert (found.primary & lit).sum() > 0.75 * found.primary.sum()


REGISTRATIONS = {
    "bilinear in both axes": lambda image: ndimage.shift(image, (0.3, 0.4), order=1, mode="nearest"),
    "bilinear by half a pixel": lambda image: ndimage.shift(image, (0.5, 0.5), order=1, mode="nearest"),
    "bilinear along rows": lambda image: ndimage.shift(image, (0, 0.5), order=1, mode="nearest"),
    "bilinear along columns": lambda image: ndimage.shift(image, (0.5, 0), order=1, mode="nearest"),
    "bilinear with a rotation": lambda image: ndimage.rotate(image, 0.3, reshape=False, order=1, mode="nearest"),
    "cubic": lambda image: ndimage.shift(image, (0.3, 0.4), order=3, mode="nearest").clip(None, WELL),
    "whole pixels": lambda image: np.roll(image, (3, 4), (0, 1)),
}


@pytest.mark.parametrize("registration", REGISTRATIONS)
@pytest.mark.parametrize("name", ["horizontal 1.3", "oblique 1.3", "vertical 1.3", "vertical 3", "round 10", "two"])
def test_blooming_is_found_after_registration(name, registration):
    """Interpolation mixes the ends of the runs with those of the columns next to them."""
    observed, _ = exposure(SOURCES[name])
    whole = find_saturation(aia_map(observed))
    smap = aia_map(REGISTRATIONS[registration](observed), LVL_NUM=1.5)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = find_saturation(smap)
    # Of weakly saturated sources, bilinear interpolation leaves no clear evidence
    is_doubted = any("does not show clearly" in str(warning.message) for warning in told)
    assert found.blooming.sum() > 0.5 * whole.blooming.sum() or ("1.3" in name and is_doubted)


@pytest.mark.filterwarnings("ignore:The light around", "ignore:.*isolated pixels")
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("number", [100, 300])
def test_clipped_corona_is_not_taken_for_bloomed(number, seed):
    """Structures of any shape, the noise of which a gain raises, and a flat field."""
    rng = np.random.default_rng(seed)
    smap = sunpy.map.Map(sample_path("aia_171_quiet"))
    light = np.roll(smap.data.astype(float), rng.integers(0, 100, 2), (0, 1))[:120, :120]
    light = WELL * light / np.sort(light.ravel())[-number]
    flat = 0.95 * (1 + 0.01 * rng.standard_normal(light.shape))
    image = np.round(np.minimum(light.clip(0), WELL) * flat)
    assert not find_saturation(aia_map(image)).blooming.any()


@pytest.mark.parametrize("name", ["round 2", "round 5", "oblique 3", "horizontal 10", "vertical 3"])
@pytest.mark.parametrize("scatter", [0, 0.01, 0.02])
def test_blooming_needs_light_that_drops_along_the_columns_only(name, scatter):
    flat = 0.97 * (1 + scatter * np.random.default_rng(3).standard_normal(SHAPE))
    odds = {}
    for blooms in (True, False):
        image = exposure(SOURCES[name], blooms=blooms)[0] * flat
        saturated, level = find_plateau(image)
        known = column_and_row_profiles(image, saturated, level)
        odds[blooms] = log_odds(*known, 1.0)
        assert is_bloomed(*known, 0.1) or not blooms
    assert odds[True] > odds[False] + 2


def test_nothing_seen_beyond_the_runs_is_no_evidence_of_blooming():
    image = np.full((30, 30), WELL)
    known = column_and_row_profiles(image, image >= WELL, WELL)
    assert not is_bloomed(*known, 0.1)
    assert log_odds(*known, 1.0) == -np.inf


@pytest.mark.parametrize("registration", REGISTRATIONS)
@pytest.mark.parametrize("name", ["round 5", "oblique 3", "horizontal 3"])
def test_no_blooming_is_found_in_a_registered_image_without_it(name, registration):
    observed, _ = exposure(SOURCES[name], blooms=False)
    found = find_saturation(aia_map(REGISTRATIONS[registration](observed), LVL_NUM=1.5))
    assert not found.blooming.any()


def test_two_plateaus_in_one_image():
    """Each patch has its own plateau, because the flat field varies across the detector."""
    image = corona(shape=(120, 180))
    rng = np.random.default_rng(0)
    boxes = (slice(20, 40), slice(20, 40)), (slice(70, 90), slice(130, 150))
    expected = np.zeros(image.shape, dtype=bool)
    for box, level in zip(boxes, (14400, 15700), strict=True):
        image[box] = level * (1 + 0.008 * rng.standard_normal((20, 20)))
        expected[box] = True
    saturated, level = find_plateau(image)
    assert np.array_equal(saturated, expected)
    assert 14400 < level < 15700


@given(peak=st.floats(12000, 14900), length=st.floats(1.5, 15), width=st.floats(1.5, 8), angle=st.floats(0, 180))
@settings(max_examples=25, deadline=None)
def test_smooth_peak_below_the_full_well_is_no_plateau(peak, length, width, angle):
    saturated, level = find_plateau(gaussian(peak, length, width, angle))
    assert not saturated.any()
    assert level == WELL


def test_single_low_values_inside_a_plateau_are_saturated():
    image = corona()
    image[50:70, 50:70] = 15000 + 20 * np.random.default_rng(0).standard_normal((20, 20))
    expected = image > 14000
    image[60, 60] = 13800
    assert np.array_equal(find_plateau(image)[0], expected)


def test_invalid_pixels_are_neither_saturated_nor_masked():
    observed, _ = exposure(SOURCES["round 5"])
    expected = observed >= WELL
    hole = np.zeros(SHAPE, dtype=bool)
    hole[:, 62:66] = hole[5:7] = True
    observed[hole] = np.nan
    observed[5, 5] = np.inf
    found = find_saturation(aia_map(observed))
    assert np.array_equal(found.saturated, expected & ~hole)
    assert not found.mask[hole].any()
    empty = find_saturation(aia_map(np.full((20, 30), np.nan)))
    assert not empty.mask.any()


@pytest.mark.parametrize("cut", [np.s_[:, 58:], np.s_[85:], np.s_[88:92, 58:62], np.s_[:4]])
def test_saturation_at_the_border(cut):
    observed = exposure(SOURCES["round 10"])[0][cut]
    found = find_saturation(aia_map(observed))
    assert np.array_equal(found.saturated, observed >= WELL)


def test_image_that_is_saturated_everywhere():
    found = find_saturation(aia_map(np.full((9, 7), WELL)))
    assert found.saturated.all()
    assert found.mask.all()


def test_input_is_not_changed():
    observed, _ = exposure(SOURCES["round 5"])
    smap = aia_map(observed.copy())
    before = dict(smap.meta)
    find_saturation(smap)
    assert np.array_equal(smap.data, observed)
    assert dict(smap.meta) == before


@pytest.mark.parametrize("channel", [94, 131, 171, 193, 211, 304, 335, 1600, 1700, 4500])
@pytest.mark.parametrize("unit", ["DN", "DN / s", "ct", "ct / s", None])
def test_channels_and_units_of_aia_are_accepted(channel, unit):
    assert check_aia(aia_map(np.ones((4, 4)), WAVELNTH=channel, PIXLUNIT=unit)) == channel


@pytest.mark.parametrize(("wavelength", "unit"), [("193", "angstrom"), (19.3, "nm"), (193.0, "Angstrom"), (193, None)])
def test_channels_are_read_in_any_unit(wavelength, unit):
    smap = aia_map(np.ones((4, 4)))
    smap.meta.update({"wavelnth": wavelength, "waveunit": unit})
    assert check_aia(smap) == 193
    assert channel_of(smap) == 193


@pytest.mark.parametrize("level", [0.5, 1, 1.5, None])
def test_processing_levels_with_counts_are_accepted(level):
    check_aia(aia_map(np.ones((4, 4)), LVL_NUM=level))


@pytest.mark.parametrize(
    ("header", "error", "message"),
    [
        ({"INSTRUME": "HMI_SIDE1"}, TypeError, "Found a .* of HMI.*; expected an AIAMap"),
        ({"WAVELNTH": 195}, TypeError, "Found WAVELNTH = 195, .*; expected an AIA channel in angstrom: 94, 131"),
        ({"WAVELNTH": 193, "WAVEUNIT": "nm"}, TypeError, "Found WAVELNTH = 193, WAVEUNIT = 'nm'; expected"),
        ({"PIXLUNIT": "ph"}, ValueError, "Found the unit 'ph'; expected DN or DN / s"),
        ({"PIXLUNIT": ""}, ValueError, "Found the unit 'dimensionless'"),
        ({"LVL_NUM": 0}, ValueError, "Found LVL_NUM = 0; expected 1 or 1.5"),
    ],
)
def test_other_images_are_refused(header, error, message):
    with pytest.raises(error, match=message):
        check_aia(aia_map(np.ones((4, 4)), **header))
    with pytest.raises(error, match=message):
        find_saturation(aia_map(np.ones((4, 4)), **header))


def test_a_desaturated_map_has_no_saturation():
    with pytest.raises(ValueError, match="RSTTASK = 'desaturate': desaturate has restored this Map already"):
        find_saturation(aia_map(np.ones((4, 4)), RESTORED=True, RSTTASK="desaturate"))


def test_accepted_channels_can_be_limited():
    with pytest.raises(TypeError, match=r"Found WAVELNTH = 1600, .*; expected an AIA channel in angstrom: 193, 211"):
        check_aia(aia_map(np.ones((4, 4)), WAVELNTH=1600), channels=(193, 211))


def test_an_array_is_refused():
    with pytest.raises(TypeError, match="Found a ndarray of an unnamed instrument"):
        check_aia(np.ones((4, 4)))


@pytest.mark.parametrize("seconds", [None, 0.0, -1.0])
def test_a_rate_needs_an_exposure_time(seconds):
    smap = aia_map(np.ones((4, 4)), PIXLUNIT="DN / s", EXPTIME=seconds)
    with pytest.raises(ValueError, match=r"exposure time .*; expected EXPTIME"):
        find_saturation(smap)
    assert not find_saturation(aia_map(np.ones((4, 4)), EXPTIME=seconds)).mask.any()


def test_display_images_have_no_full_well():
    smap = aia_map(np.full((4, 4), 255, dtype=np.uint8), PIXLUNIT=None)
    assert check_aia(smap) == 193
    with pytest.raises(ValueError, match=r"Found 8-bit data .* Pass mask="):
        find_saturation(smap)


def test_level_is_in_the_unit_of_the_map():
    observed, _ = exposure(SOURCES["round 5"])
    smap = aia_map(observed / 2, PIXLUNIT="DN / s")
    assert (find_saturation(smap).level * smap.unit * smap.exposure_time).to_value(u.DN) == pytest.approx(WELL)


def test_fragments_of_a_run_are_not_primary():
    """Registered images have columns that end in single pixels, which only count if a patch has no others."""
    saturated = np.zeros((20, 20), dtype=bool)
    saturated[4:16, 5:10] = saturated[9, 12] = saturated[10, 11] = saturated[10, 10] = True
    primary = np.zeros_like(saturated)
    primary[8:12, 5:10] = primary[9, 12] = True
    kept = blooming._without_fragments(primary, saturated)
    assert not kept[9, 12]
    np.testing.assert_array_equal(kept[:, :10], primary[:, :10])
    lone = np.zeros_like(saturated)
    lone[3, 3] = True
    np.testing.assert_array_equal(blooming._without_fragments(lone, lone), lone)


@pytest.mark.parametrize("angle", [1, 6, 20, 34])
def test_rotation_that_clips_its_overshoot_does_not_hide_the_plateau(angle):
    """A few equal values at the maximum are then above the plateau."""
    smap = sunpy.map.Map(sample_path("aia_193_flare"))
    smap = sunpy.map.Map(smap.data.astype(float), smap.meta)
    original, rotated = find_saturation(smap), find_saturation(smap.rotate(angle * u.deg, missing=0))
    assert rotated.level == pytest.approx(original.level, rel=0.01)
    assert rotated.mask.sum() == pytest.approx(original.mask.sum(), rel=0.1)
