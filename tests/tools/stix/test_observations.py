"""Tests of the visibilities from STIX pixel data and of the headers of their images."""

import gzip
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import astropy.units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable
from astropy.time import Time

import sunpy.map
from sunpy.coordinates import HeliographicStonyhurst, Helioprojective

START = Time("2022-11-11T10:00:00")
RATE = u.ct / (u.s * u.keV * u.cm**2)


def write_ephemeris(path, *, roll=0.0, pitch=0.0, yaw=0.0, seen=(-60.0, 8.0), place=(1e8, 0, 0), minutes=60):
    """Write an ephemeris: angles in degree, aspect solution in arcsec, position in km, one sample every 64 s."""
    times = np.arange(0, 60 * minutes, 64)
    table = QTable(
        {
            "time": (100 * times).astype(np.int32) * u.cs,
            "y_srf": np.full(len(times), seen[0], dtype=np.float32) * u.arcsec,
            "z_srf": np.full(len(times), seen[1], dtype=np.float32) * u.arcsec,
            "solo_loc_heeq_zxy": np.tile(np.float32(place), (len(times), 1)) * u.km,
            "roll_angle_rpy": np.stack([roll + times / 3600, 0 * times + pitch, 0 * times + yaw], axis=1) * u.deg,
        }
    )
    first = fits.PrimaryHDU()
    first.header["DATE-BEG"] = START.isot
    fits.HDUList([first, fits.BinTableHDU(), fits.table_to_hdu(table)]).writeto(path)
    return path


def at(x, y):
    """A position whose x and y the header uses, in any frame."""
    return SkyCoord(x * u.arcsec, y * u.arcsec, frame=Helioprojective())


def visibilities_at(place, roll=0.0, pointing=(0.0, 0.0)):
    visibility = pytest.importorskip("xrayvision.visibility")
    observer = SkyCoord(
        HeliographicStonyhurst(20 * u.deg, 5 * u.deg, 0.4 * u.AU, obstime=START + 30 * u.s),
    )
    meta = visibility.VisMeta(
        time_range=Time([START, START + 60 * u.s]),
        spectral_range=[6, 10] * u.keV,
        observer_coordinate=observer,
        roll=roll * u.deg,
        pointing=pointing * u.arcsec,
        offset=place,
    )
    return visibility.Visibilities([1 + 2j, 3j] * RATE, u=[0.01, 0] / u.arcsec, v=[0, 0.02] / u.arcsec, meta=meta)


def test_attitude_is_the_mean_of_the_time_range(attitude, tmp_path):
    path = write_ephemeris(tmp_path / "aux.fits", roll=3.0, seen=(-50.0, 20.0))
    found = attitude.attitude_of(path, START + 600 * u.s, START + 1200 * u.s)
    # The roll increases by a degree per hour, and a sample is the mean over 64 s
    assert found.roll.to_value(u.deg) == pytest.approx(3 + (900 + 32) / 3600, abs=32 / 3600)
    assert found.pointing.to_value(u.arcsec) == pytest.approx([10, -12])
    assert found.observer.radius.to_value(u.km) == pytest.approx(1e8)


@pytest.mark.parametrize("seen", [(np.nan, np.nan), (500.0, 0.0)])
def test_pointing_of_the_spacecraft_replaces_a_bad_aspect_solution(attitude, tmp_path, seen):
    path = write_ephemeris(tmp_path / "aux.fits", roll=90.0, pitch=0.01, yaw=0.02, seen=seen)
    pointing = attitude.attitude_of(path, START, START + 1 * u.s).pointing.to_value(u.arcsec)
    # The yaw of -72 arcsec and the pitch of 36 arcsec are rotated by the roll and added to the mounting
    assert pointing == pytest.approx([26.1 + 36, 58.2 + 72], abs=1.5)


def test_gzipped_ephemeris(attitude, tmp_path):
    path = write_ephemeris(tmp_path / "aux.fits")
    packed = tmp_path / "aux.fits.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    times = START + 60 * u.s, START + 600 * u.s
    assert attitude.attitude_of(packed, *times).roll == attitude.attitude_of(path, *times).roll


def test_ephemeris_of_another_day_is_refused(attitude, tmp_path):
    path = write_ephemeris(tmp_path / "aux.fits")
    with pytest.raises(ValueError, match=r"expected one of 2022-11-12"):
        attitude.attitude_of(path, START + 1 * u.day, START + 1.1 * u.day)


def test_file_without_attitudes_is_refused(attitude, tmp_path):
    fits.PrimaryHDU(np.zeros((2, 2))).writeto(tmp_path / "image.fits")
    with pytest.raises(ValueError, match=r"no table of attitudes"):
        attitude.attitude_of(tmp_path / "image.fits", START, START)


def test_header_rotates_the_instrument_axes_to_the_sun(attitude):
    """The x axis of STIX points north and its y axis points east."""
    header = attitude.sky_header(visibilities_at(at(300, 200)), (65, 33), 4.0)
    smap = sunpy.map.Map(np.zeros((65, 33)), header)
    middle = smap.pixel_to_world(16 * u.pix, 32 * u.pix)
    along_x = smap.pixel_to_world(17 * u.pix, 32 * u.pix)
    along_y = smap.pixel_to_world(16 * u.pix, 33 * u.pix)
    assert [middle.Tx.value, middle.Ty.value] == pytest.approx([-200, 300], abs=0.01)
    assert [(along_x.Tx - middle.Tx).value, (along_x.Ty - middle.Ty).value] == pytest.approx([0, 4], abs=0.01)
    assert [(along_y.Tx - middle.Tx).value, (along_y.Ty - middle.Ty).value] == pytest.approx([-4, 0], abs=0.01)


def test_header_adds_the_pointing_before_it_rotates_by_the_roll(attitude):
    smap = sunpy.map.Map(
        np.zeros((5, 5)), attitude.sky_header(visibilities_at(at(0, 0), 90.0, (100.0, 20.0)), (5, 5), 2)
    )
    assert [smap.center.Tx.value, smap.center.Ty.value] == pytest.approx([-20, 100], abs=0.01)
    north = smap.pixel_to_world(3 * u.pix, 2 * u.pix)
    assert [(north.Tx - smap.center.Tx).value, (north.Ty - smap.center.Ty).value] == pytest.approx([-2, 0], abs=0.01)


def test_header_has_unit_times_energies_and_observer(attitude):
    smap = sunpy.map.Map(np.zeros((5, 5)), attitude.sky_header(visibilities_at(at(0, 0)), (5, 5), 2))
    assert smap.unit == RATE
    assert smap.exposure_time == 60 * u.s
    assert (smap.date_start, smap.date_end) == (START, START + 60 * u.s)
    assert (smap.meta["energy_l"], smap.meta["energy_h"], smap.meta["telescop"]) == (6, 10, "SOLO/STIX")
    assert smap.observer_coordinate.radius.to_value(u.AU) == pytest.approx(0.4)


def test_header_needs_an_attitude(attitude):
    visibility = pytest.importorskip("xrayvision.visibility")
    bare = visibility.Visibilities([1 + 2j] * RATE, u=[0.01] / u.arcsec, v=[0] / u.arcsec)
    with pytest.raises(ValueError, match=r"without an attitude"):
        attitude.sky_header(bare, (5, 5), 2)


@given(*[st.floats(-180, 180)] * 1, *[st.floats(-3000, 3000)] * 2)
def test_matrix_of_an_attitude_is_a_rotation(attitude, roll, x, y):
    matrix = attitude.Attitude(roll * u.deg, [x, y] * u.arcsec, None).matrix
    assert matrix @ matrix.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1)


def test_error_without_stixpy_says_how_to_install_it(observations, monkeypatch):
    monkeypatch.setitem(sys.modules, "stixpy", None)
    monkeypatch.setitem(sys.modules, "stixpy.calibration", None)
    with pytest.raises(ImportError, match=r"pip install stixpy"):
        observations.visibilities_of("pixels.fits")


# The remaining tests need stixpy


@pytest.fixture
def pixel_file(tmp_path):
    """``pixel_file(name, mean)``: level 1 file, 12 time bins of 20 s, 4 to 12 keV, mean counts per pixel and bin."""
    pytest.importorskip("stixpy")

    def make(name, mean, seed=0):
        rng, bins = np.random.default_rng(seed), 12
        brightness = np.where(np.arange(bins) == 7, 3, 1)[:, None, None, None]
        counts = rng.poisson(mean * brightness * np.ones((bins, 32, 8, 8))).astype(np.int32)
        edges = np.zeros(33, dtype=np.uint8)
        edges[1:10] = 1
        ones = np.ones(bins, dtype=np.uint8)
        data = QTable(
            {
                "time": (2000 * np.arange(bins) + 1000).astype(np.int32) * u.cs,
                "timedel": np.full(bins, 2000, dtype=np.int32) * u.cs,
                "rcr": 0 * ones,
                "pixel_masks": np.tile(np.r_[np.ones(8), np.zeros(4)].astype(np.uint8), (bins, 1)),
                "detector_masks": np.ones((bins, 32), dtype=np.uint8),
                "triggers": np.full((bins, 16), 1000.0),
                "counts": counts * u.ct,
                "counts_comp_err": np.sqrt(counts).astype(np.float32) * u.ct,
                "control_index": 0 * ones,
            }
        )
        energies = QTable(
            {
                "channel": np.arange(8),
                "e_low": np.arange(4.0, 12) * u.keV,
                "e_high": np.arange(5.0, 13) * u.keV,
            }
        )
        control = QTable({"index": [0], "energy_bin_edge_mask": edges[None]})
        first = fits.PrimaryHDU()
        cards = {"INSTRUME": "STIX", "LEVEL": "L1", "STYPE": 21, "SSTYPE": 6, "SSID": 21, "RSUN_ARC": 1500.0}
        first.header.update(cards | {"DATE-OBS": START.isot, "DATE-BEG": START.isot})
        hdus = [first]
        for extension, table in (("CONTROL", control), ("DATA", data), ("ENERGIES", energies)):
            hdus.append(fits.table_to_hdu(table))
            hdus[-1].name = extension
        path = tmp_path / name
        fits.HDUList(hdus).writeto(path)
        return path

    return make


@pytest.fixture
def at_stix():
    """``at_stix(x, y)``: position in the STIX frame."""
    frames = pytest.importorskip("stixpy.coordinates.frames")
    return lambda x, y: SkyCoord(x * u.arcsec, y * u.arcsec, frame=frames.STIXImaging(obstime=START))


TIMES = START + [40, 100] * u.s


def test_only_bins_that_overlap_the_time_range_are_used(observations, pixel_file, at_stix):
    found = observations.visibilities_of(pixel_file("a.fits", 100), time_range=TIMES, flare_location=at_stix(0, 0))
    assert (found.meta.time_range - TIMES).to_value(u.s) == pytest.approx([0, 0], abs=1e-3)


def test_default_time_range_is_the_minute_around_the_brightest_bin(observations, pixel_file, at_stix):
    found = observations.visibilities_of(pixel_file("a.fits", 100), flare_location=at_stix(0, 0))
    assert (found.meta.time_range - START).to_value(u.s) == pytest.approx([120, 180], abs=1e-3)


def test_flare_location_is_the_phase_centre(observations, pixel_file, at_stix):
    """A shift of the phase centre changes the phases; the amplitudes change only by the shadows of the grids."""
    path = pixel_file("a.fits", 100)
    near, far = (observations.visibilities_of(path, time_range=TIMES, flare_location=at_stix(x, -40)) for x in (0, 10))
    turned = np.exp(-2j * np.pi * 10 * near.u.value)
    assert np.angle(far.visibilities.value / (near.visibilities.value * turned)) == pytest.approx(0, abs=1e-6)
    assert far.amplitude.value == pytest.approx(near.amplitude.value, rel=1e-2)
    assert (far.meta["offset"].Tx, far.meta["offset"].Ty) == (10 * u.arcsec, -40 * u.arcsec)


@pytest.mark.slow
def test_default_flare_location_is_the_maximum_of_the_back_projection(attitude, observations, pixel_file, tmp_path):
    """It is on the disk, and the same location in solar coordinates gives the same visibilities."""
    path, ephemeris = pixel_file("a.fits", 100), write_ephemeris(tmp_path / "aux.fits", roll=20.0)
    found = observations.visibilities_of(path, time_range=TIMES, ephemeris=ephemeris)
    middle = found.visibilities.value.real.sum()
    axis = np.arange(-20, 21, 2.0)
    waves = np.exp(-2j * np.pi * (np.multiply.outer(axis, found.u.value)))
    rows = np.exp(-2j * np.pi * (np.multiply.outer(axis, found.v.value)))
    assert ((rows * found.visibilities.value) @ waves.T).real.max() <= middle * 1.001
    header = attitude.sky_header(found, (5, 5), 2)
    assert np.hypot(header["crval1"], header["crval2"]) < 1.2 * 1500
    known = attitude.Attitude(found.meta["roll"], found.meta["pointing"], found.meta["observer_coordinate"])
    place = SkyCoord(header["crval1"] * u.arcsec, header["crval2"] * u.arcsec, frame=known.sky)
    again = observations.visibilities_of(path, time_range=TIMES, ephemeris=ephemeris, flare_location=place)
    assert again.visibilities.value == pytest.approx(found.visibilities.value, rel=1e-4)


@pytest.mark.slow
def test_background_is_subtracted(observations, pixel_file, at_stix):
    path, quiet = pixel_file("a.fits", 100), pixel_file("quiet.fits", 20, seed=1)
    options = {"time_range": START + [0, 240] * u.s, "flare_location": at_stix(0, 0)}
    both, flare, rest = (
        observations.visibilities_of(*files, **options, **more)
        for files, more in (([path], {"background": quiet}), ([path], {}), ([quiet], {}))
    )
    assert both.visibilities.value == pytest.approx(flare.visibilities.value - rest.visibilities.value, rel=1e-6)
    # Statistical errors add in quadrature; calibration errors are proportional to the amplitudes
    squares = [(v.amplitude_uncertainty**2 - (0.05 * v.amplitude) ** 2).value for v in (both, flare)]
    assert (squares[0] > squares[1]).mean() > 0.9


@pytest.mark.slow
def test_selected_sub_collimators_of_a_gzipped_file(observations, pixel_file, at_stix, tmp_path):
    path = pixel_file("a.fits", 100)
    packed = tmp_path / "b.fits.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    options = {"time_range": TIMES, "flare_location": at_stix(0, 0)}
    default = observations.visibilities_of(path, **options)
    some = observations.visibilities_of(packed, subcollimators=[10, 3], **options)
    assert sorted(some.meta.vis_labels) == ["10a", "10b", "10c", "3a", "3b", "3c"]
    kept = np.isin(default.meta.vis_labels, some.meta.vis_labels)
    assert len(default.visibilities) == 24
    assert np.array_equal(default.visibilities[kept], some.visibilities)
    assert some.meta.instrument == "STIX"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"subcollimators": [0, 3]}, "sub-collimators"),
        ({"energy_range": [6, 10.5] * u.keV}, "two of the edges"),
        ({"time_range": START + [1, 2] * u.hour}, "expected one within"),
    ],
)
def test_options_that_the_file_does_not_cover_are_refused(observations, pixel_file, at_stix, options, message):
    with pytest.raises(ValueError, match=message):
        observations.visibilities_of(pixel_file("a.fits", 10), flare_location=at_stix(0, 0), **options)
