"""Configurations: the networks that they build, the weights that a stage starts from, and the gate."""

import pytest
import torch

from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.weights.store import default_for, read
from sunpy_restore.inpainting.recipe.stages import widened
from sunpy_restore.inpainting.task import CHANNELS, TASK
from sunpy_restore.networks.unet import CoronaUNet

RECIPE = recipe_of(TASK)


def random_network(seed=0, gate=0.0, **options):
    generator = torch.Generator().manual_seed(seed)
    network = CoronaUNet(widths=[4, 6], **options).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
        network.gate.fill_(gate)
    return network


def channels(ny=40, nx=37):
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(1, len(CHANNELS), ny, nx, generator=generator)
    mask = torch.rand(1, ny, nx, generator=generator) < 0.3
    for name in ("mask", "unobserved", "seen", "coherence"):
        image[:, CHANNELS.index(name)] = torch.rand(1, ny, nx, generator=generator).round()
    image[:, CHANNELS.index("mask")] = mask.float()
    image[:, CHANNELS.index("unobserved")] *= ~mask
    return image


@pytest.mark.parametrize("name", RECIPE.configs())
def test_configurations_build_their_networks(name):
    config = RECIPE.configs()[name]
    assert config.name == name
    # That of the paper is large
    options = {"width": 2} if "width" in config.network else {}
    network = TASK.build_network(config.network | options)
    assert network.view == config.network["view"]
    if name == "compact":
        assert 4 * sum(parameter.numel() for parameter in network.parameters()) < 8e6


def test_the_compact_configuration_builds_the_weights_in_the_package():
    config, entry = RECIPE.configs()["compact"], default_for("inpaint")
    state, metadata = read(entry.folder / entry.file)
    assert metadata["hyperparameters"] == dict(config.network)
    network = TASK.build_network(config.network)
    network.load_state_dict(state)
    assert network.gate == config.options["gate"]


@pytest.mark.parametrize("others", [2, 4])
def test_widened_weights_give_the_same_output(others):
    narrow, wide = random_network(), CoronaUNet(widths=[4, 6], others=others).eval()
    wide.load_state_dict(widened(narrow.state_dict(), wide))
    observed = channels()
    with torch.inference_mode():
        torch.testing.assert_close(wide(observed), narrow(observed))
    # The weights of the additional fills can be learned
    wide(observed).square().sum().backward()
    assert (wide.leave.weight.grad.abs().amax(dim=(1, 2, 3)) > 0).all()


@pytest.mark.parametrize("base", range(5))
def test_widened_weights_return_an_additional_fill_that_is_to_be_corrected(base):
    narrow, observed = random_network(others=2), channels(24, 20)
    wide = CoronaUNet(widths=[4, 6], others=4, base=base).eval()
    wide.load_state_dict(widened(narrow.state_dict(), wide))
    # The features of the image are kept
    torch.testing.assert_close(wide.enter.weight[:, : narrow.enter.weight.shape[1]], narrow.enter.weight)
    fill = CHANNELS.index("plain") + base - 1 if base else 0
    with torch.inference_mode():
        assert torch.equal(wide(observed), observed[:, fill : fill + 1]) == (base > 2)


def test_weights_of_the_same_network_are_not_changed():
    network = random_network(others=3)
    state = widened(network.state_dict(), network)
    assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())


def test_weights_that_cannot_be_widened_are_refused_by_the_network():
    for other in (CoronaUNet(widths=[4, 8]), CoronaUNet(widths=[4, 6], others=3)):
        network = CoronaUNet(widths=[4, 6])
        with pytest.raises(RuntimeError, match="size mismatch"):
            network.load_state_dict(widened(other.state_dict(), network))


def test_stages_start_from_the_weights_of_the_stage_before():
    """With a gate of zero, whatever that of the weights is."""
    configs, before = RECIPE.configs(), None
    for name in ("broad", "aimed", "compact"):
        network = TASK.build_network(configs[name].network | {"widths": [4, 6]})
        if before is not None:
            network.load_state_dict(RECIPE.starting_weights(network, before.state_dict()))
        assert network.gate == 0
        network.gate.fill_(3.0)
        before = network


def test_starting_weights_of_the_layered_network_are_not_changed():
    network = TASK.build_network(RECIPE.configs()["layered-pixel"].network | {"width": 2, "depth": 2})
    state = network.state_dict()
    assert RECIPE.starting_weights(network, state) is state


@pytest.mark.parametrize(("name", "gate"), [("broad", 0), ("aimed", 0), ("compact", 10)])
def test_the_gate_is_set_after_training(name, gate, tmp_path):
    network = CoronaUNet(widths=[4, 6])
    RECIPE.calibrate(network, tmp_path, RECIPE.configs()[name])
    assert network.gate == gate
