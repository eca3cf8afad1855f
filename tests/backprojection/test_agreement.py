"""Visibilities of an image that was seen with a beam, and the step that makes it agree with those measured."""

import numpy as np
import pytest

from sunpy_restore.backprojection.agreement import chi_squared, modelled, reconciled
from sunpy_restore.backprojection.channels import BEAM
from sunpy_restore.backprojection.clean import beam_area, clean
from sunpy_restore.backprojection.forward import draw_scene
from sunpy_restore.backprojection.fourier import Grid, back_projection, dirty_beam, visibilities, weights_of
from sunpy_restore.backprojection.scenes import ellipse, image_of, joined, loop, point, visibilities_of_scene
from sunpy_restore.backprojection.uvplane import stix_uv

PLANE = stix_uv()
GRID = Grid((48, 51), (4.0, 4.0))
SCENE = joined([point(2, 20, -15), ellipse(5, -22, 8, 30, 14, 0.7)])


def density(scene, grid=GRID, fwhm=BEAM):
    """Per square arcsec."""
    return image_of(scene, grid, fwhm) / beam_area(fwhm)


def measurement(scene, level, rng):
    """Visibilities with errors that are not alike."""
    true = visibilities_of_scene(scene, PLANE)
    errors = level * np.hypot(0.2 * scene.flux.sum(), 0.7 * np.abs(true))
    return true + errors * (rng.standard_normal(24) + 1j * rng.standard_normal(24)), errors


def cleaned(found, grid=GRID):
    weights = weights_of(PLANE)
    wide = grid._replace(shape=tuple(2 * n - 1 for n in grid.shape))
    image = clean(back_projection(found, PLANE, grid, weights), dirty_beam(PLANE, wide, weights), grid).image
    return np.maximum(image, 0)


def scatter(image, truth):
    return np.linalg.norm(image - truth) / np.linalg.norm(truth)


@pytest.mark.parametrize("fwhm", [14.6, 20.0])
@pytest.mark.parametrize("scene", [SCENE, point(3, -31.3, 17.2), loop(1, 5, 0, 40, 9, 1.0, 2.0, 0.4)])
def test_modelled_visibilities_are_those_of_the_scene_before_the_beam(scene, fwhm):
    expected = visibilities_of_scene(scene, PLANE)
    np.testing.assert_allclose(modelled(density(scene, fwhm=fwhm), PLANE, GRID, fwhm), expected, atol=1e-4)


def test_without_a_beam_they_are_those_of_the_image():
    image = np.random.default_rng(0).random(GRID.shape)
    expected = visibilities(image, PLANE, GRID) * 16
    np.testing.assert_allclose(modelled(image, PLANE, GRID, 0), expected, rtol=1e-12)


def test_chi_squared_of_noise_is_1_and_of_no_difference_0():
    rng = np.random.default_rng(0)
    errors = np.exp(rng.normal(size=40_000))
    true = rng.normal(size=40_000) * 1j
    noise = errors * (rng.standard_normal(40_000) + 1j * rng.standard_normal(40_000))
    assert chi_squared(true, true, errors) == 0
    assert chi_squared(true + noise, true, errors) == pytest.approx(1, abs=0.02)
    assert chi_squared(true, true + noise, 2 * errors) == pytest.approx(0.25, abs=0.005)
    assert isinstance(chi_squared(true, true, errors), float)


def test_both_parts_of_a_visibility_count():
    assert chi_squared(np.array([3 + 4j, 0]), np.zeros(2), np.array([1.0, 9.0])) == pytest.approx(25 / 4)


@pytest.mark.parametrize("level", [0.05, 0.1, 0.2])
def test_clean_is_made_to_agree_and_comes_nearer_to_the_truth(level):
    before, after, chi = [], [], []
    for seed in range(8):
        rng = np.random.default_rng([seed, 0])
        scene = draw_scene(rng, 150)
        measured, errors = measurement(scene, level, rng)
        image = cleaned(measured)
        agreeing = reconciled(image, PLANE, GRID, measured, errors)
        assert (agreeing >= 0).all()
        before.append(scatter(image, density(scene)))
        after.append(scatter(agreeing, density(scene)))
        chi.append([chi_squared(modelled(found, PLANE, GRID), measured, errors) for found in (image, agreeing)])
    assert np.mean(after) < 0.9 * np.mean(before)
    assert np.min(chi, axis=0)[0] > 2
    assert np.median(chi, axis=0)[1] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("wrong", "share"), [("blurred", 0.6), ("shifted", 0.6), ("lacks a source", 1)])
def test_wrong_image_is_corrected(wrong, share):
    rng = np.random.default_rng(1)
    measured, errors = measurement(SCENE, 0.05, rng)
    truth = density(SCENE)
    image = {
        "blurred": density(SCENE, fwhm=22.0),
        "shifted": np.roll(truth, 1, axis=1),
        "lacks a source": density(SCENE._replace(flux=np.array([0, 5.0]))),
    }[wrong]
    agreeing = reconciled(image, PLANE, GRID, measured, errors)
    assert scatter(agreeing, truth) < share * scatter(image, truth)
    assert chi_squared(modelled(image, PLANE, GRID), measured, errors) > 3
    assert chi_squared(modelled(agreeing, PLANE, GRID), measured, errors) < 1.2


def test_image_that_agrees_is_left_as_it_is():
    measured, errors = measurement(SCENE, 0.1, np.random.default_rng(2))
    image = density(SCENE)
    found = chi_squared(modelled(image, PLANE, GRID), measured, errors)
    np.testing.assert_array_equal(reconciled(image, PLANE, GRID, measured, errors * np.sqrt(found) * 1.001), image)
    assert (reconciled(image, PLANE, GRID, measured, errors * np.sqrt(found) * 0.9) != image).any()


def test_what_is_empty_stays_empty():
    """Changes are where the image is."""
    measured, errors = measurement(SCENE, 0.05, np.random.default_rng(3))
    image = density(SCENE)
    change = reconciled(image, PLANE, GRID, 1.2 * measured, errors) - image
    empty = image < 1e-4 * image.max()
    assert np.abs(change).max() > 0.05 * image.max()
    assert np.abs(change[empty]).max() < 0.005 * image.max()
    assert change.sum() / image.sum() == pytest.approx(0.2, abs=0.08)


def test_in_proportion_to_the_flux():
    measured, errors = measurement(SCENE, 0.1, np.random.default_rng(4))
    image = cleaned(measured)
    one = reconciled(image, PLANE, GRID, measured, errors)
    for scale in (1e-9, 1e9):
        other = reconciled(scale * image, PLANE, GRID, scale * measured, scale * errors)
        np.testing.assert_allclose(other, scale * one, atol=scale * 1e-9 * one.max())


def test_turned_by_half_a_turn():
    measured, errors = measurement(SCENE, 0.1, np.random.default_rng(5))
    image = cleaned(measured)
    one = reconciled(image, PLANE, GRID, measured, errors)
    other = reconciled(image[::-1, ::-1], PLANE, GRID, measured.conj(), errors)
    np.testing.assert_allclose(other, one[::-1, ::-1], atol=1e-9 * one.max())


@pytest.mark.parametrize("numbers", [[3], range(1, 11), [10]])
def test_other_points(numbers):
    plane, rng = stix_uv(numbers), np.random.default_rng(6)
    true = visibilities_of_scene(SCENE, plane)
    errors = np.full(len(true), 0.3)
    measured = true + errors * (rng.standard_normal(len(true)) + 1j * rng.standard_normal(len(true)))
    image = 1.5 * density(SCENE)
    agreeing = reconciled(image, plane, GRID, measured, errors)
    assert np.isfinite(agreeing).all()
    before, after = (chi_squared(modelled(found, plane, GRID), measured, errors) for found in (image, agreeing))
    assert after < max(1.1, 0.2 * before)


def test_where_there_is_no_agreement_it_is_no_worse():
    """Errors that are far too small, and visibilities of no image."""
    rng = np.random.default_rng(7)
    image = density(SCENE)
    for errors in (np.full(24, 1e-6), 1e-3):
        measured = 10 * (rng.standard_normal(24) + 1j * rng.standard_normal(24))
        agreeing = reconciled(image, PLANE, GRID, measured, errors)
        assert np.isfinite(agreeing).all()
        assert (agreeing >= 0).all()
        before, after = (chi_squared(modelled(found, PLANE, GRID), measured, errors) for found in (image, agreeing))
        assert after <= before


def test_negative_values_count_as_zero_and_nothing_is_made_of_nothing():
    measured, errors = measurement(SCENE, 0.1, np.random.default_rng(8))
    np.testing.assert_array_equal(reconciled(-density(SCENE), PLANE, GRID, measured, errors), np.zeros(GRID.shape))
    image = cleaned(measured)
    lowered = np.where(image > 0, image, -1)
    before = lowered.copy()
    np.testing.assert_array_equal(
        reconciled(lowered, PLANE, GRID, measured, errors), reconciled(image, PLANE, GRID, measured, errors)
    )
    np.testing.assert_array_equal(lowered, before)


@pytest.mark.parametrize("what", ["image", "measured", "errors", "zero", "negative"])
def test_refusals(what):
    measured, errors = measurement(SCENE, 0.1, np.random.default_rng(9))
    image = density(SCENE)
    {"image": image[0], "measured": measured}.get(what, errors)[3] = {"zero": 0, "negative": -1}.get(what, np.nan)
    with pytest.raises(ValueError, match="not finite or errors that are not positive"):
        reconciled(image, PLANE, GRID, measured, errors)
