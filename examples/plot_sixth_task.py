"""
=================
Adding a function
=================

A function for another instrument or problem needs an observation, a method and a
record. Everything else comes from the package: containers, checks of the input,
provenance, warnings, files, reports, a command, training and evaluation. This example
defines a function that removes a Gaussian blur from any Map, first with a classical
method and then with a network that is a single filter. See :doc:`/howto/add_task` for
the steps in full.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import ndimage
from torch import nn
from torch.utils.data import Dataset

import sunpy.map

from sunpy_restore import report, tasks
from sunpy_restore.core.numerics.nearest import fill_invalid
from sunpy_restore.core.recipes.config import TrainingConfig
from sunpy_restore.core.recipes.recipe import Recipe, ScoreColumn
from sunpy_restore.core.restoration import observation
from sunpy_restore.core.restoration.methods import Restored
from sunpy_restore.core.restoration.verb import run
from sunpy_restore.core.task import MapFunction, Restoration
from sunpy_restore.data import sample_path
from sunpy_restore.training import evaluate, train

###############################################################################
# The forward model comes first: how the instrument degrades an image. It makes the
# training pairs, and the input of this example.


def blur(image):
    """Blur an image with a Gaussian of 1.5 pixels."""
    return ndimage.gaussian_filter(image, 1.5, mode="reflect", radius=6)


truth = sunpy.map.Map(sample_path("hmi_continuum_spot"))
blurred = sunpy.map.Map(blur(truth.data.astype(float)), truth.meta)

###############################################################################
# The observation takes the arrays out of a Map, and refuses Maps that are unsuited.


@dataclass(frozen=True, kw_only=True)
class Observation(observation.Observation):
    """Image, its valid pixels and its largest value."""

    image: np.ndarray
    valid: np.ndarray
    level: float

    @classmethod
    def check(cls, smap):
        """Refuse Maps that cannot be restored."""
        if np.nanmin(smap.data) < 0:
            raise ValueError("Found negative values; expected intensities.")

    @classmethod
    def from_map(cls, smap):
        """Make the observation of a Map."""
        image, valid = fill_invalid(smap.data)
        image = image.astype(float)
        return cls(image=image, valid=valid, level=float(image.max()))


###############################################################################
# A method is a function of the observation. Here it is unsharp masking. ``restore``
# adds what all methods of the task have in common, such as units and invalid pixels.


def unsharp(observation, *, progress=False):
    """Add what a second blur takes away."""
    image = observation.image / observation.level
    return 2 * image - blur(image)


def restore(observation, method, *, progress=False):
    """Scale the result of the method back to the unit of the Map."""
    image = observation.level * method(observation, progress=progress)
    return Restored(data=np.where(observation.valid, image, np.nan))


###############################################################################
# The network is plain PyTorch: one filter, zero at the start, whose result is added to
# the image. The recipe makes its training pairs. All images of this example are parts
# of the same one, which is why the result is a demonstration only.


class Filter(nn.Module):
    """Add a filtered image to the image."""

    receptive_radius = 4

    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(1, 1, 9, 9))

    def forward(self, image):
        """Return the sharpened image."""
        padded = nn.functional.pad(image, [4] * 4, mode="reflect")
        return image + nn.functional.conv2d(padded, self.weights - self.weights.mean())


def with_network(observation, network, *, progress=False):
    """Apply the network."""
    return network(observation.image / observation.level, progress=progress)


class Pairs(Dataset):
    """Random parts of an image and of its blurred version."""

    def __init__(self, image, length, side):
        self.pair = blur(image), image
        self.length, self.side = length, side

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        y, x = (rng.integers(length - self.side) for length in self.pair[0].shape)
        part = np.s_[y : y + self.side, x : x + self.side]
        return tuple(torch.from_numpy(image[part])[None] for image in self.pair)


class DeblurRecipe(Recipe):
    """Configuration, data, loss and scores of the training."""

    score_columns: ClassVar = {
        "error": ScoreColumn("RMS error [% of contrast]", "{:.1%}")
    }

    def configs(self):
        """Return the configurations."""
        options = {"patch_size": 24, "batch_size": 8, "steps": 150, "ema_decay": 0.0}
        options |= {"learning_rate": 0.03, "validation_interval": 75}
        network = {"architecture": "Filter"}
        return {"compact": TrainingConfig(name="compact", network=network, **options)}

    def training_data(self, config):
        """Name the training data in the weights file."""
        return "The left half of the image."

    def datasets(self, directory, config):
        """Return the data for training and those for validation."""
        image = np.load(directory / "image.npy")
        side, length = config.patch_size, config.steps * config.batch_size
        left, right = np.array_split(image, 2, axis=1)
        return Pairs(left, length, side), {"right half": Pairs(right, 16, side)}

    def loss(self, network, batch, config):
        """Mean squared error."""
        observed, truth = batch
        return nn.functional.mse_loss(self.predict(network, observed, config), truth)

    def evaluation_pairs(self, directory):
        """Yield observations that were kept back, with their truth."""
        truth = np.array_split(np.load(directory / "image.npy"), 2, axis=1)[1]
        valid = np.ones(truth.shape, dtype=bool)
        yield (
            "right half",
            Observation(image=blur(truth), valid=valid, level=1.0),
            truth,
        )

    def measure(self, observation, restored, truth):
        """Score one image."""
        return {"error": float(np.std(restored - truth) / truth.std())}


###############################################################################
# The record names everything, and the function is one call. In the package, the record
# stands in ``sunpy_restore/tasks.py``.

TASK = Restoration(
    name="deblur-gaussian",
    title="Gaussian blur",
    doi="",
    unit="largest value",
    build_network=lambda hyperparameters: Filter(),
    network_method=with_network,
    classical={"unsharp": unsharp},
    restore=restore,
    recipe=DeblurRecipe,
)
DEBLUR = MapFunction(
    name="deblur",
    module=__name__,
    summary="remove a Gaussian blur",
    tasks=(TASK,),
    observation=Observation,
)
tasks.FUNCTIONS = (*tasks.FUNCTIONS, DEBLUR)


def deblur(image, *, method="network", weights=None, device=None, progress=False):
    """Remove a Gaussian blur from Maps."""
    options = {"method": method, "weights": weights, "device": device}
    return run(DEBLUR, image, progress=progress, **options)


###############################################################################
# That is all. The function takes Maps, lists, sequences and cubes, refuses what is
# wrong, and records what it did.

classical = deblur(blurred, method="unsharp")
print(type(classical).__name__, classical.meta["rsttask"], classical.meta["rstmeth"])
sequence = deblur(sunpy.map.Map([blurred, blurred], sequence=True), method="unsharp")
print(type(sequence).__name__)
for image, method in (
    (truth.data, "unsharp"),
    (blurred, "magic"),
    (classical, "unsharp"),
):
    try:
        deblur(image, method=method)
    except (TypeError, ValueError) as error:
        print(f"{type(error).__name__}: {error}")
print(report(classical, blurred))

###############################################################################
# The network is trained by the same function as those of the package.

work = Path(tempfile.mkdtemp())
np.save(work / "image.npy", (truth.data / truth.data.max()).astype(np.float32))
weights = train("deblur-gaussian", work, work / "run", progress=False)
network = deblur(blurred, weights=weights)

###############################################################################
# `~sunpy_restore.training.evaluate` scores it on the right half of the image, which was
# not used for the training, in the way in which users call it.

for row in evaluate("deblur-gaussian", work, weights=weights):
    print(
        f"{row['source']}, {row['method']:<8} RMS error {row['error']:.1%} of contrast"
    )

###############################################################################
# The upper panels have one intensity scale, and the lower ones show the errors.

results = {"blurred": blurred, "unsharp": classical, "network": network}
quiet = np.median(truth.data)
figure, panels = plt.subplots(
    2, 3, figsize=(11, 7), layout="constrained", subplot_kw={"projection": truth}
)
for index, (above, below, (title, smap)) in enumerate(
    zip(*panels, results.items(), strict=True)
):
    style = {"cmap": "gray", "vmin": 0.1, "vmax": 1.15, "origin": "lower"}
    image = above.imshow(smap.data / quiet, **style)
    style = {"cmap": "RdBu_r", "vmin": -0.15, "vmax": 0.15, "origin": "lower"}
    error = below.imshow((smap.data - truth.data) / quiet, **style)
    above.set_title(title)
    for axes in (above, below):
        for coordinate, letter in zip(axes.coords, "XY", strict=True):
            coordinate.set_major_formatter("s")
            labelled = axes is below if letter == "X" else index == 0
            coordinate.set_axislabel(f"Solar {letter} [arcsec]" if labelled else " ")
            coordinate.set_ticklabel_visible(labelled)
figure.colorbar(image, ax=panels[0], label="Intensity / quiet Sun", shrink=0.9)
figure.colorbar(error, ax=panels[1], label="Error / quiet Sun", shrink=0.9)

tasks.FUNCTIONS = tasks.FUNCTIONS[:-1]
shutil.rmtree(work)
plt.show()
