"""How the networks of `sunpy_restore.backproj_to_clean` are trained: scenes, loss and the configurations."""

from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import Dataset, TensorDataset

from sunpy_restore.backprojection.channels import BEAM, PIXEL, planes_of
from sunpy_restore.backprojection.clean import clean_planes
from sunpy_restore.backprojection.forward import draw_scene, draw_subcollimators, noisy_visibilities
from sunpy_restore.backprojection.fourier import Grid
from sunpy_restore.backprojection.recipe.scores import evaluation_pairs, measure, restorers
from sunpy_restore.backprojection.scenes import image_of
from sunpy_restore.backprojection.uvplane import stix_uv
from sunpy_restore.core.task import TrainingConfig, network_builder

__all__ = [
    "SceneDataset",
    "build_adversary",
    "configs",
    "content_loss",
    "datasets",
    "evaluation_pairs",
    "loss",
    "measure",
    "predict",
    "restorers",
    "simulated",
]

DATA = {
    "backproj": (
        "Simulated scenes of one to four sources, 3 to 80 arcsec wide: points, ellipses, loops, pairs of ribbons, with "
        "flux ratios to 1:10 and separations from 6 arcsec, anywhere in fields of 192 to 384 arcsec, at the (u, v) "
        "points of STIX: sub-collimators 3-10 (75 %) or other sets of 1-10, with noise of 0.5-30 % of the flux or of "
        "the amplitude. After 5,000 steps of these (configuration broad), a third of the scenes were pairs 12 to 40 "
        "arcsec apart. No observation is among them."
    ),
}
"""What the weights of the task were trained on."""

_SIDES = {"48": 0.2, "64": 0.4, "80": 0.3, "96": 0.1}  # with their probabilities
_LARGEST = 96  # pixels; sources of a larger field are within its middle
_EARLIER = 0.3  # weight of a stage over that of the next one
_QUIET = 1e-4  # of the square error
_FLUX = 0.3  # weight of the total flux
_SURE = 0.1  # relative error of the flux from which on it counts linearly


def configs(task):
    """
    The training configurations of the task.

    ``broad`` and then ``compact``, which starts from its weights (``start`` of `sunpy_restore.training.train`), made
    the weights in the package; the second one has more of close pairs, and looks at the curvature. ``paper`` is pix2pix
    as in Lastufka (2022): it sees the back-projection alone, on 256 pixels, and imitates CLEAN; cGAN and 100 times the
    l1 norm, as in Isola et al. (2017).

    Returns
    -------
    `dict`
        Name to `~sunpy_restore.core.task.TrainingConfig`. The option ``target`` is what is imitated: ``"truth"``, the
        scene seen with the clean beam, or ``"clean"``; ``sides`` are those of the fields, in pixels of 4 arcsec;
        ``close`` is the share of close pairs, and ``curvature`` the weight of its error in the loss.
    """
    plane = stix_uv(range(1, 11))
    uv = np.stack([plane.u, plane.v], axis=1).reshape(10, 3, 2).tolist()
    broad = TrainingConfig(
        name="broad",
        network={
            "architecture": "UnrolledUNet", "uv": uv, "pixel": PIXEL, "beam": BEAM, "widths": [32, 48, 64, 96],
            "stages": 2,
        },
        patch_size=64,
        batch_size=24,
        steps=5_000,
        learning_rate=6e-4,
        ema_decay=0.998,
        precision="bf16-mixed",
        validation_interval=500,
        options={"target": "truth", "sides": _SIDES},
    )  # fmt: skip
    compact = replace(
        broad,
        name="compact",
        steps=2_000,
        learning_rate=4e-4,
        options={"target": "truth", "sides": _SIDES, "close": 0.35, "curvature": 0.3},
    )
    paper = TrainingConfig(
        name="paper",
        network={"architecture": "CleanPix2Pix", "width": 64, "norm": "batch"},
        adversary={"architecture": "CleanDiscriminator", "width": 64, "norm": "batch"},
        patch_size=256,
        batch_size=1,
        steps=100_000,
        learning_rate=2e-4,
        betas=(0.5, 0.999),
        schedule="constant",
        ema_decay=0.0,
        gradient_clip=0.0,
        validation_interval=2_000,
        options={"target": "clean", "sides": {"256": 1.0}, "l1": 100.0},
    )
    return {"broad": broad, "compact": compact, "paper": paper}


class SceneDataset(Dataset):
    """
    Random scenes seen by STIX; item ``i`` is the same in every run, and fields of a batch have one size.

    Parameters
    ----------
    length : `int`
        Number of items.
    batch_size : `int`
        Items that have the same size.
    options : mapping
        ``sides``, ``target`` and ``close`` of the configuration, see `configs`.
    seed : `int`
        Seed.
    """

    def __init__(self, length, *, batch_size, options, seed):
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self.sides, self.target, self.close = options["sides"], options["target"], options.get("close", 0.0)

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        sides, odds = zip(*self.sides.items(), strict=True)
        side = np.random.default_rng([self.seed, 2, index // self.batch_size]).choice([int(n) for n in sides], p=odds)
        planes, truth = simulated(np.random.default_rng([self.seed, 1, index]), int(side), self.close)
        if self.target == "clean":
            truth = clean_planes(planes).astype(np.float32)
        return torch.from_numpy(planes), torch.from_numpy(truth[np.newaxis])


def simulated(rng, side, close=0.0):
    """
    Draw a scene, and what STIX makes of it.

    Parameters
    ----------
    rng : `numpy.random.Generator`
        Source of chance.
    side : `int`
        Rows and columns of the field.
    close : `float`
        Share of close pairs.

    Returns
    -------
    planes : `numpy.ndarray` of ``float32``
        See `~sunpy_restore.backprojection.channels.PLANES`.
    truth : `numpy.ndarray` of ``float32``
        The scene seen with the clean beam, in the same unit, shape ``(side, side)``.
    """
    grid = Grid((side, side), (PIXEL, PIXEL))
    scene = draw_scene(rng, PIXEL * min(side, _LARGEST), close)
    plane = stix_uv(draw_subcollimators(rng))
    planes, unit = planes_of(noisy_visibilities(scene, plane, rng), plane, grid)
    return planes, (image_of(scene, grid, BEAM) / unit).astype(np.float32)


def datasets(task, directory, config):
    """
    Training pairs and validation sets; both are simulated.

    Parameters
    ----------
    task : `str`
        Name of the task.
    directory : path-like
        Not used.
    config : `~sunpy_restore.core.task.TrainingConfig`
        The configuration.

    Returns
    -------
    training : `SceneDataset`
    validation : `dict`
        Name of the source to pairs that are the same in every run.
    """
    length = config.steps * config.batch_size
    pairs = [simulated(np.random.default_rng([99, index]), 64) for index in range(192)]
    planes, truth = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
    kept = {"scenes": TensorDataset(planes, truth[:, np.newaxis])}
    return SceneDataset(length, batch_size=config.batch_size, options=config.options, seed=config.seed), kept


def predict(network, observed, config):
    """The network's answer for a batch."""
    return network(observed)


build_adversary = network_builder(CleanDiscriminator="papers.pix2pix_clean")
"""The discriminator of a configuration."""


def content_loss(restored, batch, config):
    """What an adversarial training adds to the discriminator's loss: the l1 norm of the error."""
    return config.options["l1"] * (restored - batch[1]).abs().mean()


def loss(network, batch, config):
    """
    RMS error over the RMS of the truth, every scene with the same weight, after each stage; most after the last one.

    The error of the total flux is added, which is small in every pixel: that of the values above zero, which remain.
    """
    observed, truth = batch
    total = 0.0
    for number, found in enumerate(reversed(network.forward_stages(observed))):
        found = found.float()
        error = (found - truth).square().sum(dim=(1, 2, 3)) / truth.square().sum(dim=(1, 2, 3))
        flux = found.clamp_min(0).sum(dim=(1, 2, 3)) / truth.sum(dim=(1, 2, 3))
        flux = functional.smooth_l1_loss(flux, torch.ones_like(flux), beta=_SURE)
        total = total + _EARLIER**number * ((error + _QUIET).sqrt().mean() + _FLUX * flux)
        if config.options.get("curvature"):
            bent, true = _curvature(found), _curvature(truth)
            error = (bent - true).square().sum(dim=(1, 2, 3)) / true.square().sum(dim=(1, 2, 3))
            total = total + _EARLIER**number * config.options["curvature"] * (error + _QUIET).sqrt().mean()
    return total


def _curvature(image):
    """Laplacian, in which the dip between two sources that are close is as large as they are."""
    sides = image[..., 2:, 1:-1] + image[..., :-2, 1:-1] + image[..., 1:-1, 2:] + image[..., 1:-1, :-2]
    return sides - 4 * image[..., 1:-1, 1:-1]
