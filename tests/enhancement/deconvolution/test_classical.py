"""Laws of interpolation and of Richardson-Lucy deconvolution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_restore.enhancement.deconvolution.classical import bicubic, richardson_lucy, richardson_lucy_signed
from sunpy_restore.enhancement.optics.forward import reconvolve


def scene(ny=60, nx=52, seed=0):
    """Granulation-like truth, and its noise-free observation."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(2 * nx), np.fft.fftfreq(2 * ny)))
    field = np.fft.ifft2(np.fft.fft2(rng.standard_normal(frequency.shape)) * np.exp(-((frequency / 0.09) ** 2))).real
    truth = 1 + 0.1 * field / field.std()
    return reconvolve(truth), truth


def binned(image):
    ny, nx = (n // 2 for n in image.shape)
    return image.reshape(ny, 2, nx, 2).mean(axis=(1, 3))


@given(coefficients=st.lists(st.floats(-2, 2), min_size=6, max_size=6))
def test_interpolation_is_exact_for_parabolas(coefficients):
    def parabola(y, x):
        return np.polynomial.polynomial.polyval2d(y, x, np.array([*coefficients, 0, 0, 0]).reshape(3, 3))

    image = parabola(*np.indices((9, 11), dtype=float))
    expected = parabola(*((np.indices((18, 22)) + 0.5) / 2 - 0.5))
    inner = (slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(bicubic(image)[inner], expected[inner], atol=1e-8)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 2)])
def test_interpolation_keeps_constants_of_any_shape(shape):
    np.testing.assert_allclose(bicubic(np.full(shape, 3)), np.full([2 * n for n in shape], 3.0))


@pytest.mark.parametrize(("dtype", "expected"), [("f4", "f4"), ("f8", "f8"), ("i2", "f8")])
def test_type_of_interpolated_images(dtype, expected):
    assert bicubic(np.ones((4, 4), dtype)).dtype == np.dtype(expected)


def test_deconvolution_keeps_constants():
    np.testing.assert_allclose(richardson_lucy(np.full((9, 12), 2.5), 10), np.full((18, 24), 2.5), rtol=1e-5)


def test_deconvolved_images_reproduce_the_observation():
    observed, truth = scene()
    restored = richardson_lucy(observed)
    inner = (slice(12, -12), slice(12, -12))
    assert np.abs(reconvolve(restored) - observed)[inner].max() < 0.02 * observed.std()
    inner = (slice(24, -24), slice(24, -24))
    errors = [np.abs(image - truth)[inner].mean() for image in (restored, bicubic(observed))]
    assert errors[0] < 0.5 * errors[1]
    assert restored.min() >= 0


def test_deconvolution_without_blur_keeps_the_flux_of_every_pixel():
    observed = np.random.default_rng(1).uniform(0, 2, (20, 15))
    restored = richardson_lucy(observed, kernel=np.ones((1, 1)))
    np.testing.assert_allclose(binned(restored), observed, rtol=1e-4, atol=1e-5)


def test_negative_values_are_set_to_zero():
    observed = scene()[0]
    observed[20:40] -= 3
    np.testing.assert_array_equal(richardson_lucy(observed, 5), richardson_lucy(observed.clip(0), 5))


def test_deconvolution_of_magnetograms_is_odd_and_sharpens():
    observed, truth = scene()
    field, truth = 10 * (observed - 1), 10 * (truth - 1)
    restored = richardson_lucy_signed(field)
    np.testing.assert_allclose(richardson_lucy_signed(-field), -restored, atol=1e-5)
    inner = (slice(24, -24), slice(24, -24))
    errors = [np.abs(image - truth)[inner].mean() for image in (restored, bicubic(field))]
    assert errors[0] < 0.8 * errors[1]
