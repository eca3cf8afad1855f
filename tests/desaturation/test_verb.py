"""`desaturate` on AIA Maps: pixels that are kept, pixels that are filled, and Maps that are refused."""

import re
import warnings

import numpy as np
import pytest
from ndcube import NDCube

import astropy.units as u

import sunpy.map

from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.fits.io import load, save
from sunpy_restore.core.images.filled import filled
from sunpy_restore.data import sample_path
from sunpy_restore.desaturation.detection.saturation import find_saturation
from sunpy_restore.desaturation.fringes.correction import conserved_runs
from sunpy_restore.desaturation.observation import Observation
from sunpy_restore.desaturation.verb import desaturate

COVERED = pytest.mark.filterwarnings("ignore:.*masked pixels have the value of saturated ones")
"""For masks over saturated pixels, without a saturation level."""

WELL = 16383.0
METHODS = ("biharmonic", "diffraction")
EACH_METHOD = ("biharmonic", pytest.param("diffraction", marks=pytest.mark.slow))


def box(shape, rows, columns):
    mask = np.zeros(shape, dtype=bool)
    mask[rows, columns] = True
    return mask


@pytest.fixture(scope="module")
def hole(flaring):
    return box(flaring.data.shape, slice(92, 118), slice(106, 134))


@pytest.mark.parametrize("method", EACH_METHOD)
@pytest.mark.parametrize("dtype", ["i2", ">i2", "u2", "i4", ">i4", "f4", ">f4", "f8", ">f8"])
def test_valid_pixels_are_kept_bit_by_bit(make_map, flaring, method, dtype):
    smap = make_map(flaring.data.astype(dtype))
    before = smap.data.copy(), dict(smap.meta)
    result = desaturate(smap, method=method)
    assert type(result) is type(smap)
    assert result.unit == smap.unit
    assert result.data.dtype.kind == "f"
    assert result.data.dtype.isnative
    np.testing.assert_array_equal(filled(result), find_saturation(smap).mask)
    assert result.mask is None
    np.testing.assert_array_equal(result.data[~filled(result)], smap.data[~filled(result)])
    assert (result.data != smap.data)[filled(result)].any()
    assert np.isfinite(result.data).all()
    assert smap.data.dtype == before[0].dtype
    np.testing.assert_array_equal(smap.data, before[0])
    assert (dict(smap.meta), smap.mask) == (before[1], None)


@pytest.mark.parametrize("method", METHODS)
def test_primary_saturation_is_never_filled_below_the_level(flaring, method):
    found = find_saturation(flaring)
    result = desaturate(flaring, method=method)
    assert found.primary.any()
    assert (result.data[found.primary] >= found.level).all()


def test_inverse_diffraction_recovers_hidden_flux(make_map, make_flare):
    observed, truth = make_flare(peak=8.0, seed=1)
    over = truth > WELL
    hidden = (truth[over] - WELL).sum()
    smap = make_map(observed)
    ratios = {name: (desaturate(smap, method=name).data[over] - WELL).sum() / hidden for name in METHODS}
    assert ratios["biharmonic"] < 0.1
    assert ratios["diffraction"] == pytest.approx(1, abs=0.2)


@COVERED
@pytest.mark.parametrize("factor", [0.5, 3, 1000])
@pytest.mark.parametrize("method", EACH_METHOD)
@pytest.mark.filterwarnings("ignore:The image is unlike")
def test_result_is_proportional_to_the_image_for_a_given_mask(make_map, flaring, hole, method, factor):
    expected = factor * desaturate(flaring, mask=hole, method=method).data
    found = desaturate(make_map(factor * flaring.data), mask=hole, method=method).data
    np.testing.assert_array_equal(found[~hole], (factor * flaring.data)[~hole])
    # Rounding in single precision may change the number of steps of inverse diffraction
    np.testing.assert_allclose(found, expected, rtol=1e-6 if method == "biharmonic" else 1e-2)


@COVERED
@pytest.mark.parametrize("rubbish", [0.0, -1e9, 1e9, np.nan, np.inf])
@pytest.mark.parametrize("method", EACH_METHOD)
def test_values_in_a_given_mask_are_not_used(make_map, flaring, hole, method, rubbish):
    expected = desaturate(flaring, mask=hole, method=method)
    found = desaturate(make_map(np.where(hole, rubbish, flaring.data)), mask=hole, method=method)
    np.testing.assert_array_equal(found.data, expected.data)
    np.testing.assert_array_equal(filled(found), hole)


@COVERED
def test_a_given_mask_is_not_changed(flaring, hole):
    before = hole.copy()
    result = desaturate(flaring, mask=hole, method="biharmonic")
    filled(result)[:] = False
    result.data[:] = 0
    np.testing.assert_array_equal(hole, before)


@pytest.mark.parametrize("method", EACH_METHOD)
def test_commutes_with_submap(make_map, make_flare, method):
    smap = make_map(make_flare((460, 480), [(230, 240)], seed=3)[0])
    corner, size = (40, 30), (400, 390)
    part = smap.submap(corner * u.pix, width=(size[0] - 1) * u.pix, height=(size[1] - 1) * u.pix)
    assert part.data.shape == size[::-1]
    whole = desaturate(smap, method=method).data[30:420, 40:440]
    found = desaturate(part, method=method)
    np.testing.assert_array_equal(found.data[~filled(found)], whole[~filled(found)])
    np.testing.assert_allclose(found.data, whole, rtol=1e-6 if method == "biharmonic" else 0.05)


@pytest.mark.parametrize("method", EACH_METHOD)
def test_rates_and_counts_agree(make_map, flaring, method):
    rate = make_map(flaring.data / 2.0, BUNIT="DN / s")
    expected, found = desaturate(flaring, method=method), desaturate(rate, method=method)
    np.testing.assert_array_equal(filled(found), filled(expected))
    np.testing.assert_allclose(found.data * 2.0, expected.data, rtol=1e-5)
    assert found.unit == u.DN / u.s


@pytest.mark.parametrize("method", EACH_METHOD)
def test_several_cores(make_map, make_flare, method):
    places = [(60, 60), (70, 300), (200, 180), (4, 180)]
    smap = make_map(make_flare((260, 360), places)[0])
    with pytest.warns(RestoreWarning, match="^Saturated pixels lie at the edge"):
        result = desaturate(smap, method=method)
    for row, column in places:
        near = np.s_[max(row - 15, 0) : row + 15, column - 15 : column + 15]
        assert filled(result)[near].any()
        found = find_saturation(smap)
        assert (result.data[near][found.primary[near]] >= found.level).all()
    np.testing.assert_array_equal(result.data[~filled(result)], smap.data[~filled(result)])


@pytest.mark.parametrize("method", EACH_METHOD)
def test_invalid_and_masked_pixels_are_kept(make_map, flaring, method):
    data, mask = flaring.data.copy(), box(flaring.data.shape, slice(0, 30), slice(0, 30))
    data[180:185, 30:60] = np.nan
    smap = make_map(data)._new_instance(data, flaring.meta, mask=mask)
    result = desaturate(smap, method=method)
    saturated = find_saturation(smap).mask
    np.testing.assert_array_equal(filled(result), saturated)
    np.testing.assert_array_equal(result.mask, mask)
    np.testing.assert_array_equal(result.data[~saturated], data[~saturated])
    assert np.isfinite(result.data[saturated]).all()


@pytest.mark.parametrize("method", EACH_METHOD)
@pytest.mark.parametrize("kind", [list, tuple, sunpy.map.MapSequence])
def test_sequences_are_returned_as_the_same_kind(make_map, make_flare, flaring, kind, method):
    maps = [flaring, make_map(make_flare((200, 210), [(90, 99)], channel=171)[0], WAVELNTH=171)]
    images = kind(*maps) if kind is sunpy.map.MapSequence else kind(maps)
    results = desaturate(images, method=method)
    assert type(results) is kind
    for smap, result in zip(images, results, strict=True):
        expected = desaturate(smap, method=method)
        np.testing.assert_array_equal(result.data, expected.data)
        np.testing.assert_array_equal(filled(result), filled(expected))


@COVERED
def test_one_mask_for_all_images_or_one_for_each(make_map, flaring, hole):
    other = np.roll(hole, 40, axis=1)
    both = [hole, other]
    for mask, expected in ((hole, [hole, hole]), (both, both), (np.stack(both), both)):
        results = desaturate([flaring, flaring], mask=mask, method="biharmonic")
        for result, region in zip(results, expected, strict=True):
            np.testing.assert_array_equal(filled(result), region)
    small = make_map(flaring.data[:150])
    results = desaturate((flaring, small), mask=[hole, hole[:150]], method="biharmonic")
    np.testing.assert_array_equal(filled(results[1]), hole[:150])
    with pytest.raises(ValueError, match="3 masks for 2 images"):
        desaturate([flaring, flaring], mask=[hole] * 3, method="biharmonic")
    with pytest.raises(TypeError, match="nested list"):
        desaturate(flaring, mask=hole.tolist(), method="biharmonic")


def test_cube(flaring):
    cube = NDCube(flaring.data, wcs=flaring.wcs, meta=dict(flaring.meta), unit=flaring.unit)
    result = desaturate(cube, method="biharmonic")
    expected = desaturate(flaring, method="biharmonic")
    assert type(result) is NDCube
    assert result.unit == u.DN
    np.testing.assert_array_equal(result.data, expected.data)
    np.testing.assert_array_equal(filled(result), filled(expected))


@pytest.mark.parametrize(
    ("keywords", "name"),
    [
        ({"method": "biharmonic"}, "biharmonic"),
        ({"method": "biharmonic", "consistency": "none"}, "biharmonic"),
        ({"method": "biharmonic", "consistency": "diffraction"}, "biharmonic+diffraction"),
        ({"method": "diffraction"}, "diffraction"),
        pytest.param({"method": "diffraction", "consistency": "diffraction"}, "diffraction", marks=pytest.mark.slow),
    ],
)
def test_header_records_the_method(flaring, keywords, name):
    meta = desaturate(flaring, **keywords).meta
    assert meta["restored"] is True
    assert (meta["rsttask"], meta["rstmeth"]) == ("desaturate", name)
    assert f"desaturate, method {name}" in " ".join(meta["history"].split())
    assert not {"nsatpix", "datamax", "rstmodel", "rstsha"} & set(meta)


def test_coordinates_are_kept(flaring):
    result = desaturate(flaring, method="biharmonic")
    assert u.allclose(u.Quantity(result.reference_pixel), u.Quantity(flaring.reference_pixel), rtol=1e-12)
    assert u.allclose(u.Quantity(result.scale), u.Quantity(flaring.scale), rtol=1e-12)
    corner = [0, 219] * u.pix, [0, 17] * u.pix
    one, two = (smap.pixel_to_world(*corner) for smap in (flaring, result))
    assert u.allclose(one.Tx, two.Tx, rtol=1e-12)
    assert u.allclose(one.Ty, two.Ty, rtol=1e-12)
    assert result.date == flaring.date


@pytest.mark.parametrize("method", EACH_METHOD)
def test_save_and_load_keep_pixels_and_provenance(flaring, tmp_path, method):
    result = desaturate(flaring, method=method)
    path = tmp_path / "desaturated.fits"
    save(result, path)
    loaded = load(path)
    assert type(loaded) is type(result)
    np.testing.assert_array_equal(loaded.data, result.data)
    np.testing.assert_array_equal(filled(loaded), filled(result))
    for key in ("restored", "rsttask", "rstmeth", "rstvers"):
        assert loaded.meta[key] == result.meta[key]
    with pytest.raises(ValueError, match="desaturate has restored this Map already"):
        desaturate(loaded, method="biharmonic")


@pytest.mark.parametrize("method", EACH_METHOD)
def test_map_without_saturation_is_returned_unchanged(make_map, flaring, method):
    quiet = make_map(np.minimum(flaring.data, 9000.0))
    for keywords in ({}, {"mask": np.zeros(quiet.data.shape, dtype=bool)}):
        with pytest.warns(RestoreWarning, match=r"Found no .*; the image is returned unchanged") as warned:
            assert desaturate(quiet, method=method, **keywords) is quiet
        assert [warning.filename for warning in warned] == [__file__]
    with pytest.warns(RestoreWarning, match="Image 1 of 2: Found no saturated pixels"):
        quiet_again, result = desaturate([quiet, flaring], method=method)
    assert quiet_again is quiet
    assert filled(result).any()


@pytest.mark.parametrize("method", METHODS)
def test_masks_that_leave_no_valid_pixel_are_refused(make_map, flaring, hole, method):
    everything = np.ones(flaring.data.shape, dtype=bool)
    with pytest.raises(ValueError, match="covers all"):
        desaturate(flaring, mask=everything, method=method)
    with pytest.raises(ValueError, match="no finite pixel outside of the mask"):
        desaturate(make_map(np.where(hole, flaring.data, np.nan)), mask=hole, method=method)
    masked = flaring._new_instance(flaring.data, flaring.meta, mask=~hole)
    with pytest.raises(ValueError, match="no finite pixel outside of the mask"):
        desaturate(masked, mask=hole, method=method)


def test_wrong_masks_are_refused(flaring, hole):
    with pytest.raises(ValueError, match=r"\(240, 220\); expected \(220, 240\)"):
        desaturate(flaring, mask=hole.T, method="biharmonic")
    with pytest.raises(TypeError, match="Found a mask of the type int"):
        desaturate(flaring, mask=hole.astype(int), method="biharmonic")


def display(smap, make_map, scale=1):
    return make_map((255 * np.sqrt(smap.data.clip(0) / WELL)).astype(np.uint8) * scale)


def test_display_images_need_a_mask_and_are_not_corrected(make_map, flaring, hole):
    image = display(flaring, make_map)
    with pytest.raises(ValueError, match="8-bit"):
        desaturate(image, method="biharmonic")
    for smap in (image, display(flaring, make_map, np.float32(0.37))):
        result = desaturate(smap, mask=hole, method="biharmonic")
        assert result.meta["rstmeth"] == "biharmonic"
        assert result.data.dtype == np.float32
        np.testing.assert_array_equal(result.data[~hole], smap.data[~hole])
        for keywords in ({"method": "diffraction"}, {"method": "biharmonic", "consistency": "diffraction"}):
            with pytest.raises(ValueError, match=r"diffraction pattern is not known.*8-bit"):
                desaturate(smap, mask=hole, **keywords)


def test_ultraviolet_channels_are_not_corrected(make_map, flaring):
    smap = make_map(flaring.data, WAVELNTH=1600)
    assert desaturate(smap, method="biharmonic").meta["rstmeth"] == "biharmonic"
    with pytest.raises(ValueError, match="94, 131, 171, 193, 211, 304, 335"):
        desaturate(smap, method="diffraction")
    with pytest.raises(ValueError, match="consistency='none'"):
        desaturate(smap, method="biharmonic", consistency="diffraction")


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        (
            {"method": "biharmonic", "consistency": "charge"},
            "Unknown consistency 'charge'; expected 'diffraction' or 'none'",
        ),
        ({"method": "diffraction", "consistency": "none"}, "consists of this correction"),
        ({"method": "magic"}, "Unknown method 'magic'; expected one of network, biharmonic, diffraction"),
        ({"method": "biharmonic", "weights": "x.safetensors"}, "Leave them out"),
    ],
)
def test_unknown_options_are_refused(flaring, keywords, message):
    with pytest.raises(ValueError, match=message):
        desaturate(flaring, **keywords)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"RSTTASK": "desaturate"}, ValueError, "desaturate has restored this Map already"),
        ({"INSTRUME": "HMI_SIDE1"}, TypeError, "expected an AIAMap"),
        ({"WAVELNTH": 195}, TypeError, "WAVELNTH = 195"),
        ({"BUNIT": "K"}, ValueError, "expected DN or DN / s"),
        ({"LVL_NUM": 2}, ValueError, "LVL_NUM = 2"),
    ],
)
def test_other_maps_are_refused(make_map, flaring, changes, error, message):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        smap = make_map(flaring.data, **changes)
        with pytest.raises(error, match=message):
            desaturate(smap, method="biharmonic")


@pytest.mark.parametrize("wrong", [np.ones((9, 9)), "file.fits", None, 3])
def test_objects_other_than_maps_are_refused(wrong):
    with pytest.raises(TypeError):
        desaturate(wrong, method="biharmonic")


def test_images_hardly_larger_than_the_mask(make_map):
    """No fringes can be compared there, and the initial fill is kept."""
    image = np.random.default_rng(4).normal(1000, 50, (24, 26))
    hole = box(image.shape, slice(5, 19), slice(6, 20))
    for method in METHODS:
        result = desaturate(make_map(image), mask=hole, method=method)
        assert np.isfinite(result.data).all()


def turned(degrees):
    """Keywords of an image whose axes are rotated."""
    angle = np.deg2rad(degrees)
    return {
        "crota2": None,
        **{f"pc{i}_{j}": v for i, j, v in zip("1122", "1212", (*_row(angle), *_row(angle - np.pi / 2)), strict=True)},
    }


def _row(angle):
    return np.cos(angle), -np.sin(angle)


@pytest.mark.parametrize("degrees", [5, -30, 45, 90, 120])
@pytest.mark.parametrize("keyword", ["crota2", "pc"])
def test_rotated_images_are_warned_of_and_not_corrected(make_map, flaring, degrees, keyword):
    smap = make_map(flaring.data, **(turned(degrees) if keyword == "pc" else {"crota2": float(degrees)}))
    angle = abs((degrees + 90) % 180 - 90)
    with pytest.warns(RestoreWarning, match=f"rotated by {angle:.3g} degrees with respect to the detector"):
        result = desaturate(smap, method="biharmonic")
    assert filled(result).any()
    with pytest.warns(RestoreWarning, match="with respect to the detector"):
        with pytest.raises(ValueError, match="not an 8-bit or a rotated image"):
            desaturate(smap, method="biharmonic", consistency="diffraction")


@pytest.mark.parametrize(
    "header",
    [
        {"crota2": 0.14},
        {"crota2": 180.0},
        {"crota2": 45.0, "sat_rot": 44.98, "inst_rot": 0.02, "lvl_num": 1},
        turned(180),
        {"cdelt1": -0.6},
    ],
)
def test_axes_of_the_detector_need_no_warning(make_map, flaring, header):
    """The roll of the spacecraft rotates the Sun and not the columns of the detector."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RestoreWarning)
        desaturate(make_map(flaring.data, **header), method="biharmonic", consistency="diffraction")


def test_images_rotated_by_sunpy_are_warned_of(flaring):
    with pytest.warns(RestoreWarning, match="rotated by 20 degrees"):
        desaturate(flaring.rotate(20 * u.deg, missing=np.nan), saturated=15000, method="biharmonic")


def test_images_without_valid_or_unsaturated_pixels(make_map, flaring):
    for smap in (
        make_map(np.full((40, 40), np.nan)),
        make_map(
            np.ones((40, 40)),
        ),
    ):
        masked = smap._new_instance(smap.data, smap.meta, mask=np.ones((40, 40), bool))
        with pytest.raises(ValueError, match="Found 1600 pixels that are all masked or not finite"):
            desaturate(masked, method="biharmonic")
    for options in ({}, {"saturated": 15000}):
        with pytest.raises(ValueError, match="Found no unsaturated pixel among the 1600 valid ones"):
            desaturate(make_map(np.full((40, 40), 16383.0)), method="biharmonic", **options)


@COVERED
def test_a_map_is_a_mask(flaring, hole):
    mask = sunpy.map.Map(hole.astype(np.uint8), flaring.meta)
    expected = desaturate(flaring, mask=hole, method="biharmonic")
    np.testing.assert_array_equal(desaturate(flaring, mask=mask, method="biharmonic").data, expected.data)


@pytest.fixture(scope="module")
def flare():
    return sunpy.map.Map(sample_path("aia_193_flare"))


@pytest.fixture(scope="module")
def found(flare):
    return find_saturation(flare)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "network"},
        {"method": "diffraction"},
        {"method": "biharmonic", "consistency": "diffraction"},
        {"method": "network", "consistency": "none"},
    ],
)
def test_saturated_pixels_without_a_value_are_filled(flare, found, options):
    data = np.where(found.saturated, np.nan, flare.data.astype(float))
    result = desaturate(sunpy.map.Map(data, flare.meta), mask=found.mask, saturated=found.level, **options)
    with_values = desaturate(flare, mask=found.mask, saturated=found.level, **options)
    assert (result.data[found.primary] >= found.level).all()
    np.testing.assert_array_equal(result.data[~found.mask], flare.data[~found.mask])
    assert result.data[found.mask].sum() == pytest.approx(with_values.data[found.mask].sum(), rel=0.02)


def test_the_mask_and_level_that_are_found_give_the_same_flux(flare, found):
    """The level is that of half of the saturated pixels, because the flat field scatters it."""
    expected = desaturate(flare)
    result = desaturate(flare, mask=found.mask, saturated=found.level)
    assert result.data[found.mask].sum() == pytest.approx(expected.data[found.mask].sum(), rel=0.01)


@pytest.mark.parametrize("level", [1000, 1638.3, 12000])
def test_a_level_that_many_pixels_exceed_is_refused(flare, level):
    with pytest.raises(ValueError, match=rf"Found saturated={level}, but \d+ pixels are more than 15% brighter"):
        desaturate(flare, saturated=level, method="biharmonic")


def test_pixels_without_a_value_in_a_core_are_warned_of(flare, found):
    data = np.where(found.primary, np.nan, flare.data.astype(float))
    with pytest.warns(
        RestoreWarning, match=r"^\d+ pixels in .* have no value and are not filled. What is filled around them is wrong"
    ):
        desaturate(sunpy.map.Map(data, flare.meta), method="biharmonic")


@pytest.mark.filterwarnings("ignore:.*pixels in and next to saturated ones have no value")
def test_charge_of_columns_with_pixels_without_a_value_is_not_used(flare, found):
    """A part of it is in these pixels."""
    lost = found.primary & (np.arange(flare.data.shape[1]) < np.median(np.nonzero(found.primary)[1]))
    smap = sunpy.map.Map(np.where(lost, np.nan, flare.data.astype(float)), flare.meta)
    observation, complete = (Observation.from_map(image) for image in (smap, flare))
    columns = lost.any(axis=0)
    assert complete.enclosed[:, columns].any()
    assert not observation.enclosed[:, columns].any()
    assert observation.enclosed[:, ~columns].any()
    result = desaturate(smap, uncertainty=True)
    assert not columns[[column for column, *_ in conserved_runs(observation, result.data)]].any()


def test_cores_at_the_edge_are_warned_of(flare, found):
    row = int(np.median(np.nonzero(found.primary)[0]))
    part = flare.submap([0, row] * u.pix, top_right=[199, 199] * u.pix)
    with pytest.warns(RestoreWarning, match="^Saturated pixels lie at the edge of the image"):
        desaturate(part, method="biharmonic")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        desaturate(flare, method="biharmonic")


@pytest.mark.parametrize("rate", [False, True])
def test_saturated_pixels_under_a_mask_are_told(flare, found, rate):
    seconds = flare.exposure_time.to_value(u.s) if rate else 1.0
    smap = sunpy.map.Map(flare.data / seconds, flare.meta | ({"bunit": "DN / s", "pixlunit": "DN / s"} if rate else {}))
    with pytest.warns(RestoreWarning, match="masked pixels have the value of saturated ones") as told:
        desaturate(smap, mask=found.mask, method="biharmonic")
    level = float(re.search(r"pass saturated=([\d.]+)", str(told[0].message))[1])
    assert level == pytest.approx(found.level / seconds, rel=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RestoreWarning)
        desaturate(smap, mask=found.mask, saturated=level, method="biharmonic")
        desaturate(smap, mask=np.roll(found.mask, 60, axis=1) & ~found.mask, method="biharmonic", consistency="none")
