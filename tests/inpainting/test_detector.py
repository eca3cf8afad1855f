"""What an image of LASCO is, and what it never shows."""

import warnings

import numpy as np
import pytest

import astropy.units as u
from astropy.io import fits

import sunpy.map

from sunpy_restore.inpainting.detector import blind_pixels, block_grid, check_lasco, empty_pixels, obscured


@pytest.mark.parametrize(("detector", "sun"), [("C2", (511.634, 504.293)), ("C3", (516.95599, 531.63202))])
def test_counts_of_level_05(make_lasco, detector, sun):
    smap = make_lasco(detector)
    lasco = check_lasco(smap)
    assert (lasco.detector, lasco.level, lasco.binning, lasco.turn, lasco.blank) == (detector, 0.5, 1, 0, None)
    assert lasco.center == pytest.approx(sun)
    assert lasco.bias == smap.meta["offset"]
    assert lasco.exposure == smap.meta["exptime"]
    assert lasco.is_full(smap.data.shape)


def test_brightness_of_level_1(make_lasco):
    lasco = check_lasco(make_lasco("C3", 1))
    assert (lasco.level, lasco.bias, lasco.blank) == (1.0, 0.0, -32768)
    assert lasco.center == pytest.approx((517.956, 532.632), abs=1e-4)


@pytest.mark.parametrize(
    ("level", "changes", "expected"),
    [
        (0.5, {"level": "0.5"}, 0.5),
        (0.5, {"level": "L1"}, 1.0),
        (0.5, {"filename": "35082038.fts"}, 1.0),
        (0.5, {"filename": "24082038.fts"}, 1.0),
        (0.5, {"filename": "image.fts"}, 0.5),
        (0.5, {"filename": None}, 0.5),
        (1, {"level": None}, 1.0),
        (1, {"level": None, "bunit": None}, 1.0),
        (1, {"level": None, "bunit": None, "filename": "a.fts"}, 1.0),
        (1, {"level": None, "bunit": None, "filename": "32082038.fts"}, 0.5),
        (1, {"level": None, "bunit": None, "filename": None, "offset": 390.0}, 0.5),
    ],
)
def test_level_from_what_the_header_has(make_lasco, level, changes, expected):
    assert check_lasco(make_lasco("C3", level, **changes)).level == expected


def test_display_images_have_neither_counts_nor_bias(make_lasco):
    image = np.zeros((1024, 1024), dtype=np.uint8)
    lasco = check_lasco(make_lasco("C3", data=image, filename="a.jp2", offset=None))
    assert (lasco.level, lasco.bias) == (1.0, 0.0)


def test_bias_is_in_the_unit_of_the_image(make_lasco):
    smap = make_lasco("C3", dtype=np.float32)
    bias, seconds = smap.meta["offset"], smap.meta["exptime"]
    assert check_lasco(smap).bias == bias
    blind = smap.data == 0
    assert check_lasco(make_lasco("C3", data=smap.data - bias)).bias == 0
    assert check_lasco(make_lasco("C3", data=np.where(blind, 0, smap.data - bias))).bias == 0
    rate = make_lasco("C3", data=smap.data / seconds, bunit="DN / s")
    assert check_lasco(rate).bias == pytest.approx(bias / seconds)
    summed = make_lasco("C3", data=4 * smap.data, lebxsum=2, lebysum=2)
    assert check_lasco(summed).bias == pytest.approx(4 * bias)
    assert check_lasco(make_lasco("C3", offset=None)).bias == 0


@pytest.mark.parametrize("roll", [0.0, 180.0, -7.3])
def test_centre_follows_cutouts_and_shifts_of_the_reference(make_lasco, roll):
    smap = make_lasco("C3", crota1=roll, crota2=roll)
    # The reference elsewhere, as sunpy computes what is seen there
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        there = smap.pixel_to_world(200 * u.pix, 700 * u.pix)
        other = make_lasco(
            "C3",
            crota1=roll,
            crota2=roll,
            crpix1=201.0,
            crpix2=701.0,
            crval1=there.Tx.to_value("arcsec"),
            crval2=there.Ty.to_value("arcsec"),
        )
        part = smap.submap([100, 40] * u.pix, top_right=[699, 639] * u.pix)
    assert check_lasco(other).center == pytest.approx(check_lasco(smap).center, abs=3)
    assert check_lasco(part).center == pytest.approx(np.subtract(check_lasco(smap).center, (100, 40)))


def test_centre_is_where_the_wcs_sees_it(make_lasco):
    smap = make_lasco("C3", crval1=-9000.0, crval2=14000.0, crota1=30.0, crota2=30.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = np.array(smap.wcs.world_to_pixel_values(0, 0))
    assert check_lasco(smap).center == pytest.approx(expected, abs=1e-6)


def test_nothing_is_warned_of(make_lasco):
    # Warnings are errors here, and sunpy has one for the observer that is missing as soon as it is asked for
    smap = make_lasco("C2")
    with pytest.warns(UserWarning, match="observer"):
        _ = smap.observer_coordinate
    check_lasco(make_lasco("C2"))


@pytest.mark.parametrize(("scale", "binning"), [(11.9, 1), (11.4, 1), (23.8, 2), (47.6, 4)])
def test_binning_from_the_pixel_scale(make_lasco, scale, binning):
    assert check_lasco(make_lasco("C2", cdelt1=scale, cdelt2=scale)).binning == binning


def test_a_generic_map_with_the_keywords_will_do(make_lasco):
    smap = make_lasco("C2", 1, instrume="lasco")
    assert type(smap) is sunpy.map.GenericMap
    assert check_lasco(smap) == check_lasco(make_lasco("C2", 1))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"detector": "C1"}, ValueError, "Found DETECTOR = 'C1', expected 'C2' or 'C3'"),
        ({"level": "2"}, ValueError, "Found LEVEL = '2', expected 0.5 or 1"),
        ({"level": "final"}, ValueError, "Found LEVEL = 'final'"),
        ({"cdelt1": 56.0}, ValueError, "pixels of 56 arcsec, expected 11.9 arcsec for C2"),
        ({"rsttask": "inpaint"}, ValueError, "RSTTASK = 'inpaint'.*inpainted already"),
        (
            {"instrume": "EIT", "detector": None, "wavelnth": 195, "cunit1": "arcsec", "cunit2": "arcsec"},
            TypeError,
            "Found an image of SOHO EIT",
        ),
        ({"instrume": "SECCHI", "detector": "COR1", "telescop": "STEREO"}, TypeError, "STEREO SECCHI COR1"),
        ({"instrume": None, "telescop": None, "detector": None}, TypeError, "an unnamed instrument"),
    ],
)
def test_other_maps_are_refused(make_lasco, changes, error, message):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        smap = make_lasco("C2", **changes)
    with pytest.raises(error, match=message):
        check_lasco(smap)


@pytest.mark.parametrize("wrong", [np.ones((9, 9)), "file.fts", None])
def test_things_that_are_no_maps_are_refused(wrong):
    with pytest.raises(TypeError, match="expected a Map of SOHO/LASCO"):
        check_lasco(wrong)


@pytest.mark.parametrize(("detector", "number"), [("C2", 61), ("C3", 99)])
@pytest.mark.parametrize("dtype", [">i2", np.int32, np.float32])
def test_blocks_that_are_zeroed_on_board_are_blind(make_lasco, blind_table, detector, number, dtype):
    smap = make_lasco(detector, dtype=dtype)
    blind = blind_pixels(smap.data, check_lasco(smap))
    assert blind.sum() == number * 32**2
    np.testing.assert_array_equal(blind, blind_table(detector))


def test_a_word_in_a_blind_block_stays_blind(make_lasco, blind_table):
    smap = make_lasco("C3")
    smap.data[7, 1020] = 8192
    np.testing.assert_array_equal(blind_pixels(smap.data, check_lasco(smap)), blind_table("C3"))


def test_blocks_that_were_sent_are_not_blind(make_lasco, blind_table, make_blocks):
    sent = make_blocks([(0, 0), (15, 13), (31, 31)])
    smap = make_lasco("C2", lost=sent & blind_table("C2"), fill=601)
    np.testing.assert_array_equal(blind_pixels(smap.data, check_lasco(smap)), blind_table("C2") & ~sent)


@pytest.mark.parametrize(("detector", "number"), [("C2", 8), ("C3", 17)])
def test_summed_images_have_fewer_blind_blocks(make_lasco, blind_table, detector, number):
    smap = make_lasco(detector, binning=2)
    blind = blind_pixels(smap.data, check_lasco(smap))
    assert blind.sum() == number * 32**2
    np.testing.assert_array_equal(blind, blind_table(detector, 2))


def test_turned_images_have_turned_blind_blocks(make_lasco, blind_table):
    smap = make_lasco("C3")
    turned = make_lasco("C3", data=smap.data[::-1, ::-1], crpix1=1025 - 517.956, crpix2=1025 - 532.632)
    lasco = check_lasco(turned)
    assert lasco.turn == 180
    np.testing.assert_array_equal(blind_pixels(turned.data, lasco), blind_table("C3")[::-1, ::-1])


@pytest.mark.parametrize("wander", [(0, 0), (2, -2), (-1.4, 1.7)])
@pytest.mark.parametrize("detector", ["C2", "C3"])
def test_blind_blocks_of_cutouts(make_lasco, blind_table, cut, detector, wander):
    smap = make_lasco(detector)
    smap.meta["crpix1"] += wander[0]
    smap.meta["crpix2"] += wander[1]
    for rows, columns in (
        (slice(7, 600), slice(3, 1024)),
        (slice(401, 1024), slice(350, 1020)),
        (slice(900, 1024), slice(0, 230)),
    ):
        part = cut(smap, rows, columns)
        lasco = check_lasco(part)
        row, column = block_grid(empty_pixels(part.data, lasco), lasco)
        assert ((row + rows.start) % 32, (column + columns.start) % 32) == (0, 0)
        np.testing.assert_array_equal(blind_pixels(part.data, lasco), blind_table(detector)[rows, columns])


@pytest.mark.parametrize("detector", ["C2", "C3"])
def test_what_the_calibration_masks_is_blind(make_lasco, hidden_at_level_1, detector):
    smap = make_lasco(detector, 1)
    lasco = check_lasco(smap)
    np.testing.assert_array_equal(blind_pixels(smap.data, lasco), hidden_at_level_1(detector))
    # By geometry alone it is known to some pixels
    expected = hidden_at_level_1(detector)
    assert not (expected & ~obscured(smap.data.shape, lasco, 5)).any()
    assert (expected & obscured(smap.data.shape, lasco)).sum() > 0.95 * expected.sum()
    assert obscured(smap.data.shape, lasco).sum() < 1.1 * expected.sum()


def test_the_pylon_turns_with_the_image(make_lasco, hidden_at_level_1):
    smap = make_lasco("C3", 1)
    turned = make_lasco("C3", 1, data=smap.data[::-1, ::-1], rectify=180.0, crpix1=506.0, crpix2=491.3)
    blind = blind_pixels(turned.data, check_lasco(turned))
    np.testing.assert_array_equal(blind, hidden_at_level_1("C3")[::-1, ::-1])
    # By a quarter, which is exact in pixels, about a centre that lies between them
    quarter = make_lasco("C3", 1, data=np.rot90(smap.data, -1), rectify=90.0, crpix1=1025 - 533.6, crpix2=519.0)
    blind = blind_pixels(quarter.data, check_lasco(quarter))
    np.testing.assert_array_equal(blind, np.rot90(hidden_at_level_1("C3"), -1))


def test_blocks_without_counts_are_blind_though_calibrated(make_lasco, blind_table):
    """Where no other block was lost, the calibration leaves (0 - bias) in those that were zeroed on board."""
    smap = make_lasco("C2", 1)
    rng = np.random.default_rng(0)
    smap.data[blind_table("C2")] = -1e-11 * rng.uniform(1, 2, blind_table("C2").sum())
    np.testing.assert_array_equal(blind_pixels(smap.data, check_lasco(smap)), blind_table("C2"))


@pytest.mark.parametrize(("detector", "radius"), [("C2", 175), ("C3", 80)])
@pytest.mark.parametrize("level", [0.5, 1])
def test_a_disc_that_somebody_masked_is_blind(make_lasco, detector, radius, level):
    smap = make_lasco(detector, level, dtype=np.float32)
    x0, y0 = check_lasco(smap).center
    y, x = np.indices(smap.data.shape)
    disc = np.hypot(x - x0, y - y0) < radius
    smap.data[disc] = np.nan
    assert blind_pixels(smap.data, check_lasco(smap))[disc].all()


def test_values_that_are_none(make_lasco):
    for value in (0, np.nan, np.inf, -np.inf, -32768, -99):
        smap = make_lasco("C2", dtype=np.float32, blank=-99)
        smap.data[100, 200] = value
        empty = empty_pixels(smap.data, check_lasco(smap))
        assert empty[100, 200]
        assert not empty[100, 199]
    # The bias was subtracted, also from what was zero
    smap = make_lasco("C2", dtype=np.float32)
    taken = make_lasco("C2", data=smap.data - np.float32(598.315))
    np.testing.assert_array_equal(empty_pixels(taken.data, check_lasco(taken)), smap.data == 0)


def test_saturation_is_no_missing_value(make_lasco, make_blocks):
    for level, top in ((0.5, 16383), (1, 6.5e-9)):
        smap = make_lasco("C2", level, dtype=np.float32, lost=make_blocks([(4, 9), (5, 9), (27, 3)]), fill=top)
        assert not empty_pixels(smap.data, check_lasco(smap))[smap.data == np.float32(top)].any()


def test_a_header_from_a_file(make_lasco, tmp_path):
    """Written and read, the string, the unit in capitals and the date in two parts are as in the archive."""
    smap = make_lasco("C2")
    header = fits.Header([(key.upper(), smap.meta[key]) for key in ("crpix1", "crpix2", "cdelt1", "cdelt2", "offset")])
    for key in ("INSTRUME", "DETECTOR", "DATE-OBS", "TIME-OBS", "CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2", "FILENAME"):
        header[key] = smap.meta[key]
    fits.PrimaryHDU(smap.data, header).writeto(tmp_path / "22322544.fts")
    read = sunpy.map.Map(tmp_path / "22322544.fts")
    assert check_lasco(read).center == check_lasco(smap).center
    assert check_lasco(read).bias == check_lasco(smap).bias
