"""Properties of LASCO images from their headers."""

import warnings

import numpy as np
import pytest

import astropy.units as u
from astropy.io import fits

import sunpy.map

from sunpy_restore.inpainting.lasco.header import check_lasco


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
def test_level_from_the_available_keywords(make_lasco, level, changes, expected):
    assert check_lasco(make_lasco("C3", level, **changes)).level == expected


def test_images_for_display_have_no_bias(make_lasco):
    image = np.zeros((1024, 1024), dtype=np.uint8)
    lasco = check_lasco(make_lasco("C3", data=image, filename="a.jp2", offset=None))
    assert (lasco.level, lasco.bias) == (1.0, 0.0)


def test_bias_is_in_the_unit_of_the_image(make_lasco):
    smap = make_lasco("C3", dtype=np.float32)
    bias, seconds = smap.meta["offset"], smap.meta["exptime"]
    assert check_lasco(smap).bias == bias
    unobserved = smap.data == 0
    assert check_lasco(make_lasco("C3", data=smap.data - bias)).bias == 0
    assert check_lasco(make_lasco("C3", data=np.where(unobserved, 0, smap.data - bias))).bias == 0
    rate = make_lasco("C3", data=smap.data / seconds, bunit="DN / s")
    assert check_lasco(rate).bias == pytest.approx(bias / seconds)
    summed = make_lasco("C3", data=4 * smap.data, lebxsum=2, lebysum=2)
    assert check_lasco(summed).bias == pytest.approx(4 * bias)
    assert check_lasco(make_lasco("C3", offset=None)).bias == 0


@pytest.mark.parametrize("roll", [0.0, 180.0, -7.3])
def test_centre_follows_cutouts_and_shifts_of_the_reference(make_lasco, roll):
    smap = make_lasco("C3", crota1=roll, crota2=roll)
    # Another reference pixel, with the coordinates that sunpy computes for it
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


def test_centre_agrees_with_the_wcs(make_lasco):
    smap = make_lasco("C3", crval1=-9000.0, crval2=14000.0, crota1=30.0, crota2=30.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = np.array(smap.wcs.world_to_pixel_values(0, 0))
    assert check_lasco(smap).center == pytest.approx(expected, abs=1e-6)


def test_reading_the_header_does_not_warn(make_lasco):
    # Warnings are errors in the tests, and sunpy warns about the missing observer when it is needed
    smap = make_lasco("C2")
    with pytest.warns(UserWarning, match="observer"):
        _ = smap.observer_coordinate
    check_lasco(make_lasco("C2"))


@pytest.mark.parametrize(("scale", "binning"), [(11.9, 1), (11.4, 1), (23.8, 2), (47.6, 4)])
def test_binning_from_the_pixel_scale(make_lasco, scale, binning):
    assert check_lasco(make_lasco("C2", cdelt1=scale, cdelt2=scale)).binning == binning


def test_generic_maps_with_the_keywords_are_accepted(make_lasco):
    smap = make_lasco("C2", 1, instrume="lasco")
    assert type(smap) is sunpy.map.GenericMap
    assert check_lasco(smap) == check_lasco(make_lasco("C2", 1))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"detector": "C1"}, ValueError, "Found DETECTOR = 'C1'; expected 'C2' or 'C3'"),
        ({"level": "2"}, ValueError, "Found LEVEL = '2'; expected 0.5 or 1"),
        ({"level": "final"}, ValueError, "Found LEVEL = 'final'"),
        ({"cdelt1": 56.0}, ValueError, "pixels of 56 x 11.9 arcsec .*; expected 11.9 arcsec for C2"),
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
def test_other_objects_are_refused(wrong):
    with pytest.raises(TypeError, match="expected a Map of SOHO/LASCO"):
        check_lasco(wrong)


def test_a_header_from_a_file(make_lasco, tmp_path):
    """Written and read, with text, upper-case units and split dates as in the archive."""
    smap = make_lasco("C2")
    header = fits.Header([(key.upper(), smap.meta[key]) for key in ("crpix1", "crpix2", "cdelt1", "cdelt2", "offset")])
    for key in ("INSTRUME", "DETECTOR", "DATE-OBS", "TIME-OBS", "CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2", "FILENAME"):
        header[key] = smap.meta[key]
    fits.PrimaryHDU(smap.data, header).writeto(tmp_path / "22322544.fts")
    read = sunpy.map.Map(tmp_path / "22322544.fts")
    assert check_lasco(read).center == check_lasco(smap).center
    assert check_lasco(read).bias == check_lasco(smap).bias
