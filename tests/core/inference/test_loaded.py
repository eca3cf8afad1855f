"""Networks that are kept between calls."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from torch import nn

from sunpy_restore.core.inference import loaded
from sunpy_restore.core.task import Restoration
from sunpy_restore.core.weights.store import write


class Gain(nn.Module):
    receptive_radius = 0

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, image):
        return self.gain * image


TASK = Restoration(
    name="gain", title="", doi="", unit="", build_network=lambda hyperparameters: Gain(), network_method="", recipe=""
)


@pytest.fixture(autouse=True)
def nothing_kept():
    loaded.forget_networks()
    yield
    loaded.forget_networks()


@pytest.fixture
def weights(tmp_path):
    def weights(value, name="gain"):
        path = tmp_path / f"{name}.safetensors"
        write(path, {"gain": torch.tensor(value)}, {"task": "gain", "architecture": "Gain", "hyperparameters": {}})
        return path

    return weights


def gain(network):
    return network.module.gain.item()


def test_the_same_content_is_loaded_once(weights):
    one, _ = loaded.ready_network(TASK, weights(2.0))
    other, local = loaded.ready_network(TASK, weights(2.0, "copy"))
    assert one is other
    assert local.name == "copy.safetensors"


def test_a_file_with_other_content_is_loaded_again(weights):
    assert gain(loaded.ready_network(TASK, weights(2.0))[0]) == 2
    assert gain(loaded.ready_network(TASK, weights(3.0))[0]) == 3


def test_tasks_of_one_name_are_told_apart(weights):
    path = weights(2.0)
    one, other = (loaded.ready_network(task, path)[0] for task in (TASK, replace(TASK, scale=2)))
    assert (one.task.scale, other.task.scale) == (1, 2)


def test_few_networks_are_kept(weights):
    first, _ = loaded.ready_network(TASK, weights(0.0))
    for value in range(1, 10):
        loaded.ready_network(TASK, weights(float(value)))
    assert len(loaded._kept) <= 6
    assert loaded.ready_network(TASK, weights(0.0))[0] is not first


def test_threads_share_networks(weights):
    paths = [weights(float(value), f"w{value}") for value in range(3)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda index: gain(loaded.ready_network(TASK, paths[index % 3])[0]), range(60)))
    assert found == [index % 3 for index in range(60)]
