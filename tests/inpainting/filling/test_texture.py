"""Noise for display: like that of the surroundings, reproducible, and in filled pixels only."""

from dataclasses import replace

import numpy as np
import pytest

from sunpy_restore.inpainting.filling.texture import with_texture
from sunpy_restore.inpainting.observation import Observation

SHAPE = (256, 288)


def observe(sigma=20.0, seed=0, rubbish=0.0):
    sigma = sigma * np.linspace(0.5, 2, SHAPE[1])
    image = 1000 + np.random.default_rng(seed).normal(0, 1, SHAPE) * sigma
    unobserved, mask = np.zeros((2, *SHAPE), dtype=bool)
    unobserved[:, :20], mask[96:192, 64:224] = True, True
    image = np.where(mask | unobserved, rubbish, image)
    return Observation(image=image, mask=mask, unobserved=unobserved, center=(3.0, 4.0), detector="C2"), sigma


@pytest.mark.parametrize("unit", [1.0, 1e-13])
def test_noise_is_like_that_of_the_surroundings(unit):
    one, sigma = observe()
    one = replace(one, image=unit * one.image)
    filled = np.full(SHAPE, 1000.0 * unit)
    added = (with_texture(filled, one) - filled)[96:192, 64:224] / unit
    assert np.abs(added.mean()) < 0.05 * added.std()
    for columns in (slice(0, 60), slice(50, 110), slice(100, 160)):
        expected = np.sqrt(np.mean(sigma[64:224][columns] ** 2))
        assert added[:, columns].std() == pytest.approx(expected, rel=0.2)
    # Neighbouring pixels are uncorrelated
    assert np.abs(np.mean(added[:, 1:] * added[:, :-1])) < 0.05 * added.var()


def test_noise_at_a_steep_edge_follows_the_brightness():
    """Photon noise on both sides of an edge in the hole; the bias has no noise."""
    one, _ = observe()
    bright = np.broadcast_to(200 + 2000 * (1 + np.tanh((np.arange(SHAPE[1]) - 144) / 6)), SHAPE)
    sigma = np.sqrt(0.2 * bright)
    image = 300 + bright + sigma * np.random.default_rng(2).standard_normal(SHAPE)
    steep = replace(one, image=np.where(one.mask | one.unobserved, 0, image), bias=300.0)
    added = (with_texture(300 + bright, steep) - 300 - bright)[96:192]
    for columns in (slice(70, 100), slice(120, 136), slice(138, 150), slice(154, 170), slice(190, 220)):
        expected = np.sqrt(np.mean(sigma[0, columns] ** 2))
        assert added[:, columns].std() == pytest.approx(expected, rel=0.2), columns


def test_only_filled_pixels_change():
    one, _ = observe()
    filled = np.random.default_rng(1).normal(900, 1, SHAPE)
    before = filled.copy()
    result = with_texture(filled, one)
    np.testing.assert_array_equal(result[~one.mask], filled[~one.mask])
    assert (result != filled)[one.mask].all()
    np.testing.assert_array_equal(filled, before)


def test_noise_is_equal_for_equal_observations_only():
    filled = np.full(SHAPE, 1000.0)
    (one, _), (other, _) = observe(), observe(seed=1)
    first = with_texture(filled, one)
    np.testing.assert_array_equal(with_texture(filled, one), first)
    noise, different = (part[one.mask] - 1000 for part in (first, with_texture(filled, other)))
    assert np.abs(np.corrcoef(noise, different)[0, 1]) < 0.05


def test_noiseless_surroundings_give_almost_no_noise():
    one, _ = observe(sigma=0)
    result = with_texture(np.full(SHAPE, 1000.0), one)
    np.testing.assert_allclose(result, 1000, atol=1e-3)
