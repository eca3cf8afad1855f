"""What headers tell about an image, in the spellings of several observatories."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import astropy.units as u

from sunpy_restore.core.datasets.samples import Candidate


def candidate(**header):
    return Candidate(np.ones((8, 8)), {key.replace("__", "-"): value for key, value in header.items()})


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"DATE__OBS": "2001/10/23", "TIME__OBS": "16:06:07.572"}, "2001-10-23T16:06:07.572"),  # LASCO
        ({"DATE__OBS": "2002-01-08T02:41:57.042", "TIME__OBS": ""}, "2002-01-08T02:41:57.042"),
        ({"DATE_OBS": "2011-02-14T03:04:43.785", "TIME__OBS": "03:04:43.785"}, "2011-02-14T03:04:43.785"),  # Hinode
        ({"DATE__BEG": "2022-06-03T18:50:36.353"}, "2022-06-03T18:50:36.353"),  # DKIST
        ({"T_OBS": "2011.02.14_20:35:09_TAI"}, "2011-02-14T20:34:35.000"),  # HMI, 34 s from UTC
        ({"DATE__OBS": "unknown"}, None),
        ({}, None),
    ],
)
def test_time(header, expected):
    assert candidate(**header).time == expected


@given(st.floats(0.01, 60), st.floats(-180, 180), st.sampled_from(("arcsec", "deg")))
def test_pixel_scale_does_not_depend_on_the_convention(scale, angle, unit):
    size = (scale * u.arcsec).to_value(unit)
    turn, tilt = size * np.cos(np.radians(angle)), size * np.sin(np.radians(angle))
    axes = {"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", "CUNIT1": unit, "CUNIT2": unit}
    by_matrix = candidate(**axes, CD1_1=-turn, CD1_2=tilt, CD2_1=tilt, CD2_2=turn)
    by_angle = candidate(**axes, CDELT1=-size, CDELT2=size, CROTA2=angle)
    for image in (by_matrix, by_angle):
        assert image.pixel_scale == pytest.approx(scale, rel=1e-6)


def test_pixel_scale_of_old_headers():
    old = {"CTYPE1": "SOLAR-X", "CTYPE2": "SOLAR-Y", "CUNIT1": "ARCSEC", "CUNIT2": "ARCSEC"}
    assert candidate(**old, CDELT1=11.9, CDELT2=11.9).pixel_scale == pytest.approx(11.9)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"CDELT1": 1.0, "CDELT2": 1.0},
        {"CDELT1": 1.0, "CDELT2": 1.0, "CUNIT1": "km", "CUNIT2": "km"},
        {"CDELT1": 0.1, "CDELT2": 0.2, "CUNIT1": "arcsec", "CUNIT2": "arcsec"},
        {"CDELT1": "wide", "CDELT2": 0.2, "CUNIT1": "arcsec", "CUNIT2": "arcsec"},
    ],
)
def test_image_without_a_pixel_size_is_refused(header):
    with pytest.raises(ValueError, match=r"pixel size|square ones"):
        candidate(**header).pixel_scale


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"WAVELNTH": 171, "WAVEUNIT": "angstrom"}, 17.1),
        ({"WAVELNTH": 450.4, "WAVEUNIT": -9}, 450.4),
        ({"WAVELNTH": 6173.0}, 617.3),
        ({"WAVELNTH": 171}, None),
        ({"WAVELNTH": "H alpha", "WAVEUNIT": "nm"}, None),
        ({}, None),
    ],
)
def test_wavelength(header, expected):
    assert candidate(**header).wavelength == (None if expected is None else pytest.approx(expected))


def test_unit_and_instrument():
    assert candidate(BUNIT="Gauss").unit == u.G
    assert candidate(BUNIT="Mx/cm^2").unit.is_equivalent(u.G)
    assert candidate().unit is None
    assert not candidate(BUNIT="counts per frame").unit.is_equivalent(u.G)
    assert candidate(TELESCOP="SDO/AIA", INSTRUME="AIA_3").instrument == "SDO/AIA AIA_3"
    assert candidate(TELESCOP="HMI", INSTRUME="HMI").instrument == "HMI"


def test_header_of_no_solar_image_opens_as_no_map():
    with pytest.raises(ValueError, match="opens as no Map"):
        candidate(CTYPE1="HPLN-TAN", CTYPE2="HPLT-TAN", CUNIT1="kg", CUNIT2="kg").map()
