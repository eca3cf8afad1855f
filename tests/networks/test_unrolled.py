"""Tests of the unrolled U-Net: the forward model between its stages, shapes, precision and acceleration."""

import numpy as np
import pytest
import torch

from astropy.stats import gaussian_sigma_to_fwhm

from sunpy_restore.backprojection.channels import PIXEL, channels_of
from sunpy_restore.backprojection.fitting.forward import draw_scene, noisy_visibilities
from sunpy_restore.backprojection.fitting.scenes import ellipse, image_of, joined, loop, point, visibilities_of_scene
from sunpy_restore.backprojection.imaging.beam import BEAM
from sunpy_restore.backprojection.visibilities.fourier import Grid
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.networks.acceleration import accelerate
from sunpy_restore.networks.unrolled import GuidedUNet, UnrolledUNet

ALL = stix_uv(range(1, 11))
UV = np.stack([ALL.u, ALL.v], axis=1).reshape(10, 3, 2).tolist()
SCENES = [
    point(1, 30, -17),
    joined([point(0.3, 20, -15), ellipse(0.7, -22, 8, 30, 14, 0.7)]),
    loop(1, 5, 10, 40, 8, 1.0, 2.0, 0.3),
]


def random_network(stages=2, seed=0):
    """A network with random parameters, also in the last layers, which are zero at the start of a training."""
    generator = torch.Generator().manual_seed(seed)
    network = UnrolledUNet(UV, PIXEL, BEAM, widths=[6, 8], stages=stages).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            spread = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.1
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
    return network


def observed(shape, numbers=range(3, 11), seeds=(0,)):
    grid, points = Grid(shape, (PIXEL, PIXEL)), stix_uv(numbers)
    channels = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        channels.append(channels_of(noisy_visibilities(draw_scene(rng, 100.0), points, rng), points, grid)[0])
    return torch.from_numpy(np.stack(channels))


@pytest.mark.parametrize("shape", [(64, 64), (61, 70)])
def test_back_projections_of_the_true_image_are_the_channels_of_the_convolved_scene(shape):
    grid = Grid(shape, (PIXEL, PIXEL))
    network = UnrolledUNet(UV, PIXEL, BEAM)
    damping = np.exp(-2 * (np.pi * BEAM / gaussian_sigma_to_fwhm * ALL.frequency) ** 2)
    for scene in SCENES:
        channels, unit = channels_of(damping * visibilities_of_scene(scene, ALL), ALL, grid)
        image = torch.from_numpy(image_of(scene, grid, BEAM) / unit).float()
        projected = network.back_projections(image[None, None])
        assert projected.shape == (1, 10, *shape)
        np.testing.assert_allclose(projected[0], channels[1:11], atol=1e-3)


def test_back_projections_are_linear_and_those_of_a_batch_independent():
    network = random_network()
    images = torch.randn(3, 1, 24, 30, generator=torch.Generator().manual_seed(1))
    together = network.back_projections(images)
    for image, one in zip(images, together, strict=True):
        torch.testing.assert_close(network.back_projections(image[None])[0], one)
    torch.testing.assert_close(
        network.back_projections(images.sum(dim=0, keepdim=True))[0], together.sum(dim=0), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("stages", [1, 2, 3])
@pytest.mark.parametrize("shape", [(32, 40), (33, 29), (2, 31), (1, 1)])
def test_output_has_the_shape_of_the_input(shape, stages):
    channels = torch.randn(2, 12, *shape, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        restored = random_network(stages)(channels)
    assert restored.shape == (2, 1, *shape)
    assert restored.dtype == torch.float32
    assert torch.isfinite(restored).all()


def test_output_is_zero_at_the_start_and_all_stages_have_a_gradient():
    network = UnrolledUNet(UV, PIXEL, BEAM, widths=[6, 8], stages=3)
    channels = observed((32, 32))
    assert not network(channels).any()
    network = random_network(3).train()
    network(channels).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name


def test_second_stage_gets_the_image_and_its_residual():
    """The residual of the true image is zero."""
    grid = Grid((64, 64), (PIXEL, PIXEL))
    channels, unit = channels_of(visibilities_of_scene(SCENES[1], ALL), ALL, grid)
    channels = torch.from_numpy(channels)[None]
    truth = torch.from_numpy(image_of(SCENES[1], grid, BEAM) / unit).float()[None, None]
    network, seen = UnrolledUNet(UV, PIXEL, BEAM, widths=[6, 8], stages=2), []
    network.stages[0].correction = lambda features: truth
    network.stages[1].correction = lambda features: seen.append(features) or torch.zeros_like(truth)
    torch.testing.assert_close(network(channels), truth)
    # Back-projections, image, residual of the groups, and the groups that are used
    torch.testing.assert_close(seen[0][:, 11:12], truth)
    assert seen[0].shape[1] == 11 + 1 + 10 + 10
    # The transfer function of the beam differs a little between the orientations of a group
    assert seen[0][:, 12:22].abs().max() < 5e-3
    assert channels[:, 1:11].abs().max() > 0.5
    assert (seen[0][:, 22:] == 1).all()


@pytest.mark.parametrize("numbers", [[3], range(3, 11), range(1, 11)])
def test_unused_groups_are_flagged_and_have_no_residual(numbers):
    network, seen = random_network(), []
    correction = network.stages[1].correction
    network.stages[1].correction = lambda features: seen.append(features) or correction(features)
    with torch.inference_mode():
        assert torch.isfinite(network(observed((40, 40), numbers))).all()
    used = torch.tensor([number in numbers for number in range(1, 11)])
    assert (seen[0][0, 22:].flatten(1) == used[:, None]).all()
    assert (seen[0][0, 12:22].flatten(1).abs().amax(dim=1) > 0).tolist() == used.tolist()


def test_last_channel_is_ignored():
    network, channels = random_network(), observed((32, 33))
    other = channels.clone()
    other[:, -1] = 1e9
    with torch.inference_mode():
        torch.testing.assert_close(network(channels), network(other), rtol=0, atol=0)


def test_images_of_a_batch_are_independent():
    network, channels = random_network(), observed((32, 40), seeds=(0, 1, 2))
    with torch.inference_mode():
        together = network(channels)
        for number in range(3):
            alone = network(channels[number : number + 1])
            torch.testing.assert_close(together[number : number + 1], alone, rtol=1e-4, atol=1e-5)


def test_forward_model_has_single_precision_in_a_half_precision_network():
    network, channels = random_network(), observed((48, 48))
    image = channels[:, :1]
    with torch.inference_mode():
        expected, projected = network(channels), network.back_projections(image)
        with torch.autocast("cpu", torch.bfloat16):
            found, same = network(channels), network.back_projections(image)
    assert found.dtype == torch.float32
    torch.testing.assert_close(same, projected, rtol=0, atol=0)
    assert (found - expected).norm() < 0.05 * expected.norm()


def test_double_precision_agrees_with_single_precision():
    network, channels = random_network(), observed((32, 32))
    with torch.inference_mode():
        expected = network(channels)
        found = network.double()(channels.double())
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.float(), expected, rtol=1e-3, atol=1e-4)


def test_accelerated_network_gives_the_same_result_for_any_size():
    network = random_network()
    fast = accelerate(network)
    with torch.inference_mode():
        for shape in ((32, 32), (40, 25)):
            torch.testing.assert_close(fast(observed(shape)), network(observed(shape)), rtol=1e-3, atol=1e-4)


def test_points_are_hyperparameters_and_not_in_weights_files():
    names = random_network().state_dict()
    assert not {"uv", "scale"} & set(names)
    network = random_network()
    assert (network.stride, network.receptive_radius) == (4, None)


@pytest.fixture
def guided():
    torch.manual_seed(0)
    uv = (0.02 * torch.randn(4, 3, 2)).tolist()
    return GuidedUNet(uv, 4.0, widths=[4, 6], stages=1, guides=2, blend_widths=[4, 6])


def guided_input(guides, size=(18, 21)):
    generator = torch.Generator().manual_seed(1)
    channels = torch.rand(2, 6 + 3, *size, generator=generator)
    channels[:, -3:-1] = guides
    channels[:, -1] = 0.05
    return channels


def test_untrained_blend_is_the_mean_of_the_images(guided):
    channels = guided_input(torch.rand(2, 2, 18, 21, generator=torch.Generator().manual_seed(2)))
    with torch.no_grad():
        *_, image, blend = guided.forward_stages(channels)
        assert torch.equal(blend, guided(channels))
    expected = (image.clamp_min(0) + channels[:, -3:-1].sum(dim=1, keepdim=True)) / 3
    torch.testing.assert_close(blend, expected)


def test_blend_of_equal_images_without_correction_is_that_image(guided):
    torch.nn.init.normal_(guided.blend.leave.weight[: 4 * 3], std=0.3)
    image = torch.rand(2, 1, 18, 21, generator=torch.Generator().manual_seed(3))
    channels = guided_input(image)
    with torch.no_grad():
        guided.blend.leave.weight[4 * 3 :] = 0
        guided.blend.leave.bias.zero_()
        torch.testing.assert_close(guided.blended(channels, image), image)


def test_blend_depends_on_the_agreement_and_the_noise(guided):
    torch.nn.init.normal_(guided.blend.leave.weight, std=0.3)
    channels = guided_input(torch.rand(2, 2, 18, 21, generator=torch.Generator().manual_seed(2)))
    noisy, other = channels.clone(), channels.clone()
    noisy[:, -1] *= 10
    other[:, 3] += 0.5
    with torch.no_grad():
        results = [guided(one) for one in (channels, noisy, other)]
    assert all(one.shape == (2, 1, 18, 21) for one in results)
    assert (results[0] - results[1]).abs().max() > 1e-3
    assert (results[0] - results[2]).abs().max() > 1e-3
