"""The recipe: configurations, scenes that are the same in every run, and a loss that the truth has least of."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from sunpy_restore.backprojection.channels import BEAM, PIXEL, PLANES
from sunpy_restore.backprojection.clean import beam_area, clean_planes
from sunpy_restore.backprojection.forward import draw_scene, draw_subcollimators, noisy_visibilities
from sunpy_restore.backprojection.fourier import Grid, back_projection, weights_of
from sunpy_restore.backprojection.recipe import (
    SceneDataset,
    build_adversary,
    configs,
    content_loss,
    datasets,
    loss,
    predict,
    simulated,
)
from sunpy_restore.backprojection.scenes import image_of
from sunpy_restore.backprojection.task import BACKPROJ
from sunpy_restore.backprojection.uvplane import stix_uv
from sunpy_restore.networks.papers.pix2pix_clean import CleanDiscriminator, CleanPix2Pix
from sunpy_restore.networks.unrolled import UnrolledUNet

OPTIONS = {"target": "truth", "sides": {"24": 0.5, "32": 0.5}}


PLAIN = replace(configs("backproj")["compact"], options=OPTIONS)


def make_dataset(length=24, batch_size=4, seed=0, **options):
    return SceneDataset(length, batch_size=batch_size, options=OPTIONS | options, seed=seed)


def test_configurations_survive_json():
    """As they are written into weights."""
    for name, config in configs("backproj").items():
        assert config.name == name
        again = json.loads(json.dumps(asdict(config)))
        assert again["network"] == config.network
        assert again["options"] == config.options
        assert sum(config.options["sides"].values()) == pytest.approx(1)
        assert again["adversary"] == config.adversary


def test_networks_of_the_configurations():
    compact, paper = (configs("backproj")[name].network for name in ("compact", "paper"))
    compact, paper = BACKPROJ.build_network(compact), BACKPROJ.build_network(paper | {"width": 4})
    assert isinstance(compact, UnrolledUNet)
    plane = stix_uv(range(1, 11))
    np.testing.assert_allclose(compact.uv, np.stack([plane.u, plane.v], axis=1), rtol=1e-6)
    assert compact.pixel == PIXEL
    assert isinstance(paper, CleanPix2Pix)
    adversary = configs("backproj")["paper"].adversary
    assert isinstance(build_adversary(adversary | {"width": 4}), CleanDiscriminator)
    with pytest.raises(ValueError, match="'magic', expected 'CleanDiscriminator'"):
        build_adversary({"architecture": "magic"})
    with pytest.raises(ValueError, match="'magic', expected 'UnrolledUNet' or 'CleanPix2Pix'"):
        BACKPROJ.build_network({"architecture": "magic"})


def test_items_are_the_same_in_every_run_and_in_any_order():
    one, other = make_dataset(), make_dataset(length=100)
    for index in (17, 0, 5):
        for part, again in zip(one[index], other[index], strict=True):
            assert torch.equal(part, again)
    assert len(one) == 24
    assert not torch.equal(make_dataset(seed=1)[0][0].flatten()[:99], one[0][0].flatten()[:99])
    assert not torch.equal(one[0][0], one[1][0])


def test_items_of_a_batch_have_one_size_and_batches_several():
    dataset = make_dataset()
    sizes = [dataset[index][0].shape[-1] for index in range(24)]
    assert set(sizes) == {24, 32}
    for first in range(0, 24, 4):
        assert len(set(sizes[first : first + 4])) == 1
    planes, truth = dataset[0]
    assert planes.shape == (len(PLANES), sizes[0], sizes[0])
    assert truth.shape == (1, sizes[0], sizes[0])
    assert planes.dtype == truth.dtype == torch.float32


@pytest.mark.parametrize("side", [64, 128])
def test_truth_has_a_flux_of_1_in_the_unit_of_the_planes(side):
    """But for what wide sources have outside of the field."""
    fluxes = []
    for seed in range(12):
        planes, truth = simulated(np.random.default_rng(seed), side)
        rng, grid = np.random.default_rng(seed), Grid((side, side), (PIXEL, PIXEL))
        scene, plane = draw_scene(rng, PIXEL * min(side, 96)), stix_uv(draw_subcollimators(rng))
        found = noisy_visibilities(scene, plane, rng)
        unit = back_projection(found, plane, grid, weights_of(plane)).max()
        assert planes.shape == (len(PLANES), side, side)
        assert planes[0].max() == pytest.approx(1)
        np.testing.assert_array_equal(planes[-1], np.float32(PIXEL))
        np.testing.assert_allclose(truth * unit, image_of(scene, grid, BEAM), atol=1e-6)
        fluxes.append(truth.sum() * PIXEL**2 / beam_area() * unit)
    assert 0.5 < min(fluxes)
    assert max(fluxes) < 1.001
    assert np.median(fluxes) == pytest.approx(1, abs=0.01)


def test_target_of_clean():
    truth, cleaned = make_dataset(), make_dataset(target="clean")
    assert torch.equal(truth[3][0], cleaned[3][0])
    np.testing.assert_array_equal(cleaned[3][1][0], clean_planes(truth[3][0].numpy()).astype(np.float32))
    assert not torch.equal(truth[3][1], cleaned[3][1])


def test_training_and_validation():
    config = replace(configs("backproj")["compact"], steps=3, batch_size=2, options=OPTIONS)
    training, validation = datasets("backproj", None, config)
    assert len(training) == 6
    assert list(validation) == ["scenes"]
    planes, truth = validation["scenes"][0]
    assert len(validation["scenes"]) == 192
    assert planes.shape == (len(PLANES), 64, 64)
    assert truth.shape == (1, 64, 64)
    expected = simulated(np.random.default_rng([99, 0]), 64)
    np.testing.assert_array_equal(planes, expected[0])
    np.testing.assert_array_equal(truth[0], expected[1])


class Answers(torch.nn.Module):
    """A network of known answers."""

    def __init__(self, *images):
        super().__init__()
        self.images = images

    def forward_stages(self, planes):
        return list(self.images)


def test_loss():
    """Of the truth it is the quiet error alone; earlier stages count less; the flux that remains counts."""
    planes, truth = (
        torch.stack(parts) for parts in zip(*[make_dataset(length=4)[index] for index in range(4)], strict=True)
    )
    batch = planes, truth
    least = float(loss(Answers(truth), batch, PLAIN))
    assert least == pytest.approx(0.01, rel=1e-4)
    wrong = 1.2 * truth
    one = float(loss(Answers(wrong), batch, PLAIN))
    # Relative error 0.2, and 0.2 of the flux, beyond 0.1 of which a share of 0.05 is taken off
    assert one == pytest.approx(np.sqrt(0.2**2 + 1e-4) + 0.3 * 0.15, rel=1e-3)
    late = float(loss(Answers(truth, wrong), batch, PLAIN))
    early = float(loss(Answers(wrong, truth), batch, PLAIN))
    assert late == pytest.approx(one + 0.3 * least, rel=1e-4)
    assert early == pytest.approx(0.3 * one + least, rel=1e-4)
    assert early < late
    negative = truth - 0.1 * (truth < 1e-3)
    errors = (negative - truth).square().sum(dim=(1, 2, 3)) / truth.square().sum(dim=(1, 2, 3))
    expected = float((errors + 1e-4).sqrt().mean())
    assert float(loss(Answers(negative), batch, PLAIN)) == pytest.approx(expected, abs=0.02)


def test_loss_of_a_network_reaches_all_its_numbers():
    torch.manual_seed(0)
    network = BACKPROJ.build_network(configs("backproj")["compact"].network | {"widths": [4, 6]})
    for stage in network.stages:
        torch.nn.init.normal_(stage.leave.weight, std=0.1)
    batch = [part[None] for part in make_dataset()[0]]
    loss(network, batch, PLAIN).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.abs().max() > 0, name
    with torch.no_grad():
        assert torch.equal(predict(network, batch[0], PLAIN), network(batch[0]))


def test_content_loss_is_the_l1_norm():
    config = configs("backproj")["paper"]
    truth = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert float(content_loss(truth + 0.25, (None, truth), config)) == pytest.approx(25, rel=1e-5)
