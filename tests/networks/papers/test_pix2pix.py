"""Networks of mask-Pix2Pix, compared with the tables of the paper."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from sunpy_restore.networks.acceleration import accelerate
from sunpy_restore.networks.papers.pix2pix import MaskDiscriminator, MaskPix2Pix, PatchDiscriminator, UNetGenerator
from sunpy_restore.networks.papers.switchnorm import SwitchNorm2d

ENCODER = (64, 128, 256, 512, 512, 512, 512, 512)
DECODER = (512, 512, 512, 512, 256, 128, 64)
NORMS = {"switch": SwitchNorm2d, "batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}


def observation(ny, nx, batch=1, seed=0):
    """An image from 0 to 1.5, a mask of a tenth of the pixels, and a saturation level, which is not used."""
    generator = torch.Generator().manual_seed(seed)
    image, level = 1.5 * torch.rand(2, batch, 1, ny, nx, generator=generator)
    return torch.cat([image, (image > 1.35).float(), level], dim=1)


def shapes(network, layers, *inputs):
    """Shapes of the outputs of the layers."""
    found = []
    hooks = [layer.register_forward_hook(lambda *args: found.append(tuple(args[2].shape))) for layer in layers]
    with torch.no_grad():
        network(*inputs)
    for hook in hooks:
        hook.remove()
    return found


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def kinds(layer):
    return [type(part) for part in layer]


def test_generator_has_the_layers_of_the_table():
    with torch.device("meta"):
        network = UNetGenerator()
        image = torch.empty(1, 2, 256, 256)
    found = shapes(network, [*network.encoder, *network.decoder, network.last], image)
    down = [(1, channels, 256 >> layer, 256 >> layer) for layer, channels in enumerate(ENCODER, 1)]
    up = [(1, channels, 1 << layer, 1 << layer) for layer, channels in enumerate(DECODER, 1)]
    assert found == [*down, *up, (1, 1, 256, 256)]
    assert found[7][2:] == (1, 1)
    for layer, part in enumerate(network.encoder, 1):
        norm = [SwitchNorm2d] if 2 <= layer <= 7 else []
        assert kinds(part) == [nn.Conv2d, *norm, nn.LeakyReLU, *([nn.Dropout] if layer >= 4 else [])]
        assert (part[0].kernel_size, part[0].stride) == ((4, 4), (2, 2))
    for layer, part in enumerate(network.decoder, 1):
        assert kinds(part) == [nn.ConvTranspose2d, SwitchNorm2d, nn.ReLU, *([nn.Dropout] if layer <= 4 else [])]
    inputs = [part[0].in_channels for part in network.decoder]
    assert inputs == [512, *(channels + skip for channels, skip in zip(DECODER, ENCODER[-2::-1], strict=True))][:-1]


def test_discriminator_has_the_layers_of_the_table():
    with torch.device("meta"):
        network = PatchDiscriminator()
        image = torch.empty(1, 1, 256, 256)
    found = shapes(network, network.layers, image, image)
    assert found == [(1, 64, 128, 128), (1, 128, 64, 64), (1, 256, 32, 32), (1, 512, 16, 16), (1, 1, 16, 16)]
    assert [SwitchNorm2d in kinds(part) for part in network.layers] == [False, True, True, True, False]
    assert not any(isinstance(part, nn.Dropout) for part in network.modules())


@pytest.mark.parametrize("norm", NORMS)
def test_number_of_parameters(norm):
    """16 for each pair of channels, 2 for each normalised channel, and 6 for each switchable normalisation."""
    pairs = [(2, 64), *pairwise(ENCODER)]
    pairs += zip([512, 1024, 1024, 1024, 1024, 512, 256], DECODER, strict=True)
    normalized = [*ENCODER[1:7], *DECODER]
    switches = 6 * (norm == "switch")
    generator = sum(16 * a * b for a, b in pairs) + sum(2 * n + switches for n in normalized)
    # Biases of the convolutions without normalisation
    generator += 64 + 512 + (16 * 128 + 1)
    pairs = [(2, 64), (64, 128), (128, 256), (256, 512), (512, 1)]
    discriminator = sum(16 * a * b for a, b in pairs) + 64 + 1 + sum(2 * n + switches for n in (128, 256, 512))
    with torch.device("meta"):
        assert count(MaskPix2Pix(norm=norm)) == generator
        assert count(MaskDiscriminator(norm=norm)) == discriminator
    assert (generator, discriminator) == {
        "switch": (54_409_487, 2_764_627),
        "batch": (54_409_409, 2_764_609),
        "instance": (54_409_409, 2_764_609),
    }[norm]


@pytest.mark.parametrize("width", [1, 4])
def test_width_scales_all_layers(width):
    network, discriminator = UNetGenerator(width=width), PatchDiscriminator(width=width)
    assert [part[0].out_channels for part in network.encoder] == [width * channels // 64 for channels in ENCODER]
    assert [part[0].out_channels for part in network.decoder] == [width * channels // 64 for channels in DECODER]
    assert [part[0].out_channels for part in discriminator.layers[:-1]] == [width * n for n in (1, 2, 4, 8)]


def test_features_are_channels_last():
    network = UNetGenerator(width=2)
    layouts = []
    for layer in (*network.encoder, *network.decoder):
        layer.register_forward_hook(lambda *args: layouts.append(args[2]))
    network(torch.rand(2, 2, 256, 256))
    assert len(layouts) == 15
    assert all(features.is_contiguous(memory_format=torch.channels_last) for features in layouts)


def test_other_numbers_of_channels():
    assert UNetGenerator(3, 2, width=2)(torch.zeros(2, 3, 256, 256)).shape == (2, 2, 256, 256)
    assert PatchDiscriminator(5, width=2)(torch.zeros(1, 3, 64, 64), torch.zeros(1, 2, 64, 64)).shape == (1, 1, 4, 4)


@pytest.mark.parametrize("size", [(256, 256), (100, 90), (1, 300), (257, 256), (255, 511)])
def test_images_of_any_size(size):
    network = MaskPix2Pix(width=1).eval()
    with torch.no_grad():
        restored = network(observation(*size, batch=2))
    assert restored.shape == (2, 1, *size)
    assert torch.isfinite(restored).all()


def test_images_are_padded_by_their_edge_pixels():
    network = UNetGenerator(width=1).eval()
    image = torch.rand(1, 2, 254, 255)
    with torch.no_grad():
        whole = network(nn.functional.pad(image, (0, 1, 1, 1), mode="replicate"))
        torch.testing.assert_close(network(image), whole[..., 1:-1, :-1])


@pytest.mark.parametrize("norm", NORMS)
def test_batch_of_one_image_has_gradients(norm):
    """The bottleneck is a single pixel, whose instance variance vanishes."""
    torch.manual_seed(0)
    network, discriminator = MaskPix2Pix(2, norm).train(), MaskDiscriminator(2, norm).train()
    observed = observation(256, 256)
    discriminator(observed, network(observed)).square().sum().backward()
    for parameter in (*network.parameters(), *discriminator.parameters()):
        assert torch.isfinite(parameter.grad).all()
    deepest = network.generator.decoder[0][0].weight.grad
    assert deepest.abs().max() > 0


def test_result_is_between_zero_and_the_ceiling():
    network = MaskPix2Pix(1, ceiling=3.0).eval()
    with torch.no_grad():
        for offset, expected in ((-100.0, 0.0), (0.0, 1.5), (100.0, 3.0)):
            network.generator.last[1][1].weight.zero_()
            network.generator.last[1][1].bias.fill_(offset)
            torch.testing.assert_close(network(observation(256, 256)), torch.full((1, 1, 256, 256), expected))


class Keep(nn.Module):
    """Replaces a network and records its inputs."""

    def forward(self, *inputs):
        self.inputs = inputs
        return inputs[0][:, :1]


def test_masked_pixels_are_set_to_the_ceiling():
    network, discriminator = MaskPix2Pix(1, ceiling=2.0), MaskDiscriminator(1, ceiling=2.0)
    network.generator, discriminator.discriminator = Keep(), Keep()
    observed = observation(8, 8)
    image, mask = observed[:, :1], observed[:, 1:2]
    other = observed.clone()
    other[:, 2] = 5
    other[:, :1][mask > 0] = 7
    for tensor in (observed, other):
        network(tensor)
        discriminator(tensor, 3 * image)
        covered, given = network.generator.inputs[0].split(1, dim=1)
        torch.testing.assert_close(covered, torch.where(mask > 0, 1.0, image - 1))
        assert torch.equal(given, mask)
        condition, shown = discriminator.discriminator.inputs
        assert torch.equal(condition, covered)
        torch.testing.assert_close(shown, (3 * image - 1).clamp(max=1))


def test_dropout_is_used_in_training_only():
    network, observed = MaskPix2Pix(1), observation(256, 256)
    with torch.no_grad():
        network.train()
        assert not torch.equal(network(observed), network(observed))
        network.eval()
        assert torch.equal(network(observed), network(observed))


@pytest.mark.parametrize("norm", NORMS)
def test_acceleration_does_not_change_the_result(norm):
    torch.manual_seed(0)
    network = MaskPix2Pix(2, norm)
    network(observation(256, 256, batch=2))
    network.eval()
    fast = accelerate(network)
    with torch.no_grad():
        for size in ((256, 256), (80, 300)):
            observed = observation(*size, seed=1)
            torch.testing.assert_close(fast(observed), network(observed), atol=1e-5, rtol=1e-4)


def test_unknown_norm_is_refused():
    for kind in (UNetGenerator, PatchDiscriminator):
        with pytest.raises(ValueError, match="Unknown norm 'group'; expected one of switch, batch"):
            kind(norm="group")
