"""Textures from noise fields."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_restore.core.inference.function import network_function
from sunpy_restore.granulation.classical import spectrum_kernel
from sunpy_restore.granulation.fields import ConvolutionalField, SpectrumField
from sunpy_restore.networks.calibration import Calibrated
from sunpy_restore.networks.spatial import SpatialGenerator

SIZES = st.tuples(st.integers(0, 90), st.integers(1, 60)).map(lambda part: slice(part[0], sum(part)))


@pytest.fixture(scope="module")
def convolutional():
    torch.manual_seed(0)
    network = SpatialGenerator(latent=24, widths=(8, 8, 4, 4), blocks=1, taps=5)
    network.calibration.kernel.copy_(torch.rand(5, 5))
    calibrated = Calibrated(network)
    function = network_function(calibrated, "cpu")
    options = {"latent": 24, "receptive_radius": calibrated.receptive_radius, "pixel": 48.0}
    return lambda seed, **more: ConvolutionalField(function, (150, 150), seed, **options, **more)


@pytest.fixture(scope="module")
def spectrum():
    kernel = np.random.default_rng(0).random((21, 21))
    return lambda seed: SpectrumField(kernel, (150, 150), seed, pixel=48.0)


@pytest.fixture(params=["convolutional", "spectrum"])
def field(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def whole_images(convolutional, spectrum):
    return {"convolutional": convolutional(3).image(), "spectrum": spectrum(3).image()}


@settings(max_examples=20)
@given(SIZES, SIZES)
def test_parts_of_a_convolutional_field_equal_the_whole_image(convolutional, whole_images, rows, columns):
    part = convolutional(3).window(rows, columns)
    assert part.shape == (rows.stop - rows.start, columns.stop - columns.start)
    np.testing.assert_allclose(part, whole_images["convolutional"][rows, columns], atol=1e-4)


@pytest.mark.parametrize("workers", [2, 3, 40])
def test_threads_do_not_change_the_image(convolutional, whole_images, workers):
    before = torch.get_num_threads()
    image = convolutional(3, workers=workers).image()
    np.testing.assert_allclose(image, whole_images["convolutional"], atol=1e-4)
    assert torch.get_num_threads() == before


@settings(max_examples=20)
@given(SIZES, SIZES)
def test_parts_of_a_spectrum_field_equal_the_whole_image(spectrum, whole_images, rows, columns):
    part = spectrum(3).window(rows, columns)
    np.testing.assert_allclose(part, whole_images["spectrum"][rows, columns], atol=1e-4)


def test_seeds_give_different_textures(field):
    one, again, other = (field(seed).image() for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.3


def test_spectrum_field_has_the_measured_power():
    """The power of convolved noise is the squared response of the kernel."""
    kernel = spectrum_kernel()
    assert np.sqrt(np.sum(kernel**2)) == pytest.approx(0.1626, abs=5e-4)
    image = SpectrumField(kernel, (900, 900), 7, pixel=48.0).image()
    assert image.mean() == pytest.approx(1, abs=0.01)
    assert image.std() == pytest.approx(0.1626, rel=0.02)
    power = np.abs(np.fft.rfft2(image - 1)) ** 2 / image.size
    response = np.abs(np.fft.rfft2(np.pad(kernel, (0, 900 - len(kernel))))) ** 2
    rings = np.hypot(np.fft.fftfreq(900)[:, np.newaxis], np.fft.rfftfreq(900))
    for low, high in ((0.005, 0.02), (0.02, 0.04), (0.04, 0.08), (0.08, 0.16)):
        ring = (rings > low) & (rings <= high)
        assert power[ring].mean() == pytest.approx(response[ring].mean(), rel=0.12), (low, high)


def test_spectrum_field_has_no_skewness():
    image = SpectrumField(spectrum_kernel(), (600, 600), 1, pixel=48.0).image()
    deviation = (image - image.mean()) / image.std()
    assert abs(np.mean(deviation**3)) < 0.15
