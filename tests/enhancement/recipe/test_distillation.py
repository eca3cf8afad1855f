"""Networks learn from the output of larger ones."""

from dataclasses import replace

import pytest
import torch

from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.weights.registry import entry_named
from sunpy_restore.enhancement.recipe.distillation import teacher_of
from sunpy_restore.tasks import get_task

TASKS = ("enhance-continuum", "enhance-magnetogram")


@pytest.fixture(params=TASKS)
def recipe(request):
    return recipe_of(get_task(request.param))


@pytest.fixture
def network(recipe):
    torch.manual_seed(0)
    return recipe.task.build_network(recipe.configs()["light"].network)


@pytest.fixture
def batch(recipe):
    generator = torch.Generator().manual_seed(0)
    side = 16 + 2 * recipe.configs()["light"].options["margin"]
    observed = 1 + 0.1 * torch.randn((2, len(recipe.task.channels), side, side), generator=generator)
    return observed, 1 + 0.1 * torch.randn((2, 1, 32, 32), generator=generator)


def with_options(recipe, **options):
    config = recipe.configs()["light"]
    return replace(config, options=config.options | options)


def work(network):
    """Products per pixel of the input in the trained convolutions, which are all applied there."""
    return sum(module.weight.numel() for module in network.modules() if isinstance(module, torch.nn.Conv2d))


def test_the_convolutions_need_less_than_a_fifth_of_the_work(recipe, network):
    full = recipe.task.build_network(recipe.configs()["compact"].network)
    assert 5 * work(network) < work(full)
    # The fixed linear filters are the same in both
    assert network.filter.shape == full.filter.shape


def test_the_loss_is_a_mixture(recipe, network, batch):
    losses = [recipe.loss(network, batch, with_options(recipe, distillation=share)).item() for share in (0, 0.25, 1)]
    assert losses[1] == pytest.approx(0.75 * losses[0] + 0.25 * losses[2], rel=1e-5)
    assert losses[0] != pytest.approx(losses[2], rel=1e-3)
    options = {key: value for key, value in with_options(recipe).options.items() if key != "teacher"}
    alone = recipe.loss(network, batch, replace(with_options(recipe), options=options)).item()
    assert losses[0] == pytest.approx(alone, rel=1e-6)


def test_the_teacher_has_nothing_to_learn_from_itself(recipe, batch):
    config = with_options(recipe, distillation=1.0)
    teacher = teacher_of(recipe.task, config, torch.device("cpu"))
    assert recipe.loss(teacher, batch, config).item() == pytest.approx(0, abs=1e-9)
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_only_the_network_gets_gradients(recipe, network, batch):
    recipe.loss(network, batch, with_options(recipe)).backward()
    assert network.tail.weight.grad.abs().sum() > 0


def test_the_weights_name_their_teacher(recipe, tmp_path):
    config = recipe.configs()["light"]
    entry = entry_named(config.options["teacher"])
    assert recipe.metadata(tmp_path, config) == {"teacher": f"{entry.name} (SHA-256 {entry.sha256})"}
    assert recipe.metadata(tmp_path, recipe.configs()["compact"]) == {}


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_shares_out_of_range_are_refused(recipe, network, batch, share):
    with pytest.raises(ValueError, match=rf"Found options\.distillation = {share}; expected a number between 0 and 1"):
        recipe.loss(network, batch, with_options(recipe, distillation=share))
