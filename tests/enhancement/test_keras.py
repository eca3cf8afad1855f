"""Weights that Diaz Baso & Asensio Ramos (2018) published for Keras, in files of the same structure."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional

import sunpy.map

from sunpy_restore import enhance
from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.inference.network import load_network
from sunpy_restore.core.system.filecheck import git_blob_id
from sunpy_restore.core.weights import download, store
from sunpy_restore.core.weights.keras import read_keras
from sunpy_restore.data import sample_path
from sunpy_restore.enhancement.task import CONTINUUM, MAGNETOGRAM
from sunpy_restore.networks.papers.enhance import from_keras

ENTRIES = [store.entry_named(f"{task.name}-diazbaso2018") for task in (CONTINUUM, MAGNETOGRAM)]


def layers(blocks, channels, rng):
    """Names and weights as the model of the authors has them, in its order, with layers without weights between."""
    found, count = [("input_1", {}), ("gaussian_noise_1", {})], {"conv2d": 0, "batch_normalization": 0}

    def name(kind):
        count[kind] += 1
        return f"{kind}_{count[kind]}"

    def convolution(inputs, outputs, side=3):
        kernel = rng.normal(0, np.sqrt(1 / (side * side * inputs)), (side, side, inputs, outputs))
        found.append((f"reflection_padding2d_{len(found)}", {}))
        found.append((name("conv2d"), {"kernel": kernel, "bias": rng.normal(0, 0.1, outputs)}))

    def norm():
        values = {"gamma": rng.uniform(0.5, 1, channels), "beta": rng.normal(0, 0.1, channels)}
        values |= {"moving_mean": rng.normal(0, 0.1, channels), "moving_variance": rng.uniform(1e-3, 0.1, channels)}
        found.append((name("batch_normalization"), values))

    convolution(1, channels)
    for _ in range(blocks):
        for _ in range(2):
            convolution(channels, channels)
            norm()
        found.append((f"add_{len(found)}", {}))
    convolution(channels, channels)
    norm()
    found.append(("up_sampling2d_1", {}))
    convolution(channels, channels)
    convolution(channels, 1, 1)
    return [(layer, {key: np.float32(value) for key, value in values.items()}) for layer, values in found]


def write_keras(path, found, *, whole=False):
    """Write a file as Keras 2 does: weights only, or the whole model."""
    h5py = pytest.importorskip("h5py", reason="needs the extra 'keras'")
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        root.attrs["layer_names"] = np.array([name.encode() for name, _ in found])
        root.attrs["keras_version"] = b"2.0.2"
        for name, values in found:
            group = root.create_group(name)
            group.attrs["weight_names"] = np.array([f"{name}/{key}:0".encode() for key in values], dtype="S64")
            for key, value in values.items():
                group.create_dataset(f"{name}/{key}:0", data=value)


def keras_output(image, found):
    """The model of the authors, from its weights by the formulas of Keras."""
    with_weights = iter(values for _, values in found if values)

    def convolution(features):
        values = next(with_weights)
        kernel = torch.from_numpy(values["kernel"]).double()
        side = kernel.shape[0]
        padded = functional.pad(features, [side // 2] * 4, mode="reflect") if side > 1 else features
        ny, nx = features.shape[2:]
        parts = [
            torch.einsum("bcyx,cd->bdyx", padded[:, :, row : row + ny, column : column + nx], kernel[row, column])
            for row in range(side)
            for column in range(side)
        ]
        return sum(parts) + torch.from_numpy(values["bias"]).double()[:, None, None]

    def norm(features):
        values = {key: torch.from_numpy(value).double()[:, None, None] for key, value in next(with_weights).items()}
        scaled = (features - values["moving_mean"]) / torch.sqrt(values["moving_variance"] + 1e-3)
        return values["gamma"] * scaled + values["beta"]

    first = features = convolution(image.double()).clamp_min(0)
    blocks = (sum("gamma" in values for _, values in found) - 1) // 2
    for _ in range(blocks):
        before = features
        features = norm(convolution(norm(convolution(features)).clamp_min(0))) + before
    features = norm(convolution(features)) + first
    features = features.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    return convolution(convolution(features).clamp_min(0))


@pytest.fixture
def published(tmp_path, monkeypatch):
    """``published(entry, found)`` puts a file of Keras where the entry is downloaded to, and makes it the entry's."""
    monkeypatch.setenv("SUNPY_RESTORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SUNPY_RESTORE_WEIGHTS_MIRROR", raising=False)

    def make(entry, found, **options):
        (tmp_path / "cache").mkdir(exist_ok=True)
        path = tmp_path / "cache" / entry.file
        write_keras(path, found, **options)
        new = dataclasses.replace(entry, git_blob=git_blob_id(path))
        known = tuple(new if other.name == entry.name else other for other in store.available())
        monkeypatch.setattr(store, "available", lambda task=None, *, registry=None: known)
        return path

    return make


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("shape", [(9, 12), (33, 20)])
def test_the_converted_network_is_that_of_keras(published, whole, shape):
    found = layers(5, 64, np.random.default_rng(3))
    published(ENTRIES[0], found, whole=whole)
    network, local = load_network(CONTINUUM, "diazbaso2018")
    assert local.name == "enhance-continuum-diazbaso2018"
    image = 1 + 0.2 * torch.randn((1, 1, *shape), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        output = network.eval()(image)
    expected = keras_output(image, found)
    assert output.shape == (1, 1, 2 * shape[0], 2 * shape[1])
    torch.testing.assert_close(output.double(), expected, rtol=1e-4, atol=1e-4 * float(expected.std()))
    assert sum(tensor.numel() for tensor in network.state_dict().values() if tensor.is_floating_point()) == 446_657


def test_enhance_with_the_published_weights(published):
    """The product of the Map selects one of the two files."""
    for entry, sample in zip(ENTRIES, ("hmi_continuum_quiet", "hmi_magnetogram"), strict=True):
        published(entry, layers(1, 4, np.random.default_rng(5)))
        observed = sunpy.map.Map(sample_path(sample))
        restored = enhance(observed, weights="diazbaso2018", device="cpu")
        assert restored.data.shape == tuple(2 * length for length in observed.data.shape)
        assert restored.meta["rstmodel"] == entry.name
        metadata = store.read_metadata(store.resolve("diazbaso2018", task=entry.task))
        assert (metadata["licence"], metadata["doi"]) == ("MIT", "10.1051/0004-6361/201731344")
        assert "ef4e71a" in metadata["source"]


def test_a_file_is_converted_once(published, tmp_path):
    published(ENTRIES[0], layers(1, 4, np.random.default_rng(5)))
    first = store.resolve("diazbaso2018", task=CONTINUUM.name)
    before = first.path.stat().st_mtime_ns
    assert store.resolve("diazbaso2018", task=CONTINUUM.name) == first
    assert first.path.stat().st_mtime_ns == before
    # A damaged one is converted again
    first.path.write_bytes(b"nothing")
    assert store.resolve("diazbaso2018", task=CONTINUUM.name) == first


def test_another_file_is_not_taken(published, monkeypatch):
    path = published(ENTRIES[0], layers(1, 4, np.random.default_rng(5)))
    path.write_bytes(path.read_bytes() + b" ")
    monkeypatch.setattr(download, "_WAITS", (0,))
    monkeypatch.setattr(store, "addresses", lambda entry, base_url: ())
    with pytest.raises(WeightsError, match="is another file than in the registry"):
        store.resolve("diazbaso2018", task=CONTINUUM.name)


def test_layers_of_another_network_are_refused(published):
    found = layers(2, 4, np.random.default_rng(5))
    published(ENTRIES[0], [layer for layer in found if layer[0] != "batch_normalization_2"])
    with pytest.raises(WeightsError, match="Found 8 convolutions and 4 batch normalisations; expected 2 n"):
        store.resolve("diazbaso2018", task=CONTINUUM.name)
    wrong = [(name, values | {"bias": values["bias"][:-1]} if name == "conv2d_3" else values) for name, values in found]
    with pytest.raises(ValueError, match=r"Found the shape \(3,\) of body\.0\.layers\.3\.bias; expected \(4,\)"):
        from_keras([layer for layer in wrong if layer[1]])


def test_a_file_that_is_no_hdf5_is_refused(tmp_path):
    pytest.importorskip("h5py", reason="needs the extra 'keras'")
    (tmp_path / "net.hdf5").write_bytes(b"something else")
    with pytest.raises(WeightsError, match=r"net\.hdf5 cannot be read as weights of Keras"):
        read_keras(tmp_path / "net.hdf5")


def test_the_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ModuleNotFoundError, match=r"net\.hdf5\) need the package h5py\. Run: pip install"):
        read_keras(tmp_path / "net.hdf5")


def test_ids_are_those_of_git(tmp_path):
    (tmp_path / "file").write_bytes(b"some text\n")
    try:
        answer = subprocess.run(["git", "hash-object", tmp_path / "file"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git")
    assert git_blob_id(tmp_path / "file") == answer.stdout.strip()


@pytest.mark.remote_data
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_published_files(entry, monkeypatch, tmp_path):
    pytest.importorskip("h5py", reason="needs the extra 'keras'")
    monkeypatch.setenv("SUNPY_RESTORE_CACHE", str(tmp_path))
    local = store.resolve("diazbaso2018", task=entry.task)
    state, metadata = store.read(local)
    assert metadata["hyperparameters"] == {"architecture": "Enhance", "blocks": 5, "channels": 64, "epsilon": 1e-3}
    assert sum(tensor.numel() for tensor in state.values() if tensor.is_floating_point()) == 446_657
    sample = {"enhance-continuum": "hmi_continuum_quiet", "enhance-magnetogram": "hmi_magnetogram"}[entry.task]
    observed = sunpy.map.Map(sample_path(sample))
    restored = enhance(observed, weights="diazbaso2018", device="cpu")
    binned = restored.data.reshape(observed.data.shape[0], 2, -1, 2).mean(axis=(1, 3))
    assert np.corrcoef(binned.ravel(), observed.data.ravel())[0, 1] > 0.9
    assert restored.data.std() > observed.data.std()
