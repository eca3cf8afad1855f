"""Variational autoencoder of granulation tiles with the layers of the thesis."""

import pytest
import torch
from torch import nn

from sunpy_restore.networks.equalized import EqualizedConv2d, EqualizedInput, EqualizedLinear
from sunpy_restore.networks.papers.granulation_vae import ThesisVAE

LATENT, FLATTENED, WIDTH = 7, 24, 5


def vae(seed=0):
    torch.manual_seed(seed)
    network = ThesisVAE(LATENT, FLATTENED, WIDTH).eval()
    # As if trained: a new network makes flat tiles and has a constant variance
    for layer in (network.last[-1], network.log_variance):
        nn.init.normal_(layer.weight)
        nn.init.zeros_(layer.bias)
    return network


def random(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def total(width, convolutions):
    """Parameters for one width throughout and a number of 3 x 3 convolutions in the decoder."""
    square = 9 * width**2 + width
    encoder = 2 * width + 5 * (square + 2 * width) + (9 * width + 3) * 128
    decoder = 16 * 256 * width + width + convolutions * square + width + 1
    return encoder + 2 * (512 * 256 + 256) + decoder


def test_number_of_parameters_agrees_with_the_thesis():
    with torch.device("meta"):
        assert count(ThesisVAE()) == total(256, 7) == 8_691_073


def test_no_other_single_width_gives_the_number_of_parameters():
    """As the documentation says; one convolution per upsampling gives fewer."""
    found = [(width, n) for width in range(16, 513) for n in range(16) if total(width, n) == 8_691_073]
    assert found == [(256, 7)]
    assert total(256, 5) == 7_510_913


def test_layers_are_those_of_the_tables():
    network = vae()
    encoder = [type(layer).__name__ for layer in network.encoder.modules() if not list(layer.children())]
    level = ["EqualizedConv2d", "BatchNorm2d", "LeakyReLU", "Upsample"]
    assert encoder == ["EqualizedConv2d", "LeakyReLU", *(6 * level), "Flatten"]
    kernels = [tuple(layer.weight.shape[2:]) for layer in network.encoder.modules() if hasattr(layer, "scale")]
    assert kernels == [(1, 1), *(6 * [(3, 3)])]
    halving = next(layer for layer in network.encoder.modules() if isinstance(layer, nn.Upsample))
    assert (halving.mode, halving.scale_factor) == ("bilinear", 0.5)
    decoder = [
        layer
        for part in (network.first, network.levels, network.last)
        for layer in part.modules()
        if not list(layer.children())
    ]
    assert [layer.weight.shape[-1] for layer in decoder if hasattr(layer, "scale")] == [4, *(7 * [3]), 1]
    assert [layer.mode for layer in decoder if isinstance(layer, nn.Upsample)] == 5 * ["nearest"]
    assert isinstance(decoder[0], EqualizedInput)
    assert all(isinstance(layer, EqualizedLinear) for layer in (network.mean, network.log_variance))
    assert isinstance(decoder[-1], EqualizedConv2d)


def test_the_first_layer_of_the_decoder_is_a_padded_convolution():
    layer, z = vae().first[0], random(3, LATENT)
    kernel = layer.scale * layer.weight.flip(2, 3).transpose(0, 1)
    expected = nn.functional.conv2d(z[:, :, None, None], kernel, layer.bias, padding=3)
    torch.testing.assert_close(layer(z), expected)


def test_features_have_the_sizes_of_the_tables():
    network, found = vae(), []
    for layer in (*network.encoder, network.first, *network.levels, network.last):
        layer.register_forward_hook(lambda *args: found.append(tuple(args[2].shape[1:])))
    reconstruction, mean, log_variance = network(random(2, 1, 128, 128))
    down = [(WIDTH, 128 >> level, 128 >> level) for level in range(1, 6)]
    up = [(WIDTH, 4 << level, 4 << level) for level in range(6)]
    stem = 2 * [(WIDTH, 128, 128)]
    assert found == [*stem, *down, (FLATTENED // 4, 2, 2), (FLATTENED,), *up, (1, 128, 128)]
    assert mean.shape == log_variance.shape == (2, LATENT)
    torch.testing.assert_close(reconstruction, network.decode(mean))


def test_the_receptive_radius_is_exact():
    network = vae()
    features = random(1, WIDTH, 9, 9).requires_grad_()
    image, stride, radius = network.tail(features), network.stride, network.receptive_radius
    assert image.shape == (1, 1, 9 * stride, 9 * stride)
    (seen,) = torch.autograd.grad(image[..., 4 * stride : 5 * stride, 4 * stride : 5 * stride].square().sum(), features)
    for places in seen[0].abs().sum(dim=0).nonzero().T:
        assert [places.min(), places.max()] == [4 - radius, 4 + radius]


def test_a_tile_is_drawn_by_the_tail_from_the_features_of_the_head():
    network, z = vae(), random(3, LATENT)
    features = network.head(z)
    assert features.shape == (3, WIDTH, 16, 16)
    assert torch.equal(network.draw_tiles(z), network.tail(features))


def test_a_new_network_makes_flat_tiles_with_little_noise_and_learns_in_every_layer():
    reconstruction, _, log_variance = ThesisVAE(LATENT, FLATTENED, WIDTH)(random(2, 1, 128, 128))
    assert not reconstruction.any()
    assert (log_variance == -4).all()
    network = vae().train()
    reconstruction, mean, log_variance = network(random(4, 1, 128, 128))
    (reconstruction.square().mean() + mean.square().mean() + log_variance.square().mean()).backward()
    for name, parameter in network.named_parameters():
        # The batch normalization subtracts what the biases before it add
        if "encoder" not in name or "weight" in name:
            assert parameter.grad.abs().max() > 1e-9, name


@pytest.mark.parametrize("flattened", [0, 510, -4])
def test_wrong_sizes_are_refused(flattened):
    with pytest.raises(
        ValueError, match=f"Found {flattened} values after the encoder; expected a positive multiple of 4"
    ):
        ThesisVAE(LATENT, flattened, WIDTH)
