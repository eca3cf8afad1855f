"""Calibrations give the images of a generator the statistics of its training texture."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from sunpy_restore.granulation.recipe.calibration import calibrate, radial_power
from sunpy_restore.granulation.recipe.textures import TrainingTexture
from sunpy_restore.networks.calibration import Calibration

SIDE, TAPS = 64, 9
LEVELS = np.linspace(0.01, 0.99, 50)
BANDS = [slice(3, 7), slice(7, 11), slice(11, 15), slice(15, 20)]


def field(shape, seed):
    """A lognormal random field with mean 1, contrast 0.16 and most of its power at 10 pixels."""
    noise = np.random.default_rng(seed).standard_normal(shape)
    near, far = (ndimage.gaussian_filter(noise, width, mode="wrap", axes=(-2, -1)) for width in (1.2, 3.0))
    return np.exp(0.16 * (near - far) / (near - far).std() - 0.0128).astype(np.float32)


def distorted(images):
    """Images with another intensity distribution and a blur, as a generator might make them."""
    return torch.from_numpy(ndimage.gaussian_filter(np.tanh(2 * (images - 1)), (0, 0.6, 0.6), mode="wrap"))[:, None]


def texture(image):
    return TrainingTexture([image], 48.0, (float(image.min()), float(image.max())))


@pytest.fixture(scope="module")
def generated():
    """Images that calibrations are measured on."""
    return distorted(field((50, SIDE, SIDE), 1))


def statistics(calibration):
    """Contrast, largest difference of quantiles and logarithmic power ratio in bands of other images."""
    images = calibration(distorted(field((50, SIDE, SIDE), 2)))[:, 0].numpy()
    truth = field((50, SIDE, SIDE), 3)
    quantiles = np.abs(np.quantile(images, LEVELS) - np.quantile(truth, LEVELS)).max() / truth.std()
    power = [np.log(radial_power(images)[band].sum() / radial_power(truth)[band].sum()) for band in BANDS]
    return images.std() / truth.std(), quantiles, power


@pytest.mark.parametrize("shape", [(256, 300), pytest.param((50, 900), marks=pytest.mark.slow)])
def test_other_images_have_the_statistics_of_the_texture(generated, shape):
    """Also if the texture has fewer rows than the images."""
    truth = texture(field(shape, 0))
    calibration = Calibration(TAPS)
    calibrate(calibration, generated, truth)
    contrast, quantiles, power = statistics(calibration)
    assert contrast == pytest.approx(1, abs=0.04)
    assert quantiles < 0.08
    np.testing.assert_allclose(power, 0, atol=0.12)
    # The curve alone does not remove the blur
    calibration = Calibration(1)
    calibrate(calibration, generated, truth)
    contrast, quantiles, power = statistics(calibration)
    assert contrast == pytest.approx(1, abs=0.04)
    assert quantiles < 0.08
    assert power[-1] < -0.4


def test_without_a_filter_the_order_of_intensities_is_kept(generated):
    calibration, truth = Calibration(1), field((128, 128), 0)
    calibrate(calibration, generated, texture(truth))
    assert calibration.kernel.item() == 1
    found = calibration(generated).flatten()
    assert (found[generated.flatten().argsort()].diff() >= 0).all()
    levels = np.linspace(0, 1, calibration.knots)
    np.testing.assert_allclose(np.quantile(found, levels), np.quantile(truth, levels), atol=2e-3)


def test_calibrations_contain_the_pixel_size_and_the_intensity_range(generated):
    calibration, truth = Calibration(1), texture(field((128, 128), 0))
    calibrate(calibration, generated, truth)
    assert calibration.pixel == 48
    np.testing.assert_allclose(calibration.span, truth.span)


def test_images_with_the_right_statistics_are_only_converted_to_intensities():
    truth = texture(field((128, 128), 0))
    generated = torch.from_numpy(truth.normalised(truth.images[0]))[None, None]
    calibration = Calibration(TAPS)
    calibrate(calibration, generated, truth)
    np.testing.assert_allclose(calibration(generated)[0, 0], truth.images[0], atol=2e-3)


@pytest.mark.parametrize("side", [64, 63])
def test_power_of_white_noise_is_flat(side):
    noise = 7 + 0.3 * np.random.default_rng(0).standard_normal((200, side, side))
    power = radial_power(noise)
    assert power.shape == (side // 2 + 1,)
    window = np.outer(np.hanning(side), np.hanning(side))
    # The largest scales contain few modes
    np.testing.assert_allclose(power[3:], 0.09 * np.sum(window**2), rtol=0.06)


def test_power_of_a_wave_is_at_its_wavenumber():
    rows, columns = np.indices((96, 96)) / 96
    for number in (5, 20, 40):
        wave = np.cos(2 * np.pi * number * (0.6 * rows + 0.8 * columns))
        power = radial_power(wave[np.newaxis])
        assert abs(power.argmax() - number) <= 1
        assert radial_power(3 * wave[np.newaxis])[number] == pytest.approx(9 * power[number])
