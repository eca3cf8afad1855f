"""Prediction from neighbours: matched in brightness, interpolated in time, aligned, and without their stars."""

import numpy as np
import pytest
from scipy import ndimage

import astropy.units as u

import sunpy.map

from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.numerics.filling import harmonic
from sunpy_restore.inpainting.temporal.fill import fill_from_expected
from sunpy_restore.inpainting.temporal.neighbours import expected_from_neighbours

BINNING = 4
SIZE = 1024 // BINNING
CENTER = np.array([(517.956 - 0.5) / BINNING - 0.5, (532.632 - 0.5) / BINNING - 0.5])
OFFSET = 380.0
HOLE = np.s_[150:182, 60:100]


def slow(*values):
    """A parameter in the slow tier."""
    return pytest.param(*values, marks=pytest.mark.slow)


def coordinates(shape=(SIZE, SIZE), center=CENTER):
    """Distance from the centre of the Sun in pixels, and angle counter-clockwise from the rows."""
    y, x = np.indices(shape)
    return np.hypot(x - center[0], y - center[1]), np.arctan2(y - center[1], x - center[0])


def corona(roll=0.0, growth=0.0, **grid):
    """Counts per second: an occulter, and a corona with streamers, one half of which brightens."""
    r, angle = coordinates(**grid)
    angle = angle + np.deg2rad(roll)
    streamers = 1 + 0.3 * np.cos(3 * angle - 0.4) + growth * np.cos(angle)
    return np.where(r < 16, 12, 12 + 400 * streamers / (1 + (r / 20) ** 2))


def make(data, hours=0.0, *, exposure=5.0, roll=0.0, center=CENTER, scale=56.0 * BINNING, **changes):
    minutes = round(60 * hours)
    day, minutes = 10 + minutes // 1440, minutes % 1440
    header = {
        "DETECTOR": "C3", "INSTRUME": "LASCO", "TELESCOP": "SOHO", "FILTER": "Clear", "POLAR": "Clear",
        "DATE-OBS": f"2002/01/{day:02}", "TIME-OBS": f"{minutes // 60:02}:{minutes % 60:02}:05.594",
        "FILENAME": f"32{day:02}{minutes:04}.fts", "EXPTIME": exposure, "OFFSET": OFFSET,
        "CRPIX1": center[0] + 1, "CRPIX2": center[1] + 1, "CRVAL1": 0.0, "CRVAL2": 0.0, "CROTA1": roll, "CROTA2": roll,
        "CTYPE1": "SOLAR-X", "CTYPE2": "SOLAR-Y", "CUNIT1": "ARCSEC", "CUNIT2": "ARCSEC",
        "CDELT1": scale, "CDELT2": scale, **changes,
    }  # fmt: skip
    return sunpy.map.Map(data, {key: value for key, value in header.items() if value is not None})


def counts(rate, exposure=5.0, dtype=float):
    values = OFFSET + exposure * rate
    return np.rint(values).astype(dtype) if np.dtype(dtype).kind == "i" else values.astype(dtype)


@pytest.fixture
def valid():
    mask = np.ones((SIZE, SIZE), dtype=bool)
    mask[HOLE] = False
    return mask


@pytest.fixture
def image():
    return make(counts(corona()))


# Outside of the occulter, whose sharp edge has pixels that look like stars
SKY = coordinates()[0] > 20


def error(found, expected, where=SKY):
    """Largest relative deviation of the known pixels."""
    return np.nanmax(np.abs(found / expected - 1)[where])


@pytest.mark.parametrize("dtype", [">i2", slow("f4"), "f8"])
@pytest.mark.parametrize("exposure", [slow(1.0), slow(5.0), 19.1])
def test_exposure_times_are_matched(image, valid, dtype, exposure):
    neighbour = make(counts(corona(), exposure, dtype), -6, exposure=exposure)
    found = expected_from_neighbours(image, neighbour, valid=valid)
    assert found.dtype == np.float64
    assert error(found, image.data) < 0.01


@pytest.mark.parametrize("change", [{"EXPTIME": None}, {"OFFSET": None}, {"OFFSET": 0.0}, {"EXPTIME": 999.0}])
def test_wrong_exposure_times_and_biases_do_not_matter(image, valid, change):
    neighbour = make(counts(corona(), 19.1), 6, **change)
    assert error(expected_from_neighbours(image, [neighbour], valid=valid), image.data) < 0.01


def test_the_ratio_may_depend_on_the_distance(image, valid):
    r, _ = coordinates()
    neighbour = make(counts(corona() * (0.7 + 0.3 * np.tanh(r / 100))), 6)
    assert error(expected_from_neighbours(image, [neighbour], valid=valid), image.data) < 0.02


def test_structure_of_one_image_does_not_affect_the_match(image, valid):
    data = counts(corona())
    data[20:60, 100:160] *= 3
    assert error(expected_from_neighbours(image, [make(data, 6)], valid=valid), image.data, HOLE) < 0.01


@pytest.mark.parametrize("hours", [(-6, 6), slow((-4, 12)), slow((-18, -6, 3)), (-12, 2, 8, 20)])
def test_linear_changes_are_interpolated(image, valid, hours):
    frames = [make(counts(corona(growth=0.01 * hour), 19.1), hour, exposure=19.1) for hour in hours]
    alone = error(expected_from_neighbours(image, frames[:1], valid=valid), image.data)
    assert error(expected_from_neighbours(image, frames, valid=valid), image.data) < 0.35 * alone


def test_the_order_of_the_neighbours_does_not_matter(image, valid):
    frames = [make(counts(corona(growth=0.01 * hour)), hour) for hour in (-12, -3, 6)]
    found = [expected_from_neighbours(image, order, valid=valid) for order in (frames, tuple(frames[::-1]))]
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_distant_neighbours_have_less_weight(image, valid):
    near, far = make(counts(corona(growth=0.1)), 3), make(counts(corona(growth=-0.1)), 60)
    with pytest.warns(RestoreWarning, match="Neighbour 2 was taken 60 hours"):
        both = expected_from_neighbours(image, [near, far], valid=valid)
    alone = expected_from_neighbours(image, [near], valid=valid)
    assert 0 < np.abs(both - alone)[HOLE].max() < 0.02 * np.abs(2 * (alone - image.data))[HOLE].max()


def test_noise_is_averaged(image, valid):
    rng = np.random.default_rng(0)
    frames = [make(counts(corona()) + rng.normal(0, 5, (SIZE, SIZE)), hour) for hour in (-7, -6, -5, 5, 6, 7)]
    spread = [np.std((expected_from_neighbours(image, some, valid=valid) - image.data)[HOLE]) for some in (
        frames[:1], frames[2:4], frames)]  # fmt: skip
    assert spread[1] == pytest.approx(spread[0] / np.sqrt(2), rel=0.1)
    assert spread[2] == pytest.approx(spread[0] / np.sqrt(6), rel=0.1)


def test_pixels_without_a_valid_neighbour_are_unknown(image, valid):
    one, other = (counts(corona()) for _ in range(2))
    one[100:120] = 0
    one[10, 10] = np.nan
    other[110:130] = 0
    found = expected_from_neighbours(image, [make(one, -6), make(other, 6)], valid=valid)
    gap = np.zeros(found.shape, dtype=bool)
    gap[110:120] = True
    np.testing.assert_array_equal(np.isnan(found), gap)
    assert error(found, image.data) < 0.01
    flags = [np.zeros(gap.shape, dtype=bool), None]
    flags[0][:, :8] = True
    alone = expected_from_neighbours(image, [make(one, -6)], valid=valid, invalid=flags[:1])
    assert np.isnan(alone[:, :8]).all()
    assert np.isfinite(alone[130:, 8:]).all()
    assert np.isfinite(expected_from_neighbours(image, [make(one, -6), make(other, 6)], valid=valid, invalid=flags)[:99]
                       ).all()  # fmt: skip


def test_masked_and_saturated_pixels_of_neighbours_are_invalid(image, valid):
    neighbour = make(counts(corona()), 6)
    neighbour.mask = np.zeros(neighbour.data.shape, dtype=bool)
    neighbour.mask[5:9] = True
    neighbour.data[50, 60] = 16 * 16383
    found = expected_from_neighbours(image, neighbour, valid=valid)
    assert np.isnan(found[5:9]).all()
    assert np.isnan(found[50, 60])
    assert np.isnan(found).sum() == 4 * SIZE + 1


def test_invalid_values_of_the_image_are_ignored(image, valid):
    neighbour = make(counts(corona(growth=0.05)), 6)
    expected = expected_from_neighbours(image, neighbour, valid=valid)
    for rubbish in (0, np.nan, 1e9):
        damaged = make(np.where(valid, image.data, rubbish))
        np.testing.assert_array_equal(expected_from_neighbours(damaged, neighbour, valid=valid), expected)


def test_arguments_are_not_changed(image, valid):
    neighbour = make(counts(corona(growth=0.05)), 6)
    before = neighbour.data.copy(), dict(neighbour.meta), image.data.copy(), valid.copy()
    expected_from_neighbours(image, [neighbour], valid=valid, invalid=[~valid])
    for found, expected in zip((neighbour.data, image.data, valid), before[0::2] + before[3:], strict=True):
        np.testing.assert_array_equal(found, expected)
    assert dict(neighbour.meta) == before[1]


@pytest.mark.parametrize("number", [1, slow(2), slow(3)])
def test_stars_and_cosmic_rays_are_not_copied(image, valid, number):
    rng = np.random.default_rng(number)
    frames = []
    for hour in (-6, 6, 12)[:number]:
        data = counts(corona()) + rng.normal(0, 2, (SIZE, SIZE))
        y, x = rng.integers(0, SIZE, (2, 150))
        star = ndimage.gaussian_filter(np.bincount(y * SIZE + x, minlength=SIZE**2).reshape(SIZE, SIZE) * 2000.0, 0.7)
        frames.append(make(data + star, hour))
    found = expected_from_neighbours(image, frames, valid=valid)
    assert np.abs(found - image.data)[coordinates()[0] > 60].max() < 30


@pytest.mark.parametrize("others", [slow([6]), [6, 12]])
def test_moving_planets_are_not_copied(image, valid, others):
    data = counts(corona())
    data[160:170, 70:82] += 4000
    frames = [make(data, -6), *[make(counts(corona()), hour) for hour in others]]
    assert error(expected_from_neighbours(image, frames, valid=valid), image.data) < 0.02


def test_static_diffraction_rings_are_copied(valid):
    r, _ = coordinates()
    ringed = counts(corona() * (0.55 + 0.45 * np.tanh(r - 38)) * (1 + 0.2 * np.exp(-(((r - 42) / 2) ** 2))))
    mask = valid.copy()
    mask[120:180, 140:190] = False
    found = expected_from_neighbours(make(ringed), [make(ringed, 6)], valid=mask)
    assert error(found, ringed, ~mask) < 0.02


def turned(smap_roll, hours, growth=0.0):
    """An image at another roll angle of the spacecraft: the Sun is rotated, the detector is not."""
    return make(counts(corona(roll=smap_roll, growth=growth)), hours, roll=smap_roll)


def test_neighbours_at_another_roll_angle_are_rotated_about_the_sun(image, valid):
    rolled = turned(180.0, 6)
    assert error(rolled.data, image.data, HOLE) > 0.1
    found = expected_from_neighbours(image, rolled, valid=valid)
    seen = np.isfinite(found)
    assert error(found, image.data, seen) < 0.02
    assert seen[HOLE].all()
    r, angle = coordinates()
    for pylon in (226, 46):
        away = np.abs((np.rad2deg(angle) - pylon + 180) % 360 - 180)
        assert not seen[(away < 5) & (r < 110)].any()
    assert not seen[r < 15].any()
    assert seen.mean() > 0.6


def test_neighbours_at_another_roll_angle_have_less_weight(image, valid):
    same, rolled = make(counts(corona(growth=0.1)), -6), turned(180.0, 6, growth=0.1)
    both = expected_from_neighbours(image, [same, rolled], valid=valid)
    ends = [expected_from_neighbours(image, one, valid=valid) for one in (same, rolled)]
    share = ((both - ends[0]) / (ends[1] - ends[0]))[HOLE]
    assert np.median(share) == pytest.approx(0.2, abs=0.01)


def test_submaps_and_full_frames_agree(image, valid):
    neighbour = make(counts(corona(growth=0.02), 19.1), 6, exposure=19.1)
    whole = expected_from_neighbours(image, neighbour, valid=valid)
    part = image.submap([40, 130] * u.pix, width=99 * u.pix, height=79 * u.pix)
    place = np.s_[130:210, 40:140]
    found = expected_from_neighbours(part, neighbour, valid=valid[place])
    assert found.shape == part.data.shape == (80, 100)
    assert error(found, whole[place], SKY[place]) < 0.02
    back = expected_from_neighbours(image, make(part.data.copy(), 6, center=CENTER - [40, 130]), valid=valid)
    np.testing.assert_array_equal(np.isfinite(back[place]), True)
    assert np.isfinite(back).sum() == part.data.size


@pytest.mark.parametrize(("binning", "other"), [(4, 4), slow(4, 2), slow(2, 2), slow(2, 4)])
def test_other_pixel_scales_and_pointings(binning, other):
    def frame(step, hours, shift):
        center = (np.array([517.956, 532.632]) - 0.5) / step - 0.5 + shift
        r, angle = coordinates((1024 // step,) * 2, center)
        rate = 20 + 400 * (1 + 0.3 * np.cos(3 * angle - 0.4)) / (1 + (r * step / 80) ** 2)
        return make(counts(rate), hours, center=center, scale=56.0 * step)

    smap, neighbour = frame(binning, 0, 0.0), frame(other, 6, np.array([0.5, -0.4]))
    found = expected_from_neighbours(smap, neighbour, valid=np.ones(smap.data.shape, dtype=bool))
    away = np.hypot(*(np.indices(found.shape) - 512 / binning)) * binning > 60
    assert np.isfinite(found[3:-3, 3:-3]).all()
    assert error(found, smap.data, away) < 0.01


def test_neighbours_without_overlap_are_left_out(image, valid):
    neighbour = make(counts(corona())[:20, :20], 6, center=CENTER + 200)
    with pytest.warns(RestoreWarning, match="Neighbour 1 has too few valid pixels"):
        found = expected_from_neighbours(image, [neighbour], valid=valid)
    assert found.shape == image.data.shape
    assert np.isnan(found).all()


@pytest.mark.parametrize(
    ("change", "refusal", "message"),
    [
        ({"DETECTOR": "C2", "CDELT1": 11.9, "CDELT2": 11.9}, ValueError, "'C2'; expected 'C3'"),
        (
            {"INSTRUME": "EIT", "CUNIT1": "arcsec", "CUNIT2": "arcsec", "WAVELNTH": 195},
            TypeError,
            "Neighbour 1: .*EIT.*; expected one of SOHO/LASCO",
        ),
        ({"FILTER": "Orange"}, ValueError, "FILTER = 'Orange'; expected 'Clear'"),
        ({"POLAR": "+60 Deg"}, ValueError, r"POLAR = '\+60 Deg'; expected 'Clear'"),
        ({"DATE-OBS": None}, ValueError, "neighbour 1 without DATE-OBS"),
        ({"TIME-OBS": "00:00:05.600"}, ValueError, "the image of 2002-01-10T00:00:05.594 itself"),
        ({"FILENAME": "32100000.fts"}, ValueError, "itself; expected an image before or after"),
        ({"RSTTASK": "inpaint"}, ValueError, "neighbour 1 with RSTTASK = 'inpaint': it was restored already"),
    ],
)
def test_other_kinds_of_neighbours_are_refused(image, valid, change, refusal, message):
    with pytest.raises(refusal, match=message):
        expected_from_neighbours(image, [make(counts(corona()), 6, **change)], valid=valid)


def test_other_types_and_shapes_of_arguments_are_refused(image, valid):
    neighbour = make(counts(corona()), 6)
    with pytest.raises(ValueError, match="no neighbours"):
        expected_from_neighbours(image, [], valid=valid)
    with pytest.raises(TypeError, match="of type ndarray; expected a Map, or a list"):
        expected_from_neighbours(image, neighbour.data, valid=valid)
    with pytest.raises(TypeError, match="Neighbour 2: Found ndarray"):
        expected_from_neighbours(image, [neighbour, neighbour.data], valid=valid)
    with pytest.raises(TypeError, match="valid of type float64; expected a boolean"):
        expected_from_neighbours(image, neighbour, valid=valid * 1.0)
    with pytest.raises(ValueError, match=r"valid of shape \(9, 256\); expected \(256, 256\)"):
        expected_from_neighbours(image, neighbour, valid=valid[:9])
    with pytest.raises(ValueError, match=r"invalid of shape \(9, 256\)"):
        expected_from_neighbours(image, neighbour, valid=valid, invalid=[valid[:9]])
    with pytest.raises(ValueError, match="2 arrays of invalid pixels; expected 1"):
        expected_from_neighbours(image, neighbour, valid=valid, invalid=[None, None])


def test_fill_keeps_other_pixels_bit_identical(image, valid):
    data = np.where(valid, image.data, np.nan)
    filled = fill_from_expected(data, ~valid, 1.1 * image.data)
    np.testing.assert_array_equal(filled[valid], data[valid])
    assert np.isfinite(filled).all()


@pytest.mark.parametrize("offset", [slow(-40.0), slow(0.0), 300.0])
def test_fill_does_not_depend_on_a_constant_of_the_prediction(image, valid, offset):
    filled = fill_from_expected(np.where(valid, image.data, 1e9), ~valid, image.data + offset)
    np.testing.assert_allclose(filled, image.data, rtol=1e-9)


def test_fill_follows_a_slowly_varying_ratio(image, valid):
    truth = image.data
    expected = truth * (1 + np.linspace(0, 0.3, SIZE))
    filled = fill_from_expected(truth, ~valid, expected)
    assert error(filled, truth) < 0.1 * error(expected, truth, ~valid)


def test_fill_without_a_prediction_is_harmonic(image, valid):
    found = fill_from_expected(image.data, ~valid, np.full(image.data.shape, np.nan))
    np.testing.assert_allclose(found, harmonic(image.data, ~valid), rtol=1e-9)


def test_fill_with_a_gap_in_the_prediction(image, valid):
    expected, data = image.data.copy(), image.data.copy()
    expected[155:165, 70:80] = np.nan
    data[140:190, 20:64] = np.nan  # unobserved, and part of the hole
    mask = ~valid
    filled = fill_from_expected(data, mask, expected)
    np.testing.assert_array_equal(np.isnan(filled), np.isnan(data) & ~mask)
    known = mask & np.isfinite(expected)
    np.testing.assert_allclose(filled[known], image.data[known], rtol=1e-9)
    gap = mask & ~known
    rim = ndimage.binary_dilation(gap) & ~gap
    assert image.data[rim].min() <= filled[gap].min() <= filled[gap].max() <= image.data[rim].max()


def test_fill_across_unobserved_pixels():
    data, mask = np.full((60, 60), 7.0), np.zeros((60, 60), dtype=bool)
    mask[28:32, 28:32] = True
    data[20:40, 20:40] = np.nan
    filled = fill_from_expected(data, mask, np.full(data.shape, np.nan))
    np.testing.assert_allclose(filled[mask], 7.0)
    assert np.isnan(filled[20:40, 20:40]).sum() == 400 - 16


def test_stars_at_the_border_do_not_extend_into_the_hole(image, valid):
    rng = np.random.default_rng(0)
    data = image.data + rng.normal(0, 2, valid.shape)
    data[148:150, 75:77] += 3000
    filled = fill_from_expected(np.where(valid, data, np.nan), ~valid, image.data)
    assert np.abs(filled - image.data)[~valid].max() < 10


def test_fill_refuses_other_shapes(image, valid):
    with pytest.raises(ValueError, match=r"prediction of shape \(9, 256\); expected \(256, 256\)"):
        fill_from_expected(image.data, ~valid, image.data[:9])
    with pytest.raises(TypeError, match="boolean"):
        fill_from_expected(image.data, valid * 1.0, image.data)


@pytest.mark.parametrize("shape", [(32, 32), slow((64, 48))])
def test_neighbours_fill_better_than_the_surroundings(shape):
    rng = np.random.default_rng(1)
    rate = lambda hour: corona(growth=0.01 * hour) * (1 + 0.1 * np.sin(coordinates()[1] * 20 + 0.02 * hour))  # noqa: E731
    data = counts(rate(0))
    mask = np.zeros(data.shape, dtype=bool)
    mask[140 : 140 + shape[0], 150 : 150 + shape[1]] = True
    frames = [make(counts(rate(hour), 19.1) + rng.normal(0, 3, data.shape), hour, exposure=19.1) for hour in (-6, 6)]
    smap = make(np.where(mask, 0, data))
    fills = harmonic(data, mask), fill_from_expected(data, mask, expected_from_neighbours(smap, frames, valid=~mask))
    worse, better = (np.sqrt(np.mean((fill - data)[mask] ** 2)) for fill in fills)
    assert better < 0.2 * worse


def test_neighbours_of_another_level_have_less_weight(image, valid):
    same = make(counts(corona(growth=0.1)), -6)
    other = make(5e-12 * corona(growth=-0.1), 6, LEVEL="1.0", OFFSET=None)
    ends = [expected_from_neighbours(image, one, valid=valid) for one in (same, other)]
    share = ((expected_from_neighbours(image, [same, other], valid=valid) - ends[0]) / (ends[1] - ends[0]))[HOLE]
    assert np.median(share) == pytest.approx(0.2, abs=0.01)
    assert error(ends[1], make(counts(corona(growth=-0.1))).data) < 0.02
