"""Metrics of restored images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import astropy.units as u

from sunpy_restore.core.numerics.metrics import (
    contrast,
    flux_error,
    psnr,
    radial_power_spectrum,
    residual_fraction,
    ssim,
)

IMAGES = arrays(float, (6, 5), elements=st.floats(-1e3, 1e3))
FACTORS = st.floats(0.01, 100)


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def wave(shape, scale, kx, ky=0.0):
    y, x = np.indices(shape) * scale
    return np.cos(2 * np.pi * (kx * x + ky * y))


# psnr


@given(error=st.floats(1e-3, 1e2), data_range=FACTORS)
def test_psnr_of_constant_error(error, data_range):
    truth = noise((8, 9))
    assert psnr(truth, truth + error, data_range) == pytest.approx(20 * np.log10(data_range / error))


def test_psnr_of_equal_images_is_infinite():
    assert psnr(noise((4, 4)), noise((4, 4))) == np.inf


@given(gain=FACTORS, offset=st.floats(-100, 100))
def test_psnr_with_the_range_of_the_truth_has_no_unit(gain, offset):
    truth, image = noise((8, 9)), noise((8, 9), 1)
    assert psnr(gain * truth + offset, gain * image + offset) == pytest.approx(psnr(truth, image), abs=1e-6)


@given(mask=arrays(bool, (6, 5)).filter(np.any))
def test_psnr_of_the_whole_frame_is_higher_by_the_mask_fraction(mask):
    truth = noise((6, 5))
    image = np.where(mask, truth + 0.5 * noise((6, 5), 1), truth)
    gain = 10 * np.log10(mask.size / mask.sum())
    assert psnr(truth, image) == pytest.approx(psnr(truth, image, mask=mask) + gain)


def test_psnr_ignores_gaps_of_the_truth_but_not_of_the_image():
    truth, image = noise((4, 4)), noise((4, 4), 1)
    gappy = truth.copy()
    gappy[0] = np.nan
    assert psnr(gappy, image, 1.0) == pytest.approx(psnr(truth[1:], image[1:], 1.0))
    assert np.isnan(psnr(image, gappy))


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ((np.ones((2, 3)), np.ones((3, 2))), r"\(2, 3\) and \(3, 2\)"),
        ((np.ones((2, 3)), np.zeros((2, 3))), r"data range of 0\.0; expected a positive one"),
        ((np.ones((2, 3)), np.ones((2, 3)), -1.0), r"data range of -1\.0; expected a positive one"),
        ((np.full((2, 3), np.nan), np.ones((2, 3)), 1.0), "Found no finite pixel"),
        ((np.ones((2, 3)), np.ones((2, 3)), 1.0, np.zeros((2, 3), bool)), "Found no finite pixel"),
        ((np.ones((2, 3)), np.ones((2, 3)), 1.0, np.ones((2, 2), bool)), r"mask of shape \(2, 2\); expected \(2, 3\)"),
    ],
)
def test_psnr_refuses(arguments, found):
    with pytest.raises(ValueError, match=found):
        psnr(*arguments)


# ssim


def test_ssim_of_equal_images_is_one():
    assert ssim(noise((20, 23)), noise((20, 23))) == pytest.approx(1)


def test_ssim_is_symmetric_and_falls_with_noise():
    truth = wave((32, 32), 1, 0.1, 0.05)
    values = [ssim(truth, truth + level * noise((32, 32)), data_range=2) for level in (0.01, 0.1, 1)]
    assert 1 > values[0] > values[1] > values[2]
    image = truth + noise((32, 32))
    assert ssim(truth, image, 2) == pytest.approx(ssim(image, truth, 2))


def test_ssim_of_constant_images_is_its_luminance_term():
    # (2 a b + C1) / (a^2 + b^2 + C1) with C1 = (0.01 R)^2
    a, b, c1 = 1.0, 2.0, 1e-4
    assert ssim(np.full((12, 12), a), np.full((12, 12), b), 1.0) == pytest.approx((2 * a * b + c1) / (a**2 + b**2 + c1))


def test_ssim_in_a_mask_depends_only_on_the_damage_there():
    truth = wave((40, 40), 1, 0.1)
    image = truth.copy()
    image[:10, :10] += noise((10, 10))
    far = np.zeros((40, 40), bool)
    far[25:, 25:] = True
    damaged = np.zeros((40, 40), bool)
    damaged[:10, :10] = True
    assert ssim(truth, image, mask=far) == pytest.approx(1)
    assert ssim(truth, image, mask=damaged) < ssim(truth, image) < 1


def test_ssim_refuses():
    with pytest.raises(ValueError, match=r"shape \(10, 20\); expected at least 11 x 11 pixels"):
        ssim(np.ones((10, 20)), np.ones((10, 20)))
    with pytest.raises(ValueError, match="NaN"):
        ssim(np.full((12, 12), np.nan), np.ones((12, 12)))


# contrast, flux, residual


@given(gain=FACTORS)
def test_contrast_is_that_of_a_wave_and_has_no_unit(gain):
    image = gain * (1 + 0.1 * wave((16, 16), 1, 0.25))
    assert contrast(image) == pytest.approx(0.1 / np.sqrt(2))


def test_contrast_ignores_gaps_and_refuses_magnetograms():
    assert contrast([[0.9, 1.1, np.nan]]) == pytest.approx(0.1)
    with pytest.raises(ValueError, match=r"mean -1\.0; expected a positive mean"):
        contrast([[-1.0, -1.0]])


@given(truth=IMAGES.filter(lambda image: abs(image.sum()) > 1), gain=st.floats(-10, 10))
def test_flux_error_of_a_gain(truth, gain):
    assert flux_error(truth, gain * truth) == pytest.approx(gain - 1, abs=1e-6)
    assert flux_error(truth, gain * truth, unsigned=True) == pytest.approx(abs(gain) - 1, abs=1e-6)


@given(image=IMAGES.filter(lambda image: abs(image.sum()) > 1), factor=st.integers(1, 3))
def test_finer_pixels_of_the_same_field_have_the_same_flux(image, factor):
    fine = np.kron(image, np.ones((factor, factor)))
    # Opposite polarities inside one coarse pixel cancel, whatever their strength
    fine += 100 * np.kron(np.ones(image.shape), noise((factor, factor)) - noise((factor, factor)).mean())
    assert flux_error(image, fine) == pytest.approx(0, abs=1e-6)
    assert flux_error(image, fine, unsigned=True) == pytest.approx(0, abs=1e-6)


def test_flux_error_ignores_gaps_of_the_truth():
    assert flux_error([[1.0, np.nan], [1.0, 1.0]], [[2.0, 100.0], [1.0, 1.0]]) == pytest.approx(1 / 3)


@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (2, 3), (4,), (0, 0)])
def test_flux_error_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="expected one shape"):
        flux_error(np.ones((4, 3)), np.ones(shape))


def test_flux_error_refuses_balanced_flux():
    with pytest.raises(ValueError, match="Found a truth of flux 0"):
        flux_error([[1.0, -1.0]], [[1.0, 1.0]])


@given(reference=IMAGES.filter(lambda image: np.abs(image).sum() > 1), gain=st.floats(-10, 10))
def test_residual_of_a_gain(reference, gain):
    assert residual_fraction(gain * reference, reference) == pytest.approx(abs(gain - 1), abs=1e-9)


def test_residual_is_a_fraction_of_the_reference():
    assert residual_fraction([[1.0, 5.0]], [[2.0, np.nan]]) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="Found a reference that is 0 everywhere"):
        residual_fraction([[1.0]], [[0.0]])


# power spectrum


@pytest.mark.parametrize("shape", [(64, 64), (63, 80), (40, 33)])
@pytest.mark.parametrize("window", [None, "hann"])
def test_white_noise_has_a_flat_spectrum_of_its_variance(shape, window):
    sigma, scale = 3.0, 0.5
    spectra = [radial_power_spectrum(sigma * noise(shape, seed), scale, window=window)[1] for seed in range(200)]
    # Without the innermost ring, which loses power when the mean is subtracted
    spectra = np.array(spectra)[:, 1:]
    # A ring of 12 independent modes scatters by 1 / sqrt(12 x 200) = 2 %
    assert spectra.mean(axis=0) == pytest.approx(sigma**2 * scale**2, rel=0.1)
    assert spectra.mean() == pytest.approx(sigma**2 * scale**2, rel=0.02)


@given(cycles=st.integers(2, 15), scale=st.floats(0.05, 5))
def test_a_wave_has_its_peak_at_its_frequency(cycles, scale):
    k = cycles / (32 * scale)
    for image in (wave((32, 32), scale, k), wave((32, 32), scale, 0, k)):
        frequency, power = radial_power_spectrum(image, scale)
        peak = np.argmax(power)
        assert abs(frequency[peak] - k) < 1 / (32 * scale)


def test_integral_over_the_plane_is_the_variance():
    n, scale = 32, 0.3
    # Waves within the circle of the Nyquist frequency: no ring covers the corners
    image = 2 * wave((n, n), scale, 3 / (n * scale)) + wave((n, n), scale, 5 / (n * scale), 7 / (n * scale)) + 10
    _, power = radial_power_spectrum(image, scale, window=None)
    ky, kx = (np.fft.fftfreq(n, scale) for _ in range(2))
    k = np.hypot(ky[:, None], kx)
    ring = np.rint(k * n * scale).astype(int)
    number = np.bincount(ring[(ring > 0) & (k <= 0.5 / scale)])[1:]
    assert np.sum(power * number) / (n * scale) ** 2 == pytest.approx(image.var())


def test_spectrum_of_one_scene_does_not_depend_on_the_pixels():
    n, scale = 64, 0.25
    scene = sum(
        amplitude * wave((n, n), scale, i / (n * scale), j / (n * scale)) for amplitude, i, j in [(1, 3, 2), (2, 5, 1)]
    )
    fine = radial_power_spectrum(scene, scale)
    coarse = radial_power_spectrum(scene[::2, ::2], 2 * scale)
    inside = fine[0] < 0.2 * 1 / (2 * scale)
    assert inside.sum() > 5
    assert coarse[0][: inside.sum()] == pytest.approx(fine[0][inside])
    assert coarse[1][: inside.sum()] == pytest.approx(fine[1][inside], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("window", [None, "hann"])
def test_spectrum_scales_with_the_square_and_ignores_offset_and_transposition(window):
    image = noise((24, 24))
    frequency, power = radial_power_spectrum(image, 0.5, window=window)
    assert 0 < frequency[0] < frequency[-1] <= 1
    # Transposing keeps the window, of which only the first line is zero
    for other, factor in ((3 * image, 9), (image + 100, 1), (image.T, 1)):
        same, changed = radial_power_spectrum(other, 0.5, window=window)
        assert same == pytest.approx(frequency)
        assert changed == pytest.approx(factor * power)


def test_scale_may_be_a_quantity():
    image = noise((16, 16))
    expected = radial_power_spectrum(image, 0.504)
    for scale in (0.504 * u.arcsec, 0.504 * u.arcsec / u.pix, (0.504 * u.arcsec / u.pix).to(u.deg / u.pix)):
        for found, value in zip(radial_power_spectrum(image, scale), expected, strict=True):
            assert found == pytest.approx(value)


@pytest.mark.parametrize(
    ("image", "scale", "window", "found"),
    [
        (np.ones((3, 9)), 1.0, "hann", r"shape \(3, 9\); expected at least 4 x 4"),
        (np.ones(9), 1.0, "hann", r"shape \(9,\); expected at least 4 x 4"),
        (np.full((9, 9), np.nan), 1.0, "hann", "NaN"),
        (np.ones((9, 9)), 0.0, "hann", r"pixel size of 0\.0 arcsec"),
        (np.ones((9, 9)), 1.0, "hamming", "Unknown window 'hamming'"),
    ],
)
def test_spectrum_refuses(image, scale, window, found):
    with pytest.raises(ValueError, match=found):
        radial_power_spectrum(image, scale, window=window)
