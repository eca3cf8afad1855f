"""Forward model of HMI, compared with published formulas and with physics."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special

from sunpy_restore.enhancement.optics import forward

PIXEL = 0.063


@pytest.fixture(scope="module")
def sun():
    """Random scene with structure down to 0.15 arcsec and a spectrum as steep as that of granulation."""
    rng = np.random.default_rng(4)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(640, PIXEL), np.fft.fftfreq(480, PIXEL)))
    amplitude = (1 + (frequency / 0.7) ** 2) ** -1.5 * np.exp(-((frequency / 4) ** 2))
    field = np.fft.ifft2(np.fft.fft2(rng.standard_normal(frequency.shape)) * amplitude).real
    return 1 + 0.16 * field / field.std()


def _transfer(psf, frequency, radius):
    """Optical transfer function of a round point spread function, by its Hankel transform."""
    theta = np.linspace(0, radius, 20001)
    weights = psf(theta) * theta
    wave = special.j0(2 * np.pi * frequency * theta)
    return integrate.trapezoid(weights * wave, theta) / integrate.trapezoid(weights, theta)


def test_point_spread_function_is_that_of_wachter():
    psf = forward.PointSpreadFunction()
    theta = np.array([0.0, 0.4, 1.0, 3.0])
    r = np.pi * 0.14 * theta / 206264.80624709636 / 6173e-10
    assert psf(theta) == pytest.approx(0.9 * np.exp(-((r / 2) ** 2)) + 0.1 / (1 + (r / 3.4) ** 3), rel=1e-12)
    assert psf(forward.PSF_RADIUS + 0.01) == 0


@pytest.mark.parametrize("make", [forward.hmi_psf, forward.airy_psf])
def test_point_spread_functions_are_normalised_and_round(make):
    kernel = make(0.1)
    assert kernel.sum() == pytest.approx(1)
    assert np.allclose(kernel, kernel.T)
    assert np.allclose(kernel, kernel[::-1])
    assert kernel.argmax() == kernel.size // 2


def test_airy_pattern_has_its_first_zero_at_1_22():
    theta = 1.2197 * forward.HMI_WAVELENGTH / 0.28 * 206265
    kernel = forward.airy_psf(0.01, radius=1.0)
    profile = kernel[kernel.shape[0] // 2, kernel.shape[0] // 2 :]
    assert abs(0.01 * profile[:60].argmin() - theta) < 0.01


@pytest.mark.parametrize("frequency", [0.1, 0.3, 0.5, 0.8])
def test_contrast_of_gratings_is_that_of_the_transfer_function(frequency):
    """Transfer function of the optics by an independent transform, that of the pixels is a sinc."""
    x = (np.arange(960) - 480) * PIXEL
    grating = np.tile(1 + 0.1 * np.cos(2 * np.pi * frequency * x), (400, 1))

    def airy(theta):
        r = np.maximum(np.pi * 0.28 * theta / 206264.8 / 6173e-10, 1e-9)
        return (2 * special.j1(r) / r) ** 2

    for image, psf, pixel in (
        (forward.observe(grating, PIXEL), forward.PointSpreadFunction(), 0.504),
        (forward.observe_target(grating, PIXEL), airy, 0.252),
    ):
        row = image[image.shape[0] // 2]
        place = (np.arange(row.size) + 0.5) * pixel - 0.5 * PIXEL + x[0]
        inner = np.abs(place) < 20
        wave = [function(2 * np.pi * frequency * place[inner]) for function in (np.cos, np.sin)]
        fit = np.linalg.lstsq(np.stack([*wave, np.ones(inner.sum())]).T, row[inner], rcond=None)[0]
        expected = 0.1 * _transfer(psf, frequency, forward.PSF_RADIUS) * np.sinc(frequency * pixel)
        assert fit[0] == pytest.approx(expected, abs=1e-3)
        assert fit[1] == pytest.approx(0, abs=1e-3)


@pytest.mark.skipif("SUNPY_RESTORE_TEST_DATA" not in os.environ, reason="needs the MURaM snapshot of the training data")
def test_granulation_contrast_is_that_of_hmi():
    path = Path(os.environ["SUNPY_RESTORE_TEST_DATA"]) / "photosphere" / "muram_intensity_48km.npy"
    muram = np.load(path).astype(float)
    observed, target = forward.observe(muram, 0.0662), forward.observe_target(muram, 0.0662)
    assert observed.std() / observed.mean() == pytest.approx(0.039, abs=0.002)
    assert target.std() / target.mean() == pytest.approx(0.09, abs=0.004)


def test_original_widths_of_wachter_are_sharper(sun):
    sharper = forward.observe(sun, PIXEL, psf=forward.PointSpreadFunction(w=1.8, W=3.0))
    assert sharper.std() > 1.05 * forward.observe(sun, PIXEL).std()


def test_reconvolved_target_is_the_observation(sun):
    """The transfer kernel relates images of one scene by the two telescopes."""
    observed = forward.observe(sun, PIXEL)
    target = forward.observe_target(sun, PIXEL)[: 2 * observed.shape[0], : 2 * observed.shape[1]]
    degraded = forward.reconvolve(target)
    middle = (slice(14, -14), slice(6, -6))
    assert np.abs(degraded - observed)[middle].max() < 0.02 * observed.std()


@given(phase=st.tuples(st.floats(0, 5), st.floats(0, 5)))
@settings(max_examples=10, deadline=None)
def test_a_constant_sun_stays_constant(phase):
    image = np.full((80, 70), 3.7)
    assert np.allclose(forward.observe(image, 0.1, phase=phase), 3.7)


def test_observe_keeps_the_place_of_a_point():
    fine = np.zeros((240, 240))
    fine[133, 101] = 1.0
    observed = forward.observe(fine, 0.063)
    rows, cols = np.indices(observed.shape)
    centre = [(axis * observed).sum() / observed.sum() for axis in (rows, cols)]
    assert centre == pytest.approx([(133.5 / 8) - 0.5, (101.5 / 8) - 0.5], abs=0.01)
    # The pixel averages, so a point spread over 8 x 8 fine pixels keeps its flux
    assert observed.sum() * 64 == pytest.approx(1, rel=5e-3)


def test_noise_is_as_asked_and_reproducible():
    image = np.ones((400, 400))
    one, two = (forward.observe(image, 0.1, noise=1e-3, rng=np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one, two)
    assert one.std() == pytest.approx(1e-3, rel=0.05)


@pytest.mark.parametrize("scale", [0.3, 0.0, -1.0])
def test_coarse_images_are_refused(scale):
    with pytest.raises(ValueError, match=rf"pixel_scale={scale} arcsec; expected .* at most 0\.252 arcsec"):
        forward.observe(np.ones((20, 20)), scale)
