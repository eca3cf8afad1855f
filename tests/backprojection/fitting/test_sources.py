"""Tests of the forward fit: parameters, their errors, and the number of sources."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import astropy.units as u
from astropy.stats import gaussian_sigma_to_fwhm

import sunpy.map

from sunpy_restore.backprojection.fitting.forward import with_noise
from sunpy_restore.backprojection.fitting.levenberg import model_of
from sunpy_restore.backprojection.fitting.scenes import ellipse, joined, point, visibilities_of_scene
from sunpy_restore.backprojection.fitting.sources import fit_sources
from sunpy_restore.backprojection.fitting.sourcetable import source_table
from sunpy_restore.backprojection.verb import backproj_to_clean
from sunpy_restore.backprojection.visibilities.fourier import Grid
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.fits.io import load, save

POINTS = stix_uv()
GRID = Grid((129, 129), (2.0, 2.0))


def fitted(scene, level=0.02, seed=0):
    visibilities, error = with_noise(visibilities_of_scene(scene, POINTS), level, np.random.default_rng(seed))
    return fit_sources(visibilities, np.full(24, error), POINTS, GRID)


def test_derivatives_are_those_of_the_visibilities():
    sources = [np.array([2.0, 10, -5, 7]), np.array([1.0, -20, 8, 9, 3, 5])]
    _, derivatives = model_of(sources, POINTS)
    for index in range(10):
        values = []
        for step in (1e-4, -1e-4):
            changed = np.concatenate(sources)
            changed[index] += step
            values.append(model_of(np.split(changed, [4]), POINTS)[0])
        np.testing.assert_allclose(derivatives[index], (values[0] - values[1]) / 2e-4, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(
    place=st.tuples(st.floats(-80, 80), st.floats(-80, 80)), major=st.floats(12, 60), ratio=st.floats(0.4, 0.75),
    angle=st.floats(0, 3.1),
)  # fmt: skip
def test_parameters_of_an_ellipse_are_found(place, major, ratio, angle):
    scene = fitted(ellipse(4, *place, major, ratio * major, angle), 1e-3).scene
    assert len(scene.flux) == 1
    assert scene.flux[0] == pytest.approx(4, rel=0.02)
    assert (scene.x[0], scene.y[0]) == pytest.approx(place, abs=0.3)
    assert gaussian_sigma_to_fwhm * scene.major[0] == pytest.approx(major, rel=0.03, abs=0.3)
    assert gaussian_sigma_to_fwhm * scene.minor[0] == pytest.approx(ratio * major, rel=0.05, abs=1)
    assert np.cos(2 * (scene.angle[0] - angle)) > 0.98


@pytest.mark.parametrize("count", [1, 2, 3])
def test_number_of_sources_is_found(count):
    places = [(-40, 10), (30, -20), (10, 60)][:count]
    scene = joined([point(flux, *place) for flux, place in zip((3, 2, 1.5), places, strict=False)])
    for seed in range(5):
        found = fitted(scene, 0.05, seed).scene
        assert len(found.flux) == count
        np.testing.assert_allclose(np.stack([found.x, found.y], axis=1), places, atol=3)


def test_errors_of_the_parameters_are_those_of_many_observations():
    scene = joined([ellipse(3, -30, 10, 12, 12, 0), ellipse(2, 40, -20, 30, 15, 0.7)])
    results = [fitted(scene, 0.05, seed) for seed in range(40)]
    results = [one for one in results if len(one.scene.flux) == 2]
    assert len(results) > 35
    for index, name in enumerate(("flux", "x", "y")):
        values = np.array([getattr(one.scene, name) for one in results])
        expected = np.sqrt(np.median([one.covariances[:, index, index] for one in results], axis=0))
        np.testing.assert_allclose(values.std(axis=0) / expected, 1, atol=0.4)


def test_no_visibilities_give_no_sources():
    assert len(fit_sources(np.zeros(24, dtype=complex), np.ones(24), POINTS, GRID).scene.flux) == 0


@pytest.mark.parametrize("angle", [0.0, 40.0])
def test_table_is_in_the_coordinates_of_the_map(make_backprojection, tmp_path, angle):
    """An axis along x has a position angle of 90 degrees."""
    scene = joined([ellipse(5, -22, 8, 30, 14, 0.0), point(2, 20, -15)])
    smap = make_backprojection(scene, shape=(81, 85), pixel=(2.0, 3.0), angle=angle)
    result = backproj_to_clean(smap, method="forward-fit")
    table = source_table(result)
    assert len(table) == 2
    assert table["flux"].unit == smap.unit
    assert table["flux"].value == pytest.approx([5, 2], rel=0.02)
    brightest = result.pixel_to_world(*np.unravel_index(result.data.argmax(), result.data.shape)[::-1] * u.pix)
    assert table["x"][1].value == pytest.approx(brightest.Tx.value, abs=2)
    assert table["y"][1].value == pytest.approx(brightest.Ty.value, abs=2)
    assert (table["x"][0] - table["x"][1]).value == pytest.approx(-42, abs=0.5)
    assert (table["y"][0] - table["y"][1]).value == pytest.approx(23, abs=0.5)
    assert table["fwhm_major"][0].value == pytest.approx(30, abs=1)
    assert table["fwhm_minor"][0].value == pytest.approx(14, abs=1)
    assert table["position_angle"][0].value == pytest.approx(90, abs=3)
    for name in ("flux", "x", "y", "fwhm_major", "fwhm_minor"):
        assert (table[f"{name}_error"].value > 0).all()
    save(result, tmp_path / "flare.fits")
    again = source_table(load(tmp_path / "flare.fits"))
    for name in table.colnames:
        np.testing.assert_allclose(again[name].value, table[name].value)


def test_maps_without_sources_have_no_table(make_backprojection, scene):
    smap = make_backprojection(scene, shape=(65, 60))
    assert isinstance(smap, sunpy.map.GenericMap)
    with pytest.raises(ValueError, match="method='forward-fit'"):
        source_table(smap)
