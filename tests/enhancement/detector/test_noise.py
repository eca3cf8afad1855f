"""Noise of magnetograms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sunpy_restore.enhancement.detector.noise import NOISE_RANGE, estimate_noise, estimated_share
from sunpy_restore.enhancement.optics.forward import MAGNETOGRAM_NOISE, reconvolve


@pytest.fixture(scope="module")
def field():
    """Patches of strong field and a weak field in between, as HMI sees them, in kG."""
    rng = np.random.default_rng(4)
    patches = ndimage.gaussian_filter(rng.standard_normal((240, 240)), 2)
    weak = ndimage.gaussian_filter(rng.standard_normal(patches.shape), 1)
    return reconvolve(0.05 * (patches / patches.std()) ** 3 + 0.01 * weak)


@pytest.mark.parametrize("noise", [0.005, 0.01, 0.03])
def test_noise_is_found_beside_strong_fields(field, noise):
    assert np.abs(field).max() > 0.2
    observed = field + noise * np.random.default_rng(1).standard_normal(field.shape)
    assert estimate_noise(observed) == pytest.approx(noise, rel=0.12)


@given(sign=st.sampled_from([-1, 1]), turns=st.integers(0, 3), mirrored=st.booleans(), seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_orientation_and_polarity_do_not_matter(sign, turns, mirrored, seed):
    noise = 0.01 * np.random.default_rng(seed).standard_normal((40, 50))
    other = sign * np.rot90(noise[:, ::-1] if mirrored else noise, turns)
    assert estimate_noise(other) == pytest.approx(estimate_noise(noise), rel=1e-6)


def test_only_usable_pixels_are_measured():
    image = 0.01 * np.random.default_rng(2).standard_normal((80, 80))
    usable = np.ones(image.shape, bool)
    usable[:, 40:] = False
    spoilt = image.copy()
    spoilt[:, 40:] += np.random.default_rng(3).standard_normal((80, 40))
    assert estimate_noise(spoilt, usable) == pytest.approx(0.01, rel=0.1)


def test_limits():
    assert estimate_noise(np.zeros((40, 40))) == NOISE_RANGE[0]
    assert estimate_noise(np.random.default_rng(0).standard_normal((40, 40))) == NOISE_RANGE[1]
    assert estimate_noise(np.zeros((8, 8))) == MAGNETOGRAM_NOISE


def test_share_of_correlated_noise():
    taps = np.array([0.1, 0.8, 0.1])
    white = 0.02 * np.random.default_rng(5).standard_normal((400, 400))
    smooth = ndimage.convolve1d(ndimage.convolve1d(white, taps, axis=0), taps, axis=1)
    assert estimate_noise(smooth) == pytest.approx(0.02 * estimated_share(taps), rel=0.03)
    assert estimated_share(np.array([0.0, 1.0, 0.0])) == pytest.approx(1)
