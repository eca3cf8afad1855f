"""The unrolled U-Net: the physics between its stages, and that nothing outside of it matters."""

import numpy as np
import pytest
import torch

from sunpy_restore.backprojection.channels import BEAM, PIXEL, planes_of
from sunpy_restore.backprojection.forward import draw_scene, noisy_visibilities
from sunpy_restore.backprojection.fourier import Grid
from sunpy_restore.backprojection.scenes import FWHM, ellipse, image_of, joined, loop, point, visibilities_of_scene
from sunpy_restore.backprojection.uvplane import stix_uv
from sunpy_restore.networks.acceleration import accelerate
from sunpy_restore.networks.unrolled import UnrolledUNet

ALL = stix_uv(range(1, 11))
UV = np.stack([ALL.u, ALL.v], axis=1).reshape(10, 3, 2).tolist()
SCENES = [
    point(1, 30, -17),
    joined([point(0.3, 20, -15), ellipse(0.7, -22, 8, 30, 14, 0.7)]),
    loop(1, 5, 10, 40, 8, 1.0, 2.0, 0.3),
]


def random_network(stages=2, seed=0):
    """With all its numbers at random, the last layers too."""
    generator = torch.Generator().manual_seed(seed)
    network = UnrolledUNet(UV, PIXEL, BEAM, widths=[6, 8], stages=stages).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            spread = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.1
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
    return network


def observed(shape, numbers=range(3, 11), seeds=(0,)):
    grid, plane = Grid(shape, (PIXEL, PIXEL)), stix_uv(numbers)
    planes = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        planes.append(planes_of(noisy_visibilities(draw_scene(rng, 100.0), plane, rng), plane, grid)[0])
    return torch.from_numpy(np.stack(planes))


@pytest.mark.parametrize("shape", [(64, 64), (61, 70)])
def test_explained_are_the_planes_of_the_scene_behind_the_beam(shape):
    """What the network assumes of its answer is what the planes are made of."""
    grid = Grid(shape, (PIXEL, PIXEL))
    network = UnrolledUNet(UV, PIXEL, BEAM)
    damping = np.exp(-2 * (np.pi * BEAM / FWHM * ALL.frequency) ** 2)
    for scene in SCENES:
        planes, unit = planes_of(damping * visibilities_of_scene(scene, ALL), ALL, grid)
        image = torch.from_numpy(image_of(scene, grid, BEAM) / unit).float()
        explained = network.explained(image[None, None])
        assert explained.shape == (1, 10, *shape)
        np.testing.assert_allclose(explained[0], planes[1:-1], atol=1e-3)


def test_explained_of_a_batch_and_of_sums():
    network = random_network()
    images = torch.randn(3, 1, 24, 30, generator=torch.Generator().manual_seed(1))
    together = network.explained(images)
    for image, one in zip(images, together, strict=True):
        torch.testing.assert_close(network.explained(image[None])[0], one)
    torch.testing.assert_close(
        network.explained(images.sum(dim=0, keepdim=True))[0], together.sum(dim=0), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("stages", [1, 2, 3])
@pytest.mark.parametrize("shape", [(32, 40), (33, 29), (2, 31), (1, 1)])
def test_shapes(shape, stages):
    planes = torch.randn(2, 12, *shape, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        restored = random_network(stages)(planes)
    assert restored.shape == (2, 1, *shape)
    assert restored.dtype == torch.float32
    assert torch.isfinite(restored).all()


def test_starts_at_zero_and_learns_in_every_stage():
    network = UnrolledUNet(UV, PIXEL, BEAM, widths=[6, 8], stages=3)
    planes = observed((32, 32))
    assert not network(planes).any()
    network = random_network(3).train()
    network(planes).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name


def test_later_stages_see_what_is_left():
    """An answer that explains the planes leaves nothing to them: the difference is what they get."""
    grid = Grid((64, 64), (PIXEL, PIXEL))
    planes, unit = planes_of(visibilities_of_scene(SCENES[1], ALL), ALL, grid)
    planes = torch.from_numpy(planes)[None]
    truth = torch.from_numpy(image_of(SCENES[1], grid, BEAM) / unit).float()[None, None]
    network, seen = UnrolledUNet(UV, PIXEL, BEAM, widths=[6, 8], stages=2), []
    network.stages[0].correction = lambda features: truth
    network.stages[1].correction = lambda features: seen.append(features) or torch.zeros_like(truth)
    torch.testing.assert_close(network(planes), truth)
    # Planes, image, what is left of the groups, and which of them are used
    torch.testing.assert_close(seen[0][:, 11:12], truth)
    assert seen[0].shape[1] == 11 + 1 + 10 + 10
    # To the damping of one orientation beside that of another
    assert seen[0][:, 12:22].abs().max() < 5e-3
    assert planes[:, 1:11].abs().max() > 0.5
    assert (seen[0][:, 22:] == 1).all()


@pytest.mark.parametrize("numbers", [[3], range(3, 11), range(1, 11)])
def test_groups_that_are_not_used_are_told_and_leave_nothing(numbers):
    network, seen = random_network(), []
    correction = network.stages[1].correction
    network.stages[1].correction = lambda features: seen.append(features) or correction(features)
    with torch.inference_mode():
        assert torch.isfinite(network(observed((40, 40), numbers))).all()
    used = torch.tensor([number in numbers for number in range(1, 11)])
    assert (seen[0][0, 22:].flatten(1) == used[:, None]).all()
    assert (seen[0][0, 12:22].flatten(1).abs().amax(dim=1) > 0).tolist() == used.tolist()


def test_last_plane_is_not_looked_at():
    network, planes = random_network(), observed((32, 33))
    other = planes.clone()
    other[:, -1] = 1e9
    with torch.inference_mode():
        torch.testing.assert_close(network(planes), network(other), rtol=0, atol=0)


def test_images_of_a_batch_do_not_see_each_other():
    network, planes = random_network(), observed((32, 40), seeds=(0, 1, 2))
    with torch.inference_mode():
        together = network(planes)
        for number in range(3):
            alone = network(planes[number : number + 1])
            torch.testing.assert_close(together[number : number + 1], alone, rtol=1e-4, atol=1e-5)


def test_half_precision_leaves_the_physics_in_single_precision():
    network, planes = random_network(), observed((48, 48))
    image = planes[:, :1]
    with torch.inference_mode():
        expected, explained = network(planes), network.explained(image)
        with torch.autocast("cpu", torch.bfloat16):
            found, same = network(planes), network.explained(image)
    assert found.dtype == torch.float32
    torch.testing.assert_close(same, explained, rtol=0, atol=0)
    assert (found - expected).norm() < 0.05 * expected.norm()


def test_double_precision():
    network, planes = random_network(), observed((32, 32))
    with torch.inference_mode():
        expected = network(planes)
        found = network.double()(planes.double())
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.float(), expected, rtol=1e-3, atol=1e-4)


def test_accelerated_network_gives_the_same_for_any_size():
    network = random_network()
    fast = accelerate(network)
    with torch.inference_mode():
        for shape in ((32, 32), (40, 25)):
            torch.testing.assert_close(fast(observed(shape)), network(observed(shape)), rtol=1e-3, atol=1e-4)


def test_weights_files_hold_no_points():
    """The points are those of the hyperparameters."""
    names = random_network().state_dict()
    assert not {"uv", "scale"} & set(names)
    network = random_network()
    assert (network.stride, network.receptive_radius) == (4, None)
