"""The function with the method that uses no network; the networks are tested in test_restore."""

import sys

import numpy as np
import pytest
from scipy import ndimage

import astropy.units as u
from astropy.io import fits

import sunpy.map
from sunpy.map import GenericMap

from sunpy_restore import synthesize_granulation


def made(shape=(40, 60), **options):
    return synthesize_granulation(shape, **{"method": "spectrum", "seed": 1} | options)


def test_the_map_has_the_pixel_scale_of_the_generator():
    """48 km at disk centre seen from 1 au are 0.06618 arcsec."""
    smap = made()
    assert type(smap) is GenericMap
    assert smap.data.shape == (40, 60)
    assert smap.data.dtype == np.float32
    assert np.isfinite(smap.data).all()
    for scale in smap.scale:
        assert scale.to_value(u.arcsec / u.pix) == pytest.approx(48 / 725.2709, rel=1e-5)
    corner = smap.wcs.pixel_to_world(-0.5, -0.5)
    assert abs(corner.Tx.to_value(u.arcsec)) < 1e-9
    assert abs(corner.Ty.to_value(u.arcsec)) < 1e-9
    assert smap.observer_coordinate.radius.to_value(u.au) == pytest.approx(1)


def test_the_header_marks_the_image_as_synthetic():
    meta = made(seed=5).meta
    assert meta["synthetic"] is True
    assert meta["rstsynth"] is True
    assert meta["rstseed"] == 5
    assert meta["rsttask"] == "synthesize-spectrum"
    assert meta["rstmeth"] == "spectrum"
    assert "synthesize-spectrum" in meta["history"]
    assert "restored" not in meta
    assert "instrume" not in meta


def test_the_seed_determines_the_texture_and_is_in_the_header():
    np.testing.assert_array_equal(made(seed=3).data, made(seed=3).data)
    one, other = made(seed=None), made(seed=None)
    assert not np.array_equal(one.data, other.data)
    np.testing.assert_array_equal(one.data, made(seed=one.meta["rstseed"]).data)


def test_smaller_textures_are_parts_of_larger_ones():
    np.testing.assert_allclose(made((30, 40)).data, made((1100, 50)).data[:30, :40], atol=1e-5)


@pytest.mark.parametrize(
    "scale", [96 * u.km, 96 * u.km / u.pix, 0.132364327 * u.arcsec, 0.132364327 * u.arcsec / u.pix]
)
def test_larger_pixels_contain_means(scale):
    smap = made((20, 30), scale=scale)
    assert smap.scale.axis1.to_value(u.arcsec / u.pix) == pytest.approx(96 / 725.2709, rel=1e-5)
    fine = made((40, 60)).data
    np.testing.assert_allclose(smap.data, fine.reshape(20, 2, 30, 2).mean(axis=(1, 3)), atol=1e-4)


@pytest.mark.parametrize("shape", [(90, 120), (37, 41)])
@pytest.mark.parametrize("pixel", [20, 36, 60, 75])
def test_a_seed_gives_the_same_structure_at_the_same_coordinates(pixel, shape):
    """Read at the positions of its pixels, the texture of 48 km is the one of other pixels: they are not displaced."""
    known, scaled = made((160, 240), seed=4), made(shape, seed=4, scale=pixel * u.km)
    x, y = known.wcs.world_to_pixel(scaled.wcs.pixel_to_world(*np.meshgrid(*map(np.arange, shape[::-1]))))
    # The mean over a pixel, to second order
    blurred = ndimage.gaussian_filter(known.data, pixel / 48 / np.sqrt(12), mode="reflect")

    def error(dy, dx):
        read = ndimage.map_coordinates(blurred, [y + dy, x + dx], order=3, mode="reflect")
        return np.sqrt(np.mean((read - scaled.data) ** 2))

    steps = [(dy, dx) for dy in (-0.25, 0, 0.25) for dx in (-0.25, 0, 0.25)]
    assert min(steps, key=lambda step: error(*step)) == (0, 0)
    assert error(0, 0) < 0.03 * known.data.std()
    edges = np.abs(scaled.data - ndimage.map_coordinates(blurred, [y, x], order=3, mode="reflect"))
    assert max(edges[:2].mean(), edges[:, :2].mean()) < 0.05 * known.data.std()


def test_smaller_pixels_contain_no_finer_structure():
    smap = made((80, 80), scale=12 * u.km)
    power = np.abs(np.fft.rfft2((smap.data - smap.data.mean()) * np.outer(np.hanning(80), np.hanning(80)))) ** 2
    frequency = np.hypot(np.fft.fftfreq(80)[:, np.newaxis], np.fft.rfftfreq(80))
    # Above twice the Nyquist frequency of pixels of 48 km
    assert power[frequency > 0.25].sum() < 1e-3 * power.sum()


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 1), (513, 3)])
def test_thin_shapes(shape):
    assert made(shape).data.shape == shape


def test_a_fits_file_contains_the_same_texture_and_stays_on_disk(tmp_path):
    path = tmp_path / "new" / "granules.fits"
    smap = made((1200, 50), out=path)
    assert isinstance(smap.data, np.memmap)
    np.testing.assert_array_equal(smap.data, made((1200, 50)).data)
    with fits.open(path) as hdus:
        hdus.verify("exception")
        np.testing.assert_array_equal(hdus[0].data, smap.data)
        assert hdus[0].header["SYNTHETIC"] is True
        assert hdus[0].header["RSTSYNTH"] is True
        assert hdus[0].header.comments["SYNTHETIC"].startswith("no observation")
    read = sunpy.map.Map(path)
    assert type(read) is GenericMap
    assert read.meta["synthetic"] is True
    assert read.meta["rstseed"] == 1
    assert read.scale.axis1 == smap.scale.axis1
    assert [file.name for file in path.parent.iterdir()] == ["granules.fits"]


def test_a_file_saved_by_sunpy_is_still_marked_as_synthetic(tmp_path):
    path = tmp_path / "granules.fits"
    with pytest.warns(match="synthetic is too long"):
        made().save(path)
    assert sunpy.map.Map(path).meta["rstsynth"] is True


def test_a_missing_zarr_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ModuleNotFoundError, match=r"sunpy_restore\[archive\]") as caught:
        made(out=tmp_path / "granules.zarr")
    assert caught.value.name == "zarr"


def test_a_zarr_array_contains_the_same_texture(tmp_path):
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "granules.zarr"
    smap = made((1200, 50), out=path)
    np.testing.assert_array_equal(np.asarray(smap.data), made((1200, 50)).data)
    assert zarr.open_array(str(path), mode="r").attrs["SYNTHETIC"] is True


def test_no_file_is_left_after_an_error(tmp_path, monkeypatch):
    from sunpy_restore.granulation import fields

    def fails(self, rows, columns):
        if rows.start:
            raise RuntimeError("no more")
        return np.ones((rows.stop - rows.start, columns.stop - columns.start), np.float32)

    monkeypatch.setattr(fields.SpectrumField, "window", fails)
    with pytest.raises(RuntimeError, match="no more"):
        made((1200, 50), out=tmp_path / "granules.fits")
    assert not list(tmp_path.iterdir())


def test_existing_files_are_not_replaced(tmp_path):
    path = tmp_path / "granules.fits"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="exists"):
        made(out=path)
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"shape": 40}, TypeError, "two numbers of pixels"),
        ({"shape": (40, 50, 60)}, TypeError, "two numbers of pixels"),
        ({"shape": (40.0, 60)}, TypeError, "two integers"),
        ({"shape": (True, 60)}, TypeError, "two integers"),
        ({"shape": (0, 60)}, ValueError, "at least one pixel"),
        ({"seed": -1}, ValueError, "an integer from 0"),
        ({"seed": 1.5}, TypeError, "an integer"),
        ({"scale": 48}, TypeError, "a Quantity"),
        ({"scale": 48 * u.s}, TypeError, "a length on the Sun or an angle"),
        ({"scale": [48, 50] * u.km}, TypeError, "a Quantity"),
        ({"scale": 0 * u.km}, ValueError, "expected 4.8 to 4800 km"),
        ({"scale": -48 * u.km}, ValueError, "expected 4.8 to 4800 km"),
        ({"scale": np.nan * u.km}, ValueError, "expected 4.8 to 4800 km"),
        ({"method": "network"}, ValueError, "expected one of convolutional, gan, vae, spectrum"),
        ({"stitching": "seam"}, ValueError, "has no tiles"),
        ({"method": "gan", "stitching": "glue"}, ValueError, "expected one of seam, greedy, latent, genetic"),
        ({"weights": "any"}, ValueError, "which uses none"),
        ({"refine_worst": 3}, ValueError, "has no tiles"),
        ({"method": "convolutional", "stitching": "seam"}, ValueError, "has no tiles"),
        ({"method": "gan", "refine_worst": True}, ValueError, "a number of tiles"),
        ({"method": "gan", "refine_worst": -3}, ValueError, "a number of tiles"),
        ({"out": "granules.jpg"}, ValueError, "ending in .fits, .zarr, .tif or .png"),
        ({"overlap": 10}, ValueError, "has no tiles"),
        ({"pool": "tiles.npz"}, ValueError, "has no tiles"),
        ({"goal": 0.1}, ValueError, "has no tiles"),
        ({"method": "gan", "overlap": 0}, ValueError, "overlap=0; expected an integer, 1 or more"),
        ({"method": "gan", "overlap": 1000}, ValueError, "expected 1 to 64"),
        ({"method": "gan", "stitching": "latent", "overlap": 10}, ValueError, "a multiple of"),
        ({"method": "gan", "pool": "tiles.fits"}, ValueError, "ending in .npz"),
        ({"method": "gan", "pool": 5}, TypeError, "ending in .npz"),
        ({"method": "gan", "pool_size": 2.5}, ValueError, "an integer, 1 or more"),
        ({"method": "gan", "shape": (300, 300), "pool_size": 2}, ValueError, "at least one for each"),
        ({"method": "gan", "population": 3}, ValueError, "an integer, 10 or more"),
        ({"method": "gan", "generations": -1}, ValueError, "an integer, 0 or more"),
        ({"method": "gan", "mutation_rate": 1.5}, ValueError, "0 to 1"),
        ({"method": "gan", "goal": -1}, ValueError, "0 or more"),
        ({"method": "gan", "replace": [(0,)]}, ValueError, "rows and columns"),
        ({"method": "gan", "replace": [(0, 7)]}, ValueError, "columns 0 to 0"),
    ],
)
def test_wrong_input_is_refused(options, error, words):
    with pytest.raises(error, match=words):
        made(**options)
