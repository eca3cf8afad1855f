"""Checks of restored STIX images: results of the package pass, and spoilt ones are flagged."""

import numpy as np
import pytest
from scipy import ndimage

import astropy.units as u

import sunpy.map

from sunpy_restore import backproj_to_clean, load, report, save
from sunpy_restore.backprojection.checks import _factor_at_zero
from sunpy_restore.backprojection.fitting.forward import with_noise
from sunpy_restore.backprojection.fitting.scenes import ellipse, joined, visibilities_of_scene
from sunpy_restore.backprojection.visibilities.measured import VisibilityTable, open_visibilities
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.images.maps import with_data
from sunpy_restore.data import sample_path

FLUX = {"Flux, all baselines", "Flux, shortest baselines"}
UNIT = u.ct / (u.s * u.keV * u.cm**2)


@pytest.fixture(scope="module")
def sample():
    return sunpy.map.Map(sample_path("stix_flare"))


@pytest.fixture(scope="module")
def restored(sample):
    return backproj_to_clean(sample)


@pytest.fixture(scope="module")
def precise(scene, make_backprojection):
    """A back-projection with a noise of 1 %, its visibilities, and its restored image."""
    points = stix_uv()
    values, errors = with_noise(visibilities_of_scene(scene, points), 0.01, np.random.default_rng(3))
    smap = make_backprojection(values)
    measured = VisibilityTable(
        values * UNIT, points.u / u.arcsec, points.v / u.arcsec, errors * UNIT, [-50, 100] * u.arcsec
    )
    return smap, measured, backproj_to_clean(smap, visibilities=measured)


def flagged(restored, original, **options):
    return {check.name for check in report(restored, original, **options).flagged}


def changed(restored, change):
    return with_data(restored, change(restored.data.astype(float)))


def moved(image):
    return ndimage.shift(image, (0, 0.5))


def test_the_sample_passes(sample, restored, tmp_path):
    found = report(restored, sample)
    assert found.passed, found
    assert len(found) == 8
    save(restored, tmp_path / "flare.fits")
    assert report(load(tmp_path / "flare.fits"), sample) == found
    measured = open_visibilities(sample_path("stix_flare"))
    fitted = backproj_to_clean(sample, visibilities=measured)
    found = report(fitted, sample, visibilities=measured)
    assert found.passed, found
    assert found["Chi squared of the visibilities"].value == pytest.approx(fitted.meta["rstchi2"], rel=0.02)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda image: 1.2 * image, FLUX),
        (lambda image: 0.9 * image, FLUX),
        (lambda image: ndimage.shift(image, (0, 2)), {"Offset along x"}),
        (lambda image: ndimage.shift(image, (-2, 0)), {"Offset along y"}),
        (lambda image: ndimage.gaussian_filter(image, 5), {"Chi squared of the visibilities"}),
        (lambda image: image - 0.05 * image.max(), {"Negative brightness"}),
    ],
    ids=["brighter", "fainter", "moved", "moved down", "smoothed", "negative"],
)
def test_what_exceeds_the_noise_of_the_sample_is_flagged(sample, restored, change, expected):
    assert flagged(changed(restored, change), sample) >= expected


def test_the_subcollimators_may_be_given(sample, restored):
    assert report(restored, sample, subcollimators=range(3, 11)) == report(restored, sample)
    with pytest.raises(ValueError, match="sub-collimator"):
        report(restored, sample, subcollimators=[7, 8])


def test_precise_results_pass(precise):
    smap, measured, restored = precise
    found = report(restored, smap, visibilities=measured)
    assert found.passed, found


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda image: 1.03 * image, "Flux, all baselines"),
        (lambda image: 0.97 * image, "Flux, all baselines"),
        (moved, "Offset along x"),
        (lambda image: moved(image.T).T, "Offset along y"),
        (lambda image: ndimage.gaussian_filter(image, 2), "Chi squared of the visibilities"),
    ],
    ids=["brighter", "fainter", "moved by half a pixel", "moved up", "smoothed"],
)
def test_small_errors_of_precise_results_are_flagged(precise, change, expected):
    smap, measured, restored = precise
    assert expected in flagged(changed(restored, change), smap, visibilities=measured)


def test_another_beam_is_flagged(precise):
    smap, measured, restored = precise
    other = sunpy.map.Map(restored.data, {**restored.meta, "bmaj": 1.2 * restored.meta["bmaj"]})
    assert "Chi squared of the visibilities" in flagged(other, smap, visibilities=measured)


def test_the_offset_is_that_of_the_image(precise):
    smap, measured, restored = precise
    found = report(changed(restored, moved), smap, visibilities=measured)
    assert found["Offset along x"].value == pytest.approx(1, abs=0.15)


def test_other_units_are_converted_or_refused(sample, restored):
    for unit, factor in (("ct / (s keV cm2 arcmin2)", 3600), ("ct / (s keV m2 arcsec2)", 1e4)):
        converted = sunpy.map.Map(factor * restored.data, {**restored.meta, "bunit": unit})
        for check, expected in zip(report(converted, sample), report(restored, sample), strict=True):
            assert check.value == pytest.approx(expected.value, rel=1e-6, abs=1e-9)
    with pytest.raises(ValueError, match="Found the unit ct of the restored Map"):
        report(sunpy.map.Map(restored.data, {**restored.meta, "bunit": "ct"}), sample)


def test_an_empty_image_is_flagged(sample, restored):
    found = report(changed(restored, np.zeros_like), sample)
    assert len(found.flagged) >= 5
    assert np.isnan(found["Flux, all baselines"].value)


@pytest.mark.parametrize("seed", range(3))
def test_regularised_results_with_the_correct_flux_pass(make_backprojection, seed):
    two = joined([ellipse(10, -20, 5, 7, 7, 0), ellipse(4, 18, -9, 7, 7, 0)])
    values, _ = with_noise(visibilities_of_scene(two, stix_uv()), 0.05, np.random.default_rng(seed))
    smap = make_backprojection(values)
    restored = backproj_to_clean(smap, method="mem")
    assert restored.data.sum() * 4 == pytest.approx(14, rel=0.03)
    found = report(restored, smap)
    assert found.passed, found
    assert FLUX <= flagged(changed(restored, lambda image: 0.9 * image), smap)


@pytest.mark.parametrize("method", ["network", "mem", "multiscale-clean"])
def test_results_without_noise_pass(scene, make_backprojection, method):
    smap = make_backprojection(scene)
    restored = backproj_to_clean(smap, method=method)
    found = report(restored, smap)
    assert found.passed, found
    for factor in (0.97, 1.03):
        assert flagged(changed(restored, lambda image, factor=factor: factor * image), smap) & FLUX


def test_the_flux_does_not_depend_on_the_amplitudes_of_fine_structure(scene):
    points = stix_uv()
    measured = visibilities_of_scene(scene, points)
    fine = 1 - np.exp(-((2 * points.frequency / points.frequency.max()) ** 2))
    for decrease in (0, 0.1):
        model = 1.05 * measured / (1 + decrease * fine)
        factor, sigma = _factor_at_zero(model, measured, 0.1, points.frequency)
        assert factor == pytest.approx(1 / 1.05, abs=1e-3)
        assert 0.005 < sigma < 0.02


@pytest.mark.parametrize("number", [3, 7])
def test_one_sub_collimator_measures_the_flux_to_a_fifth(scene, number):
    points = stix_uv([number])
    measured = visibilities_of_scene(scene, points)
    factor, sigma = _factor_at_zero(measured, measured, 0.05 * abs(measured).mean(), points.frequency)
    assert factor == pytest.approx(1, abs=1e-6)
    assert 0.1 < sigma < 0.25
