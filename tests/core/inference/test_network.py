"""Networks with their weights, on a task that fills masked pixels from the image, the mask and a level."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn
from torch.nn import functional

from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.inference.network import fit, load_network
from sunpy_restore.core.inference.tilednetwork import TiledNetwork
from sunpy_restore.core.system.threads import workers_for
from sunpy_restore.core.task import Restoration
from sunpy_restore.core.weights.store import LocalWeights, write
from sunpy_restore.tasks import get_task


class Filling(nn.Module):
    """Means over the cells of a grid times a learned gain, plus the level."""

    stride = 4

    def __init__(self, receptive_radius=3):
        super().__init__()
        self.receptive_radius = receptive_radius
        self.gain = nn.Parameter(torch.tensor(1.0))

    def forward(self, channels):
        means = nn.functional.avg_pool2d(channels[:, :1], self.stride)
        return self.gain * nn.functional.interpolate(means, scale_factor=self.stride) + channels[:, 2:]


TASK = Restoration(
    name="fill",
    title="Masked pixels",
    doi="10.1000/182",
    unit="mean of the image",
    channels=("image", "mask", "level"),
    build_network=lambda hyperparameters: Filling(**hyperparameters),
    network_method="",
    recipe="",
)
OF_THE_IMAGE = replace(TASK, channels=("image",), build_network=None)
"""A task whose network takes the image alone."""


class Identity(nn.Module):
    def __init__(self, receptive_radius=0):
        super().__init__()
        self.receptive_radius = receptive_radius

    def forward(self, image):
        return image


@pytest.fixture
def weights(tmp_path):
    """Write weights of a network with that receptive radius."""

    def weights(radius, **state):
        path = tmp_path / "fill.safetensors"
        metadata = {"task": "fill", "architecture": "Filling", "hyperparameters": {"receptive_radius": radius}}
        write(path, state or {"gain": torch.tensor(2.0)}, metadata)
        return path

    return weights


@pytest.fixture
def channels():
    rng = np.random.default_rng(0)
    mask = rng.random((30, 45)) < 0.2
    image = np.where(mask, 0.0, 1 + rng.random((30, 45)))
    return np.stack([image, mask, np.where(mask, 3.0, 0.0)]).astype(np.float32)


def tiled(task, module):
    return TiledNetwork.of(task, module, "cpu")


def prediction(channels):
    """Output of the network of `weights` for the whole image."""
    padded = np.pad(channels[0], ((0, 2), (0, 3)), mode="symmetric")
    means = padded.reshape(8, 4, 12, 4).mean(axis=(1, 3)).repeat(4, axis=0).repeat(4, axis=1)
    return 2 * means[:30, :45] + channels[2]


# Weights


def test_a_network_is_loaded_with_its_weights(weights):
    path = weights(5)
    network, local = load_network(TASK, path)
    assert (network.receptive_radius, network.gain.item()) == (5, 2)
    assert (local.path, local.name, len(local.sha256)) == (path, "fill.safetensors", 64)


def test_weights_of_another_task_are_refused(weights):
    with pytest.raises(ValueError, match=r"for the task 'fill' .*; expected weights for the task 'other'"):
        load_network(replace(TASK, name="other"), weights(3))


@pytest.mark.parametrize("state", [{"other": torch.zeros(1)}, {"gain": torch.zeros(2)}])
def test_weights_that_do_not_fit_are_refused(weights, state):
    path = weights(3, **state)
    with pytest.raises(WeightsError, match=r"fill\.safetensors do not fit the network") as error:
        load_network(TASK, path)
    assert "\n" not in str(error.value)
    with pytest.raises(WeightsError, match="Fetch or train the weights again"):
        fit(Filling(), LocalWeights(path, "fill", ""))


def test_weights_may_be_converted_before_they_are_loaded(weights):
    network = Filling()
    path = weights(3, old_name=torch.tensor(4.0))

    def convert(given, state):
        assert given is network
        return {"gain": state["old_name"]}

    fit(network, LocalWeights(path, "fill", ""), convert=convert)
    assert network.gain.item() == 4
    with pytest.raises(WeightsError, match="do not fit the network"):
        fit(network, LocalWeights(path, "fill", ""), convert=lambda given, state: state)


# Tiles


@pytest.mark.parametrize("radius", [3, None])
@pytest.mark.parametrize("tile", [8, 384])
def test_the_network_sees_all_channels(weights, channels, radius, tile):
    network = tiled(TASK, load_network(TASK, weights(radius))[0])
    assert (network.receptive_radius, network.stride) == (radius, 4)
    mask = channels[1] > 0
    result = network(channels, tile=tile)
    np.testing.assert_allclose(result[mask], prediction(channels)[mask], rtol=1e-6)


def test_unmasked_pixels_keep_their_values(weights, channels):
    mask = channels[1] > 0
    result = tiled(TASK, load_network(TASK, weights(3))[0])(channels)
    np.testing.assert_array_equal(result[~mask], channels[0][~mask])
    assert (result[mask] != channels[0][mask]).all()


def test_without_a_mask_all_pixels_are_those_of_the_network(channels):
    task = replace(TASK, channels=("image", "weight", "level"))
    result = tiled(task, Filling())(channels)
    np.testing.assert_allclose(result, (prediction(channels) + channels[2]) / 2, rtol=1e-6)


@pytest.mark.parametrize("radius", [0, None])
def test_data_consistency_sees_all_channels(channels, radius):
    """And has the last word, except on pixels that are not masked."""
    seen = []

    def consistent(restored, observed):
        seen.append((restored, observed))
        return 10 * observed[2] + observed[1]

    mask = channels[1] > 0
    module = Filling(radius)
    result = tiled(replace(TASK, data_consistency=consistent), module)(channels, tile=64)
    np.testing.assert_array_equal(result, np.where(mask, 31, channels[0]))
    ((restored, observed),) = seen
    assert (restored.shape, observed.shape) == (observed.shape[1:], (3, *restored.shape))
    np.testing.assert_array_equal(observed[:, :30, :45], channels)


def test_data_consistency_of_one_channel_sees_an_image():
    def consistent(restored, observed):
        assert restored.shape == observed.shape
        assert restored.ndim == 2
        return restored + 2 * observed

    image = np.arange(42, dtype=np.float32).reshape(6, 7)
    for tile in (4, 384):
        result = tiled(replace(OF_THE_IMAGE, data_consistency=consistent), Identity())(image, tile=tile)
        np.testing.assert_array_equal(result, 3 * image)


def test_data_consistency_and_its_radius_may_be_references(channels, monkeypatch):
    physics = ModuleType("physics")
    physics.RADIUS, physics.consistent = 5, np.subtract
    monkeypatch.setitem(sys.modules, "physics", physics)
    task = replace(OF_THE_IMAGE, data_consistency="physics:consistent", consistency_radius="physics:RADIUS")
    network = tiled(task, Identity(1))
    assert (network.receptive_radius, network.consistent) == (1, np.subtract)
    np.testing.assert_array_equal(network(channels[0]), np.zeros((30, 45)))


def test_a_wide_data_consistency_is_apart_from_the_halo_of_the_network():
    task = replace(TASK, consistency_radius=5)
    assert tiled(task, Filling(3)).receptive_radius == 3
    assert tiled(task, Filling(3)).consistent is not None
    assert tiled(TASK, Filling(3)).consistent is None


def test_the_halo_covers_the_data_consistency(channels):
    """A sum over 5 x 5 pixels, which would end at the edges of tiles that are read without its radius."""

    def summed(restored, observed):
        padded = np.pad(observed, 2)
        return sum(padded[i : i + len(observed), j : j + observed.shape[1]] for i in range(5) for j in range(5))

    task = replace(OF_THE_IMAGE, data_consistency=summed, consistency_radius=2)
    image = channels[0]
    whole = tiled(task, Identity())(image)
    np.testing.assert_allclose(tiled(task, Identity())(image, tile=8), whole, rtol=1e-6)
    beyond = tiled(replace(task, consistency_radius=0), Identity())(image, tile=8)
    assert np.abs(beyond - whole).max() > 1


def test_the_stride_is_that_of_the_network(channels):
    assert tiled(OF_THE_IMAGE, Identity()).stride == 1
    whole = tiled(TASK, Filling(3))(channels)
    np.testing.assert_allclose(tiled(TASK, Filling(3))(channels, tile=6), whole, rtol=1e-6)


def test_tiles_without_work_are_left_out(channels):
    active = np.zeros((30, 45), dtype=bool)
    active[3, 4] = True
    result = tiled(OF_THE_IMAGE, Identity())(channels[0], active=active, tile=15)
    assert np.isfinite(result[:15, :15]).all()
    assert np.isfinite(result).sum() == 15 * 15


@pytest.mark.parametrize("scale", [1, 2])
def test_the_scale_is_that_of_the_task(scale):
    module = nn.Upsample(scale_factor=scale)
    module.receptive_radius = 1
    image = np.arange(42, dtype=np.float32).reshape(6, 7)
    result = tiled(replace(OF_THE_IMAGE, scale=scale), module)(image)
    np.testing.assert_array_equal(result, image.repeat(scale, axis=0).repeat(scale, axis=1))


@pytest.mark.parametrize("shape", [(8, 9), (1, 8, 9), (2, 8, 9), (4, 8, 9), (1, 3, 8, 9)])
def test_another_number_of_channels_is_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(3, ny, nx\) for the fill task: image, mask, level\.") as error:
        tiled(TASK, Filling())(np.zeros(shape))
    assert f"Found an input of shape {shape}" in str(error.value)
    network = tiled(OF_THE_IMAGE, Identity())
    if len(shape) > 2:
        with pytest.raises(ValueError, match=r"expected \(ny, nx\) for the fill task: image\."):
            network(np.zeros(shape))
    else:
        assert network(np.zeros(shape)).shape == shape


def test_the_network_itself_is_not_changed(channels):
    module = Filling().train()
    network = tiled(TASK, module)
    expected = network(channels)
    assert module.training
    assert network.module is module
    with torch.no_grad():
        module.gain += 1
    np.testing.assert_array_equal(network(channels), expected)


# Threads and edges


class Bordered(torch.nn.Module):
    """Mean over 5 x 5 pixels of which a border of one pixel is not returned; it continues images by itself."""

    receptive_radius, trim = 3, 1

    def forward(self, image, trim=0):
        image = functional.avg_pool2d(functional.pad(image, (1,) * 4, mode="replicate"), 3, stride=1)
        if trim:
            image = image[..., trim:-trim, trim:-trim]
        return functional.avg_pool2d(functional.pad(image, (2,) * 4, mode="reflect"), 5, stride=1)


@pytest.mark.parametrize("tile", [9, 16, None])
def test_tiles_equal_the_whole_image_if_the_network_continues_it_by_itself(tile):
    image = np.random.default_rng(1).normal(size=(37, 50)).astype(np.float32)
    padded = torch.from_numpy(np.pad(image, 1, mode="symmetric"))[None, None]
    whole = Bordered()(padded, trim=1)[0, 0].numpy()
    np.testing.assert_allclose(tiled(OF_THE_IMAGE, Bordered())(image, tile=tile), whole, atol=1e-6)


@pytest.mark.parametrize("tile", [9, None])
def test_a_wide_data_consistency_does_not_depend_on_tiles_nor_on_where_a_result_is_needed(tile):
    task = replace(
        OF_THE_IMAGE, data_consistency=lambda restored, observed: ndimage.uniform_filter(restored - observed, 9),
        consistency_radius=4,
    )  # fmt: skip
    image = np.random.default_rng(2).normal(size=(60, 50)).astype(np.float32)
    expected = ndimage.uniform_filter(tiled(OF_THE_IMAGE, Bordered())(image) - image, 9)
    found = tiled(task, Bordered())(image, tile=tile)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    active = np.zeros(image.shape, bool)
    active[40:45, 3:9] = True
    found = tiled(task, Bordered())(image, tile=tile, active=active)
    np.testing.assert_allclose(found[active], expected[active], atol=1e-6)


def test_the_number_of_threads_is_that_of_the_user_again():
    before, seen = torch.get_num_threads(), []

    class Watching(Bordered):
        def forward(self, image, trim=0):
            seen.append(torch.get_num_threads())
            return super().forward(image, trim)

    try:
        torch.set_num_threads(3)
        image = np.zeros((40, 40), np.float32)
        network = tiled(OF_THE_IMAGE, Watching())
        seen.clear()
        network(image)
        assert torch.get_num_threads() == 3
        assert set(seen) == {1}
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(workers_for, torch.device("cpu")).result() == 1
        assert workers_for(torch.device("cpu")) == 3
    finally:
        torch.set_num_threads(before)


# GPUs

cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


@cuda
@pytest.mark.parametrize("tile", [None, 40])
@pytest.mark.parametrize("name", ["enhance-continuum", "enhance-magnetogram"])
def test_results_of_a_gpu_agree_with_those_of_the_cpu(name, tile):
    task = get_task(name)
    module, _ = load_network(task)
    rng = np.random.default_rng(0)
    channels = (name == "enhance-continuum") + 0.1 * rng.standard_normal((len(task.channels), 130, 90))
    channels[1:] = 0.01
    channels = (channels[0] if len(channels) == 1 else channels).astype(np.float32)
    expected = TiledNetwork.of(task, module, "cpu")(channels)
    found = TiledNetwork.of(task, module, "cuda")(channels, tile=tile)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.ptp(expected))


def test_tiles_fill_the_memory_of_a_gpu(monkeypatch):
    monkeypatch.delenv("SUNPY_RESTORE_MEMORY", raising=False)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (80e9, 85e9))
    task = get_task("enhance-continuum")
    network, device = TiledNetwork.of(task, load_network(task)[0], "cpu"), torch.device("cuda")
    height, width = network._tile((4096, 4096), 2, device)
    assert 2048 * 4096 <= height * width <= 0.4 * 80e9 / 2 / 1500
    monkeypatch.setenv("SUNPY_RESTORE_MEMORY", "300 MB")
    height, width = network._tile((4096, 4096), 2, device)
    assert height * width <= 300e6 / 2 / 1500
