"""Spatial GAN."""

import numpy as np
import pytest
import torch

from sunpy_restore.networks.acceleration import accelerate
from sunpy_restore.networks.calibration import Calibrated
from sunpy_restore.networks.spatial import SpatialDiscriminator, SpatialGenerator

SMALL = {"latent": 24, "widths": (8, 8, 4, 4), "blocks": 2, "taps": 5}


@pytest.fixture
def network():
    torch.manual_seed(1)
    network = SpatialGenerator(**SMALL).double().eval()
    # Zero before training
    for part in network.noise:
        torch.nn.init.normal_(part.weight)
    return network


def test_images_have_any_size_and_one_channel(network):
    with torch.no_grad():
        assert network(torch.randn(2, 24, 3, 5).double()).shape == (2, 1, 24, 40)


def test_textures_are_periodic(network):
    noise = torch.randn(1, 24, 6, 7).double()
    with torch.no_grad():
        made, rolled = network(noise), network(noise.roll((2, 3), dims=(2, 3)))
    torch.testing.assert_close(made.roll((16, 24), dims=(2, 3)), rolled)


def test_the_receptive_radius_is_exact(network):
    side = 2 * network.receptive_radius + 5
    middle = side // 2
    noise = torch.randn(1, 24, side, side).double().requires_grad_()
    (gradient,) = torch.autograd.grad(network(noise)[..., 8 * middle : 8 * middle + 8, :8].sum(), noise)
    columns = gradient[0].abs().sum(dim=(0, 1)).nonzero().flatten()
    away = torch.minimum(columns, side - columns)
    assert away.max() == network.receptive_radius


def test_every_channel_of_noise_has_an_effect(network):
    noise = torch.randn(1, 24, 6, 6).double().requires_grad_()
    (gradient,) = torch.autograd.grad(network(noise).square().sum(), noise)
    assert (gradient.abs().sum(dim=(0, 2, 3)) > 0).all()


def test_the_accelerated_network_gives_the_same_image():
    torch.manual_seed(2)
    whole = Calibrated(SpatialGenerator(**SMALL)).eval().double()
    fast = accelerate(whole)
    assert any(isinstance(part, torch.nn.ConvTranspose2d) for part in fast.modules())
    noise = torch.randn(1, 24, 8, 8).double()
    with torch.no_grad():
        torch.testing.assert_close(fast(noise), whole(noise), atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("wrong", [{"latent": 20}, {"widths": (8, 8, 8)}])
def test_wrong_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match="expected more than 20 and 4 widths"):
        SpatialGenerator(**SMALL | wrong)


def test_the_discriminator_judges_patches_independently():
    """Its logits are shifted with the image, and distant patches have no effect."""
    torch.manual_seed(3)
    network = SpatialDiscriminator((4, 4, 8, 8, 8)).double()
    image = torch.randn(1, 1, 144, 144).double()
    logits = network(None, image)
    torch.testing.assert_close(network(None, image[..., 16:, 32:]), logits[..., 1:, 2:])
    image[..., 120:, 120:] += 1
    changed = (network(None, image) - logits).abs()[0, 0] > 1e-9
    assert changed[-1, -1]
    assert not changed[0].any()
    assert np.isfinite(logits.detach().numpy()).all()
