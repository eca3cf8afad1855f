"""Laws of saved NDCubes: everything comes back, or is refused."""

import warnings
from collections import OrderedDict

import ndcube
import numpy as np
import pytest
from ndcube.meta import NDMeta

import astropy.units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import StdDevUncertainty, VarianceUncertainty
from astropy.time import Time
from astropy.wcs import WCS, FITSFixedWarning, Sip

import sunpy.map
from sunpy.map.sources import HMIMap

from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.fits.io import load, save
from sunpy_restore.data import sample_path

META = {"TELESCOP": "SDO/HMI", "INSTRUME": "HMI_FRONT2", "CONTENT": "MAGNETOGRAM", "HISTORY": "first\nsecond"}
TIMES = Time("2011-02-14T20:00:00.123456789") + np.arange(3) * 45.1 * u.s


class OwnCube(ndcube.NDCube):
    pass


def time_wcs(**changes):
    header = {
        "CTYPE1": "HPLN-TAN",
        "CTYPE2": "HPLT-TAN",
        "CTYPE3": "TIME",
        "CUNIT1": "arcsec",
        "CUNIT2": "arcsec",
        "CUNIT3": "s",
        "CDELT1": 0.504 / 3,
        "CDELT2": 0.504 / 7,
        "CDELT3": 45.1 / 7,
        "CRPIX1": 3.5 / 3,
        "CRPIX2": 2.0,
        "CRPIX3": 1.0,
        "CRVAL1": 100.1,
        "CRVAL2": -50.7,
        "CRVAL3": 1 / 3,
        "PC1_2": 1 / 7,
        "DATEREF": "2011-02-14T20:00:00",
        "HGLN_OBS": 1 / 3,
        "HGLT_OBS": -6.8,
        "DSUN_OBS": 147699950484.1,
        "RSUN_REF": 6.96e8,
        **changes,
    }
    with warnings.catch_warnings():
        # Of DATEREF without MJDREF, which wcslib fills in.
        warnings.simplefilter("ignore", FITSFixedWarning)
        return WCS(header)


def series(cls=ndcube.NDCube, **keywords):
    data = np.arange(3 * 5 * 7, dtype="f4").reshape(3, 5, 7)
    return cls(data, **({"wcs": time_wcs(), "meta": dict(META), "unit": u.G} | keywords))


def image(**keywords):
    smap = sunpy.map.Map(sample_path("hmi_magnetogram")).submap([30, 40] * u.pix, top_right=[49, 69] * u.pix)
    return ndcube.NDCube(smap.data, **({"wcs": smap.wcs, "meta": smap.meta, "unit": smap.unit} | keywords))


def round_trip(cube, folder):
    save(cube, folder / "cube.fits", overwrite=True)
    return load(folder / "cube.fits")


def assert_same_cube(found, expected):
    assert type(found) is type(expected)
    assert found.data.dtype == expected.data.dtype
    np.testing.assert_array_equal(found.data, expected.data)
    assert found.unit == expected.unit
    assert_same_array(found.mask, expected.mask)
    assert type(found.uncertainty) is type(expected.uncertainty)
    if expected.uncertainty is not None:
        assert_same_array(found.uncertainty.array, expected.uncertainty.array)
        assert found.uncertainty.unit == expected.uncertainty.unit
    assert type(found.wcs.low_level_wcs) is type(expected.wcs.low_level_wcs)
    assert found.wcs.low_level_wcs.pixel_shape == expected.wcs.low_level_wcs.pixel_shape
    pixels = np.meshgrid(*(np.arange(n) for n in reversed(expected.data.shape)))
    for one, other in zip(
        np.atleast_1d(found.wcs.low_level_wcs.pixel_to_world_values(*pixels)),
        np.atleast_1d(expected.wcs.low_level_wcs.pixel_to_world_values(*pixels)),
        strict=True,
    ):
        # To the last digit
        np.testing.assert_array_equal(one, other)
    assert type(found.meta) is type(expected.meta)
    assert list(found.meta) == list(expected.meta)
    if isinstance(expected.meta, fits.Header):
        assert found.meta.tostring() == expected.meta.tostring()
        return
    for key, value in expected.meta.items():
        # A number of numpy becomes one of Python.
        value = value.item() if isinstance(value, np.generic) else value
        assert repr(found.meta[key]) == repr(value)


def assert_same_array(found, expected):
    assert (found is None) == (expected is None)
    if expected is not None:
        assert np.asarray(found).dtype == np.asarray(expected).dtype
        np.testing.assert_array_equal(found, expected)


def mask():
    result = np.zeros((3, 5, 7), bool)
    result[1, 2, 3] = True
    return result


def test_series_comes_back(tmp_path):
    uncertainty = VarianceUncertainty(np.linspace(0, 1, 105).reshape(3, 5, 7))
    cube = series(OwnCube, mask=mask(), uncertainty=uncertainty)
    assert_same_cube(round_trip(cube, tmp_path), cube)
    with fits.open(tmp_path / "cube.fits") as hdus:
        header = hdus[0].header
        assert hdus[0].data.shape == (3, 5, 7)
        assert [header[f"CTYPE{axis}"] for axis in (1, 2, 3)] == ["HPLN-TAN", "HPLT-TAN", "TIME"]
        assert header["BUNIT"] == "G"
        assert header["RSTNMASK"] == 1
        assert list(header["HISTORY"]) == ["first", "second"]


def test_image_comes_back_and_opens_as_a_map(tmp_path):
    cube = image(uncertainty=StdDevUncertainty(np.ones((30, 20), "f4")))
    assert_same_cube(round_trip(cube, tmp_path), cube)
    smap = sunpy.map.Map(tmp_path / "cube.fits")
    assert type(smap) is HMIMap
    np.testing.assert_array_equal(smap.data, cube.data)
    with fits.open(tmp_path / "cube.fits") as hdus:
        assert hdus[0].header["TELESCOP"] == "SDO/HMI"


@pytest.mark.parametrize("item", [np.s_[1:], np.s_[1], np.s_[:, 1:4, 2:], np.s_[0, 1:, ::1], np.s_[0:1, 1:3]])
def test_slices_come_back(item, tmp_path):
    cube = series(mask=mask())[item]
    found = round_trip(cube, tmp_path)
    assert_same_cube(found, cube)
    assert found.global_coords.keys() == cube.global_coords.keys()
    for name in cube.global_coords:
        assert found.global_coords[name] == cube.global_coords[name]


def test_rebinned_cubes_come_back(tmp_path):
    cube = series()[:, :4, :6].rebin((1, 2, 3))
    assert_same_cube(round_trip(cube, tmp_path), cube)
    assert_same_cube(round_trip(cube[1], tmp_path), cube[1])


def test_saving_does_not_change_a_rebinned_cube(tmp_path):
    cube = series().rebin((3, 1, 1))
    before = cube.wcs.low_level_wcs.pixel_to_world_values(1, 1, 1)
    save(cube, tmp_path / "cube.fits")
    assert cube.wcs.low_level_wcs.pixel_to_world_values(1, 1, 1) == before


@pytest.mark.parametrize(
    "wcs",
    [
        time_wcs(PV2_1=1 / 3, LONPOLE=179.9),
        time_wcs(CTYPE3="WAVE", CUNIT3="Angstrom", CRVAL3=171.1, RESTWAV=1.71e-8 / 3),
        time_wcs(MJDREFI=55606, MJDREFF=5 / 7, DATEREF=""),
        time_wcs(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", RADESYS="FK5", EQUINOX=1975.3),
    ],
)
def test_wcs_comes_back_to_the_last_digit(wcs, tmp_path):
    cube = series(wcs=wcs)
    found = round_trip(cube, tmp_path)
    assert_same_cube(found, cube)
    assert found.wcs.wcs == cube.wcs.wcs
    for name in ("hgln_obs", "hglt_obs", "dsun_obs", "rsun_ref"):
        assert getattr(found.wcs.wcs.aux, name) == getattr(cube.wcs.wcs.aux, name)
    np.testing.assert_array_equal(found.wcs.wcs.mjdref, cube.wcs.wcs.mjdref)


def test_cd_matrix_comes_back(tmp_path):
    header = {"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", "CUNIT1": "deg", "CUNIT2": "deg"}
    header |= {"CD1_1": 1e-3 / 3, "CD1_2": 1e-5 / 7, "CD2_1": -1e-5 / 7, "CD2_2": 1e-3 / 3, "CRPIX1": 1.1}
    cube = ndcube.NDCube(np.ones((2, 3)), wcs=WCS(header))
    assert_same_cube(round_trip(cube, tmp_path), cube)


def header_with_lines():
    header = fits.Header(
        [("TELESCOP", "SDO/HMI", "telescope"), ("COMMENT", "a"), ("INSTRUME", "HMI"), ("COMMENT", "b")]
    )
    header["HIERARCH long keyword"] = 1 / 3
    header.add_history("first")
    header.add_blank("title")
    return header


@pytest.mark.parametrize(
    "meta",
    [
        None,
        {},
        OrderedDict(b=1, a=2),
        {"Mixed": np.nan, "none": None, "q": 3 * u.m, "t": TIMES[0], "a": np.arange(3), 5: (1, [2, {"x": "y"}])},
        {"EXPTIME": 2.0, "BLANK": -1, "keycomments": {"EXPTIME": "[s] time"}, "CRPIX1": 77.0, "CD1_1": 4.0},
        header_with_lines(),
    ],
    ids=lambda meta: type(meta).__name__,
)
def test_meta_comes_back(meta, tmp_path):
    cube = series(meta=meta)
    assert_same_cube(round_trip(cube, tmp_path), cube)


def test_axis_aware_meta_comes_back(tmp_path):
    meta = NDMeta(
        {"exposure": np.array([1.0, 2.0, 3.0]), "TELESCOP": "SDO"},
        key_comments={"TELESCOP": "telescope"},
        axes={"exposure": 0},
    )
    found = round_trip(series(meta=meta), tmp_path)
    assert type(found.meta) is NDMeta
    np.testing.assert_array_equal(found.meta["exposure"], [1, 2, 3])
    assert found.meta.key_comments == {"TELESCOP": "telescope"}
    assert found.meta.axes.keys() == {"exposure"}
    np.testing.assert_array_equal(found[1:].meta["exposure"], [2, 3])


def test_coordinates_come_back(tmp_path):
    cube = series()
    cube.extra_coords.add("time", 0, TIMES, physical_types="time")
    cube.extra_coords.add(("offset_y", "offset_x"), (1, 2), (np.arange(5) * u.m / 3, np.arange(7) * u.m))
    cube.global_coords.add("exposure", "custom:exposure", 1 / 3 * u.s)
    cube.global_coords.add("pointing", "pos.eq", SkyCoord(1 * u.deg, 2 * u.deg))
    found = round_trip(cube, tmp_path)
    assert found.extra_coords.keys() == cube.extra_coords.keys()
    assert found.extra_coords.mapping == cube.extra_coords.mapping
    for one, other in zip(found.extra_coords._lookup_tables, cube.extra_coords._lookup_tables, strict=True):
        assert one[0] == other[0]
        assert all(np.all(a == b) for a, b in zip(one[1].table, other[1].table, strict=True))
        assert one[1].physical_types == other[1].physical_types
    assert found.global_coords["exposure"] == 1 / 3 * u.s
    assert found.global_coords["pointing"].ra == 1 * u.deg
    assert found.global_coords.physical_types == cube.global_coords.physical_types
    # The coordinate of the axis that was sliced away
    found = round_trip(cube[1], tmp_path)
    assert found.global_coords.keys() == cube[1].global_coords.keys()


def from_wcs():
    cube = series()
    cube.extra_coords.wcs = WCS(naxis=1)
    cube.extra_coords.mapping = (0,)
    return cube


def with_sky_table():
    cube = series()
    cube.extra_coords.add(("lon", "lat"), 0, SkyCoord(np.arange(3) * u.deg, np.arange(3) * u.deg), mesh=False)
    return cube


def with_global(value):
    cube = series()
    cube.global_coords.add("x", "custom:x", value)
    return cube


def distorted():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "HPLN-TAN-SIP", "HPLT-TAN-SIP"
    wcs.sip = Sip(np.ones((2, 2)), np.ones((2, 2)), None, None, [1, 1])
    wcs.wcs.set()
    return ndcube.NDCube(np.ones((2, 3)), wcs=wcs)


@pytest.mark.parametrize(
    ("cube", "match"),
    [
        (from_wcs, "extra_coords made from a WCS"),
        (with_sky_table, "extra_coords in a SkyCoordTableCoordinate"),
        (lambda: with_global(object()), "global_coords of the NDCube is of the type list, which cannot be saved"),
        (lambda: series(meta={"a": object()}), "meta of the NDCube"),
        (distorted, "WCS with distortions; expected a FITS WCS without"),
        (lambda: series(psf=np.ones((3, 3))), "psf of an NDCube is not saved"),
        (lambda: series(mask=np.zeros(4, bool)), "Found MASK of shape"),
        (lambda: series(unit=u.def_unit("kilo_gauss", 1000 * u.G)), "WCS or unit of the NDCube would change"),
    ],
)
def test_what_cannot_be_saved(cube, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        save(cube(), tmp_path / "cube.fits")
    assert not list(tmp_path.iterdir())


def test_cube_saved_again_says_what_it_lost(tmp_path):
    save(image(mask=np.ones((30, 20), bool)), tmp_path / "cube.fits")
    sunpy.map.Map(tmp_path / "cube.fits").save(tmp_path / "again.fits")
    with pytest.warns(RestoreWarning, match="the mask is lost. It was True in 600 pixels"):
        load(tmp_path / "again.fits")


def test_header_edited_by_another_program(tmp_path):
    cube = image(meta={"BLANK": 1, "EXPTIME": 2.0, "nothing": np.nan})
    save(cube, tmp_path / "cube.fits")
    fits.setval(tmp_path / "cube.fits", "CRVAL1", value=7.0)
    with pytest.warns(RestoreWarning, match="header was changed after the cube was saved"):
        assert_same_cube(load(tmp_path / "cube.fits"), cube)


def test_class_that_is_not_imported(tmp_path):
    class Temporary(ndcube.NDCube):
        pass

    save(series(Temporary), tmp_path / "cube.fits")
    Temporary.__qualname__ = "Another"
    with pytest.warns(RestoreWarning, match=r"the cube is an NDCube. Import its class .*Temporary before"):
        assert type(load(tmp_path / "cube.fits")) is ndcube.NDCube


def test_commentary_cards_in_the_meta_become_text(tmp_path):
    """The meta of a Map of a file with blank cards."""
    header = fits.Header([("EXPTIME", 2.0), ("", "a title"), ("", "a line"), ("COMMENT", "no comment")])
    meta = {key.lower(): header[key] for key in header}
    wcs = WCS({"ctype1": "HPLN-TAN", "ctype2": "HPLT-TAN", "cunit1": "arcsec", "cunit2": "arcsec"})
    cube = ndcube.NDCube(np.ones((2, 3)), wcs=wcs, meta=meta)
    save(cube, tmp_path / "cube.fits")
    assert load(tmp_path / "cube.fits").meta == {"exptime": 2.0, "": "a title\na line", "comment": "no comment"}
    cube.meta["odd"] = object()
    with pytest.raises(ValueError, match="entry 'odd' of the meta of the NDCube is of the type object"):
        save(cube, tmp_path / "odd.fits")
