"""Laws of the residual network."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional

from sunpy_restore.enhancement.deconvolution.linear import apply_filter, continuum_filter, wiener_filter
from sunpy_restore.enhancement.task import CONTINUUM
from sunpy_restore.networks.residual import ResidualRestorer


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = ResidualRestorer(blocks=2, channels=8, offset=1.0, scale=0.1)
    network.set_filter(wiener_filter(1e-3, 1.0))
    return network.eval()


@pytest.fixture
def trained(network):
    """With an output layer that is not zero."""
    with torch.no_grad():
        network.tail.weight.normal_(0, 0.1)
    return network


@pytest.fixture
def images():
    return torch.from_numpy(np.random.default_rng(0).normal(1, 0.1, (2, 1, 40, 44)).astype(np.float32))


def test_untrained_network_returns_the_linear_restoration(network, images):
    restored = network(images).detach().numpy()
    for image, expected in zip(restored[:, 0], images.numpy()[:, 0], strict=True):
        inner = (slice(25, -25), slice(25, -25))
        np.testing.assert_allclose(image[inner], apply_filter(expected, wiener_filter(1e-3, 1.0))[inner], atol=1e-4)


def test_filter_is_saved_with_the_weights(network):
    assert torch.equal(network.state_dict()["filter"][:, 0].double(), torch.tensor(wiener_filter(1e-3, 1.0)).float())


def test_trimmed_border_is_used_by_the_filter_only(trained, images):
    whole, trimmed = trained(images), trained(images, trim=12)
    assert trimmed.shape == (2, 1, 32, 40)
    whole = whole[..., 24:-24, 24:-24]
    # Six convolutions of the trimmed image continue it by reflection, which affects six input pixels at its edges
    inner = (..., slice(12, -12), slice(12, -12))
    assert trimmed[inner].numel()
    torch.testing.assert_close(trimmed[inner], whole[inner])
    assert not torch.allclose(trimmed, whole)


def test_network_commutes_with_offset_and_scale(trained, images):
    other = ResidualRestorer(blocks=2, channels=8, offset=0.0, scale=1.0).eval()
    other.load_state_dict(trained.state_dict())
    torch.testing.assert_close(trained(images), 1 + 0.1 * other((images - 1) / 0.1))


LEVELS = (3e-4, 5.5e-4, 1e-3)


@pytest.fixture(scope="module")
def told():
    """A network with filters for several levels of noise, whose output layer is zero."""
    torch.manual_seed(0)
    hyperparameters = {
        "architecture": "ResidualRestorer", "blocks": 1, "channels": 4, "filter_size": 81, "offset": 1.0, "scale": 0.1,
        "noise": True, "levels": LEVELS, "highest": 0.015, "power": 0.15, "spectral_index": 5.3,
    }  # fmt: skip
    return CONTINUUM.build_network(hyperparameters).eval()


def granular(noise, shape=(130, 124)):
    """Structure as the optics leave it, with a channel of its noise."""
    rng = np.random.default_rng(1)
    image = ndimage.gaussian_filter(rng.standard_normal(shape), 1.5)
    image = 1 + 0.05 * image / image.std() + noise * rng.standard_normal(shape)
    return torch.from_numpy(np.stack([image, np.full(shape, noise)]).astype(np.float32))[None]


@pytest.mark.parametrize("noise", [1e-5, *LEVELS, 4e-4, 8e-4, 5e-3, 0.1])
def test_untrained_network_returns_the_restoration_of_the_wiener_method(told, noise):
    given = granular(noise)
    restored = told(given, trim=40).detach().numpy()[0, 0]
    expected = apply_filter(given[0, 0].numpy(), continuum_filter(noise))[80:-80, 80:-80]
    # Between the levels the filters are interpolated
    tolerance = 1e-4 if noise not in (4e-4, 8e-4) else 5e-3
    assert np.std(restored - expected) < tolerance * np.std(expected)
    other = apply_filter(given[0, 0].numpy(), continuum_filter(1e-3 if noise < 6e-4 else 3e-4))[80:-80, 80:-80]
    assert np.std(restored - other) > 3 * np.std(restored - expected)


def test_filters_by_fourier_transforms_are_convolutions(told):
    image = granular(1e-3)[:, :1]
    for trim in (0, 7, 40, 45):
        padded = functional.pad(image, (40,) * 4, mode="replicate")
        expected = functional.conv2d(padded, told.filter)
        expected = expected[..., trim:-trim, trim:-trim] if trim else expected
        torch.testing.assert_close(told.linear(image, trim), expected, rtol=0, atol=2e-5)


def test_convolutions_are_given_the_noise(told):
    with torch.no_grad():
        told.tail.weight.normal_(0, 0.1)
    low, high, beyond = (told(granular(1e-3) * torch.tensor([1, n])[:, None, None]) for n in (2.0, 15.0, 500.0))
    assert not torch.allclose(low, high)
    torch.testing.assert_close(high, beyond)
    torch.nn.init.zeros_(told.tail.weight)


def test_levels_need_the_noise():
    with pytest.raises(ValueError, match="expected noise=True"):
        ResidualRestorer(levels=LEVELS)
