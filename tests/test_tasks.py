"""What holds for every task, and for every network that its recipe trains."""

import dataclasses
import json
import re
from importlib import import_module

import numpy as np
import pytest
import torch

import sunpy_restore
from sunpy_restore.core.restorer import load_restorer
from sunpy_restore.core.task import TrainingConfig
from sunpy_restore.core.weights import default_for, read_metadata
from sunpy_restore.tasks import TASKS, get_task

CONFIGS = [(task, config) for task in TASKS for config in import_module(task.recipe).configs(task.name).values()]
IDS = [f"{task.name}-{config.name}" for task, config in CONFIGS]

every_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
every_config = pytest.mark.parametrize(("task", "config"), CONFIGS, ids=IDS)


def random_network(task, config):
    """The network in double precision with all its numbers at random, so that none is one that does nothing."""
    generator = torch.Generator().manual_seed(0)
    network = task.build_network(config.network).double().eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            spread = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.1
            start = 1.0 if parameter.ndim == 1 and name.endswith("weight") else 0.0
            parameter.copy_(start + spread * torch.randn(parameter.shape, generator=generator))
    return network


def scene(ny, nx, seed=0):
    return 1 + 0.1 * np.random.default_rng(seed).standard_normal((ny, nx))


def farthest_change(function, image, pixel, *, scale, tolerance, step=0.1):
    """How many input pixels from a pixel its change is seen, along the axis where that is farther."""
    other = image.copy()
    other[pixel] += step
    changed = np.abs(function(other) - function(image)) > tolerance
    rows, cols = (found // scale for found in np.nonzero(changed))
    assert rows.size, "a change of the input is not seen at all"
    return max(np.abs(rows - pixel[0]).max(), np.abs(cols - pixel[1]).max())


def on_array(network):
    def function(image):
        with torch.inference_mode():
            return network(torch.from_numpy(image)[None, None])[0, 0].numpy()

    return function


def test_names_are_unique_and_found():
    names = [task.name for task in TASKS]
    assert len(set(names)) == len(names)
    assert [get_task(name) for name in names] == list(TASKS)
    with pytest.raises(ValueError, match=f"'no-such-task', expected one of {', '.join(names)}"):
        get_task("no-such-task")


@every_task
def test_record(task):
    assert re.fullmatch("[a-z0-9-]+", task.name)
    assert task.name.split("-")[0] == task.verb.split("_")[0]
    assert callable(getattr(sunpy_restore, task.verb))
    assert task.verb in sunpy_restore.__all__
    assert re.fullmatch(r"10\.\d{4,}/\S+", task.doi)
    assert task.title
    assert task.unit
    assert task.scale >= 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.scale = 3


@every_task
def test_doors_of_the_recipe(task):
    recipe = import_module(task.recipe)
    for door in ("configs", "datasets", "evaluation_pairs", "loss", "predict"):
        assert callable(getattr(recipe, door)), door
    assert recipe.DATA[task.name]
    configs = recipe.configs(task.name)
    assert "compact" in configs
    assert {name: config.name for name, config in configs.items()} == {name: name for name in configs}
    assert recipe.configs(task.name) == configs


@every_config
def test_configuration(task, config):
    assert isinstance(config, TrainingConfig)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.steps = 1
    assert config.steps >= config.validation_interval > 0
    assert config.schedule in ("constant", "one-cycle")
    # As weights files and checkpoints keep it
    assert json.loads(json.dumps(dataclasses.asdict(config)))["name"] == config.name


@every_config
def test_network_is_that_of_its_hyperparameters(task, config):
    """Through JSON, as weights files keep them; and building one leaves them alone."""
    before = json.dumps(config.network)
    network = task.build_network(json.loads(before))
    network.load_state_dict(task.build_network(config.network).state_dict())
    assert json.dumps(config.network) == before


@every_task
def test_unknown_architecture_is_refused(task):
    with pytest.raises(ValueError, match="the architecture 'Unknown'"):
        task.build_network({"architecture": "Unknown"})


@every_config
@pytest.mark.parametrize("shape", [(32, 40), (33, 29), (2, 31)])
def test_shape_law(task, config, shape):
    network = task.build_network(config.network).eval()
    with torch.inference_mode():
        restored = network(torch.ones(2, 1, *shape))
    assert restored.shape == (2, 1, task.scale * shape[0], task.scale * shape[1])
    assert torch.isfinite(restored).all()


@every_config
@pytest.mark.parametrize("where", ["centre", "corner", "edge"])
def test_reach_is_true(task, config, where):
    network = random_network(task, config)
    side = 2 * network.reach + 11
    pixel = {"centre": (side // 2, side // 2), "corner": (0, side - 1), "edge": (1, side // 2)}[where]
    far = farthest_change(on_array(network), scene(side, side), pixel, scale=task.scale, tolerance=1e-12)
    assert far <= network.reach
    # Nor is it a safe guess: every pixel of it costs time in every tile
    assert far >= network.reach - 1


@every_task
def test_reach_of_the_finish_is_true(task):
    side = 2 * task.finish_reach + 11
    pixel = (side // 2, side // 2)
    observed = scene(side, side)
    restored = np.repeat(np.repeat(observed, task.scale, axis=0), task.scale, axis=1)
    seen = farthest_change(
        lambda image: task.finish(restored, image), observed, pixel, scale=task.scale, tolerance=1e-12
    )
    assert seen <= task.finish_reach
    shape = task.finish(restored, observed).shape
    assert shape == (task.scale * side, task.scale * side)

    def finish(restored):
        return task.finish(restored, observed)

    pixel = tuple(task.scale * n for n in pixel)
    assert farthest_change(finish, restored, pixel, scale=1, tolerance=1e-12) <= task.scale * (task.finish_reach + 1)


@every_task
def test_classical_methods(task):
    assert task.classical
    for name, method in task.classical.items():
        assert name != "network"
        image = scene(2 * method.reach + 11, 2 * method.reach + 9)
        assert method.function(image[:5, :8]).shape == (task.scale * 5, task.scale * 8), name
        pixel = tuple(n // 2 for n in image.shape)
        # An iteration looks arbitrarily far, but there it sees less than any noise
        far = farthest_change(method.function, image, pixel, scale=task.scale, tolerance=5e-4)
        assert far <= method.reach, name


@every_config
def test_prediction_and_loss_of_a_batch(task, config):
    recipe = import_module(task.recipe)
    network = task.build_network(config.network)
    margin = config.options.get("margin", 0)
    patch = 16
    batch = [torch.randn(2, 1, side, side) for side in (patch + 2 * margin, task.scale * patch)]
    assert recipe.predict(network, batch[0], config).shape == batch[1].shape
    loss = recipe.loss(network, batch, config)
    loss.backward()
    assert loss.shape == ()
    assert torch.isfinite(loss)
    assert any(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def numbers(network):
    """How many numbers a weights file holds, counters of batches aside, and how many of them are trained."""
    state = sum(tensor.numel() for tensor in network.state_dict().values() if tensor.is_floating_point())
    return state, sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("name", ["enhance-continuum", "enhance-magnetogram"])
def test_sizes_of_the_papers_networks(name):
    """Diaz Baso & Asensio Ramos (2018), section 2: running means and variances are the numbers that are not trained."""
    task = get_task(name)
    configs = import_module(task.recipe).configs(name)
    assert numbers(task.build_network(configs["paper"].network)) == (446_657, 445_249)
    total, trained = numbers(task.build_network(configs["light"].network))
    assert 36_000 < trained < total < 41_000


@every_task
def test_tiled_equals_untiled(task):
    """Of every method, with the weights of the package; Richardson-Lucy looks farther than its tiles by a trace."""
    image = scene(110, 90)
    for method in ("network", *task.classical):
        restorer = load_restorer(task, method)
        whole = restorer(image, tile=128)
        tolerance = 5e-4 if method == "richardson-lucy" else 1e-5
        assert np.abs(restorer(image, tile=48) - whole).max() < tolerance * whole.std(), method


@every_task
def test_default_weights_beat_the_classical_methods(task):
    """By their own score table, on every source that was kept back."""
    entry = default_for(task.name)
    table = read_metadata(entry.folder / entry.file)["scores"]
    assert table
    for source, methods in table.items():
        best = max(methods[method]["psnr"] for method in task.classical)
        assert methods["network"]["psnr"] > best + 1, source
        assert methods["network"]["contrast"] == pytest.approx(1, abs=0.05), source


@every_task
def test_model_card_says_what_the_recipe_says(task):
    entry = default_for(task.name)
    assert read_metadata(entry.folder / entry.file)["training_data"] == import_module(task.recipe).DATA[task.name]
