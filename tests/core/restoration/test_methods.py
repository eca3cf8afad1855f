"""Methods of a task, by name, on observations."""

import operator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn

from sunpy_restore.core.images.header import Provenance
from sunpy_restore.core.inference.tilednetwork import TiledNetwork
from sunpy_restore.core.restoration.methods import Method, Restored, load_method, restore_observation
from sunpy_restore.core.restoration.observation import Observation
from sunpy_restore.core.task import Restoration, Task, network_builder
from sunpy_restore.core.weights import registry
from sunpy_restore.core.weights.store import write


@dataclass(frozen=True)
class Image(Observation):
    data: np.ndarray

    @classmethod
    def check(cls, smap):
        return

    @classmethod
    def from_map(cls, smap):
        return cls(smap.data)


class Scaling(nn.Module):
    receptive_radius = 0

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(1.0))

    def forward(self, image):
        return self.factor * image


def doubled(observation, *, progress=False):
    return 2 * observation.data


def shown(observation, *, progress=False):
    return np.full(observation.data.shape, progress)


def with_network(observation, network, *, progress=False):
    return network(observation.data, progress=progress)


TASK = Restoration(
    name="scale",
    title="Numbers",
    doi="10.1000/182",
    unit="",
    build_network=lambda hyperparameters: Scaling(),
    network_method=with_network,
    classical={"double": doubled, "shown": shown},
    recipe="",
)
OBSERVATION = Image(np.arange(6, dtype=np.float32).reshape(2, 3))


@pytest.fixture
def weights(tmp_path):
    """Weights of the network, which multiplies by three."""
    path = tmp_path / "scale.safetensors"
    metadata = {"task": "scale", "architecture": "Scaling", "hyperparameters": {}}
    write(path, {"factor": torch.tensor(3.0)}, metadata)
    return path


# Names


def test_methods_are_the_network_and_the_classical_ones():
    assert TASK.methods == ("network", "double", "shown")


@pytest.mark.parametrize("name", ["magic", "Network", "", None])
def test_an_unknown_method_is_refused(name):
    with pytest.raises(ValueError, match=f"Unknown method {name!r}; expected one of network, double, shown"):
        load_method(TASK, name)


def test_weights_for_a_classical_method_are_refused(weights):
    with pytest.raises(ValueError, match=r"Found weights for method='double'; only method='network' uses weights"):
        load_method(TASK, "double", weights=weights)


def test_a_classical_method_may_be_a_reference():
    task = replace(TASK, classical={"negative": "operator:neg"})
    assert load_method(task, "negative").function is operator.neg


# Calls


def test_a_classical_method_takes_the_observation():
    method = load_method(TASK, "double", device="no device")
    assert not method.is_network
    np.testing.assert_array_equal(method(OBSERVATION), 2 * OBSERVATION.data)


@pytest.mark.parametrize("progress", [True, False])
def test_progress_is_that_of_the_call(progress):
    np.testing.assert_array_equal(load_method(TASK, "shown")(OBSERVATION, progress=progress), np.full((2, 3), progress))


def test_the_network_takes_the_observation(weights):
    method = load_method(TASK, weights=weights, device="cpu")
    assert method.is_network
    np.testing.assert_array_equal(method(OBSERVATION), 3 * OBSERVATION.data)


def test_progress_reaches_the_network(weights, capsys):
    method = load_method(TASK, weights=weights, device="cpu")
    method(OBSERVATION)
    assert capsys.readouterr().err == ""
    method(OBSERVATION, progress=True)
    assert "scale: 100%" in capsys.readouterr().err


def test_a_network_of_a_restoration_is_tiled_and_another_is_not(weights):
    """The module of another task is in evaluation mode."""
    given = []

    def keep(observation, network, *, progress):
        given.append(network)

    load_method(replace(TASK, network_method=keep), weights=weights, device="cpu")(OBSERVATION)
    names = ("name", "title", "doi", "unit", "build_network", "recipe")
    plain = Task(**{name: getattr(TASK, name) for name in names}, network_method=keep)
    load_method(plain, weights=weights, device="cpu")(OBSERVATION)
    tiled, module = given
    assert isinstance(tiled, TiledNetwork)
    assert type(module) is Scaling
    assert not module.training
    assert module.factor.item() == 3


@pytest.mark.parametrize("kind", [Restoration, Task])
def test_the_device_is_that_of_the_network(weights, kind):
    names = ("name", "title", "doi", "unit", "build_network", "recipe", "network_method")
    task = kind(**{name: getattr(TASK, name) for name in names})
    with pytest.raises(ValueError, match="device='no device'"):
        load_method(task, weights=weights, device="no device")


# Provenance


def test_provenance_of_the_network_names_its_weights(weights, monkeypatch, tmp_path):
    method = load_method(TASK, weights=weights, device="cpu")
    local = {"model": "scale.safetensors", "sha256": method.sha256}
    assert method.provenance() == Provenance(task="scale", method="network", **local)
    assert method.provenance("network, twice") == Provenance(task="scale", method="network, twice", **local)
    entry = {
        "task": "scale",
        "kind": "compact",
        "file": weights.name,
        "sha256": method.sha256,
        "licence": "X",
        "doi": "Y",
    }
    lines = [f'{key} = "{value}"' for key, value in entry.items()]
    lines += [f"size = {weights.stat().st_size}", "default = true", 'description = "Z"']
    path = tmp_path / "registry.toml"
    path.write_text("\n".join(['base_url = ""', 'folder = "."', "[weights.threefold]", *lines]))
    monkeypatch.setattr(registry, "REGISTRY", path)
    assert load_method(TASK, device="cpu").provenance() == replace(method.provenance(), model="threefold")


def test_provenance_of_a_classical_method_names_no_weights():
    assert load_method(TASK, "double").provenance() == Provenance(task="scale", method="double")


# What happens around a method


def test_by_default_the_image_is_that_of_the_method():
    method = load_method(TASK, "double")
    restored = restore_observation(OBSERVATION, method)
    assert isinstance(restored, Restored)
    np.testing.assert_array_equal(restored.data, 2 * OBSERVATION.data)
    assert (restored.filled, restored.mask, restored.unit, restored.method, restored.cards) == (None,) * 4 + ({},)


def test_a_task_may_restore_in_its_own_way():
    """Whatever the method, and with the keywords of its function."""
    given = []

    def restore(observation, method, *, progress, strength=1):
        given.append((observation, method, progress, strength))
        return Restored(data=strength * method(observation, progress=progress), method="double, stronger")

    method = load_method(replace(TASK, restore=restore), "double")
    restored = restore_observation(OBSERVATION, method, progress=True, strength=5)
    np.testing.assert_array_equal(restored.data, 10 * OBSERVATION.data)
    assert restored.method == "double, stronger"
    restore_observation(OBSERVATION, method)
    assert given == [(OBSERVATION, method, True, 5), (OBSERVATION, method, False, 1)]
    with pytest.raises(TypeError, match="strngth"):
        restore_observation(OBSERVATION, method, strngth=5)


def test_methods_are_made_without_loading_as_well():
    method = Method(TASK, "double", doubled)
    np.testing.assert_array_equal(restore_observation(OBSERVATION, method).data, 2 * OBSERVATION.data)


# Architectures of a task


def test_a_network_builder_refuses_other_architectures():
    build = network_builder(Enhance="papers.enhance", ResidualRestorer="residual")
    assert type(build({"architecture": "Enhance", "blocks": 1, "channels": 2})).__name__ == "Enhance"
    for wrong in ({"architecture": "Pix2Pix"}, {}):
        with pytest.raises(
            ValueError, match=f"{wrong.get('architecture')!r}; expected 'Enhance' or 'ResidualRestorer'"
        ):
            build(wrong)
