"""Tests of measured visibilities: reading them, and matching them to a Map."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import astropy.units as u
from astropy.io import fits
from astropy.table import QTable

from sunpy_restore.backprojection.fitting.scenes import ellipse, visibilities_of_scene
from sunpy_restore.backprojection.provenance.matching import match_phase_center
from sunpy_restore.backprojection.visibilities.fourier import shift_phase_center
from sunpy_restore.backprojection.visibilities.measured import (
    VisibilityTable,
    open_visibilities,
    read_visibilities,
    visibilities_for,
)
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.data import sample_path

POINTS = stix_uv()
UNIT = u.ct / (u.s * u.keV * u.cm**2)


def table(visibilities, points=POINTS, error=0.1, center=(0.0, 0.0)):
    """Table of visibilities, with the phase centre as (x, y)."""
    errors = np.full(len(visibilities), error) * UNIT
    return VisibilityTable(
        visibilities * UNIT, points.u / u.arcsec, points.v / u.arcsec, errors, center[::-1] * u.arcsec
    )


@pytest.fixture(scope="module")
def truth(scene):
    return visibilities_of_scene(scene, POINTS)


def test_values_points_errors_unit_and_phase_centre_are_read(truth):
    measured = read_visibilities(table(truth, center=(100.0, -50.0)))
    np.testing.assert_array_equal(measured.visibilities, truth)
    np.testing.assert_array_equal(measured.errors, np.full(24, 0.1))
    assert measured.unit == UNIT
    assert measured.phase_center == (100.0, -50.0)
    assert measured.points.labels == POINTS.labels
    np.testing.assert_allclose([measured.points.u, measured.points.v], [POINTS.u, POINTS.v], rtol=1e-12)


def test_units_are_converted(truth):
    given = table(truth, center=(120.0, -60.0))._replace(
        u=(POINTS.u / u.arcsec).to(1 / u.deg),
        v=(POINTS.v / u.arcsec).to(1 / u.deg),
        amplitude_uncertainty=(np.full(24, 0.1) * UNIT).to(u.ct / (u.min * u.keV * u.cm**2)),
        phase_center=[-1, 2] * u.arcmin,
    )
    measured = read_visibilities(given)
    np.testing.assert_allclose(measured.points.u, POINTS.u, rtol=1e-12)
    np.testing.assert_allclose(measured.errors, 0.1, rtol=1e-12)
    assert measured.phase_center == pytest.approx((120, -60))
    assert measured.points.labels == POINTS.labels


def test_uncertainties_of_the_amplitude_take_precedence(truth):
    values = table(truth)._asdict()
    del values["amplitude_uncertainty"]
    assert read_visibilities(SimpleNamespace(**values)).errors is None
    given = SimpleNamespace(**values, uncertainty=0.3 * UNIT)
    np.testing.assert_array_equal(read_visibilities(given).errors, np.full(24, 0.3))
    given.amplitude_uncertainty = 0.2 * UNIT
    np.testing.assert_array_equal(read_visibilities(given).errors, np.full(24, 0.2))
    given.amplitude_uncertainty = None
    np.testing.assert_array_equal(read_visibilities(given).errors, np.full(24, 0.3))


def test_points_of_stix_get_their_labels_in_any_order_and_with_either_sign(truth):
    order = np.random.default_rng(0).permutation(24)
    sign = np.where(np.arange(24) % 2, 1, -1)
    points = POINTS._replace(u=(sign * POINTS.u)[order], v=(sign * POINTS.v)[order])
    measured = read_visibilities(table(truth, points))
    assert measured.points.labels == tuple(POINTS.labels[index] for index in order)
    np.testing.assert_array_equal(measured.points.u, points.u)


def test_other_points_get_numbers(truth):
    other = POINTS._replace(u=np.where(np.arange(24) == 5, 0.011, POINTS.u))
    labels = read_visibilities(table(truth, other)).points.labels
    assert labels == (*POINTS.labels[:5], "#5", *POINTS.labels[6:])


def test_objects_without_visibilities_are_refused(truth):
    for wrong in (truth, truth * UNIT, 3, None):
        with pytest.raises(TypeError, match=r"expected xrayvision\.visibility\.Visibilities"):
            read_visibilities(wrong)
    with pytest.raises(TypeError, match="VisibilityTable"):
        read_visibilities(table(truth)._replace(u=POINTS.u * u.s))
    with pytest.raises(TypeError, match="VisibilityTable"):
        read_visibilities(table(truth)._replace(phase_center=3 * u.arcsec))


@pytest.mark.parametrize("path", ["vis.fits", Path("vis.fits")])
def test_paths_are_refused_with_the_function_that_reads_them(path):
    for given in (path, [path]):
        with pytest.raises(TypeError, match=r"Found the path 'vis.fits'.*measured\.open_visibilities"):
            visibilities_for(["a Map"], given)


def test_values_that_are_not_finite_and_errors_that_are_not_positive_are_refused(truth):
    with pytest.raises(ValueError, match=r"not finite: 4 \(\w+\), counted from 1.*Leave them out"):
        read_visibilities(table(np.where(np.arange(24) == 3, np.nan, truth)))
    with pytest.raises(ValueError, match=r"shape \(4, 6\)"):
        read_visibilities(table(truth)._replace(visibilities=truth.reshape(4, 6) * UNIT, amplitude_uncertainty=None))
    for error in (0.0, -1.0, np.nan, np.inf):
        errors = np.where(np.arange(24) == 3, error, 0.1) * UNIT
        with pytest.raises(ValueError, match="not positive"):
            read_visibilities(table(truth)._replace(amplitude_uncertainty=errors))


@pytest.mark.parametrize(
    ("error", "named"), [(0.0, "0"), (np.nan, "NaN or infinite"), (-1.0, "not positive"), (1.0, "1")]
)
def test_placeholders_for_errors_are_taken_as_not_given(truth, error, named):
    """A faint second source is then found as without errors."""
    with pytest.warns(RestoreWarning, match=f"All errors of the visibilities are {named}. They are taken as not given"):
        measured = read_visibilities(table(truth, error=error))
    assert measured.errors is None
    np.testing.assert_array_equal(measured.visibilities, truth)


@pytest.mark.parametrize("center", [(0.0, 0.0), (100.0, -50.0)])
def test_phase_centre_is_matched_wherever_it_is(truth, center):
    """It may be the centre of the image, also if the header says otherwise, the one in the header, or any other."""
    for middle in ((0.0, 0.0), (130.0, -62.0)):
        found = match_phase_center(read_visibilities(table(truth, center=center)), {"natural": truth}, middle)
        np.testing.assert_allclose(found, truth, rtol=1e-9)
    middle = (130.0, -62.0)
    away = (middle[0] - center[0], middle[1] - center[1])
    for away, tolerance in ((away, 1e-9), (middle, 1e-5), ((-400.0, 733.0), 1e-5)):
        moved = shift_phase_center(truth, POINTS, -away[0], -away[1])
        found = match_phase_center(read_visibilities(table(moved, center=center)), {"natural": truth}, middle)
        np.testing.assert_allclose(found, truth, rtol=tolerance, atol=tolerance)


def test_phase_centre_of_xrayvision_is_read_as_y_and_x(truth):
    given = table(truth)._replace(phase_center=[-50, 100] * u.arcsec)
    assert read_visibilities(given).phase_center == (100, -50)


def test_measured_values_replace_those_of_a_rounded_map(truth):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=24) + 1j * rng.normal(size=24)
    near = truth + 0.02 * noise * np.linalg.norm(truth) / np.linalg.norm(noise)
    np.testing.assert_array_equal(
        match_phase_center(read_visibilities(table(near)), {"natural": truth}, (0.0, 0.0)), near
    )


def test_visibilities_of_another_scene_or_scale_are_refused(truth):
    other = visibilities_of_scene(ellipse(7, 5, -30, 20, 14, 0.7), POINTS)
    for values in (other, 1.1 * truth, truth.conj()):
        with pytest.raises(ValueError, match=r"visibilities in ct / \(.*cm2.*\).* they differ by"):
            match_phase_center(read_visibilities(table(values)), {"natural": truth}, (0.0, 0.0))


def test_weighting_that_fits_is_found_or_named(truth):
    measured = read_visibilities(table(truth))
    found = {"natural": 1.3 * truth, "uniform": truth}
    np.testing.assert_array_equal(match_phase_center(measured, found, (0.0, 0.0)), truth)
    with pytest.raises(ValueError, match=r"with natural weights.*made with weighting='uniform'"):
        match_phase_center(measured, found, (0.0, 0.0), "natural")


@pytest.mark.parametrize("factor", [0.96, 1.015, 1.05])
def test_points_of_older_tables_get_their_labels(truth, factor):
    older = POINTS._replace(u=factor * POINTS.u, v=factor * POINTS.v)
    measured = read_visibilities(table(truth, older))
    assert measured.points.labels == POINTS.labels
    np.testing.assert_array_equal(measured.points.u, older.u)


def test_points_of_another_instrument_that_are_near_by_chance_get_numbers(truth):
    other = POINTS._replace(u=np.where(np.arange(24) == 5, 0.03, 1.02 * POINTS.u), v=1.02 * POINTS.v)
    assert read_visibilities(table(truth, other)).points.labels == tuple(f"#{index}" for index in range(24))


def test_visibilities_of_the_sample():
    given = open_visibilities(sample_path("stix_flare"))
    measured = read_visibilities(given)
    assert sorted(measured.points.labels) == sorted(POINTS.labels)
    assert measured.unit == UNIT
    assert measured.phase_center == (0, 0)
    assert (measured.errors > 0).all()
    with fits.open(sample_path("stix_flare")) as file:
        np.testing.assert_array_equal(measured.visibilities.imag, file["VISIBILITIES"].data["imag"])


def test_visibilities_are_read_from_a_file(truth, tmp_path):
    parts = {"u": POINTS.u / u.arcsec, "v": POINTS.v / u.arcsec, "error": np.full(24, 0.1) * UNIT}
    parts |= {"real": truth.real * UNIT, "imag": truth.imag * UNIT}
    hdu = fits.table_to_hdu(QTable(parts))
    hdu.name = "VISIBILITIES"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "vis.fits")
    measured = read_visibilities(open_visibilities(tmp_path / "vis.fits"))
    np.testing.assert_array_equal(measured.visibilities, truth)
    assert measured.points.labels == POINTS.labels
    fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(QTable(parts))]).writeto(tmp_path / "unnamed.fits")
    measured = read_visibilities(open_visibilities(tmp_path / "unnamed.fits"))
    np.testing.assert_array_equal(measured.errors, np.full(24, 0.1))
    for name, missing in (("less", "error"), ("few", "imag")):
        del parts[missing]
        hdu = fits.table_to_hdu(QTable(parts))
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / f"{name}.fits")
    assert read_visibilities(open_visibilities(tmp_path / "less.fits")).errors is None
    with pytest.raises(ValueError, match=r"no column imag in .*few\.fits; expected real, imag, u, v"):
        open_visibilities(tmp_path / "few.fits")
    with pytest.raises(ValueError, match=r"no table VISIBILITIES .*none\.fits"):
        open_visibilities(tmp_path / "none.fits")


@pytest.mark.parametrize("column", ["real", "imag", "error"])
@pytest.mark.parametrize("unit", [UNIT, u.dimensionless_unscaled])
def test_values_in_a_file_that_are_not_finite_are_refused_by_their_number(truth, tmp_path, column, unit):
    columns = {"u": POINTS.u / u.arcsec, "v": POINTS.v / u.arcsec}
    columns |= {"real": truth.real * unit, "imag": truth.imag * unit, "error": np.full(24, 0.1) * unit}
    columns[column][5] = np.nan
    fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(QTable(columns))]).writeto(tmp_path / "vis.fits")
    message = "errors of the visibilities that are not" if column == "error" else rf"finite: 6 \({POINTS.labels[5]}\)"
    with pytest.raises(ValueError, match=message):
        read_visibilities(open_visibilities(tmp_path / "vis.fits"))


def test_visibilities_of_xrayvision(truth):
    visibility = pytest.importorskip("xrayvision.visibility")
    given = visibility.Visibilities(
        truth * UNIT, POINTS.u / u.arcsec, POINTS.v / u.arcsec, [-50.0, 100.0] * u.arcsec,
        amplitude_uncertainty=np.full(24, 0.1) * UNIT,
    )  # fmt: skip
    measured, expected = read_visibilities(given), read_visibilities(table(truth, center=(100.0, -50.0)))
    assert measured.phase_center == expected.phase_center
    assert measured.points.labels == expected.points.labels
    np.testing.assert_array_equal(measured.visibilities, expected.visibilities)
    np.testing.assert_array_equal(measured.errors, expected.errors)


def test_visibilities_are_assigned_to_maps(truth):
    given = table(truth)
    assert visibilities_for([None] * 3, None) == [None] * 3
    for one in (given, [given], (given,)):
        (measured,) = visibilities_for([None], one)
        np.testing.assert_array_equal(measured.visibilities, truth)
    first, second = visibilities_for([None, None], [given, given._replace(visibilities=2 * given.visibilities)])
    np.testing.assert_array_equal(second.visibilities, 2 * first.visibilities)
