"""Laws of the Wiener filter and of data consistency."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_restore.enhancement.deconvolution.linear import FILTER_SIZE, apply_filter, data_consistency, wiener_filter
from sunpy_restore.enhancement.optics.forward import reconvolve, transfer_kernel


@pytest.mark.parametrize(("ratio", "index"), [(1e-4, 1.0), (1e-2, 0.0), (1e-1, 2.0)])
def test_filter_keeps_constants_and_symmetry(ratio, index):
    filters = wiener_filter(ratio, index)
    assert filters.shape == (4, FILTER_SIZE, FILTER_SIZE)
    assert filters.sum(axis=(1, 2)) == pytest.approx(1)
    # The four sub-pixels are mirror images of one another
    first, right, below, both = filters
    assert np.allclose(first[:, ::-1], right, atol=1e-6)
    assert np.allclose(first[::-1], below, atol=1e-6)
    assert np.allclose(first[::-1, ::-1], both, atol=1e-6)


@given(seed=st.integers(0, 1000), shape=st.tuples(st.integers(30, 60), st.integers(30, 60)))
@settings(max_examples=10, deadline=None)
def test_consistency_brings_any_image_to_the_observation(seed, shape):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.repeat(rng.normal(1, 0.1, shape), 2, axis=0), 2, axis=1)
    observed = reconvolve(truth)
    start = np.ones_like(truth)
    filters = wiener_filter(1e-3, 1.0)
    before = np.abs(reconvolve(start) - observed)[13:-13, 13:-13]
    after = np.abs(reconvolve(data_consistency(start, observed, filters)) - observed)[13:-13, 13:-13]
    assert after.mean() < 0.25 * before.mean()


def test_a_consistent_image_is_left_alone():
    rng = np.random.default_rng(0)
    image = rng.normal(1, 0.1, (80, 90))
    assert np.allclose(data_consistency(image, reconvolve(image), wiener_filter(1e-3)), image)


def test_consistency_undoes_a_wrong_mean():
    rng = np.random.default_rng(1)
    image = rng.normal(1, 0.1, (120, 120))
    result = data_consistency(image + 0.1, reconvolve(image), wiener_filter(1e-3, 1.0))
    assert result.mean() == pytest.approx(image.mean(), abs=1e-4)


def test_filter_keeps_the_place_of_a_point():
    image = np.zeros((41, 41))
    image[20, 17] = 1
    restored = apply_filter(image, wiener_filter(1e-2, 1.0))
    rows, cols = np.indices(restored.shape)
    weight = restored / restored.sum()
    assert ((rows * weight).sum() + 0.5) / 2 - 0.5 == pytest.approx(20, abs=1e-3)
    assert ((cols * weight).sum() + 0.5) / 2 - 0.5 == pytest.approx(17, abs=1e-3)


def test_wiener_filter_beats_interpolation_in_the_mean_square():
    """For its own power spectrum and noise it is the best linear filter; repeating pixels is another one."""
    rng = np.random.default_rng(2)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256))) / 0.25
    amplitude = (1 + frequency**2) ** -0.5
    truth = np.fft.ifft2(np.fft.fft2(rng.standard_normal((256, 256))) * amplitude).real
    noise = 0.05
    observed = reconvolve(truth, transfer_kernel()) + noise * rng.standard_normal((128, 128))
    errors = {
        ratio: ((apply_filter(observed, wiener_filter(ratio, 1.0)) - truth)[28:-28, 28:-28] ** 2).mean()
        for ratio in (noise**2 / 30, noise**2, noise**2 * 4, noise**2 * 100)
    }
    repeated = ((np.kron(observed, np.ones((2, 2))) - truth)[28:-28, 28:-28] ** 2).mean()
    best = min(errors, key=errors.get)
    assert errors[best] < 0.9 * repeated
    assert noise**2 / 30 < best < noise**2 * 100
