"""A task that is learned in seconds: an image onto pixels of half the size, through a filter of 2 x 2 pixels."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from sunpy_restore import tasks
from sunpy_restore.core.recipes.config import TrainingConfig
from sunpy_restore.core.recipes.recipe import Recipe, ScoreColumn
from sunpy_restore.core.restoration import observation as base
from sunpy_restore.core.task import Function, Restoration

FILTER = torch.tensor([0.5, 1.0, -0.5, 2.0])


class Pairs(Dataset):
    """Item ``i`` is the same in every run; the items that were asked for are noted."""

    def __init__(self, length, seed):
        self.length, self.seed, self.asked = length, seed, []

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        self.asked.append(index)
        image = np.random.default_rng((self.seed, index)).standard_normal((1, 6, 6)).astype(np.float32)
        image = torch.from_numpy(image)
        return image, nn.functional.pixel_shuffle(image * FILTER[:, None, None], 2)


@dataclass(frozen=True)
class Observation(base.Observation):
    data: np.ndarray

    @classmethod
    def check(cls, smap):
        return

    @classmethod
    def from_map(cls, smap):
        return cls(smap.data)


def build_network(hyperparameters):
    channels = dict(hyperparameters)["channels"]
    network = nn.Sequential(
        nn.Conv2d(1, channels, 1), nn.BatchNorm2d(channels), nn.Conv2d(channels, 4, 1), nn.PixelShuffle(2)
    )
    network.receptive_radius = 0
    return network


def binned(image):
    return image.reshape(image.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3))


def repeat(observation, *, progress=False):
    return observation.data.repeat(2, axis=0).repeat(2, axis=1)


def darker(observation, *, progress=False):
    return repeat(observation) - 0.05


class ToyRecipe(Recipe):
    score_columns = {  # noqa: RUF012
        "nmse": ScoreColumn("NMSE", "{:.4f}"),
        "mean_error": ScoreColumn("mean error", "{:+.5f}"),
        "residual": ScoreColumn("residual [%]", "{:.2%}"),
    }

    def configs(self):
        return {"compact": self.config}

    def training_data(self, config):
        return f"Noise of seed {config.seed}."

    def datasets(self, directory, config):
        pairs = Pairs(config.steps * config.batch_size, config.seed)
        self.made.append(pairs)
        return pairs, {"noise": Pairs(8, 101), "other noise": Pairs(8, 102)}

    def loss(self, network, batch, config):
        self.seen.append({name: tensor.detach().clone() for name, tensor in network.state_dict().items()})
        observed, truth = batch
        return nn.functional.mse_loss(network(observed).float(), truth)

    def evaluation_pairs(self, directory):
        rng = np.random.default_rng(0)
        for name in ("noise", "noise", "other noise"):
            truth = 1 + 0.1 * rng.standard_normal((80, 72))
            yield name, Observation(binned(truth)), truth

    def measure(self, observation, restored, truth):
        error = restored - truth
        observed = observation.data
        return {
            "nmse": float(np.mean(error**2) / truth.var()),
            "mean_error": float(error.mean()),
            "residual": float(np.abs(binned(restored) - observed).sum() / np.abs(observed).sum()),
        }


TASK = Restoration(
    name="toy",
    title="A toy",
    doi="10.1000/182",
    unit="quiet-Sun intensity",
    scale=2,
    build_network=build_network,
    network_method=lambda observation, network, *, progress: network(observation.data, progress=progress),
    classical={"repeat": repeat, "darker": darker},
    recipe=ToyRecipe,
)


@pytest.fixture
def one_thread():
    """Threads that wait for one another cost more than these small tensors do, on a machine that has other work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def register(monkeypatch):
    """Make a task the only one while the test runs."""

    def register(task):
        monkeypatch.setattr(tasks, "FUNCTIONS", (Function(name="toy", module="", summary="", tasks=(task,)),))

    return register


@pytest.fixture
def toy(register, one_thread):
    """The recipe of the toy task, a class of this test. It notes its data sets and the weights before each step."""

    class Toy(ToyRecipe):
        config = TrainingConfig(
            name="compact",
            network={"architecture": "Toy", "channels": 8},
            patch_size=6,
            batch_size=4,
            steps=12,
            learning_rate=0.05,
            ema_decay=0.9,
            validation_interval=5,
            seed=3,
            options={"margin": 0},
        )
        made, seen = [], []

    Toy.task = replace(TASK, recipe=Toy)
    register(Toy.task)
    return Toy


class Interrupted(Exception):
    pass


@pytest.fixture
def interruptible(tmp_path):
    """``interruptible(recipe, method)`` gives a training in ``tmp_path`` that may be interrupted in that method."""
    # Not at the top of the module, because these tests are skipped without the extra
    from sunpy_restore.training import train

    def make(recipe, method):
        def run(out, *, interrupt=None, resume=False, start=None, **changes):
            """Interrupted before the step of that number if one is given."""
            original = getattr(recipe, method)
            recipe.seen.clear()

            def interrupted(self, *args):
                if len(self.seen) == interrupt:
                    raise Interrupted
                return original(self, *args)

            setattr(recipe, method, interrupted)
            try:
                config = replace(recipe.config, **changes)
                options = {"config": config, "resume": resume, "start": start, "progress": False}
                return train("toy", tmp_path, tmp_path / out, **options)
            finally:
                setattr(recipe, method, original)

        run.interrupted = Interrupted
        return run

    return make


@pytest.fixture
def assert_equal_states():
    """Compares two state dictionaries, number by number."""

    def compare(first, second):
        assert first.keys() == second.keys()
        for name in first:
            torch.testing.assert_close(first[name], second[name], rtol=0, atol=0, msg=name)

    return compare
