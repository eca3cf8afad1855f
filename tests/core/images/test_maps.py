"""Containers of images become Maps, and restored arrays become Maps."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import Normalize

import astropy.units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import StdDevUncertainty

import sunpy.map
from sunpy.map.sources import HMIMap

from sunpy_restore.core.images.containers import as_maps, masks_for
from sunpy_restore.core.images.header import Provenance, update_header
from sunpy_restore.core.images.maps import new_map, restored_map, with_data
from sunpy_restore.data import sample_path

SHA = "0123456789abcdef" * 4
PROVENANCE = Provenance("enhance-magnetogram", "network", "enhance-magnetogram-compact", SHA, "1.2.3")
BASE = {
    "telescop": "SDO/HMI",
    "instrume": "HMI_FRONT2",
    "content": "MAGNETOGRAM",
    "bunit": "Gauss",
    "wavelnth": 6173.0,
    "date-obs": "2011-02-14T20:34:12.20",
    "t_obs": "2011.02.14_20:35:09_TAI",
    "ctype1": "HPLN-TAN",
    "ctype2": "HPLT-TAN",
    "cunit1": "arcsec",
    "cunit2": "arcsec",
    "crval1": 0.0,
    "crval2": 0.0,
    "crln_obs": 24.698355,
    "crlt_obs": -6.803794,
    "dsun_obs": 147699950484.1,
    "rsun_obs": 971.976196,
    "rsun_ref": 696000000,
}
ARCSEC = st.floats(0.1, 3)
FORMS = ["crota", "pc", "cd", "cd and cdelt"]


def rotation(angle):
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return np.array([[c, -s], [s, c]])


def linear_header(form, crpix, crval, cdelt, angle):
    """Header with one of the forms of a linear WCS."""
    header = dict(BASE, crpix1=crpix[0], crpix2=crpix[1], crval1=crval[0], crval2=crval[1])
    if form == "crota":
        header["crota2"] = angle
    prefix, matrix = ("pc", rotation(angle)) if form == "pc" else ("cd", np.diag(cdelt) @ rotation(angle))
    if form != "crota":
        header.update({f"{prefix}{i + 1}_{j + 1}": float(matrix[i, j]) for i in (0, 1) for j in (0, 1)})
    if form != "cd":
        header["cdelt1"], header["cdelt2"] = cdelt
    return header


@st.composite
def headers(draw):
    crpix, crval = ([draw(st.floats(-limit, limit)) for _ in range(2)] for limit in (600, 300))
    cdelt, angle = [draw(ARCSEC), draw(ARCSEC)], draw(st.floats(-180, 180))
    return linear_header(draw(st.sampled_from(FORMS)), crpix, crval, cdelt, angle)


def image(shape=(5, 7)):
    return np.random.default_rng(0).normal(0, 100, shape).astype(np.float32)


def hmi(shape=(5, 7), **changes):
    pixels = {"crpix1": 3.5, "crpix2": 2.0, "cdelt1": 0.504, "cdelt2": 0.504, "crota2": 179.9}
    return sunpy.map.Map(image(shape), {**BASE, **pixels, **changes})


def restored(smap, scale=2, provenance=PROVENANCE, **keywords):
    data = np.kron(smap.data, np.ones((scale, scale), dtype=smap.data.dtype))
    return restored_map(smap, data, scale=scale, provenance=provenance, **keywords)


def assert_same_wcs(found, expected, shape, tolerance):
    """Compare the positions of the corners in the tangent plane, with a tolerance in pixels, and the plane itself."""
    # Without the projection, whose inverse loses half the digits near its centre
    corners = np.array([(x, y) for x in (0.5, shape[1] + 0.5) for y in (0.5, shape[0] + 0.5)])
    plane = (corners - expected.wcs.crpix) @ expected.pixel_scale_matrix.T
    back = plane @ np.linalg.inv(found.pixel_scale_matrix).T + found.wcs.crpix
    assert np.abs(back - corners).max() < tolerance
    assert list(found.wcs.ctype) == list(expected.wcs.ctype)
    assert np.allclose(found.wcs.crval, expected.wcs.crval, rtol=0, atol=1e-12)


# The pixel grid


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scale", [1, 2])
def test_wcs_changes_as_in_resample(form, scale):
    check_wcs_of_resample(linear_header(form, (3.5, -120.25), (-200.5, 30.0), (0.504, 0.7), 152.0), scale)


@pytest.mark.slow
@given(header=headers(), scale=st.integers(1, 3))
def test_wcs_changes_as_in_resample_for_any_header(header, scale):
    check_wcs_of_resample(header, scale)


def check_wcs_of_resample(header, scale):
    smap = sunpy.map.Map(image(), header)
    found = restored(smap, scale)
    expected = smap.resample([7 * scale, 5 * scale] * u.pix)
    assert_same_wcs(found.wcs, expected.wcs, found.data.shape, 1e-9)
    assert found.reference_pixel.x.value == pytest.approx(expected.reference_pixel.x.value, abs=1e-9)
    assert found.reference_pixel.y.value == pytest.approx(expected.reference_pixel.y.value, abs=1e-9)
    assert u.allclose(found.scale, expected.scale, rtol=1e-12)
    assert np.allclose(found.rotation_matrix, expected.rotation_matrix, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        lambda smap: smap.submap([20, 31] * u.pix, top_right=[60, 72] * u.pix),
        lambda smap: smap.rotate(27 * u.deg, missing=0.0),
        lambda smap: smap.rotate(recenter=True, missing=0.0).submap([3, 5] * u.pix, top_right=[40, 44] * u.pix),
        lambda smap: smap.resample([50, 40] * u.pix),
    ],
    ids=["submap", "rotated", "rotated submap", "unequal pixels"],
)
def test_wcs_of_derived_maps_changes_as_in_resample(change):
    smap = change(sunpy.map.Map(sample_path("hmi_magnetogram")))
    ny, nx = smap.data.shape
    assert_same_wcs(restored(smap).wcs, smap.resample([2 * nx, 2 * ny] * u.pix).wcs, (2 * ny, 2 * nx), 1e-9)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("x", "y"), [(-0.5, 4.5), (2.25, 1.0)])
def test_points_keep_their_position_on_the_sky(form, x, y):
    check_position(linear_header(form, (-33.0, 4.25), (150.0, -250.5), (1.2, 0.6), -20.0), x, y)


@pytest.mark.slow
@given(header=headers(), x=st.floats(-0.5, 6.5), y=st.floats(-0.5, 4.5))
def test_points_keep_their_position_on_the_sky_for_any_header(header, x, y):
    check_position(header, x, y)


def check_position(header, x, y):
    smap = sunpy.map.Map(image(), header)
    found = restored(smap)
    point = SkyCoord(smap.pixel_to_world(x * u.pix, y * u.pix))
    # Pixel edges coincide: -1/2 in the input is -1/2 in the output
    place = found.world_to_pixel(point)
    assert place.x.value == pytest.approx(2 * (x + 0.5) - 0.5, abs=0.01)
    assert place.y.value == pytest.approx(2 * (y + 0.5) - 0.5, abs=0.01)


@pytest.mark.parametrize("missing", ["crpix", "cdelt"])
def test_wcs_defaults_are_written_out(missing):
    header = {**BASE, "cdelt1": 2.0, "cdelt2": 2.0, "crpix1": 1.0, "crpix2": 1.0}
    smap = sunpy.map.Map(image(), {key: value for key, value in header.items() if not key.startswith(missing)})
    found = restored(smap)
    for corner, twin in (((-0.5, -0.5), (-0.5, -0.5)), ((6.5, 4.5), (13.5, 9.5))):
        expected, place = smap.pixel_to_world(*corner * u.pix), found.pixel_to_world(*twin * u.pix)
        assert expected.separation(place) < 1e-6 * u.arcsec


def test_alternate_wcs_changes_too():
    meta = {"CRPIX1A": 3.5, "CDELT1A": 0.504, "CD1_2A": 0.1, "PC1_2A": 0.1, "CRVAL1A": 5.0, "CRPIX1": "text"}
    update_header(meta, shape=(10, 14), scale=2)
    expected = {"CRPIX1A": 6.5, "CDELT1A": 0.252, "CD1_2A": 0.05, "PC1_2A": 0.1, "CRVAL1A": 5.0, "CRPIX1": "text"}
    assert meta == expected


def test_naxis_is_updated_but_not_added():
    found = restored(hmi(naxis1=7, naxis2=5))
    assert (found.meta["naxis1"], found.meta["naxis2"]) == (14, 10)
    # NAXIS at the end of a header makes astropy warn on saving
    assert not {"naxis1", "naxis2"} & restored(hmi()).meta.keys()


# What is kept and what is dropped


def test_class_unit_and_instrument_keywords_are_kept():
    smap = sunpy.map.Map(sample_path("hmi_magnetogram"))
    found = restored(smap)
    assert type(found) is HMIMap
    assert found.unit == smap.unit == u.G
    assert found.measurement == "magnetogram"
    assert found.date == smap.date
    assert found.reference_date == smap.reference_date
    assert found.observer_coordinate.separation_3d(smap.observer_coordinate) < 1 * u.m
    changed = {"crpix1", "crpix2", "cdelt1", "cdelt2", "naxis1", "naxis2", "history", "keycomments"}
    assert {key for key, value in smap.meta.items() if found.meta.get(key) != value} == changed | {"bitpix", "bscale"}
    assert found.meta["crota2"] == smap.meta["crota2"]
    assert found.meta["rsun_obs"] == smap.meta["rsun_obs"]


def test_plot_settings_are_kept_and_not_shared():
    smap = hmi()
    smap.plot_settings.update(norm=Normalize(-1500, 1500), cmap="hmimag", interpolation="bicubic")
    found = restored(smap)
    norm = found.plot_settings["norm"]
    assert (norm.vmin, norm.vmax) == (-1500, 1500)
    assert (found.plot_settings["cmap"], found.plot_settings["interpolation"]) == ("hmimag", "bicubic")
    norm.vmax = 1
    found.plot_settings["cmap"] = "gray"
    assert smap.plot_settings["norm"].vmax == 1500
    assert smap.plot_settings["cmap"] == "hmimag"


OUTDATED = dict.fromkeys(
    "datamin datamax datamean datamedn datarms dataskew datakurt datamin2 datamea2 datap10 datavals totvals missvals "
    "satvals nsatpix bitpix blank bscale bzero checksum datasum".split(),
    1,
)
IN_PIXELS = {"r_sun": 1930.2, "x0_mp": 2040.1, "imscl_mp": 0.504}


@pytest.mark.parametrize("scale", [1, 2])
def test_outdated_keywords_are_dropped(scale):
    smap = hmi(**OUTDATED, **IN_PIXELS)
    found = restored(smap, scale)
    assert not OUTDATED.keys() & found.meta.keys()
    assert OUTDATED.keys() <= smap.meta.keys()
    kept = IN_PIXELS if scale == 1 else {}
    assert {key: found.meta[key] for key in IN_PIXELS if key in found.meta} == kept


def test_input_is_not_changed():
    smap = hmi(history="first\nsecond", keycomments={"CDELT1": "pixel"}, datamin=3.0)
    smap.mask = smap.data > 0
    smap.uncertainty = StdDevUncertainty(np.ones_like(smap.data))
    data, mask, meta = smap.data.copy(), smap.mask.copy(), copy.deepcopy(smap.meta)
    for scale in (1, 2):
        found = restored(smap, scale)
        found.data[:] = 0
        found.mask[:] = ~found.mask
        found.meta["keycomments"]["CDELT1"] = "changed"
        assert np.array_equal(smap.data, data)
        assert np.array_equal(smap.mask, mask)
        assert smap.meta == meta
        assert found.uncertainty is None
    found = restored_map(smap, smap.data, provenance=PROVENANCE)
    found.data[:] = 0
    assert np.array_equal(smap.data, data)


# The mask


def test_input_mask_is_repeated():
    smap = hmi()
    smap.mask = smap.data > 0
    found = restored(smap, 3)
    assert found.mask.dtype == bool
    assert found.mask.shape == found.data.shape
    assert np.array_equal(found.mask, found.data > 0)


def test_given_mask_replaces_that_of_the_input():
    smap = hmi()
    smap.mask = np.ones(smap.data.shape, bool)
    mask = np.zeros((10, 14), bool)
    found = restored(smap, mask=mask)
    assert not found.mask.any()
    mask[:] = True
    assert not found.mask.any()


def test_no_mask_stays_no_mask():
    assert restored(hmi()).mask is None


def test_scalar_mask_of_the_input():
    smap = hmi()
    smap.mask = True
    assert restored(smap).mask.all()
    assert restored(smap).mask.shape == (10, 14)


@pytest.mark.parametrize(
    ("data", "keywords", "found"),
    [
        (np.zeros((5, 7)), {"scale": 2}, r"data of shape \(5, 7\); expected \(10, 14\), 2 times"),
        (np.zeros((10, 14)), {}, r"data of shape \(10, 14\); expected \(5, 7\), 1 times"),
        (np.zeros((5, 7)), {"mask": np.zeros((7, 5))}, r"mask of shape \(7, 5\); expected \(5, 7\)"),
        (np.zeros((5, 7)), {"scale": 0}, "scale=0; expected a positive integer"),
        (np.zeros((5, 7)), {"scale": 1.5}, r"scale=1\.5; expected a positive integer"),
    ],
)
def test_shapes_are_checked(data, keywords, found):
    with pytest.raises(ValueError, match=found):
        restored_map(hmi(), data, provenance=PROVENANCE, **keywords)


# Provenance


def test_provenance_survives_a_file(tmp_path):
    smap = hmi(history="De-rotated\nUn-distorted", comment="A comment", keycomments={"CDELT1": "pixel scale"})
    found = restored(smap)
    found.save(tmp_path / "restored.fits")
    loaded = sunpy.map.Map(tmp_path / "restored.fits")
    assert type(loaded) is HMIMap
    for smap in (found, loaded):
        assert smap.meta["restored"] is True
        assert smap.meta["rsttask"] == "enhance-magnetogram"
        assert smap.meta["rstmeth"] == "network"
        assert smap.meta["rstmodel"] == "enhance-magnetogram-compact"
        assert smap.meta["rstsha"] == SHA
        assert smap.meta["rstvers"] == "1.2.3"
        history = smap.meta["history"].split("\n")
        assert history[:2] == ["De-rotated", "Un-distorted"]
        assert " ".join(history[2:]) == " ".join(PROVENANCE.history())
        assert "enhance-magnetogram-compact" in smap.meta["history"]
        assert smap.meta["comment"] == "A comment"
        assert smap.meta["keycomments"]["CDELT1"] == "pixel scale"
        assert smap.meta["keycomments"]["RESTORED"]
    assert loaded.meta["history"] == found.meta["history"]
    assert np.array_equal(loaded.data, found.data)
    assert_same_wcs(loaded.wcs, found.wcs, found.data.shape, 1e-9)


def test_provenance_of_a_sample_survives_a_file(tmp_path):
    smap = sunpy.map.Map(sample_path("hmi_magnetogram"))
    restored(smap).save(tmp_path / "restored.fits")
    loaded = sunpy.map.Map(tmp_path / "restored.fits")
    assert loaded.meta["history"].startswith(smap.meta["history"])
    assert loaded.meta["comment"] == smap.meta["comment"]
    assert loaded.meta["rstsha"] == SHA
    assert np.array_equal(loaded.data[::2, ::2], smap.data)


def test_history_of_a_map_made_with_an_astropy_header():
    header = fits.Header({**BASE, "cdelt1": 0.504, "cdelt2": 0.504})
    for line in ("first", "second"):
        header.add_history(line)
    found = restored(sunpy.map.Map(image(), header))
    assert found.meta["history"].split("\n") == ["first", "second", *PROVENANCE.history()]


def test_a_classical_method_names_no_model():
    found = restored(hmi(), provenance=Provenance("enhance-continuum", "bicubic"))
    assert "rstmodel" not in found.meta
    assert "rstsha" not in found.meta
    assert "SHA" not in found.meta["history"]


def test_a_second_restoration_replaces_the_keywords_and_adds_history():
    first = restored(hmi())
    second = restored(first, 1, Provenance("desaturate", "biharmonic", version="2"))
    assert second.meta["rsttask"] == "desaturate"
    assert "rstmodel" not in second.meta
    assert second.meta["history"].startswith(first.meta["history"] + "\n")
    assert first.meta["rstmodel"] == PROVENANCE.model


@given(text=st.text(min_size=1, max_size=200))
def test_any_name_of_a_model_fits_a_header(text):
    provenance = Provenance("task", "network", text, SHA, "1")
    header = fits.Header()
    update_header(header, shape=(1, 1), provenance=provenance)
    assert header["RSTSHA"] == SHA
    assert header["RSTMODEL"].isascii()
    assert len(header["RSTMODEL"]) <= len(text)
    # Each line fits on a card
    assert len(header["HISTORY"]) == len(provenance.history())


# Maps of arrays


def test_new_map_is_that_of_its_array_and_header():
    header = {**BASE, "cdelt1": 0.504, "cdelt2": 0.504}
    found = new_map(image(), header)
    assert type(found) is HMIMap
    np.testing.assert_array_equal(found.data, image())
    found.meta["content"] = "other"
    assert header["content"] == "MAGNETOGRAM"


def test_with_data_keeps_everything_else():
    smap = hmi(history="first", keycomments={"CDELT1": "pixel"})
    smap.mask = smap.data > 0
    smap.plot_settings.update(norm=Normalize(-1500, 1500))
    found = with_data(smap, 2 * smap.data)
    assert type(found) is HMIMap
    np.testing.assert_array_equal(found.data, 2 * smap.data)
    np.testing.assert_array_equal(found.mask, smap.mask)
    assert found.meta == smap.meta
    found.meta["keycomments"]["CDELT1"] = "changed"
    found.plot_settings["norm"].vmax = 1
    found.mask[:] = True
    assert not smap.mask.all()
    assert smap.meta["keycomments"]["CDELT1"] == "pixel"
    assert smap.plot_settings["norm"].vmax == 1500


# Containers


def test_a_map_comes_back_as_a_map():
    smap = hmi()
    maps, rebuild = as_maps(smap)
    assert maps == [smap]
    found = restored(smap)
    assert rebuild([found]) is found


@pytest.mark.parametrize("kind", [list, tuple])
def test_lists_and_tuples_come_back_in_order(kind):
    given_maps = kind([hmi(), hmi((4, 4)), hmi((3, 9))])
    maps, rebuild = as_maps(given_maps)
    assert maps == list(given_maps)
    result = rebuild([restored(smap) for smap in maps])
    assert type(result) is kind
    assert [smap.data.shape for smap in result] == [(10, 14), (8, 8), (6, 18)]


def test_map_sequence_comes_back_in_its_own_order():
    later, earlier = hmi(**{"date-obs": "2011-02-15T00:00:00"}), hmi()
    sequence = sunpy.map.MapSequence(later, earlier, sortby=None)
    maps, rebuild = as_maps(sequence)
    result = rebuild([restored(smap) for smap in maps])
    assert type(result) is sunpy.map.MapSequence
    assert [smap.date for smap in result] == [later.date, earlier.date]


def test_containers_are_not_changed():
    given_maps = [hmi(), hmi()]
    maps, _ = as_maps(given_maps)
    maps.pop()
    assert len(given_maps) == 2


@pytest.mark.parametrize("empty", [[], (), sunpy.map.MapSequence()])
def test_empty_containers_are_refused(empty):
    with pytest.raises(ValueError, match=f"Found an empty {type(empty).__name__}; expected at least one Map"):
        as_maps(empty)


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (np.zeros((4, 6)), r"Found an array of shape \(4, 6\); expected a sunpy Map.*sunpy.map.Map\(array, header\)"),
        ("image.fits", r"Found builtins.str; expected a sunpy Map.*sunpy.map.Map\(file\)"),
        (None, "NoneType"),
        (1.5 * u.G, r"array of shape \(\)"),
        ({"map": 1}, "builtins.dict"),
        (sunpy.map.Map(hmi(), hmi(), composite=True), "CompositeMap"),
        ([hmi(), np.zeros((4, 6))], r"Image 2 of 2: Found an array of shape \(4, 6\)"),
        ((hmi(), [hmi()]), "Image 2 of 2: Found builtins.list"),
    ],
    ids=["array", "path", "none", "quantity", "dict", "composite", "list of arrays", "nested"],
)
def test_anything_else_is_refused(wrong, found):
    with pytest.raises(TypeError, match=found):
        as_maps(wrong)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_rebuild_refuses_another_number_of_maps(number):
    _, rebuild = as_maps([hmi(), hmi()])
    with pytest.raises(ValueError, match=f"Found {number} restored Maps; expected 2, one per image"):
        rebuild([hmi()] * number)


def test_no_mask_or_one_for_all_images():
    maps = [object()] * 3
    assert masks_for(maps, None) == [None] * 3
    mask = np.eye(4, dtype=bool)
    found = masks_for(maps, mask)
    assert len(found) == 3
    assert all(part is mask for part in found)


@pytest.mark.parametrize("kind", [list, tuple, np.stack])
def test_one_mask_per_image(kind):
    masks = [np.eye(4, dtype=bool), np.zeros((4, 4), dtype=bool)]
    found = masks_for([object()] * 2, kind(masks))
    assert isinstance(found, list)
    for part, mask in zip(found, masks, strict=True):
        np.testing.assert_array_equal(part, mask)


def test_masks_may_differ_in_shape_and_be_none():
    masks = [np.ones((2, 3), dtype=bool), None, np.ones((5, 4), dtype=bool)]
    assert all(part is mask for part, mask in zip(masks_for([object()] * 3, masks), masks, strict=True))


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        (True, TypeError, "Found the mask True; expected a boolean array"),
        (np.bool_(False), TypeError, "Found the mask"),
        (3.0, TypeError, r"Found the mask 3\.0"),
        ([[True, False], [False, True]], TypeError, r"nested list as the mask.*numpy\.array\(mask\)"),
        (
            [np.ones((2, 2), dtype=bool)] * 3,
            ValueError,
            "Found 3 masks for 2 images; expected one for all or one per image",
        ),
        (np.ones((1, 2, 2), dtype=bool), ValueError, "Found 1 masks for 2 images"),
        ([], ValueError, "Found 0 masks for 2 images"),
    ],
)
def test_other_masks_are_refused(mask, error, message):
    with pytest.raises(error, match=message):
        masks_for([object()] * 2, mask)


@pytest.mark.parametrize("dtype", [np.uint8, float])
def test_maps_are_masks_if_they_have_the_pixels_of_the_image(dtype):
    smap = hmi()
    mask = np.zeros(smap.data.shape, dtype)
    mask[1:3, 2:5] = 1
    own = sunpy.map.Map(mask, smap.meta)
    for masks in (own, [own], sunpy.map.Map([own], sequence=True)):
        (found,) = masks_for([smap], masks)
        assert found.dtype == bool
        np.testing.assert_array_equal(found, mask == 1)
    for found in masks_for([smap, hmi()], own):
        np.testing.assert_array_equal(found, mask == 1)


@pytest.mark.parametrize("kind", ["array", "list", "cube", "Map", "sequence"])
def test_masks_with_masked_pixels_are_refused(kind):
    smap = hmi()
    mask = np.zeros(smap.data.shape, bool)
    mask[1:3, 2:5] = True
    array = np.ma.masked_array(mask, np.roll(mask, 1, axis=0))
    own = sunpy.map.Map(mask.astype(np.uint8), smap.meta, mask=array.mask)
    kinds = {"array": array, "list": [array, mask], "cube": np.ma.stack([array, array]), "Map": own}
    kinds["sequence"] = sunpy.map.Map([own, own], sequence=True)
    with pytest.raises(TypeError, match=r"with \d+ masked pixels as the mask; expected True or False .* Pass "):
        masks_for([smap, smap], kinds[kind])


def test_masked_arrays_without_masked_pixels_are_masks():
    smap = hmi()
    mask = np.ma.masked_array(np.eye(*smap.data.shape, dtype=bool))
    np.testing.assert_array_equal(masks_for([smap], mask)[0], mask.data)


def test_maps_with_other_pixels_or_values_are_no_masks():
    smap = hmi()
    mask = np.zeros(smap.data.shape, np.uint8)
    with pytest.raises(ValueError, match="other values than 0 and 1"):
        masks_for([smap], smap)
    with pytest.raises(ValueError, match=r"with the shape .*reproject_to"):
        masks_for([smap], sunpy.map.Map(mask[:-1], smap.meta))
    for changes in ({"crval1": smap.meta["crval1"] + 1.0}, {"crota2": 30.0}, {"cdelt1": 0.6}):
        with pytest.raises(ValueError, match=r"pixels lie up to .* expected the same pixels"):
            masks_for([smap], sunpy.map.Map(mask, dict(smap.meta) | changes))
