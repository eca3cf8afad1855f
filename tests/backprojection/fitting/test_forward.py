"""Tests of the random scenes and of the noise."""

import numpy as np
import pytest

from astropy.stats import gaussian_sigma_to_fwhm

from sunpy_restore.backprojection.fitting.forward import draw_scene, draw_subcollimators, noisy_visibilities, with_noise
from sunpy_restore.backprojection.fitting.scenes import point, visibilities_of_scene
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv

POINTS = stix_uv()


@pytest.mark.parametrize("field", [192.0, 384.0])
def test_scenes_have_a_flux_of_1_and_are_inside_the_field(field):
    rng = np.random.default_rng(0)
    scenes = [draw_scene(rng, field) for _ in range(300)]
    for scene in scenes:
        assert len({len(part) for part in scene}) == 1
        assert scene.flux.sum() == pytest.approx(1)
        assert (scene.flux > 0).all()
        assert (scene.major >= 0).all()
        assert (scene.minor >= 0).all()
        assert max(scene.major.max(), scene.minor.max()) * gaussian_sigma_to_fwhm < 80.01
        # The centres of sources are inside; an arc may end outside
        assert np.abs(np.average(scene.x, weights=scene.flux)) < field / 2
        assert np.abs(np.average(scene.y, weights=scene.flux)) < field / 2
    # There are points, and sources of one and of many Gaussians
    assert 30 < sum(scene.major.min() == 0 for scene in scenes) < 200
    assert {1, 2, 3} < {len(scene.flux) for scene in scenes}
    # The sources are anywhere in the field
    places = np.array([[scene.x[0], scene.y[0]] for scene in scenes])
    assert (places.min(axis=0) < -0.3 * field).all()
    assert (places.max(axis=0) > 0.3 * field).all()


def test_flux_ratios_are_up_to_1_to_10():
    rng = np.random.default_rng(1)
    pairs = [scene.flux for scene in (draw_scene(rng, 256.0) for _ in range(600)) if len(scene.flux) == 2]
    ratios = np.array([flux.min() / flux.max() for flux in pairs])
    assert len(ratios) > 50
    assert ratios.min() >= 0.1 - 1e-9
    assert ratios.min() < 0.15
    assert ratios.max() > 0.8


@pytest.mark.parametrize("draw", [lambda rng: draw_scene(rng, 256.0).flux, draw_subcollimators])
def test_same_seed_gives_the_same_scene(draw):
    one, other = (np.asarray(draw(np.random.default_rng(7))) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_sub_collimators_are_3_to_10_in_three_quarters_of_the_cases():
    rng = np.random.default_rng(2)
    sets = [draw_subcollimators(rng) for _ in range(1000)]
    for numbers in sets:
        assert len(stix_uv(numbers).u) == 3 * len(numbers) >= 12
        assert numbers == sorted(numbers)
    assert sum(numbers == list(range(3, 11)) for numbers in sets) == pytest.approx(750, abs=60)
    assert any(numbers[:1] == [1] for numbers in sets)
    # One of these may be missing
    for number in range(3, 11):
        assert [other for other in range(3, 11) if other != number] in sets


def test_noise_of_visibilities_has_the_documented_levels():
    scene = point(5, 10, 20)
    true = visibilities_of_scene(scene, POINTS)
    drawn = [noisy_visibilities(scene, POINTS, np.random.default_rng(seed)) - true for seed in range(300)]
    assert np.abs(np.mean(drawn)) < 0.05
    level = np.sqrt(np.mean(np.abs(drawn) ** 2, axis=1) / 2) / 5
    # From 0.005 / sqrt(2), where half of the noise is proportional to the amplitude, to 0.3
    assert 0.002 < level.min() < 0.008
    assert 0.2 < level.max() < 0.45


@pytest.mark.parametrize("level", [0.05, 0.2])
def test_noise_has_the_given_level(level):
    found = np.exp(1j * np.arange(20_000)) * np.linspace(0, 4, 20_000)
    noisy, error = with_noise(found, level, np.random.default_rng(3))
    assert error == pytest.approx(level * 2 / np.sqrt(2))
    for part in ((noisy - found).real, (noisy - found).imag):
        assert part.mean() == pytest.approx(0, abs=0.03 * error)
        assert part.std() == pytest.approx(error, rel=0.03)
    assert np.corrcoef((noisy - found).real, (noisy - found).imag)[0, 1] == pytest.approx(0, abs=0.03)


def test_level_zero_adds_no_noise():
    found = visibilities_of_scene(point(5, 10, 20), POINTS)
    noisy, error = with_noise(found, 0, np.random.default_rng(4))
    assert error == 0
    np.testing.assert_array_equal(noisy, found)
