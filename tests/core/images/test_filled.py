"""Filled pixels are told from observed ones, whatever is done to the restored Map."""

import copy
import pickle
import warnings

import matplotlib as mpl
import ndcube
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt

import astropy.units as u
from astropy.io import fits
from astropy.wcs import WCS

import sunpy.map

from sunpy_restore import filled, load, save
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.images.containers import as_maps
from sunpy_restore.core.images.filled import record_filled
from sunpy_restore.core.images.header import Provenance
from sunpy_restore.core.images.maps import restored_map
from sunpy_restore.data import sample_path

SHAPE = (60, 84)
HEADER = {
    "telescop": "SDO/AIA",
    "instrume": "AIA_4",
    "wavelnth": 193,
    "waveunit": "angstrom",
    "bunit": "DN",
    "date-obs": "2014-10-26T20:00:00.000",
    "exptime": 2.0,
    "ctype1": "HPLN-TAN",
    "ctype2": "HPLT-TAN",
    "cunit1": "arcsec",
    "cunit2": "arcsec",
    "cdelt1": 0.6,
    "cdelt2": 0.6,
    "crpix1": 31.25,
    "crpix2": 27.5,
    "crval1": 10.0,
    "crval2": -20.0,
    "crota2": 3.0,
    "hgln_obs": 0.0,
    "hglt_obs": 5.0,
    "dsun_obs": 1.5e11,
    "rsun_ref": 6.96e8,
    "r_sun": 1600.0,
}
many = settings(deadline=None, max_examples=30)


def holes(shape=SHAPE):
    """Blocks, a slanted line, and single pixels."""
    y, x = np.indices(shape)
    single = np.random.default_rng(1).random(shape) < 0.01
    return single | ((y // 8 == 3) & (x // 8 % 4 == 1)) | (np.abs(y - 0.4 * x - 10) < 1)


def result(flags=None, value=None, mask=None, header=None):
    """A restored Map. Filled pixels have the value, if there is one, and the others are 0."""
    flags = holes() if flags is None else flags
    data = np.arange(flags.size, dtype="f4").reshape(flags.shape) if value is None else np.zeros(flags.shape)
    before = sunpy.map.Map(data, {**HEADER, **(header or {})})
    before.mask = mask
    data = data + 0.5 * flags if value is None else value * flags
    return restored_map(before, data, provenance=Provenance("desaturate", "biharmonic"), fill=flags)


@pytest.fixture(scope="module")
def restored():
    return result()


def test_filled_pixels_are_recorded_and_not_masked(restored):
    np.testing.assert_array_equal(filled(restored), holes())
    assert filled(restored).dtype == bool
    assert restored.mask is None
    assert len(restored.meta["rstfill"]) < 1000


def test_nothing_is_filled_in_an_observed_image():
    observed = sunpy.map.Map(sample_path("hmi_magnetogram"))
    assert filled(observed).shape == observed.data.shape
    assert not filled(observed).any()
    assert not filled(result(np.zeros(SHAPE, bool))).any()


@many
@given(st.integers(0, 83), st.integers(0, 59), st.integers(0, 83), st.integers(0, 59))
def test_cutouts(left, bottom, width, height):
    restored = result()
    right, top = min(left + width, 83), min(bottom + height, 59)
    part = restored.submap([left, bottom] * u.pix, top_right=[right, top] * u.pix)
    np.testing.assert_array_equal(filled(part), holes()[bottom : top + 1, left : right + 1])
    again = part.submap([0, 0] * u.pix, top_right=[right - left, (top - bottom) // 2] * u.pix)
    np.testing.assert_array_equal(filled(again), filled(part)[: (top - bottom) // 2 + 1])


@many
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 3), st.integers(0, 3))
def test_superpixels(nx, ny, left, bottom):
    binned = result().superpixel([nx, ny] * u.pix, offset=[left, bottom] * u.pix)
    rows, columns = binned.data.shape
    part = holes()[bottom : bottom + rows * ny, left : left + columns * nx]
    np.testing.assert_array_equal(filled(binned), part.reshape(rows, ny, columns, nx).any(axis=(1, 3)))


def test_superpixels_keep_the_light_of_filled_pixels(restored):
    binned = restored.superpixel([4, 6] * u.pix)
    np.testing.assert_allclose(binned.data.sum(dtype=float), restored.data.sum(dtype=float), rtol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"angle": 30 * u.deg},
        {"angle": 90 * u.deg},
        {"angle": 180 * u.deg, "recenter": True},
        {"recenter": True},
        {"angle": 0 * u.deg, "recenter": True},
        {"angle": 0.02 * u.deg},
        {"angle": -17 * u.deg, "scale": 0.5},
        {"angle": 5 * u.deg, "scale": 2.3},
    ],
    ids=str,
)
def test_rotated_images(options):
    """What the filled pixels contribute to is marked, up to the tails of the spline; not much else is."""
    turned = result(value=1.0).rotate(missing=0, **options)
    found, share = filled(turned), np.abs(turned.data)
    assert share.max() > 0.9
    assert found[share > 0.08].all()
    assert found.sum() < 6 * (share > 0.08).sum()
    # A quarter of the pixels is far away from all filled ones
    assert not found.all()


@pytest.mark.parametrize("dimensions", [(84, 60), (85, 60), (168, 120), (42, 60), (31, 17), (200, 41)])
def test_resampled_images(dimensions):
    resampled = result(value=1.0).resample(dimensions * u.pix)
    found = filled(resampled)
    assert found[resampled.data > 1e-6].all()
    if dimensions == (84, 60):
        np.testing.assert_array_equal(found, holes())


def test_a_chain_of_changes():
    restored = result(value=1.0)
    part = restored.submap([8, 6] * u.pix, top_right=[71, 53] * u.pix).superpixel([2, 2] * u.pix)
    turned = part.rotate(25 * u.deg, missing=0).submap([4, 4] * u.pix, top_right=[30, 25] * u.pix)
    assert filled(turned)[turned.data / turned.data.max() > 0.08].all()
    assert not filled(turned).all()


def test_another_pixel_grid():
    """After reproject_to the header is that of the target, and has no record."""
    restored = result(value=1.0)
    target = restored.rotate(20 * u.deg, missing=0).resample([70, 50] * u.pix)
    other = restored.reproject_to(target.wcs)
    with pytest.raises(ValueError, match=r"names no instrument.*onto=this_map"):
        filled(other)
    found = filled(restored, onto=other)
    assert found.shape == other.data.shape
    assert found[np.nan_to_num(other.data) > 1e-3].all()
    assert found.sum() < 3 * (np.nan_to_num(other.data) > 0.3).sum()
    np.testing.assert_array_equal(filled(restored, onto=restored), holes())


def test_copies_arithmetic_and_new_pointing(restored):
    others = [
        copy.copy(restored),
        copy.deepcopy(restored),
        pickle.loads(pickle.dumps(restored)),
        restored / (2 * u.s),
        sunpy.map.Map(restored.data, restored.meta),
        restored.shift_reference_coord(3.3 * u.arcsec, 1 * u.arcsec),
    ]
    pointed = copy.deepcopy(restored)
    pointed.meta["crpix1"] += 2.7
    pointed.meta["crota2"] += 0.01
    for other in [*others, pointed]:
        np.testing.assert_array_equal(filled(other), holes())
    part = others[-1].submap([10, 10] * u.pix, top_right=[40, 30] * u.pix)
    np.testing.assert_array_equal(filled(part), holes()[10:31, 10:41])


# Containers


def test_several_images(restored):
    plain = result(np.zeros(SHAPE, bool))
    for several in ([restored, plain], (restored, plain), sunpy.map.Map(restored, plain, sequence=True)):
        found = filled(several)
        assert type(found) is list
        assert [flags.sum() for flags in found] == [holes().sum(), 0]


def series():
    header = {
        "CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", "CTYPE3": "TIME", "CUNIT1": "arcsec", "CUNIT2": "arcsec",
        "CUNIT3": "s", "CDELT1": 0.6, "CDELT2": 0.6, "CDELT3": 12.0, "CRPIX1": 3.5, "CRPIX2": 2.0, "CRPIX3": 1.0,
        "CRVAL1": 100.0, "CRVAL2": -50.0, "CRVAL3": 0.0, "MJDREF": 56956.0, "DATE-OBS": "2014-10-26T20:00:00",
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = WCS(header)
    keys = ("telescop", "instrume", "wavelnth", "waveunit", "hgln_obs", "hglt_obs", "dsun_obs", "rsun_ref")
    meta = {key.upper(): HEADER[key] for key in keys}
    cube = ndcube.NDCube(np.zeros((4, 6, 8), dtype="f4"), wcs=wcs, meta=meta, unit=u.DN)
    flags = np.random.default_rng(5).random(cube.data.shape) < 0.2
    flags[2] = False
    maps, rebuild = as_maps(cube)
    provenance = Provenance("desaturate", "biharmonic")
    pairs = zip(maps, flags, strict=True)
    return rebuild([restored_map(smap, smap.data + 1, provenance=provenance, fill=fill) for smap, fill in pairs]), flags


def test_cubes(tmp_path):
    cube, flags = series()
    assert "RSTFILL" in cube.meta
    assert cube.mask is None
    np.testing.assert_array_equal(filled(cube), flags)
    for part in (np.s_[1:3], np.s_[1], np.s_[3:, 2:5, 1:], np.s_[0, 1:4, 3:7], np.s_[:, :, 4:]):
        np.testing.assert_array_equal(filled(cube[part]), flags[part])
    np.testing.assert_array_equal(filled(cube[1:, 1:][1, :, 2:]), flags[2, 1:, 2:])
    binned = cube.rebin((2, 3, 2), operation=np.sum)
    expected = flags.reshape(2, 2, 2, 3, 4, 2).any(axis=(1, 3, 5))
    np.testing.assert_array_equal(filled(binned), expected)
    np.testing.assert_array_equal(filled(binned[1, :, 1:]), expected[1, :, 1:])
    np.testing.assert_array_equal(
        filled(cube[1, :, 2:].rebin((3, 2))), flags[1, :, 2:].reshape(2, 3, 3, 2).any(axis=(1, 3))
    )
    save(cube, tmp_path / "cube.fits")
    np.testing.assert_array_equal(filled(load(tmp_path / "cube.fits")), flags)
    with fits.open(tmp_path / "cube.fits") as hdus:
        assert hdus[0].header["RSTNFILL"] == flags.sum()
        np.testing.assert_array_equal(hdus["FILLED"].data, flags.ravel())


def test_images_of_a_cube_have_their_own_record():
    cube, flags = series()
    for smap, fill in zip(as_maps(cube)[0], flags, strict=True):
        np.testing.assert_array_equal(filled(smap), fill)
    maps, rebuild = as_maps(cube[1:3, 1:])
    np.testing.assert_array_equal(filled(rebuild(maps)), flags[1:3, 1:])


def test_anything_else_is_refused(restored):
    for wrong in (restored.data, None, [restored.data]):
        with pytest.raises(TypeError, match="expected a sunpy Map"):
            filled(wrong)
    for pair in (([restored], restored), (restored, restored.wcs)):
        with pytest.raises(TypeError, match="expected two Maps"):
            filled(pair[0], onto=pair[1])


# Files


@pytest.mark.parametrize("name", ["aia.fits", "aia.fits.gz"])
def test_files_keep_the_record(restored, name, tmp_path):
    part = restored.submap([5, 6] * u.pix, top_right=[70, 50] * u.pix)
    for smap, flags in ((restored, holes()), (part, holes()[6:51, 5:71])):
        save(smap, tmp_path / name, overwrite=True)
        found = load(tmp_path / name)
        np.testing.assert_array_equal(filled(found), flags)
        assert found.meta == smap.meta
        assert found.mask is None
        # sunpy reads it, too
        np.testing.assert_array_equal(filled(sunpy.map.Map(tmp_path / name)), flags)
        with fits.open(tmp_path / name) as hdus:
            assert hdus[0].header["RSTNFILL"] == flags.sum()
            assert [hdu.name for hdu in hdus] == ["PRIMARY", "FILLED", "RSTMETA"]
            np.testing.assert_array_equal(hdus["FILLED"].data.reshape(flags.shape), flags)


def test_files_of_sunpy_keep_the_record(restored, tmp_path):
    path = tmp_path / "plain.fits"
    restored.save(path)
    np.testing.assert_array_equal(filled(sunpy.map.Map(path)), holes())
    loaded = load(path)
    np.testing.assert_array_equal(filled(loaded), holes())
    save(loaded, tmp_path / "image.fits")
    sunpy.map.Map(tmp_path / "image.fits").submap([9, 9] * u.pix, top_right=[50, 40] * u.pix).save(path, overwrite=True)
    np.testing.assert_array_equal(filled(load(path)), holes()[9:41, 9:51])
    # The number of filled pixels is now another one
    save(load(path), tmp_path / "image.fits", overwrite=True)
    assert fits.getval(tmp_path / "image.fits", "RSTNFILL") == holes()[9:41, 9:51].sum()


def test_a_record_that_is_too_long_for_a_header(tmp_path):
    """Pixels at random take two bits each; a header of more than a few 100 kB is read slowly."""
    flags = np.random.default_rng(6).random((800, 900)) < 0.5
    restored = result(flags)
    assert len(restored.meta["rstfill"]) > 2**16
    save(restored, tmp_path / "image.fits")
    assert len(fits.getheader(tmp_path / "image.fits").tostring()) < 2**14
    found = load(tmp_path / "image.fits")
    np.testing.assert_array_equal(filled(found), flags)
    assert found.meta == restored.meta
    plain = sunpy.map.Map(tmp_path / "image.fits")
    with pytest.raises(ValueError, match=rf"Found RSTNFILL = {flags.sum()}.*Open it with sunpy_restore.load"):
        filled(plain)
    plain.save(tmp_path / "plain.fits")
    with pytest.warns(RestoreWarning, match=f"record of the filled pixels is lost. There were {flags.sum()}"):
        load(tmp_path / "plain.fits")
    restored.save(tmp_path / "long.fits")
    np.testing.assert_array_equal(filled(sunpy.map.Map(tmp_path / "long.fits")), flags)


def test_a_damaged_record_is_refused(restored):
    cut = copy.deepcopy(restored)
    cut.meta["rstfill"] = cut.meta["rstfill"][:60]
    with pytest.raises(ValueError, match="record of the filled pixels that cannot be read"):
        filled(cut)


def test_a_record_can_be_replaced(restored):
    other = copy.deepcopy(restored)
    record_filled(other, ~holes())
    np.testing.assert_array_equal(filled(other), ~holes())
    np.testing.assert_array_equal(filled(restored), holes())


# The first look


@pytest.mark.parametrize("show", ["plot", "peek"])
def test_a_plot_shows_filled_pixels_and_leaves_out_masked_ones(show, monkeypatch):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:4] = True
    mask |= holes()
    restored = result(mask=mask)
    np.testing.assert_array_equal(restored.mask, mask & ~holes())
    monkeypatch.setattr(plt, "show", lambda *args, **options: None)
    with mpl.rc_context({"backend": "Agg"}):
        getattr(restored, show)()
        drawn = plt.gca().images[0].get_array()
        plt.close("all")
    assert not np.ma.getmaskarray(drawn)[holes()].any()
    np.testing.assert_array_equal(np.ma.getmaskarray(drawn), mask & ~holes())
    np.testing.assert_array_equal(drawn.data, restored.data)
