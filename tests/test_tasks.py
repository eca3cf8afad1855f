"""What holds for every task, and for every network that its recipe trains."""

import dataclasses
import json
import re
from importlib import import_module
from itertools import product

import numpy as np
import pytest
import torch

import sunpy_restore
from sunpy_restore.core.filling import harmonic
from sunpy_restore.core.restorer import load_restorer
from sunpy_restore.core.task import TrainingConfig
from sunpy_restore.core.weights import default_for, read_metadata
from sunpy_restore.tasks import RESTORATIONS, TASKS, get_task


def configured(tasks):
    pairs = [(task, config) for task in tasks for config in import_module(task.recipe).configs(task.name).values()]
    names = [f"{task.name}-{config.name}" for task, config in pairs]
    return pytest.mark.parametrize(("task", "config"), pairs, ids=names)


every_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
every_config = configured(TASKS)
every_restoration = pytest.mark.parametrize("task", RESTORATIONS, ids=lambda task: task.name)
every_restoring_config = configured(RESTORATIONS)


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


def blobs(ny, nx):
    """Two round holes, which leave pixels of any image but a single one."""
    y, x = np.ogrid[:ny, :nx]
    radius = min(ny, nx) / 5
    holes = ((ny // 2, nx // 3, radius), (ny // 4, 3 * nx // 4, radius / 2))
    return np.any([np.hypot(y - row, x - column) <= size for row, column, size in holes], axis=0)


def observation(task, ny, nx, seed=0):
    """
    An observation with all planes of the task.

    What is masked is filled, and in its lower half known to be full. Neighbours show the other half, and a corner shows
    nothing.
    """
    planes = {"image": scene(ny, nx, seed)}
    if "mask" in task.planes:
        mask, upper = blobs(ny, nx), np.broadcast_to(np.arange(ny)[:, np.newaxis] > ny // 2, (ny, nx))
        blind = ~mask & (np.add.outer(np.arange(ny), np.arange(nx)) < min(ny, nx) // 4)
        blind &= "blind" in task.planes
        image = harmonic(np.where(blind, 0, planes["image"]), mask, blind)
        planes |= {"image": image, "mask": mask, "level": mask & ~upper, "blind": blind, "seen": upper & ~blind}
        planes |= {"pattern": scene(ny, nx, seed + 1) - 1, "noise": np.full((ny, nx), -0.5)}
        others = enumerate(("plain", "radial", "plate", "radial_plate", "rings", "rays", "coherent"), seed + 3)
        planes |= {name: np.where(mask, image + 0.1 * scene(ny, nx, number), image) for number, name in others}
        planes["coherence"] = np.clip(np.where(blind, 0, scene(ny, nx, seed + 9)), 0, 1)
        planes["neighbours"] = np.where(planes["seen"], scene(ny, nx, seed + 2), 0)
    # Back-projections of the visibilities of some sub-collimators, as much as an image has of them
    used = {f"subcollimator{number}": scene(ny, nx, seed + number) - 1 for number in range(3, 11)}
    planes |= {f"subcollimator{number}": np.zeros((ny, nx)) for number in (1, 2)} | used
    planes["pixel"] = np.full((ny, nx), 4.0)
    observed = np.stack([planes[name] for name in task.planes]).astype(float)
    return observed if len(observed) > 1 else observed[0]


def mask_of(task, observed):
    """Where a pixel may be changed by the task."""
    return (
        observed[task.planes.index("mask")] > 0 if "mask" in task.planes else np.ones(observed.shape[-2:], dtype=bool)
    )


def nearest_to_middle(where):
    found = np.argwhere(where)
    return tuple(found[np.abs(found - np.array(where.shape) // 2).max(axis=1).argmin()])


def batch_of(task, *shape, seeds=(0, 1)):
    """Observations as a network takes them."""
    return torch.from_numpy(np.stack([observation(task, *shape, seed).reshape(-1, *shape) for seed in seeds]))


def farthest_change(function, array, pixel, *, scale, tolerance, step=0.1):
    """How many input pixels from a pixel of the image its change is seen, along the axis where that is farther."""
    other = array.copy()
    (other[0] if other.ndim == 3 else other)[pixel] += step
    changed = np.abs(function(other) - function(array)) > tolerance
    rows, cols = (found // scale for found in np.nonzero(changed))
    assert rows.size, "a change of the input is not seen at all"
    return max(np.abs(rows - pixel[0]).max(), np.abs(cols - pixel[1]).max())


def farthest_seen(network, observed, pixel, scale):
    """How many input pixels from a pixel lies what its part of the result depends on."""
    observed = observed.clone().requires_grad_()
    rows, cols = (slice(scale * place, scale * (place + 1)) for place in pixel)
    (gradient,) = torch.autograd.grad(network(observed)[..., rows, cols].sum(), observed)
    seen = gradient[0].any(dim=0).nonzero()
    assert len(seen), "the result does not depend on the input at all"
    return int((seen - torch.tensor(pixel)).abs().max())


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
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.title = "another"


@every_restoration
def test_record_of_a_restoration(task):
    assert task.scale >= 1
    assert task.planes[0] == "image"
    assert len(set(task.planes)) == len(task.planes)
    known = {"image", "mask", "level", "blind", "pattern", "noise", "neighbours", "seen", "pixel"}
    known |= {"plain", "radial", "plate", "radial_plate", "rings", "rays", "coherent", "coherence"}
    assert set(task.planes) <= known | {f"subcollimator{number}" for number in range(1, 11)}
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.scale = 3


@every_task
def test_doors_of_the_recipe(task):
    recipe = import_module(task.recipe)
    for door in ("configs", "datasets", "evaluation_pairs", "loss", "measure", "predict"):
        assert callable(getattr(recipe, door)), door
    assert recipe.DATA[task.name]
    configs = recipe.configs(task.name)
    assert "compact" in configs
    assert {name: config.name for name, config in configs.items()} == {name: name for name in configs}
    assert recipe.configs(task.name) == configs
    if any(config.adversary for config in configs.values()):
        assert callable(recipe.build_adversary)
        assert callable(recipe.content_loss)


@every_config
def test_configuration(task, config):
    assert isinstance(config, TrainingConfig)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.steps = 1
    assert config.steps >= config.validation_interval > 0
    assert config.schedule in ("constant", "halving", "one-cycle")
    assert (config.halving > 0) == (config.schedule == "halving")
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


@every_restoring_config
@pytest.mark.parametrize("shape", [(32, 40), (33, 29), (2, 31)])
def test_shape_law(task, config, shape):
    network = task.build_network(config.network).eval()
    with torch.inference_mode():
        restored = network(batch_of(task, *shape).float())
    assert restored.shape == (2, 1, task.scale * shape[0], task.scale * shape[1])
    assert torch.isfinite(restored).all()


@every_restoring_config
def test_reach_is_true(task, config):
    """Of all places in the grid on which a network samples its input, where it does, the farthest counts."""
    network = random_network(task, config)
    if network.reach is None:
        pytest.skip("the network looks at all of the image")
    multiple = getattr(network, "multiple", 1)
    across = max(multiple, 16)
    side = -(-(2 * network.reach + 11) // multiple) * multiple
    for axis, first in product((0, 1), (0, side // 2, side - multiple)):
        observed = batch_of(task, *((side, across) if axis == 0 else (across, side)), seeds=(0,))
        if "mask" in task.planes:
            # What is not masked stays as it is, and sees nothing
            observed[:, task.planes.index("mask")] = 1
        places = [(place, across // 2)[:: 1 if axis == 0 else -1] for place in range(first, first + multiple)]
        far = max(farthest_seen(network, observed, pixel, task.scale) for pixel in places)
        assert far <= network.reach, (axis, first)
        # Nor is it a safe guess: every pixel of it costs time in every tile
        assert far >= network.reach - 1, (axis, first)


@every_restoration
def test_reach_of_the_finish_is_true(task):
    side = 2 * task.finish_reach + 11
    observed = observation(task, side, side)
    mask = mask_of(task, observed)
    image = observed[0] if observed.ndim == 3 else observed
    restored = np.repeat(np.repeat(image, task.scale, axis=0), task.scale, axis=1)
    # What is masked may be changed by the restoration, what is not by the observation
    pixel = nearest_to_middle(mask if mask.all() else ~mask)
    # What only looks at the restored image, such as a limit of its values, sees nothing of the observation
    if not np.array_equal(task.finish(restored, 2 * observed), task.finish(restored, observed)):
        seen = farthest_change(
            lambda other: task.finish(restored, other), observed, pixel, scale=task.scale, tolerance=1e-12
        )
        assert seen <= task.finish_reach
    shape = task.finish(restored, observed).shape
    assert shape == (task.scale * side, task.scale * side)

    def finish(restored):
        return task.finish(restored, observed)

    pixel = tuple(task.scale * n for n in nearest_to_middle(mask))
    assert farthest_change(finish, restored, pixel, scale=1, tolerance=1e-12) <= task.scale * (task.finish_reach + 1)


@every_restoration
def test_classical_methods(task):
    assert task.classical
    for name, method in task.classical.items():
        assert name != "network"
        small = method.function(observation(task, 5, 8))
        assert small.shape == (task.scale * 5, task.scale * 8), name
        assert np.isfinite(small).all(), name
        if method.reach is None:
            continue
        observed = observation(task, 2 * method.reach + 11, 2 * method.reach + 9)
        mask = mask_of(task, observed)
        pixel = nearest_to_middle(mask if mask.all() else ~mask)
        # An iteration looks arbitrarily far, but there it sees less than any noise
        far = farthest_change(method.function, observed, pixel, scale=task.scale, tolerance=5e-4)
        assert far <= method.reach, name


@every_restoration
def test_methods_that_look_at_all_of_the_image_get_it_whole(task):
    whole = [name for name, method in task.classical.items() if method.reach is None]
    observed = observation(task, 50, 41).astype(np.float32)
    for name in whole:
        restored = load_restorer(task, name)(observed, tile=16)
        np.testing.assert_allclose(restored, task.classical[name].function(observed), rtol=1e-6, err_msg=name)


@every_restoration
def test_valid_pixels_stay_as_they_are(task):
    """Of tasks that fill masked pixels, by every method."""
    if "mask" not in task.planes:
        pytest.skip("the task restores all pixels")
    observed = observation(task, 70, 81).astype(np.float32)
    valid = ~mask_of(task, observed)
    for method in ("network", *task.classical):
        restored = load_restorer(task, method)(observed)
        np.testing.assert_array_equal(restored[valid], observed[0][valid], err_msg=method)
        assert np.isfinite(restored).all(), method


@every_restoring_config
def test_prediction_and_loss_of_a_batch(task, config):
    recipe = import_module(task.recipe)
    if config.options.get("features") == "vgg19":
        # They would have to be downloaded; others are used in the same way
        config = dataclasses.replace(config, options={**config.options, "features": "oriented"})
    network = task.build_network(config.network)
    margin = config.options.get("margin", 0)
    patch = 16
    truth = np.stack([scene(task.scale * patch, task.scale * patch, seed) for seed in (2, 3)])[:, np.newaxis]
    batch = [batch_of(task, patch + 2 * margin, patch + 2 * margin).float(), torch.from_numpy(truth).float()]
    assert recipe.predict(network, batch[0], config).shape == batch[1].shape
    if config.adversary:
        restored = recipe.predict(network, batch[0], config)
        logits = recipe.build_adversary(config.adversary)(batch[0], restored)
        assert len(logits) == 2
        loss = recipe.content_loss(restored, batch, config) - logits.mean()
    else:
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


@every_restoration
def test_tiled_equals_untiled(task):
    """Of every method, with the weights of the package; Richardson-Lucy looks farther than its tiles by a trace."""
    image = observation(task, 110, 90)
    for method in ("network", *task.classical):
        restorer = load_restorer(task, method)
        whole = restorer(image, tile=128)
        tolerance = 5e-4 if method == "richardson-lucy" else 1e-5
        assert np.abs(restorer(image, tile=48) - whole).max() < tolerance * whole.std(), method


@every_restoration
def test_default_weights_beat_the_classical_methods(task):
    """By their own score table, on every source that was kept back and has such a score."""
    entry = default_for(task.name)
    table = read_metadata(entry.folder / entry.file)["scores"]

    def scored(name, choose):
        classical = {
            source: [methods.get(method, {}).get(name) for method in task.classical]
            for source, methods in table.items()
        }
        return [
            (methods["network"][name], choose(value for value in classical[source] if value is not None))
            for source, methods in table.items()
            if name in methods["network"]
        ]

    decibels, errors = scored("psnr", max), scored("median_hole_error", min)
    images = scored("scaled_error", min)
    assert decibels or errors or images
    assert all(network < 0.8 * best for network, best in images)
    assert all(network > best + 1 for network, best in decibels)
    # Beside the best of all methods in each source, which is another one each time
    assert np.mean([network / best for network, best in errors] or [0]) < 0.78
    for source, methods in table.items():
        assert methods["network"].get("contrast", 1) == pytest.approx(1, abs=0.05), source


@every_task
def test_model_card_says_what_the_recipe_says(task):
    entry = default_for(task.name)
    assert read_metadata(entry.folder / entry.file)["training_data"] == import_module(task.recipe).DATA[task.name]
