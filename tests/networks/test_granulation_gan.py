"""Generator and discriminator of granulation tiles."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional

from sunpy_restore.networks.equalized import EqualizedConv2d, EqualizedInput, EqualizedLinear, PixelNorm
from sunpy_restore.networks.granulation_gan import TileDiscriminator, TileGenerator

WIDTHS = (12, 10, 8, 6, 5, 4)


def generator(latent=7, widths=WIDTHS, seed=0):
    torch.manual_seed(seed)
    return TileGenerator(latent, widths).eval()


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_numbers_of_parameters_agree_with_the_thesis():
    with torch.device("meta"):
        assert count(TileGenerator()) == 12_848_641
        assert count(TileDiscriminator()) == 11_813_377


def test_number_of_parameters_follows_from_the_widths():
    pairs = list(pairwise(WIDTHS))
    assert count(TileGenerator(7, WIDTHS)) == 7 * 12 * 16 + 12 + sum(9 * a * b + b for a, b in pairs) + 4 + 1
    # Batch normalization has a scale and an offset per channel
    expected = 2 * 4 + sum(9 * a * b + 3 * a for a, b in pairs) + 16 * 12 + 1
    assert count(TileDiscriminator(WIDTHS)) == expected


def test_each_level_doubles_the_resolution():
    network, found = generator(), []
    for layer in (network.first, *network.levels, network.last):
        layer.register_forward_hook(lambda *args: found.append(tuple(args[2].shape)))
    network(random(2, 7))
    assert found == [*((2, width, 4 << level, 4 << level) for level, width in enumerate(WIDTHS)), (2, 1, 128, 128)]


def test_a_tile_is_drawn_by_the_tail_from_the_features_of_the_head():
    network, z = generator(), random(3, 7)
    features = network.head(z)
    assert features.shape == (3, WIDTHS[2], network.side // network.stride, network.side // network.stride)
    for tile in (network(z), network.draw_tiles(z)):
        assert torch.equal(tile, network.tail(features))
        assert tile.shape == (3, 1, network.side, network.side)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (20, 17)])
def test_the_tail_takes_features_of_any_size(size):
    network = generator()
    image = network.tail(random(2, WIDTHS[2], *size))
    assert image.shape == (2, 1, network.stride * size[0], network.stride * size[1])


def test_parts_of_features_give_parts_of_the_image():
    network = generator()
    features, stride, radius = random(1, WIDTHS[2], 19, 23), network.stride, network.receptive_radius
    whole = network.tail(features)
    inner = slice(radius * stride, -radius * stride)
    part = network.tail(features[..., 4:15, 6:20])[..., inner, inner]
    rows, columns = (
        slice((4 + radius) * stride, (15 - radius) * stride),
        slice((6 + radius) * stride, (20 - radius) * stride),
    )
    torch.testing.assert_close(part, whole[..., rows, columns], atol=1e-5, rtol=1e-5)


def test_the_receptive_radius_is_exact():
    network = generator()
    features = random(1, WIDTHS[2], 9, 9).requires_grad_()
    image, stride, radius = network.tail(features), network.stride, network.receptive_radius
    (seen,) = torch.autograd.grad(image[..., 4 * stride : 5 * stride, 4 * stride : 5 * stride].square().sum(), features)
    rows, columns = seen[0].abs().sum(dim=0).nonzero().T
    expected = [4 - radius, 4 + radius]
    assert [rows.min(), rows.max()] == expected
    assert [columns.min(), columns.max()] == expected


@pytest.mark.parametrize("width", [4, 32, 256])
@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_the_output_variance_of_layers_is_the_gain_at_every_width(width, gain):
    torch.manual_seed(1)
    for layer, shape in (
        (EqualizedConv2d(width, 64, 3, gain=gain), (8, width, 12, 12)),
        (EqualizedConv2d(width, 64, 4, stride=2, gain=gain), (8, width, 12, 12)),
        (EqualizedLinear(width, 512, gain=gain), (64, width)),
    ):
        with torch.no_grad():
            assert layer(random(*shape)).var().item() == pytest.approx(gain, rel=0.25)
        assert layer.weight.std().item() == pytest.approx(1, rel=0.1)
        assert not layer.bias.any()


@pytest.mark.parametrize("widths", [(8,) * 6, (64, 64, 64, 32, 16, 8), (32,) * 6])
def test_the_variance_of_tiles_is_about_one_at_every_width(widths):
    variances = []
    for seed in range(6):
        with torch.no_grad():
            variances.append(generator(32, widths, seed)(random(4, 32)).square().mean().item())
    assert sum(variances) / 6 == pytest.approx(1, rel=0.5)


def test_the_input_layer_is_a_convolution_of_one_pixel():
    torch.manual_seed(0)
    layer, z = EqualizedInput(5, 3, 4), random(2, 5)
    layer.bias.data = random(3)
    expected = torch.einsum("nl,lcyx->ncyx", z, layer.weight) * (2 / 5) ** 0.5 + layer.bias[:, None, None]
    torch.testing.assert_close(layer(z), expected)


@pytest.mark.parametrize("shape", [(3, 16), (2, 5, 4, 3)])
def test_normalized_pixels_have_a_mean_square_of_one(shape):
    features = random(*shape)
    normalized = PixelNorm()(5 * features)
    torch.testing.assert_close(normalized.square().mean(dim=1), torch.ones(shape[0], *shape[2:]))
    torch.testing.assert_close(normalized, PixelNorm()(features))
    assert not PixelNorm()(torch.zeros(shape)).any()


def test_the_norm_of_the_latent_vector_has_no_effect():
    network, z = generator(), random(2, 7)
    torch.testing.assert_close(network(3 * z), network(z), atol=2e-4, rtol=0)


def test_downsampling_is_bilinear():
    """Bilinear interpolation between four pixels is their mean."""
    network = TileDiscriminator(WIDTHS)
    for level in network.levels:
        features = random(2, 3, 8, 8)
        torch.testing.assert_close(level[-1](features), functional.avg_pool2d(features, 2))
        assert isinstance(level[1], nn.BatchNorm2d)


def test_logits_do_not_depend_on_the_observation():
    torch.manual_seed(0)
    network, image = TileDiscriminator(WIDTHS), random(3, 1, 128, 128)
    logits = network(None, image)
    assert logits.shape == (3, 1)
    assert torch.equal(network(random(3, 2, 128, 128), image), logits)
    assert logits.std() > 0


def test_in_evaluation_mode_tiles_are_independent():
    torch.manual_seed(0)
    network, image = TileDiscriminator(WIDTHS), random(3, 1, 128, 128)
    network(None, image)
    network.eval()
    torch.testing.assert_close(torch.cat([network(None, tile[None]) for tile in image]), network(None, image))


def test_every_parameter_has_a_gradient():
    network, discriminator = generator(), TileDiscriminator(WIDTHS)
    functional.softplus(discriminator(None, network(random(4, 7)))).sum().backward()
    for name, parameter in (*network.named_parameters(), *discriminator.named_parameters()):
        # Batch normalization removes the bias of the convolution before it
        if not (name.startswith("levels") and name.endswith("0.bias")):
            assert parameter.grad.abs().max() > 1e-9, name


def test_the_state_dict_determines_the_output():
    discriminator, image = TileDiscriminator(WIDTHS), random(2, 1, 128, 128)
    discriminator(None, image)
    other, network = TileDiscriminator(WIDTHS), generator(seed=1)
    other.load_state_dict(discriminator.state_dict())
    assert torch.equal(other.eval()(None, image), discriminator.eval()(None, image))
    z = random(2, 7)
    assert not torch.equal(network(z), generator()(z))
    network.load_state_dict(generator().state_dict())
    assert torch.equal(network(z), generator()(z))


@pytest.mark.parametrize("widths", [(8,) * 5, (8,) * 7, (8, 8, 8, 8, 8, 0), (8, 8, 8, 8, 8, 2.5)])
def test_wrong_widths_are_refused(widths):
    for kind in (TileGenerator, TileDiscriminator):
        with pytest.raises(ValueError, match="expected six positive numbers of channels"):
            kind(widths=widths)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 8\); expected \(batch, 7\)"):
        generator()(random(2, 8))
    with pytest.raises(ValueError, match=r"shape \(2, 1, 64, 64\); expected \(batch, 1, 128, 128\)"):
        TileDiscriminator(WIDTHS)(None, random(2, 1, 64, 64))
