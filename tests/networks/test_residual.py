"""Laws of the residual network."""

import numpy as np
import pytest
import torch

from sunpy_restore.enhancement.deconvolution.linear import apply_filter, wiener_filter
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
