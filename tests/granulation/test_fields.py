"""Textures from fields of noise."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_restore.core.inference import network_function
from sunpy_restore.granulation.fields import ConvolutionalField, SpectrumField
from sunpy_restore.granulation.generators import measured_kernel
from sunpy_restore.networks.calibration import Calibrated
from sunpy_restore.networks.spatial import SpatialGenerator

SIZES = st.tuples(st.integers(0, 90), st.integers(1, 60)).map(lambda part: slice(part[0], sum(part)))


@pytest.fixture(scope="module")
def convolutional():
    torch.manual_seed(0)
    network = SpatialGenerator(latent=24, widths=(8, 8, 4, 4), blocks=1, taps=5)
    network.calibration.kernel.copy_(torch.rand(5, 5))
    whole = Calibrated(network)
    function = network_function(whole, "cpu")
    return lambda seed: ConvolutionalField(function, (150, 150), seed, latent=24, receptive_radius=whole.receptive_radius)


@pytest.fixture(scope="module")
def spectrum():
    kernel = np.random.default_rng(0).random((21, 21))
    return lambda seed: SpectrumField(kernel, (150, 150), seed)


@pytest.fixture(params=["convolutional", "spectrum"])
def field(request):
    return request.getfixturevalue(request.param)


@settings(max_examples=20, deadline=None)
@given(SIZES, SIZES)
def test_parts_of_a_convolutional_field_equal_the_whole(convolutional, rows, columns):
    part = convolutional(3).window(rows, columns)
    whole = convolutional(3).window(slice(0, 150), slice(0, 150))
    assert part.shape == (rows.stop - rows.start, columns.stop - columns.start)
    np.testing.assert_allclose(part, whole[rows, columns], atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(SIZES, SIZES)
def test_parts_of_a_spectrum_field_equal_the_whole(spectrum, rows, columns):
    part = spectrum(3).window(rows, columns)
    whole = spectrum(3).window(slice(0, 150), slice(0, 150))
    np.testing.assert_allclose(part, whole[rows, columns], atol=1e-4)


def test_seeds_give_different_textures(field):
    one, again, other = (field(seed).window(slice(0, 150), slice(0, 150)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.3


def test_spectrum_field_has_the_measured_power():
    """Of noise convolved with a kernel the power is the squared response of the kernel."""
    kernel = measured_kernel()
    assert np.sqrt(np.sum(kernel**2)) == pytest.approx(0.1626, abs=5e-4)
    image = SpectrumField(kernel, (900, 900), 7).window(slice(0, 900), slice(0, 900))
    assert image.mean() == pytest.approx(1, abs=0.01)
    assert image.std() == pytest.approx(0.1626, rel=0.02)
    power = np.abs(np.fft.rfft2(image - 1)) ** 2 / image.size
    response = np.abs(np.fft.rfft2(np.pad(kernel, (0, 900 - len(kernel))))) ** 2
    rings = np.hypot(np.fft.fftfreq(900)[:, np.newaxis], np.fft.rfftfreq(900))
    for low, high in ((0.005, 0.02), (0.02, 0.04), (0.04, 0.08), (0.08, 0.16)):
        ring = (rings > low) & (rings <= high)
        assert power[ring].mean() == pytest.approx(response[ring].mean(), rel=0.12), (low, high)


def test_gaussian_field_has_no_skewness(spectrum):
    image = SpectrumField(measured_kernel(), (600, 600), 1).window(slice(0, 600), slice(0, 600))
    deviation = (image - image.mean()) / image.std()
    assert abs(np.mean(deviation**3)) < 0.15
