"""The samples are correct and credited."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import astropy.units as u
from astropy.io import fits

import sunpy.map
from sunpy.map import GenericMap
from sunpy.map.sources import AIAMap, HMIMap, LASCOMap

from sunpy_restore.backprojection.visibilities.fourier import Grid, back_projection, weights_of
from sunpy_restore.backprojection.visibilities.measured import open_visibilities, read_visibilities
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.numerics.metrics import contrast
from sunpy_restore.data import SAMPLES, sample_path
from sunpy_restore.desaturation.detection.saturation import find_saturation
from sunpy_restore.inpainting.lasco.missing_blocks import find_missing_blocks

CONTINUUM = ("hmi_continuum_spot", "hmi_continuum_quiet")
HMI = [name for name in SAMPLES if name.startswith("hmi_")]
LASCO = [name for name in SAMPLES if name.startswith("lasco_")]
SDO = [name for name in SAMPLES if name.startswith(("hmi_", "aia_"))]


KINDS = {"hmi": (HMIMap, "SDO", 0.504, "f"), "aia": (AIAMap, "SDO", 0.6, "fi"), "lasco": (LASCOMap, "SOHO", 56, "i")}
KINDS |= {"stix": (GenericMap, "Solar Orbiter", 2, "f")}
"""Class of the Map, observatory, size of a pixel in arcsec and kind of the data, by the first word of the name."""
SIZES = {"hmi": 300_000, "aia": 300_000, "lasco": 650_000, "stix": 100_000}
CREDITS = {
    "hmi": "Courtesy of NASA/SDO and the AIA, EVE, and HMI science teams",
    "aia": "Courtesy of NASA/SDO and the AIA, EVE, and HMI science teams",
    "lasco": "SOHO/LASCO consortium. SOHO is a project of international cooperation between ESA and NASA",
    "stix": "Courtesy of the Solar Orbiter/STIX consortium. Solar Orbiter is a mission of ESA",
}


def prefix(name):
    return name.split("_")[0]


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_open_as_maps_of_their_instrument_without_a_warning(name):
    # Warnings are errors in the tests
    smap = sunpy.map.Map(sample_path(name))
    kind, observatory, pixel, dtype = KINDS[prefix(name)]
    assert type(smap) is kind
    assert smap.observatory == observatory
    assert smap.data.dtype.kind in dtype
    assert np.isfinite(smap.data).all()
    assert u.allclose(u.Quantity(smap.scale), pixel * u.arcsec / u.pix, rtol=2e-3)


@pytest.mark.parametrize("name", SDO)
def test_samples_know_their_observer(name):
    # Warnings are errors in the tests, also those of properties that a Map computes later
    smap = sunpy.map.Map(sample_path(name))
    assert smap.coordinate_frame.name == "helioprojective"
    assert 0.98 * u.AU < smap.observer_coordinate.radius.to(u.AU) < 1.02 * u.AU
    # The angular radius in the header agrees with the distance
    radius = np.arcsin(smap.rsun_meters / smap.dsun).to(u.arcsec)
    assert smap.rsun_obs.value == pytest.approx(radius.value, rel=1e-4)
    for corner in (smap.bottom_left_coord, smap.top_right_coord):
        # AIA images show the corona above the limb
        assert np.hypot(corner.Tx, corner.Ty) < smap.rsun_obs * (1.3 if type(smap) is AIAMap else 1)


@pytest.mark.parametrize("name", HMI)
def test_hmi_samples_are_in_its_line(name):
    assert sunpy.map.Map(sample_path(name)).wavelength == 6173 * u.AA


def test_magnetogram_is_noaa_11158():
    smap = sunpy.map.Map(sample_path("hmi_magnetogram"))
    assert smap.data.shape == (200, 200)
    assert (smap.measurement, smap.unit) == ("magnetogram", u.G)
    assert smap.date.isot == "2011-02-14T20:34:12.200"
    # S20, slightly west of the meridian; because of the roll angle of 180 degrees a wrong cut-out would be far off
    place = smap.center.heliographic_stonyhurst
    assert place.lat.deg == pytest.approx(-20, abs=2)
    assert place.lon.deg == pytest.approx(12, abs=4)
    assert smap.data.min() < -1500
    assert smap.data.max() > 1500
    # JSOC stores tenths of a gauss, and none is lost
    assert np.allclose(smap.data * 10, np.round(smap.data * 10), atol=1e-3)


def test_continuum_images_are_of_spot_and_granulation():
    spot, quiet = (sunpy.map.Map(sample_path(name)) for name in CONTINUUM)
    assert spot.data.shape == (128, 128)
    assert quiet.data.shape == (40, 128)
    for smap in (spot, quiet):
        assert (smap.measurement, smap.unit) == ("continuum", u.DN / u.s)
        assert np.median(smap.data) == pytest.approx(60000, rel=0.05)
    assert spot.data.min() < 0.25 * np.median(spot.data)
    assert contrast(quiet.data) == pytest.approx(0.0270, abs=0.0005)
    # No pore
    assert quiet.data.min() > 0.9 * np.median(quiet.data)


@pytest.mark.parametrize("name", CONTINUUM)
def test_unknown_pointing_is_marked_as_nominal(name):
    smap = sunpy.map.Map(sample_path(name))
    assert "NOMINAL: pointing (disk centre), roll angle and date" in smap.meta["comment"].replace("\n", " ")
    assert np.abs([smap.center.Tx.value, smap.center.Ty.value]).max() < 1e-6


def test_flare_is_saturated_as_delivered():
    smap = sunpy.map.Map(sample_path("aia_193_flare"))
    assert smap.data.shape == (200, 200)
    assert (smap.wavelength, smap.unit) == (193 * u.AA, u.DN)
    assert smap.exposure_time.to_value("s") == pytest.approx(2, abs=0.01)
    assert smap.date.isot == "2014-10-26T12:48:18.837"
    assert smap.data.dtype == np.int16
    # The maximum in the header of the original file
    assert smap.data.max() == 15728
    found = find_saturation(smap)
    assert 14000 < found.level < 16383
    assert found.primary.sum() > 50
    assert found.blooming.sum() > 50


def test_quiet_image_is_an_active_region_without_saturation():
    smap = sunpy.map.Map(sample_path("aia_171_quiet"))
    assert smap.data.shape == (256, 256)
    assert smap.wavelength == 171 * u.AA
    assert smap.data.max() == 8024
    assert not find_saturation(smap).mask.any()


@pytest.mark.parametrize(
    ("name", "date", "exposure"),
    [("lasco_c3_cme", "2002-01-08T20:18:05.541", 5.09424), ("lasco_c3_later", "2002-01-09T08:18:05.805", 5.29248)],
)
def test_coronagraph_images_are_complete(name, date, exposure):
    smap = sunpy.map.Map(sample_path(name))
    assert (smap.data.shape, smap.data.dtype) == ((1024, 1024), np.int16)
    assert (smap.detector, smap.date.isot) == ("C3", date)
    assert smap.exposure_time.to_value("s") == exposure
    assert "\t" not in smap.meta["history"]
    # Statistics in the header are those of the image and of the transmitted pixels
    statistics = [smap.meta[f"data{key}"] for key in ("min", "max", "avg", "zer", "sat")]
    transmitted = smap.data[smap.data != 0]
    assert statistics[:2] == [transmitted.min(), transmitted.max()]
    assert statistics[2] == pytest.approx(transmitted.mean(), rel=1e-5)
    assert statistics[3:] == [np.count_nonzero(smap.data == 0), np.count_nonzero(smap.data == 16383)]
    found = find_missing_blocks(smap)
    assert not found.mask.any()
    assert found.unobserved.sum() == 99 * 32**2


def test_coronagraph_images_show_the_same_field():
    ejection, later = (sunpy.map.Map(sample_path(name)) for name in LASCO)
    for key in ("crpix1", "crpix2", "crval1", "crval2", "crota1", "filter", "polar", "readport"):
        assert ejection.meta[key] == later.meta[key]
    assert (later.date - ejection.date).to_value("hour") == pytest.approx(12, abs=0.001)


def test_stix_flare_is_the_back_projection_of_its_visibilities():
    path = sample_path("stix_flare")
    smap, measured = sunpy.map.Map(path), open_visibilities(path)
    assert (smap.data.shape, smap.date.isot) == ((129, 129), "2020-06-07T21:38:49.384")
    assert smap.unit == u.ct / (u.s * u.keV * u.cm**2)
    assert (smap.meta["energy_l"], smap.meta["energy_h"]) == (6, 10)
    assert 0.5 * u.AU < smap.observer_coordinate.radius.to(u.AU) < 0.55 * u.AU
    assert smap.rsun_obs > 1800 * u.arcsec
    read = read_visibilities(measured)
    assert sorted(read.points.labels) == sorted(stix_uv().labels)
    image = back_projection(read.visibilities, read.points, Grid((129, 129), (2.0, 2.0)), weights_of(read.points))
    np.testing.assert_allclose(image, smap.data, atol=1e-6 * smap.data.max())
    signal = np.abs(read.visibilities) / read.errors
    assert 0 < np.median(signal) < 30


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_small_and_credited(name):
    path = sample_path(name)
    assert path.stat().st_size < SIZES[prefix(name)]
    credit = (files("sunpy_restore.data") / "CREDITS.rst").read_text(encoding="utf-8")
    assert f"``{path.name}``" in credit
    assert CREDITS[prefix(name)] in " ".join(credit.split())


def test_no_sample_is_from_a_source_with_unclear_terms():
    """The sources are named in the section of each sample; HelioML is named only as a source of training data."""
    text = (files("sunpy_restore.data") / "CREDITS.rst").read_text(encoding="utf-8")
    samples, _, rest = text.partition("Terms of use")
    assert all(f"``{name}.fits``" in samples for name in SAMPLES)
    assert "HelioML" not in samples
    assert "terms of use of that image are unclear" in rest.partition("Training data that are not in the package")[2]


def test_the_distribution_names_the_licences_of_the_samples():
    """The licence fields of the project agree with the table in CREDITS.rst, and every text is there."""
    text = (files("sunpy_restore.data") / "CREDITS.rst").read_text(encoding="utf-8")
    root = Path(__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = set(project["license"].split(" AND "))
    texts = {path.name for pattern in project["license-files"] for path in root.glob(pattern)}
    rows = re.findall(r"^(``\w+``(?:, ``\w+``)*) +(\S+) +(?:``(\S+)``)?", text.partition("Terms of use")[2], re.M)
    assert {name for names, _, _ in rows for name in re.findall(r"``(\w+)``", names)} == set(SAMPLES)
    assert {licence for _, licence, _ in rows} - {"none"} == named - {"BSD-3-Clause"}
    assert {file for *_, file in rows} - {""} == texts - {"LICENSE.rst"}
    for _, licence, file in rows:
        if file:
            assert licence in file
            assert len((root / "licenses" / file).read_text(encoding="utf-8")) > 900


@pytest.mark.parametrize("name", SDO)
def test_header_statistics_are_not_those_of_another_image(name):
    header = fits.getheader(sample_path(name), 1)
    assert not [key for key in header if key.startswith("DATAM") or key in ("TOTVALS", "DATAVALS", "BLANK")]


def test_every_file_is_a_sample():
    here = files("sunpy_restore.data")
    assert {path.name for path in here.iterdir() if path.name.endswith(".fits")} == {f"{name}.fits" for name in SAMPLES}


@pytest.mark.parametrize("name", ["hmi_magnetogram.fits", "", "../core/weights/registry", None])
def test_unknown_names_are_refused(name):
    with pytest.raises(
        ValueError, match=f"Unknown sample {name!r}; expected one of hmi_magnetogram, hmi_continuum_spot"
    ):
        sample_path(name)
