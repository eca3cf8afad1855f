"""Visibilities of users: what is read of them, and whether a Map is their back-projection."""

from types import SimpleNamespace

import numpy as np
import pytest

import astropy.units as u
from astropy.io import fits
from astropy.table import QTable

from sunpy_restore.backprojection.fourier import shifted
from sunpy_restore.backprojection.measured import Table, belonging, open_visibilities, read_visibilities
from sunpy_restore.backprojection.observation import Backprojection
from sunpy_restore.backprojection.scenes import ellipse, visibilities_of_scene
from sunpy_restore.backprojection.uvplane import stix_uv
from sunpy_restore.data import sample_path

PLANE = stix_uv()
UNIT = u.ct / (u.s * u.keV * u.cm**2)


def table(found, plane=PLANE, error=0.1, center=(0.0, 0.0)):
    """With its phase centre as (x, y)."""
    return Table(
        found * UNIT, plane.u / u.arcsec, plane.v / u.arcsec, np.full(len(found), error) * UNIT, center[::-1] * u.arcsec
    )


@pytest.fixture(scope="module")
def truth(scene):
    return visibilities_of_scene(scene, PLANE)


@pytest.fixture(scope="module")
def back(truth):
    return Backprojection(2 * np.eye(2), truth, PLANE, (129, 129))


def test_tables_are_taken_apart(truth):
    measured = read_visibilities(table(truth, center=(100.0, -50.0)))
    np.testing.assert_array_equal(measured.found, truth)
    np.testing.assert_array_equal(measured.errors, np.full(24, 0.1))
    assert measured.unit == UNIT
    assert measured.center == (100.0, -50.0)
    assert measured.plane.labels == PLANE.labels
    np.testing.assert_allclose([measured.plane.u, measured.plane.v], [PLANE.u, PLANE.v], rtol=1e-12)


def test_units_are_converted(truth):
    given = table(truth, center=(120.0, -60.0))._replace(
        u=(PLANE.u / u.arcsec).to(1 / u.deg),
        v=(PLANE.v / u.arcsec).to(1 / u.deg),
        amplitude_uncertainty=(np.full(24, 0.1) * UNIT).to(u.ct / (u.min * u.keV * u.cm**2)),
        phase_center=[-1, 2] * u.arcmin,
    )
    measured = read_visibilities(given)
    np.testing.assert_allclose(measured.plane.u, PLANE.u, rtol=1e-12)
    np.testing.assert_allclose(measured.errors, 0.1, rtol=1e-12)
    assert measured.center == pytest.approx((120, -60))
    assert measured.plane.labels == PLANE.labels


def test_errors_are_those_of_the_amplitude_before_others(truth):
    values = table(truth)._asdict()
    del values["amplitude_uncertainty"]
    assert read_visibilities(SimpleNamespace(**values)).errors is None
    given = SimpleNamespace(**values, uncertainty=0.3 * UNIT)
    np.testing.assert_array_equal(read_visibilities(given).errors, np.full(24, 0.3))
    given.amplitude_uncertainty = 0.2 * UNIT
    np.testing.assert_array_equal(read_visibilities(given).errors, np.full(24, 0.2))
    given.amplitude_uncertainty = None
    np.testing.assert_array_equal(read_visibilities(given).errors, np.full(24, 0.3))


def test_points_of_stix_are_known_in_any_order_and_from_either_side(truth):
    order = np.random.default_rng(0).permutation(24)
    sign = np.where(np.arange(24) % 2, 1, -1)
    plane = PLANE._replace(u=(sign * PLANE.u)[order], v=(sign * PLANE.v)[order])
    measured = read_visibilities(table(truth, plane))
    assert measured.plane.labels == tuple(PLANE.labels[index] for index in order)
    np.testing.assert_array_equal(measured.plane.u, plane.u)


def test_points_of_others_have_numbers(truth):
    other = PLANE._replace(u=np.where(np.arange(24) == 5, 0.011, PLANE.u))
    labels = read_visibilities(table(truth, other)).plane.labels
    assert labels == (*PLANE.labels[:5], "#5", *PLANE.labels[6:])


def test_what_has_no_visibilities_is_refused(truth):
    for wrong in (truth, truth * UNIT, "vis.fits", 3, None):
        with pytest.raises(TypeError, match=r"expected xrayvision\.visibility\.Visibilities"):
            read_visibilities(wrong)
    with pytest.raises(TypeError, match="Table"):
        read_visibilities(table(truth)._replace(u=PLANE.u * u.s))
    with pytest.raises(TypeError, match="Table"):
        read_visibilities(table(truth)._replace(phase_center=3 * u.arcsec))


def test_values_that_are_no_numbers_are_refused(truth):
    with pytest.raises(ValueError, match="expected finite numbers"):
        read_visibilities(table(np.where(np.arange(24) == 3, np.nan, truth)))
    with pytest.raises(ValueError, match=r"shape \(4, 6\)"):
        read_visibilities(table(truth)._replace(visibilities=truth.reshape(4, 6) * UNIT, amplitude_uncertainty=None))
    for error in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="not positive"):
            read_visibilities(table(truth, error=error))


@pytest.mark.parametrize("center", [(0.0, 0.0), (100.0, -50.0)])
def test_phase_centre_is_the_middle_or_in_the_header_or_anywhere(back, truth, center):
    """And if it is the middle, whatever the header says."""
    for middle in ((0.0, 0.0), (130.0, -62.0)):
        found = belonging(read_visibilities(table(truth, center=center)), back, middle)
        np.testing.assert_allclose(found, truth, rtol=1e-9)
    middle = (130.0, -62.0)
    away = (middle[0] - center[0], middle[1] - center[1])
    for away, tolerance in ((away, 1e-9), (middle, 1e-5), ((-400.0, 733.0), 1e-5)):
        moved = shifted(truth, PLANE, -away[0], -away[1])
        found = belonging(read_visibilities(table(moved, center=center)), back, middle)
        np.testing.assert_allclose(found, truth, rtol=tolerance, atol=tolerance)


def test_order_of_the_phase_centre(truth):
    """As (y, x), as xrayvision has it."""
    given = table(truth)._replace(phase_center=[-50, 100] * u.arcsec)
    assert read_visibilities(given).center == (100, -50)


def test_measured_values_are_kept_where_they_differ_a_little(back, truth):
    """The Map may be rounded, the visibilities are not."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=24) + 1j * rng.normal(size=24)
    near = truth + 0.02 * noise * np.linalg.norm(truth) / np.linalg.norm(noise)
    np.testing.assert_array_equal(belonging(read_visibilities(table(near)), back, (0.0, 0.0)), near)


def test_visibilities_of_another_scene_or_unit_are_refused(back, truth):
    other = visibilities_of_scene(ellipse(7, 5, -30, 20, 14, 0.7), PLANE)
    for values in (other, 1.1 * truth, truth.conj()):
        with pytest.raises(ValueError, match=r"they differ by .*; found ct / \(.*cm2.*\)"):
            belonging(read_visibilities(table(values)), back, (0.0, 0.0))


def test_sample_has_its_visibilities():
    given = open_visibilities(sample_path("stix_flare"))
    measured = read_visibilities(given)
    assert sorted(measured.plane.labels) == sorted(PLANE.labels)
    assert measured.unit == UNIT
    assert measured.center == (0, 0)
    assert (measured.errors > 0).all()
    with fits.open(sample_path("stix_flare")) as file:
        np.testing.assert_array_equal(measured.found.imag, file["VISIBILITIES"].data["imag"])


def test_visibilities_come_back_from_a_file(truth, tmp_path):
    parts = {"u": PLANE.u / u.arcsec, "v": PLANE.v / u.arcsec, "error": np.full(24, 0.1) * UNIT}
    parts |= {"real": truth.real * UNIT, "imag": truth.imag * UNIT}
    hdu = fits.table_to_hdu(QTable(parts))
    hdu.name = "VISIBILITIES"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "vis.fits")
    measured = read_visibilities(open_visibilities(tmp_path / "vis.fits"))
    np.testing.assert_array_equal(measured.found, truth)
    assert measured.plane.labels == PLANE.labels
    fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(QTable(parts))]).writeto(tmp_path / "unnamed.fits")
    del parts["error"]
    hdu = fits.table_to_hdu(QTable(parts))
    hdu.name = "VISIBILITIES"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "less.fits")
    for name in ("unnamed.fits", "less.fits", "none.fits"):
        with pytest.raises(ValueError, match=rf"no table VISIBILITIES .*{name}"):
            open_visibilities(tmp_path / name)


def test_visibilities_of_xrayvision(truth):
    visibility = pytest.importorskip("xrayvision.visibility")
    given = visibility.Visibilities(
        truth * UNIT, PLANE.u / u.arcsec, PLANE.v / u.arcsec, [-50.0, 100.0] * u.arcsec,
        amplitude_uncertainty=np.full(24, 0.1) * UNIT,
    )  # fmt: skip
    measured, expected = read_visibilities(given), read_visibilities(table(truth, center=(100.0, -50.0)))
    assert measured.center == expected.center
    assert measured.plane.labels == expected.plane.labels
    np.testing.assert_array_equal(measured.found, expected.found)
    np.testing.assert_array_equal(measured.errors, expected.errors)
