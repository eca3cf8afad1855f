"""Weights that are exported with a registry entry, a model card and an ONNX file."""

import hashlib
import sys
import tomllib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("lightning", reason="export needs the extra 'train'")

from sunpy_restore.core.inference.network import load_network
from sunpy_restore.core.restoration.methods import load_method
from sunpy_restore.core.weights.registry import available
from sunpy_restore.core.weights.store import read, resolve
from sunpy_restore.tasks import get_task
from sunpy_restore.training import export, export_weights
from sunpy_restore.training.evaluation import score_images
from sunpy_restore.training.export import _inputs
from sunpy_restore.training.onnxfile import ONNX_TOLERANCE, write_onnx
from sunpy_restore.training.summary import intervals


@pytest.fixture
def run(toy, interruptible, register):
    """A finished training in ``tmp_path / "run"``."""
    toy.limits = "Not for images of the Sun."
    interruptible(toy, "loss")("run")
    return toy


def test_the_files_of_an_export(run, tmp_path):
    files = export_weights(tmp_path / "run", tmp_path / "out", data=tmp_path, device="cpu")
    assert [path.name for path in files] == [f"toy-compact.{suffix}" for suffix in ("safetensors", "toml", "rst")]
    weights, _, card = files
    before, old = read(tmp_path / "run" / "toy-compact.safetensors")
    after, metadata = read(weights)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert old.items() <= metadata.items()
    # Two images of one source, one of the other
    assert set(metadata["scores"]) == {"noise", "other noise"}
    low, high = metadata["intervals"]["noise"]["network"]["nmse"]
    assert low <= metadata["scores"]["noise"]["network"]["nmse"] <= high
    assert metadata["intervals"]["other noise"]["network"] == {}
    text = card.read_text(encoding="utf-8")
    for part in (f"{low:.4f}, {high:.4f}", "Intended use", "Not for images of the Sun.", "A toy", "Noise of seed 3."):
        assert part in text, part
    assert hashlib.sha256(weights.read_bytes()).hexdigest() in text
    # It works at once
    load_method(get_task("toy"), weights=weights, device="cpu")


def test_the_entry_is_one_of_a_registry(run, tmp_path):
    weights, entry, _ = export_weights(tmp_path / "run", tmp_path / "out", name="toy-mine")
    registry = tmp_path / "registry.toml"
    registry.write_text(f'base_url = ""\nfolder = "."\n\n{entry.read_text(encoding="utf-8")}', encoding="utf-8")
    (found,) = available("toy", registry=registry)
    assert (found.name, found.kind, found.doi, found.licence) == ("toy-mine", "full", "10.1000/182", "not stated")
    local = resolve("toy-mine", task="toy", registry=registry, mirror=tmp_path / "out")
    assert local.path == weights
    assert tomllib.loads(entry.read_text(encoding="utf-8"))["weights"]["toy-mine"]["size"] == weights.stat().st_size


def test_the_licence_is_the_choice_of_the_user(run, tmp_path):
    weights, entry, card = export_weights(tmp_path / "run", tmp_path / "out", licence="CC-BY-4.0")
    assert read(weights)[1]["licence"] == "CC-BY-4.0"
    assert tomllib.loads(entry.read_text(encoding="utf-8"))["weights"]["toy-compact"]["licence"] == "CC-BY-4.0"
    assert "CC-BY-4.0" in card.read_text(encoding="utf-8")
    again, *_ = export_weights(weights, tmp_path / "again")
    assert read(again)[1]["licence"] == "CC-BY-4.0"


def test_the_default_name_is_not_one_of_the_package(run, tmp_path, monkeypatch):
    taken = ["toy-compact"]
    monkeypatch.setattr(export, "available", lambda: [SimpleNamespace(name=name) for name in taken])
    assert export_weights(tmp_path / "run", tmp_path / "out")[0].name == "toy-run.safetensors"
    assert export_weights(tmp_path / "run" / "toy-compact.safetensors", tmp_path / "out")[0].stem == "toy-run"
    taken.append("toy-run")
    assert export_weights(tmp_path / "run", tmp_path / "out")[0].stem == "toy-run-own"
    assert export_weights(tmp_path / "run", tmp_path / "out", name="toy-compact")[0].stem == "toy-compact"


def test_weights_without_scores_say_so(run, tmp_path):
    _, metadata = read(export_weights(tmp_path / "run", tmp_path / "out")[0])
    assert "not scored" in metadata["limits"]
    assert "scores" not in metadata


def test_a_folder_without_one_weights_file_is_refused(run, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "bad_batch.safetensors").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"no weights file in .*empty; expected one"):
        export_weights(tmp_path / "empty", tmp_path / "out")
    source = tmp_path / "run" / "toy-compact.safetensors"
    (tmp_path / "run" / "other.safetensors").write_bytes(source.read_bytes())
    with pytest.raises(ValueError, match=r"several weights files .*other\.safetensors, toy-compact\.safetensors"):
        export_weights(tmp_path / "run", tmp_path / "out")
    assert export_weights(source, tmp_path / "out")


def test_intervals_are_those_of_a_bootstrap_over_images():
    values = np.random.default_rng(1).normal(3, 1, size=200)
    found = {("here", "network"): [{"mean": value, "median_error": -value, "rare": None} for value in values]}
    row = intervals(found)["here"]["network"]
    low, high = row["mean"]
    # The standard error of the mean is 1 / sqrt(200)
    assert (values.mean() - low, high - values.mean()) == pytest.approx((0.139, 0.139), rel=0.25)
    low, high = row["median_error"]
    assert 2.5 < low < np.median(values) < high < 3.5
    assert "rare" not in row
    assert intervals(found) == intervals(found)
    assert intervals({("here", "network"): [{"mean": 1.0}]}) == {"here": {"network": {}}}


def test_scores_of_images(run, tmp_path):
    found = score_images("toy", tmp_path, methods=["repeat"])
    assert {key: len(images) for key, images in found.items()} == {("noise", "repeat"): 2, ("other noise", "repeat"): 1}


@pytest.fixture
def onnx():
    pytest.importorskip("onnxscript", reason="needs the extra 'onnx'")
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")


@pytest.mark.usefixtures("onnx")
def test_an_onnx_file_agrees_with_pytorch(run, tmp_path):
    path = export_weights(tmp_path / "run", tmp_path / "out", onnx=True)[-1]
    import onnxruntime

    network, _ = load_network(get_task("toy"), tmp_path / "run" / "toy-compact.safetensors")
    image = torch.randn(3, 1, 10, 14)
    with torch.no_grad():
        expected = network.eval()(image).numpy()
    (found,) = onnxruntime.InferenceSession(str(path)).run(None, {"input": image.numpy()})
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.ptp(expected))


@pytest.mark.slow
@pytest.mark.usefixtures("onnx")
@pytest.mark.parametrize("name", ["enhance-continuum", "enhance-magnetogram", "desaturate", "inpaint"])
def test_networks_of_the_package_as_onnx(name, tmp_path):
    task = get_task(name)
    difference = write_onnx(load_network(task)[0], tmp_path / "net.onnx", _inputs(task), names=task.channels)
    assert difference <= ONNX_TOLERANCE


@pytest.mark.usefixtures("onnx")
def test_a_network_without_onnx_is_refused(tmp_path):
    class Airy(nn.Module):
        def forward(self, image):
            return torch.special.bessel_j1(image)

    with pytest.raises(
        RuntimeError, match=r"Airy cannot be written as ONNX \(.*bessel_j1.*\)\. Use its \.safetensors file"
    ):
        write_onnx(Airy(), tmp_path / "net.onnx", lambda side: torch.ones(1, 1, side, side))
    assert not (tmp_path / "net.onnx").exists()


def test_onnx_names_the_missing_package(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match="onnx"):
        write_onnx(nn.Identity(), tmp_path / "net.onnx", None)
