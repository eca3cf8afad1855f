"""NDCubes become Maps, and restored Maps become an NDCube."""

import copy
import re
import warnings

import ndcube
import numpy as np
import pytest
from ndcube.meta import NDMeta

import astropy.units as u
from astropy.io import fits
from astropy.nddata import StdDevUncertainty
from astropy.time import Time
from astropy.wcs import WCS, FITSFixedWarning
from astropy.wcs.wcsapi import HighLevelWCSWrapper
from astropy.wcs.wcsapi.wrappers.base import BaseWCSWrapper

import sunpy.map
from sunpy.map.sources import HMIMap

from sunpy_restore.core.images.containers import as_maps
from sunpy_restore.core.images.header import Provenance, added_cards
from sunpy_restore.core.images.maps import restored_map
from sunpy_restore.data import sample_path

PROVENANCE = Provenance("enhance-magnetogram", "network", "compact", "ab" * 32, "1.2.3")
META = {"TELESCOP": "SDO/HMI", "INSTRUME": "HMI_FRONT2", "CONTENT": "MAGNETOGRAM", "DATAMIN": -5.0, "HISTORY": "first"}


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
        "CDELT1": 0.504,
        "CDELT2": 0.504,
        "CDELT3": 45.0,
        "CRPIX1": 3.5,
        "CRPIX2": 2.0,
        "CRPIX3": 1.0,
        "CRVAL1": 100.0,
        "CRVAL2": -50.0,
        "CRVAL3": 0.0,
        "DATEREF": "2011-02-14T20:00:00",
        "HGLN_OBS": 1.0,
        "HGLT_OBS": -6.8,
        "DSUN_OBS": 147699950484.1,
        "RSUN_REF": 6.96e8,
        **changes,
    }
    with warnings.catch_warnings():
        # DATEREF without MJDREF, which wcslib fills in
        warnings.simplefilter("ignore", FITSFixedWarning)
        return WCS(header)


def series(wcs=None, shape=(3, 5, 7), **keywords):
    keywords = {"meta": dict(META), "unit": u.G} | keywords
    data = np.random.default_rng(0).normal(0, 100, shape).astype(np.float32)
    return OwnCube(data, wcs=wcs or time_wcs(), **keywords)


def single(**changes):
    """A cube of the sample magnetogram, as a user makes it."""
    smap = sunpy.map.Map(sample_path("hmi_magnetogram")).submap([30, 40] * u.pix, top_right=[49, 69] * u.pix)
    return smap, ndcube.NDCube(smap.data, **({"wcs": smap.wcs, "meta": smap.meta, "unit": smap.unit} | changes))


def restore(cube, scale=2, **cards):
    """Restore all images of a cube by a function that adds header keywords."""
    maps, rebuild = as_maps(cube)
    return rebuild([restored(smap, scale, **cards) for smap in maps])


def restored(smap, scale=1, **cards):
    data = np.kron(smap.data, np.ones((scale, scale), dtype=np.float32))
    result = restored_map(smap, data, scale=scale, provenance=PROVENANCE)
    result.meta.update(cards)
    return result


def sky(wcs, *pixels):
    return wcs.low_level_wcs.pixel_to_world_values(*pixels)[:2]


def test_image_becomes_the_map_it_was():
    smap, cube = single()
    (found,), _ = as_maps(cube)
    assert type(found) is HMIMap
    assert found.unit == smap.unit
    assert found.date == smap.date
    assert found.reference_date == smap.reference_date
    assert found.meta["rsun_obs"] == smap.meta["rsun_obs"]
    assert found.meta["history"] == smap.meta["history"]
    assert np.array_equal(found.data, smap.data)
    assert np.allclose(sky(found.wcs, 3, 4), sky(smap.wcs, 3, 4), rtol=0, atol=1e-12)
    # The same observer to the last digit, without which comparing coordinates of both would warn
    assert found.coordinate_frame.is_equivalent_frame(smap.coordinate_frame)


def test_the_wcs_takes_precedence_over_the_header():
    smap, _ = single()
    # The header still has the roll angle and pixels of the Map before its rotation
    turned = smap.rotate()
    (found,), _ = as_maps(ndcube.NDCube(turned.data, wcs=turned.wcs, meta=smap.meta))
    assert np.allclose(found.rotation_matrix, np.eye(2))
    assert np.allclose(sky(found.wcs, 3, 4), sky(turned.wcs, 3, 4), rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_image_comes_back_as_a_cube_on_the_maps_grid(scale):
    smap, cube = single()
    mask = smap.data > 0
    cube.mask = mask
    before = copy.deepcopy(cube.meta)
    found = restore(cube, scale)
    expected = restored_map(smap, np.zeros([scale * n for n in smap.data.shape]), scale=scale, provenance=PROVENANCE)
    assert type(found) is ndcube.NDCube
    assert found.unit == u.G
    assert np.array_equal(found.data[::scale, ::scale], smap.data)
    assert np.array_equal(found.mask, found.data > 0)
    for x, y in ((-0.5, -0.5), (19.5 * scale, 0.0), (0.0, 29.5 * scale)):
        assert np.allclose(sky(found.wcs, x, y), sky(expected.wcs, x, y), rtol=0, atol=1e-9)
    assert type(found.meta) is type(before)
    assert dict(found.meta) == dict(expected.meta)
    assert cube.meta == before
    assert np.array_equal(cube.mask, mask)


@pytest.mark.parametrize("scale", [1, 2])
def test_series_gives_a_map_per_time_and_comes_back(scale):
    cube = series(mask=np.zeros((3, 5, 7), bool), uncertainty=StdDevUncertainty(np.ones((3, 5, 7))))
    cube.mask[1, 2, 3] = True
    maps, _ = as_maps(cube)
    assert len(maps) == 3
    assert all(type(smap) is HMIMap and smap.unit == u.G for smap in maps)
    assert [smap.date.isot for smap in maps] == [f"2011-02-14T20:{t}.000" for t in ("00:00", "00:45", "01:30")]
    assert [smap.mask.sum() for smap in maps] == [0, 1, 0]
    assert maps[0].observer_coordinate.lon == 1 * u.deg
    found = restore(cube, scale)
    assert type(found) is OwnCube
    assert found.data.shape == (3, 5 * scale, 7 * scale)
    assert np.array_equal(found.data[:, ::scale, ::scale], cube.data)
    assert found.unit == u.G
    assert found.mask.sum() == scale**2
    assert found.mask[1, 2 * scale, 3 * scale]
    assert found.uncertainty is None
    assert cube.uncertainty is not None
    for x, y, t in ((-0.5, -0.5, 0), (6.5, 4.5, 2), (3, 1, 1)):
        place = found.wcs.low_level_wcs.pixel_to_world_values(scale * (x + 0.5) - 0.5, scale * (y + 0.5) - 0.5, t)
        assert np.allclose(place, cube.wcs.low_level_wcs.pixel_to_world_values(x, y, t), rtol=0, atol=1e-9)


def test_series_without_a_reference_time_keeps_the_headers_date():
    cube = series(time_wcs(DATEREF=""), meta={**META, "DATE-OBS": "2011-02-14T20:34:12.2"})
    maps, _ = as_maps(cube)
    assert [smap.date.isot for smap in maps] == ["2011-02-14T20:34:12.200"] * 3


def test_the_instruments_own_time_does_not_freeze_a_series():
    maps, _ = as_maps(series(meta={**META, "T_OBS": "2011.02.14_20:35:09_TAI", "DATE-OBS": "2011-02-14T20:34:12"}))
    assert maps[2].reference_date.isot == maps[2].date.isot == "2011-02-14T20:01:30.000"


@pytest.mark.parametrize("scale", ["utc", "tai"])
@pytest.mark.parametrize(
    "sample", ["aia_193_flare", "hmi_continuum_spot", "hmi_magnetogram", "lasco_c3_cme", "stix_flare"]
)
def test_no_time_of_the_header_remains_in_a_series(sample, scale):
    smap = sunpy.map.Map(sample_path(sample))
    times = {"DATE_OBS": "2001-01-01", "date__obs": "2001-01-01T00:00:00", "MJD-AVG": 51910.0, "STARTOBS": "2001-01-01"}
    wcs = time_wcs(DATEREF="2011-02-14T20:00:00", TIMESYS=scale.upper())
    maps, _ = as_maps(series(wcs, meta=dict(smap.meta) | times))
    expected = (Time("2011-02-14T20:00:00", scale=scale) + 45 * np.arange(3) * u.s).utc
    for index, found in enumerate(maps):
        assert type(found) is type(smap)
        for date in (found.date, found.reference_date):
            assert abs((date - expected[index]).to_value(u.s)) < 2e-3
        names = {key for key in found.meta if re.match(r"date|time|mid|mjd|jd|t_|obt|startobs", key)}
        assert names <= {"date", "date-obs", "t_obs", "timesys"}
    if "filename" in smap.meta:
        assert len({found.meta["filename"] for found in maps}) == 3


@pytest.mark.parametrize("item", [np.s_[1:], np.s_[:, 1:4, 2:], np.s_[1], np.s_[2, 1:4, 2:6]])
def test_slices_of_cubes_keep_their_coordinates(item):
    cube = series()
    part = cube[item]
    maps, _ = as_maps(part)
    images = part.data.reshape(-1, *part.data.shape[-2:])
    assert all(np.array_equal(smap.data, image) for smap, image in zip(maps, images, strict=True))
    found = restore(part)
    axes = [0] * (part.data.ndim - 2)
    expected = sky(part.wcs, 1.0, 1.0, *axes)
    assert np.allclose(sky(found.wcs, 2.5, 2.5, *axes), expected, rtol=0, atol=1e-9)
    place = maps[0].pixel_to_world(1 * u.pix, 1 * u.pix)
    assert np.allclose([place.Tx.deg, place.Ty.deg], np.mod(np.add(expected, 180), 360) - 180, rtol=0, atol=1e-9)


def test_a_slice_in_time_has_its_time():
    (smap,), _ = as_maps(series()[2])
    assert smap.date.isot == "2011-02-14T20:01:30.000"


@pytest.mark.parametrize("bins", [(1, 2, 2), (1, 3, 2), (3, 1, 4)])
@pytest.mark.parametrize("item", [np.s_[:], np.s_[:, 1:], np.s_[:, :, 1:]])
def test_maps_of_a_rebinned_cube_have_its_coordinates(bins, item):
    cube = series(shape=(3, 6, 8)).rebin(bins)[item]
    smap, *_ = as_maps(cube)[0]
    place = smap.pixel_to_world([0, 1] * u.pix, [0, 1] * u.pix)
    expected = np.array([sky(cube.wcs, x, x, 0) for x in (0, 1)]).T
    found = np.array([place.Tx.deg, place.Ty.deg])
    np.testing.assert_allclose(found, np.mod(expected + 180, 360) - 180, rtol=0, atol=1e-9)


def test_rebinned_cube():
    cube = series(shape=(3, 6, 8)).rebin((1, 2, 2))
    found = restore(cube)
    assert np.allclose(sky(found.wcs, 0.5, 0.5, 0), sky(cube.wcs, 0, 0, 0), rtol=0, atol=1e-9)


def test_extra_and_global_coordinates_stay():
    cube = series(time_wcs(DATEREF=""))
    times = Time("2011-02-14T20:00:00") + np.arange(3) * u.min
    cube.extra_coords.add("when", 0, times)
    cube.extra_coords.add("wavelength", 0, [1, 2, 3] * u.nm)
    cube.global_coords.add("exposure", "custom:exposure", 3 * u.s)
    for scale in (1, 2):
        found = restore(cube, scale)
        (when,) = found.axis_world_coords("time", wcs=found.extra_coords)
        assert np.abs((when - times).to_value(u.s)).max() < 1e-3
        assert found.global_coords["exposure"] == 3 * u.s
        found.global_coords.remove("exposure")
        assert "exposure" in cube.global_coords
        assert cube.global_coords._ndcube is cube


def test_provenance_in_a_plain_dictionary():
    cube = series()
    found = restore(cube)
    assert found.meta["RESTORED"] is True
    assert found.meta["RSTMODEL"] == "compact"
    assert found.meta["HISTORY"].split("\n") == ["first", *PROVENANCE.history()]
    assert "DATAMIN" not in found.meta
    assert cube.meta == META


def test_provenance_in_a_fits_header():
    header = fits.Header({**META, "CRPIX1": 3.5, "CDELT1": 0.504, "NAXIS1": 7})
    header.add_comment("A comment")
    found = restore(series(meta=header)).meta
    assert isinstance(found, fits.Header)
    assert (found["CRPIX1"], found["CDELT1"], found["NAXIS1"]) == (6.5, 0.252, 14)
    assert list(found["HISTORY"]) == ["first", *PROVENANCE.history()]
    assert found["RSTSHA"] == "ab" * 32
    assert found.comments["RESTORED"] == "restored by sunpy_restore"
    assert "RESTORED" not in header
    assert list(header["HISTORY"]) == ["first"]


def test_provenance_in_axis_aware_metadata():
    meta = NDMeta({**META, "exposure": np.arange(3), "rows": np.arange(5)}, axes={"exposure": 0, "rows": 1})
    found = restore(series(meta=meta)).meta
    assert isinstance(found, NDMeta)
    assert found["RSTTASK"] == "enhance-magnetogram"
    assert set(found.axes) == {"exposure"}
    assert set(meta.axes) == {"exposure", "rows"}


def test_a_cube_without_metadata_gets_the_provenance():
    assert restore(series(meta=None)).meta["RSTTASK"] == "enhance-magnetogram"


def test_rebuilding_the_maps_unchanged_gives_the_cube_back():
    cube = series(mask=np.random.default_rng(1).random((3, 5, 7)) > 0.5)
    maps, rebuild = as_maps(cube)
    found = rebuild(maps)
    assert np.array_equal(found.data, cube.data)
    assert np.array_equal(found.mask, cube.mask)
    assert found.wcs.low_level_wcs.wcs.compare(cube.wcs.low_level_wcs.wcs)
    assert {**META} == {**found.meta, "DATAMIN": META["DATAMIN"]}


def test_no_mask_stays_no_mask():
    assert restore(series()).mask is None


def test_scalar_mask():
    assert restore(series(mask=True)).mask.all()


def test_images_of_other_shapes_are_refused():
    maps, rebuild = as_maps(series())
    cases = (
        ([(5, 7), (10, 14), (5, 7)], r"of shape \(5, 7\), \(10, 14\); expected one shape, a multiple of \(5, 7\)"),
        ([(10, 15)] * 3, r"of shape \(10, 15\); expected"),
        ([(4, 6)] * 3, r"of shape \(4, 6\); expected"),
    )
    for shapes, found in cases:
        wrong = [sunpy.map.Map(np.zeros(shape), smap.meta) for shape, smap in zip(shapes, maps, strict=True)]
        with pytest.raises(ValueError, match=found):
            rebuild(wrong)


def test_images_in_other_units_are_refused():
    maps, rebuild = as_maps(series())
    with pytest.raises(ValueError, match="Found restored images in G and mT; expected one unit"):
        rebuild([restored(maps[0], bunit="mT"), *map(restored, maps[1:])])


# Keywords that a function adds to the header or changes in it

CARDS = {"strength": 0.5, "instrume": "HMI_SIDE1", "crval9": 3, "a_longer": True, "rstguess": 12}


@pytest.mark.parametrize("kind", [dict, fits.Header, NDMeta])
def test_any_keyword_that_a_function_adds_or_changes_is_in_the_metadata(kind):
    meta = kind({**META, "KEPT": 7})
    found = restore(series(meta=meta), **CARDS).meta
    assert type(found) is kind
    assert {key: found[key.upper()] for key in CARDS} == CARDS
    assert len([key for key in found if key.lower() == "instrume"]) == 1
    assert (found["KEPT"], found["RSTTASK"]) == (7, "enhance-magnetogram")
    assert meta["INSTRUME"] == "HMI_FRONT2"
    assert "STRENGTH" not in meta


def test_added_keywords_are_in_lower_case_where_the_metadata_are():
    """As in the ``meta`` of a Map."""
    found = restore(series(meta={key.lower(): value for key, value in META.items()}), **CARDS).meta
    assert {key: found[key] for key in CARDS} == CARDS


@pytest.mark.parametrize("kind", [dict, fits.Header, NDMeta])
def test_pixel_grid_and_provenance_are_written_once(kind):
    """And the pixel grid only where the metadata have it."""
    grid = {"CRPIX1": 3.5, "CDELT1": 0.504, "NAXIS1": 7}
    for given in ({}, grid):
        meta = kind({**META, **given})
        found = restore(series(meta=meta), strength=0.5).meta
        keys = [key.lower() for key in found]
        # A FITS header has one key for each line of its history
        assert sorted(key for key in keys if key != "history") == sorted(
            {
                *(key.lower() for key in meta),
                "strength",
                "restored",
                "rsttask",
                "rstmeth",
                "rstmodel",
                "rstsha",
                "rstvers",
            }
            - {"history", "datamin"}
        )
        assert [found[key] for key in given] == [6.5, 0.252, 14][: len(given)]
        assert str(found["HISTORY"]).split("\n") == ["first", *PROVENANCE.history()]


def test_a_function_may_change_the_unit():
    cube = series()
    maps, rebuild = as_maps(cube)
    found = rebuild([restored(smap, bunit="mT") for smap in maps])
    assert (found.unit, found.meta["BUNIT"]) == (u.mT, "mT")
    assert cube.unit == u.G


def test_metadata_are_those_of_the_first_image_that_was_restored():
    maps, rebuild = as_maps(series())
    assert rebuild(maps).meta == {key: value for key, value in META.items() if key != "DATAMIN"}
    found = rebuild([maps[0], restored(maps[1], strength=0.5), restored(maps[2], strength=0.7)]).meta
    assert (found["RSTTASK"], found["STRENGTH"]) == ("enhance-magnetogram", 0.5)


def test_added_cards_compares_arrays():
    before = {"same": np.arange(3), "other": np.arange(3), "number": 1}
    after = {"same": np.arange(3), "other": np.arange(1, 4), "number": np.arange(2), "new": np.zeros(2), "naxis1": 3}
    assert added_cards(before, after).keys() == {"other", "number", "new"}


def transposed():
    return time_wcs(CTYPE1="HPLT-TAN", CTYPE2="HPLN-TAN")


def drifting():
    return time_wcs(PC1_3=0.1)


@pytest.mark.parametrize(
    ("cube", "found"),
    [
        (lambda: series(transposed()), "helioprojective.lat.*expected latitude and longitude"),
        (lambda: series(drifting()), "independent of the first"),
        (lambda: series(shape=(0, 5, 7)), r"shape \(0, 5, 7\)"),
        (lambda: series(WCS(naxis=4), shape=(1, 3, 5, 7)), r"shape \(1, 3, 5, 7\)"),
        (lambda: series(WCS(naxis=2), shape=(5, 7)), "latitude and longitude"),
        (lambda: series()[:, 2], "latitude and longitude"),
    ],
    ids=["transposed", "drifting", "empty", "4-D", "no sky", "slit"],
)
def test_other_cubes_are_refused(cube, found):
    with pytest.raises(ValueError, match=found):
        as_maps(cube())


def test_other_wcs_are_refused():
    class Shifted(BaseWCSWrapper):
        def pixel_to_world_values(self, *pixels):
            return self._wcs.pixel_to_world_values(*pixels)

        def world_to_pixel_values(self, *world):
            return self._wcs.world_to_pixel_values(*world)

    with pytest.raises(TypeError, match="Found an NDCube with a HighLevelWCSWrapper; expected a FITS WCS"):
        as_maps(series(HighLevelWCSWrapper(Shifted(time_wcs()))))
