"""Tests of the visibilities of images with a clean beam, and of the fit of images to visibilities."""

import numpy as np
import pytest

from sunpy_restore.backprojection.fitting.forward import draw_scene
from sunpy_restore.backprojection.fitting.scenes import ellipse, image_of, joined, loop, point, visibilities_of_scene
from sunpy_restore.backprojection.imaging.agreement import chi_squared, fit_to_visibilities, model_visibilities
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.imaging.clean import clean_visibilities
from sunpy_restore.backprojection.visibilities.fourier import Grid, visibilities_of_image
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv

POINTS = stix_uv()
GRID = Grid((48, 51), (4.0, 4.0))
SCENE = joined([point(2, 20, -15), ellipse(5, -22, 8, 30, 14, 0.7)])


def density(scene, grid=GRID, fwhm=BEAM):
    """Flux per square arcsec."""
    return image_of(scene, grid, fwhm) / beam_area(fwhm)


def measurement(scene, level, rng):
    """Visibilities with errors that differ from each other."""
    true = visibilities_of_scene(scene, POINTS)
    errors = level * np.hypot(0.2 * scene.flux.sum(), 0.7 * np.abs(true))
    return true + errors * (rng.standard_normal(24) + 1j * rng.standard_normal(24)), errors


def cleaned(measured):
    return np.maximum(clean_visibilities(measured, POINTS, GRID).image, 0)


def fit(image, measured, errors, points=POINTS):
    return fit_to_visibilities(image, points, GRID, measured, errors)


def misfit(image, measured, errors, points=POINTS):
    return chi_squared(model_visibilities(image, points, GRID), measured, errors)


def relative_error(image, truth):
    return np.linalg.norm(image - truth) / np.linalg.norm(truth)


@pytest.mark.parametrize("fwhm", [14.6, 20.0])
@pytest.mark.parametrize("scene", [SCENE, point(3, -31.3, 17.2), loop(1, 5, 0, 40, 9, 1.0, 2.0, 0.4)])
def test_model_visibilities_are_those_of_the_scene_without_the_beam(scene, fwhm):
    expected = visibilities_of_scene(scene, POINTS)
    np.testing.assert_allclose(model_visibilities(density(scene, fwhm=fwhm), POINTS, GRID, fwhm), expected, atol=1e-4)


def test_model_visibilities_without_a_beam_are_those_of_the_image():
    image = np.random.default_rng(0).random(GRID.shape)
    expected = visibilities_of_image(image, POINTS, GRID) * 16
    np.testing.assert_allclose(model_visibilities(image, POINTS, GRID, 0), expected, rtol=1e-12)


def test_chi_squared_of_noise_is_1_and_of_equal_visibilities_0():
    rng = np.random.default_rng(0)
    errors = np.exp(rng.normal(size=40_000))
    true = rng.normal(size=40_000) * 1j
    noise = errors * (rng.standard_normal(40_000) + 1j * rng.standard_normal(40_000))
    assert chi_squared(true, true, errors) == 0
    assert chi_squared(true + noise, true, errors) == pytest.approx(1, abs=0.02)
    assert chi_squared(true, true + noise, 2 * errors) == pytest.approx(0.25, abs=0.005)
    assert isinstance(chi_squared(true, true, errors), float)


def test_chi_squared_counts_real_and_imaginary_parts():
    assert chi_squared(np.array([3 + 4j, 0]), np.zeros(2), np.array([1.0, 9.0])) == pytest.approx(25 / 4)


@pytest.mark.parametrize("level", [0.05, 0.1, 0.2])
def test_fitted_clean_image_agrees_and_is_closer_to_the_truth(level):
    before, after, chi = [], [], []
    for seed in range(8):
        rng = np.random.default_rng([seed, 0])
        scene = draw_scene(rng, 150)
        measured, errors = measurement(scene, level, rng)
        image = cleaned(measured)
        fitted = fit(image, measured, errors)
        assert (fitted >= 0).all()
        before.append(relative_error(image, density(scene)))
        after.append(relative_error(fitted, density(scene)))
        chi.append([misfit(one, measured, errors) for one in (image, fitted)])
    assert np.mean(after) < 0.9 * np.mean(before)
    assert np.min(chi, axis=0)[0] > 2
    assert np.median(chi, axis=0)[1] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("wrong", "share"), [("blurred", 0.6), ("shifted", 0.6), ("lacks a source", 1)])
def test_fit_corrects_a_wrong_image(wrong, share):
    rng = np.random.default_rng(1)
    measured, errors = measurement(SCENE, 0.05, rng)
    truth = density(SCENE)
    image = {
        "blurred": density(SCENE, fwhm=22.0),
        "shifted": np.roll(truth, 1, axis=1),
        "lacks a source": density(SCENE._replace(flux=np.array([0, 5.0]))),
    }[wrong]
    fitted = fit(image, measured, errors)
    assert relative_error(fitted, truth) < share * relative_error(image, truth)
    assert misfit(image, measured, errors) > 3
    assert misfit(fitted, measured, errors) < 1.2


def test_image_that_agrees_is_not_changed():
    measured, errors = measurement(SCENE, 0.1, np.random.default_rng(2))
    image = density(SCENE)
    found = misfit(image, measured, errors)
    np.testing.assert_array_equal(fit(image, measured, errors * np.sqrt(found) * 1.001), image)
    assert (fit(image, measured, errors * np.sqrt(found) * 0.9) != image).any()


def test_changes_are_where_the_image_has_emission():
    measured, errors = measurement(SCENE, 0.05, np.random.default_rng(3))
    image = density(SCENE)
    change = fit(image, 1.2 * measured, errors) - image
    empty = image < 1e-4 * image.max()
    assert np.abs(change).max() > 0.05 * image.max()
    assert np.abs(change[empty]).max() < 0.005 * image.max()
    assert change.sum() / image.sum() == pytest.approx(0.2, abs=0.08)


def test_fitted_image_is_proportional_to_the_flux():
    measured, errors = measurement(SCENE, 0.1, np.random.default_rng(4))
    image = cleaned(measured)
    one = fit(image, measured, errors)
    for scale in (1e-9, 1e9):
        other = fit(scale * image, scale * measured, scale * errors)
        np.testing.assert_allclose(other, scale * one, atol=scale * 1e-9 * one.max())


def test_fit_of_an_image_rotated_by_180_degrees():
    measured, errors = measurement(SCENE, 0.1, np.random.default_rng(5))
    image = cleaned(measured)
    one = fit(image, measured, errors)
    other = fit(image[::-1, ::-1], measured.conj(), errors)
    np.testing.assert_allclose(other, one[::-1, ::-1], atol=1e-9 * one.max())


@pytest.mark.parametrize("numbers", [[3], range(1, 11), [10]])
def test_fit_to_other_points(numbers):
    points, rng = stix_uv(numbers), np.random.default_rng(6)
    true = visibilities_of_scene(SCENE, points)
    errors = np.full(len(true), 0.3)
    measured = true + errors * (rng.standard_normal(len(true)) + 1j * rng.standard_normal(len(true)))
    image = 1.5 * density(SCENE)
    fitted = fit(image, measured, errors, points)
    assert np.isfinite(fitted).all()
    before, after = (misfit(one, measured, errors, points) for one in (image, fitted))
    assert after < max(1.1, 0.2 * before)


def test_chi_squared_never_increases():
    """Not even with errors that are far too small, and with visibilities that no image has."""
    rng = np.random.default_rng(7)
    image = density(SCENE)
    for errors in (np.full(24, 1e-6), 1e-3):
        measured = 10 * (rng.standard_normal(24) + 1j * rng.standard_normal(24))
        fitted = fit(image, measured, errors)
        assert np.isfinite(fitted).all()
        assert (fitted >= 0).all()
        before, after = (misfit(one, measured, errors) for one in (image, fitted))
        assert after <= before


def test_negative_values_are_taken_as_zero_and_an_empty_image_stays_empty():
    measured, errors = measurement(SCENE, 0.1, np.random.default_rng(8))
    np.testing.assert_array_equal(fit(-density(SCENE), measured, errors), np.zeros(GRID.shape))
    image = cleaned(measured)
    lowered = np.where(image > 0, image, -1)
    before = lowered.copy()
    np.testing.assert_array_equal(fit(lowered, measured, errors), fit(image, measured, errors))
    np.testing.assert_array_equal(lowered, before)


@pytest.mark.parametrize("what", ["image", "measured", "errors", "zero", "negative"])
def test_values_that_are_not_finite_or_positive_are_refused(what):
    measured, errors = measurement(SCENE, 0.1, np.random.default_rng(9))
    image = density(SCENE)
    {"image": image[0], "measured": measured}.get(what, errors)[3] = {"zero": 0, "negative": -1}.get(what, np.nan)
    with pytest.raises(ValueError, match="not finite or errors that are not positive"):
        fit(image, measured, errors)
