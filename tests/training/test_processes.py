"""Trainings in processes of their own: one that is killed, and several at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

pytest.importorskip("lightning", reason="training needs the extra 'train'")

import sunpy_restore
from sunpy_restore.core.weights.store import read

pytestmark = pytest.mark.slow

SCRIPT = """
import importlib.util, json, sys, time
from dataclasses import replace
from pathlib import Path

import torch

from sunpy_restore import tasks
from sunpy_restore.core.recipes.config import TrainingConfig
from sunpy_restore.core.task import Function
from sunpy_restore.training import train

spec = importlib.util.spec_from_file_location("toy_task", {conftest!r})
toy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toy)
torch.set_num_threads(1)


def build_network(hyperparameters):
    if dict(hyperparameters)["normalized"]:
        return toy.build_network(hyperparameters)
    channels = dict(hyperparameters)["channels"]
    layers = [torch.nn.Conv2d(1, channels, 1), torch.nn.Dropout(0.0), torch.nn.Conv2d(channels, 4, 1)]
    network = torch.nn.Sequential(*layers, torch.nn.PixelShuffle(2))
    network.receptive_radius = 0
    return network


class Adversary(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(5, 1, 1)

    def forward(self, observed, image):
        return self.layer(torch.cat([observed, torch.nn.functional.pixel_unshuffle(image, 2)], dim=1))


class Toy(toy.ToyRecipe):
    made, seen = [], []

    def loss(self, network, batch, config):
        time.sleep(settings["wait"])
        return super().loss(network, batch, config)

    def build_adversary(self, hyperparameters):
        return Adversary()

    def content_loss(self, restored, batch, config):
        return torch.nn.functional.mse_loss(restored, batch[1])


settings = json.loads(sys.argv[1])
Toy.config = TrainingConfig(
    name="compact", network={{"architecture": "Toy", "channels": 8, "normalized": settings["normalized"]}},
    patch_size=6, batch_size=8, steps=settings["steps"], learning_rate=0.05, ema_decay=0.9,
    validation_interval=5, seed=3, adversary=settings.get("adversary"),
)
task = replace(toy.TASK, recipe=Toy, build_network=build_network)
tasks.FUNCTIONS = (Function(name="toy", module="", summary="", tasks=(task,)),)
print(train("toy", ".", settings["out"], progress=False, accelerator="cpu", **settings.get("options", {{}})))
"""


@pytest.fixture
def start(tmp_path):
    """``start(**settings)`` starts a training as a process in ``tmp_path``."""
    script = tmp_path / "run.py"
    script.write_text(SCRIPT.format(conftest=str(Path(__file__).with_name("conftest.py"))), encoding="utf-8")
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(sunpy_restore.__file__).parents[1]),
        "CUDA_VISIBLE_DEVICES": "",
    }

    def start(**settings):
        settings = {"steps": 12, "normalized": True, "wait": 0} | settings
        command = [sys.executable, str(script), json.dumps(settings)]
        return subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start


def finished(process):
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    return out


def test_a_killed_training_is_resumed_bit_by_bit(start, tmp_path, assert_equal_states):
    finished(start(out="whole", steps=30))
    process = start(out="parts", steps=30, wait=0.3)
    last = tmp_path / "parts" / "last.ckpt"
    limit = time.monotonic() + 600
    while not last.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.05)
    # Between two checkpoints
    time.sleep(0.8)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    step = torch.load(last, weights_only=False)["global_step"]
    assert 0 < step < 30
    assert not list((tmp_path / "parts").glob("*.safetensors"))
    finished(start(out="parts", steps=30, options={"resume": True}))
    (whole, first), (parts, second) = (read(tmp_path / out / "toy-compact.safetensors") for out in ("whole", "parts"))
    assert_equal_states(parts, whole)
    for key in ("validation", "steps", "best_step", "exported_step"):
        assert first[key] == second[key], key


@pytest.mark.parametrize("adversary", [None, {"architecture": "Adversary"}], ids=["loss", "adversarial"])
def test_two_processes_give_the_result_of_one(start, tmp_path, adversary):
    """Each has half of a batch; without batch normalisation, which PyTorch has over several GPUs only."""
    settings = {"normalized": False, "adversary": adversary}
    options = {"changes": {"schedule": "constant"}}
    finished(start(out="one", options=options, **settings))
    options["devices"] = 2
    if adversary is None:
        # Also if they are interrupted
        finished(start(out="two", options=options, **settings | {"steps": 5}))
        options["resume"] = True
    finished(start(out="two", options=options, **settings))
    (one, first), (two, second) = (read(tmp_path / out / "toy-compact.safetensors") for out in ("one", "two"))
    assert first["steps"] == second["steps"] == "12"
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-4, atol=1e-5, msg=name)
    # Validations of halves: their scores are means over other batches
    assert second["validation"]["nmse/noise"] == pytest.approx(first["validation"]["nmse/noise"], rel=0.2)


def test_of_two_processes_one_with_a_bad_batch_stops_both(start, tmp_path):
    process = start(out="out", normalized=False, options={"devices": 2, "changes": {"learning_rate": 1e30}})
    _, err = process.communicate(timeout=900)
    assert process.returncode != 0
    assert "TrainingError" in err
    assert list((tmp_path / "out").glob("bad_batch*.safetensors"))
