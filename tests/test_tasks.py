"""What holds for every function and task, and for every network that the recipe of a task trains."""

import copy
import dataclasses
import inspect
import json
import re
from itertools import product

import numpy as np
import pytest
import torch

import sunpy.map

import sunpy_restore
from sunpy_restore.core.inference.network import load_network
from sunpy_restore.core.inference.tilednetwork import TiledNetwork
from sunpy_restore.core.numerics.filling import harmonic
from sunpy_restore.core.recipes.config import TrainingConfig
from sunpy_restore.core.recipes.recipe import Recipe, ScoreColumn, recipe_of
from sunpy_restore.core.restoration.methods import load_method
from sunpy_restore.core.task import MapFunction, Restoration, resolve
from sunpy_restore.core.uncertainty.conformal import SHARES
from sunpy_restore.core.uncertainty.errorfile import check_calibrated
from sunpy_restore.core.weights.store import available, default_for, locate, read_metadata
from sunpy_restore.data import SAMPLES, sample_path
from sunpy_restore.tasks import FUNCTIONS, all_tasks, get_task

TASKS = all_tasks()
RESTORATIONS = [task for task in TASKS if isinstance(task, Restoration)]
COMPACT = [entry for entry in available() if entry.kind == "compact"]
MAP_FUNCTIONS = [function for function in FUNCTIONS if isinstance(function, MapFunction)]


def configured(tasks):
    """Every configuration of some tasks; those that did not make weights of the package are slow."""
    shipped = {
        (entry.task, read_metadata(path)["config"])
        for entry in available()
        if entry.default and (path := locate(entry)) is not None
    }
    return pytest.mark.parametrize(
        ("task", "config"),
        [
            pytest.param(
                task,
                config,
                id=f"{task.name}-{config.name}",
                marks=() if (task.name, config.name) in shipped else pytest.mark.slow,
            )
            for task in tasks
            for config in recipe_of(task).configs().values()
        ],
    )


every_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
every_map_function = pytest.mark.parametrize("function", MAP_FUNCTIONS, ids=lambda function: function.name)
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


def channels_of(task, ny, nx, seed=0):
    """
    Channels of a network, as far as their names tell what they are.

    Every channel after the mask has the values of the image in half of the masked pixels and is 0 elsewhere, so that it
    can be a flag as well as an image.
    """
    image = scene(ny, nx, seed)
    others = [scene(ny, nx, seed + number) for number in range(1, len(task.channels))]
    if "mask" not in task.channels:
        return np.stack([image, *(other - 1 for other in others)]) if others else image
    mask = blobs(ny, nx)
    image = harmonic(image, mask)
    assert task.channels[:2] == ("image", "mask")
    return np.stack([image, mask, *(np.where(mask & (other > 1), image, 0) for other in others[1:])])


def mask_of(task, observed):
    """Where a pixel may be changed by the task."""
    return (
        observed[task.channels.index("mask")] > 0
        if "mask" in task.channels
        else np.ones(observed.shape[-2:], dtype=bool)
    )


def nearest_to_middle(where):
    found = np.argwhere(where)
    return tuple(found[np.abs(found - np.array(where.shape) // 2).max(axis=1).argmin()])


def batch_of(task, *shape, seeds=(0, 1)):
    """Observations as a network takes them."""
    return torch.from_numpy(np.stack([channels_of(task, *shape, seed).reshape(-1, *shape) for seed in seeds]))


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
    # Rounding errors of Fourier transforms reach everywhere; in double precision they are smaller than what counts
    transforms = bool(getattr(network, "levels", ()))
    network, observed = (network.double(), observed.double()) if transforms else (network, observed.clone())
    observed.requires_grad_()
    rows, cols = (slice(scale * place, scale * (place + 1)) for place in pixel)
    (gradient,) = torch.autograd.grad(network(observed)[..., rows, cols].sum(), observed)
    seen = (gradient[0].abs() > (1e-14 * gradient.abs().max() if transforms else 0)).any(dim=0).nonzero()
    assert len(seen), "the result does not depend on the input at all"
    return int((seen - torch.tensor(pixel)).abs().max())


def test_names_are_unique_and_found():
    names = [task.name for task in TASKS]
    assert len(set(names)) == len(names)
    assert [get_task(name) for name in names] == TASKS
    with pytest.raises(ValueError, match=f"Unknown task 'no-such-task'; expected one of {', '.join(names)}"):
        get_task("no-such-task")


@every_function
def test_record_of_a_function(function):
    assert function.name in sunpy_restore.__all__
    assert function.name in dir(sunpy_restore)
    assert getattr(sunpy_restore, function.name) is resolve(f"{function.module}:{function.name}")
    assert function.summary[0].islower()
    assert function.tasks
    assert function.methods[0] in ("network", "convolutional") or "network" in function.methods
    with pytest.raises(dataclasses.FrozenInstanceError):
        function.name = "another"


@every_map_function
def test_methods_and_options_are_documented(function):
    text = inspect.cleandoc(getattr(sunpy_restore, function.name).__doc__)
    for method in function.methods:
        assert f'``"{method}"``' in text, method
    for option in function.options:
        assert f"\n{option.name} : " in text, option.name
        assert option.flag or option.choices or callable(resolve(option.read)), option.name
    for name, distribute in function.per_image.items():
        assert callable(resolve(distribute)), name


@every_task
def test_record_of_a_task(task):
    assert re.fullmatch("[a-z0-9-]+", task.name)
    assert re.fullmatch(r"10\.\d{4,}/\S+", task.doi)
    assert task.title
    assert task.unit
    for reference in (task.restore, task.network_method, *task.classical.values()):
        assert callable(resolve(reference)), reference
    assert issubclass(resolve(task.recipe), Recipe)
    assert task.classical
    assert "network" not in task.classical
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.title = "another"


@every_restoration
def test_record_of_a_restoration(task):
    assert task.scale >= 1
    assert task.channels[0] == "image"
    assert len(set(task.channels)) == len(task.channels)
    assert task.data_consistency is None or callable(resolve(task.data_consistency))
    assert resolve(task.consistency_radius) >= 0


@every_task
def test_recipe(task):
    recipe = recipe_of(task)
    configs = recipe.configs()
    assert "compact" in configs
    assert {name: config.name for name, config in configs.items()} == {name: name for name in configs}
    assert recipe.configs() == configs
    assert all(recipe.training_data(config) for config in configs.values())
    assert recipe.score_columns
    for name, column in recipe.score_columns.items():
        assert isinstance(column, ScoreColumn), name
        assert column.form.format(0.5)
    variants = recipe.variants()
    assert next(iter(variants)).startswith("network")
    for label, variant in variants.items():
        # A reference for the scores has no method
        assert variant.method is None or variant.method in task.methods
        assert (variant.method == "network") == label.startswith("network")


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
    with pytest.raises(ValueError, match="architecture 'Unknown'"):
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
def test_receptive_radius_is_true(task, config):
    """Of all places in the grid on which a network samples its input, where it does, the farthest counts."""
    network = random_network(task, config)
    if network.receptive_radius is None:
        pytest.skip("the network looks at all of the image")
    stride = getattr(network, "stride", 1)
    across = max(stride, 16)
    side = -(-(2 * network.receptive_radius + 11) // stride) * stride
    for axis, first in product((0, 1), (0, side // 2, side - stride)):
        observed = batch_of(task, *((side, across) if axis == 0 else (across, side)), seeds=(0,))
        if "mask" in task.channels:
            # What is not masked stays as it is, and sees nothing
            observed[:, task.channels.index("mask")] = 1
        places = [(place, across // 2)[:: 1 if axis == 0 else -1] for place in range(first, first + stride)]
        far = max(farthest_seen(network, observed, pixel, task.scale) for pixel in places)
        assert far <= network.receptive_radius, (axis, first)
        # Nor is it a safe guess: every pixel of it costs time in every tile
        assert far >= network.receptive_radius - 1, (axis, first)


@every_restoration
def test_consistency_radius_is_true(task):
    if task.data_consistency is None:
        pytest.skip("the task has no data consistency")
    consistent, radius = resolve(task.data_consistency), resolve(task.consistency_radius)
    side = 2 * radius + 11
    observed = channels_of(task, side, side)
    image = observed[0] if observed.ndim == 3 else observed
    restored = np.repeat(np.repeat(image, task.scale, axis=0), task.scale, axis=1)
    assert consistent(restored, observed).shape == (task.scale * side, task.scale * side)
    pixel = (side // 2, side // 2)
    # A limit of the values, for instance, does not depend on the observation
    if not np.array_equal(consistent(restored, 2 * observed), consistent(restored, observed)):
        seen = farthest_change(
            lambda other: consistent(restored, other), observed, pixel, scale=task.scale, tolerance=1e-12
        )
        assert seen <= radius
    pixel = tuple(task.scale * n for n in pixel)
    seen = farthest_change(lambda other: consistent(other, observed), restored, pixel, scale=1, tolerance=1e-12)
    assert seen <= task.scale * (radius + 1)


@every_restoration
def test_unmasked_pixels_stay_as_they_are(task):
    if "mask" not in task.channels:
        pytest.skip("the task restores all pixels")
    observed = channels_of(task, 70, 81).astype(np.float32)
    network = TiledNetwork.of(task, load_network(task)[0])
    restored = network(observed)
    valid = ~mask_of(task, observed)
    np.testing.assert_array_equal(restored[valid], observed[0][valid])
    assert np.isfinite(restored).all()


@every_restoration
def test_tiled_equals_untiled(task):
    """With the weights of the package."""
    network, channels = TiledNetwork.of(task, load_network(task)[0]), channels_of(task, 110, 90)
    whole = network(channels, tile=128)
    assert np.abs(network(channels, tile=48) - whole).max() < 1e-5 * whole.std()


@every_restoring_config
def test_prediction_and_loss_of_a_batch(task, config):
    recipe = recipe_of(task)
    if config.options.get("features") == "vgg19":
        # They would have to be downloaded; others are used in the same way
        config = dataclasses.replace(config, options={**config.options, "features": "oriented"})
    network = task.build_network(config.network)
    margin = config.options.get("margin", 0)
    # The features that an adversary normalises have more than one pixel
    patch = 32 if config.adversary else 16
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
    configs = recipe_of(task).configs()
    assert numbers(task.build_network(configs["paper"].network)) == (446_657, 445_249)
    total, trained = numbers(task.build_network(configs["paper-light"].network))
    assert 36_000 < trained < total < 41_000


def default_metadata(entry):
    """The metadata of default weights, which are on this machine except for full weights outside of a clone."""
    if locate(entry) is None and entry.kind == "full":
        pytest.skip(f"the full weights {entry.name} are not on this machine")
    return read_metadata(locate(entry))


@every_task
def test_default_weights_are_better_than_every_classical_method(task):
    """By the score that the recipe compares methods by, on average over the sources that were kept back."""
    recipe, entry = recipe_of(task), default_for(task.name)
    name = recipe.headline
    if name is None:
        pytest.skip("no single score compares the methods of the task")
    sign = {"higher": 1, "lower": -1}[recipe.score_columns[name].better]
    table = default_metadata(entry)["scores"]
    pairs = [
        (
            methods["network"][name],
            max(
                (methods[other][name] for other in task.classical if name in methods.get(other, {})),
                key=lambda value: sign * value,
            ),
        )
        for methods in table.values()
        if name in methods["network"]
    ]
    assert pairs
    network, classical = np.array(pairs).T
    assert (sign * network).mean() > (sign * classical).mean()


@every_task
def test_model_card_says_what_the_recipe_says(task):
    entry, recipe = default_for(task.name), recipe_of(task)
    metadata = default_metadata(entry)
    assert metadata["training_data"] == recipe.training_data(recipe.configs()[metadata["config"]])


def boxes(shape):
    """A mask of two boxes."""
    mask = np.zeros(shape, dtype=bool)
    row, column = shape[0] // 4, shape[1] // 4
    mask[row : row + 32, column : column + 32] = mask[3 * row : 3 * row + 20, 2 * column : 2 * column + 9] = True
    return mask


def samples_of(function):
    """Samples that a function accepts, with a mask where it takes one."""
    observation = resolve(function.observation)
    for name in SAMPLES:
        smap = sunpy.map.Map(sample_path(name))
        try:
            observation.check(smap)
        except (TypeError, ValueError):
            continue
        options = {}
        if "mask" in function.per_image:
            options["mask"] = boxes(smap.data.shape) & (smap.data > 0)
        yield smap, options


@every_map_function
@pytest.mark.filterwarnings("ignore:Missing metadata for observer")
def test_every_function_restores_its_samples(function):
    """Class, coordinates and header stay, the input is not changed, and the result says how it was made."""
    found = list(samples_of(function))
    assert found
    smap, options = found[0]
    before, meta = smap.data.copy(), copy.deepcopy(smap.meta)
    # Some methods are for one of the tasks of a function only
    of_sample = get_task(resolve(function.observation).check(smap) or function.tasks[0].name).methods
    for method in (name for name in of_sample if name in variant_methods(function)):
        result = getattr(sunpy_restore, function.name)(smap, method=method, **options)
        np.testing.assert_array_equal(smap.data, before)
        assert smap.meta == meta
        assert type(result) is type(smap)
        assert (result.meta["restored"], result.meta["rstmeth"].partition("+")[0]) == (True, method)
        assert result.meta["rsttask"] in [task.name for task in function.tasks]
        # The centre of the first pixel, which may be smaller in the result
        first = 0.5 * smap.data.shape[0] / result.data.shape[0] - 0.5
        places = [smap.wcs.wcs_pix2world([[first, first]], 0), result.wcs.wcs_pix2world([[0, 0]], 0)]
        np.testing.assert_allclose(*places, rtol=0, atol=1e-9)
        if "mask" in options:
            filled = sunpy_restore.filled(result)
            np.testing.assert_array_equal(filled, options["mask"])
            np.testing.assert_array_equal(result.data[~filled], before[~filled])
        with pytest.raises(ValueError, match="has restored this Map already"):
            getattr(sunpy_restore, function.name)(result, method=method, **options)


def variant_methods(function):
    return {variant.method for task in function.tasks for variant in recipe_of(task).variants().values()}


@every_map_function
def test_other_instruments_are_refused(function):
    own = {smap.meta.get("instrume") for smap, _ in samples_of(function)}
    others = [sunpy.map.Map(sample_path(name)) for name in SAMPLES]
    others = [smap for smap in others if smap.meta.get("instrume") not in own]
    assert others
    for smap in others:
        with pytest.raises((TypeError, ValueError), match="expected"):
            getattr(sunpy_restore, function.name)(smap)
    with pytest.raises(TypeError, match=r"sunpy\.map\.Map\(array, header\)"):
        getattr(sunpy_restore, function.name)(others[0].data)


@every_task
def test_unknown_methods_and_weights_of_classical_ones_are_refused(task):
    with pytest.raises(ValueError, match=f"Unknown method 'magic'; expected one of {', '.join(task.methods)}"):
        load_method(task, "magic")
    with pytest.raises(ValueError, match="only method='network' uses weights"):
        load_method(task, task.methods[1], weights="x.safetensors")


@pytest.mark.parametrize(
    "entry", [entry for entry in available() if entry.kind == "compact"], ids=lambda entry: entry.name
)
def test_uncertainty_is_calibrated_for_all_weights_of_the_package(entry):
    task = get_task(entry.task)
    if isinstance(task, Restoration) and task.evidence is not None:
        check_calibrated(load_method(task, "network", weights=entry.name), share=0.95)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("task", RESTORATIONS, ids=lambda task: task.name)
def test_all_methods_have_uncertainties_for_single_shares(task, share):
    for name in task.methods:
        check_calibrated(load_method(task, name), share)
