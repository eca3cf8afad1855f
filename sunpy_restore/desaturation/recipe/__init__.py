"""How the networks of `sunpy_restore.desaturate` are trained: pairs, loss and the configurations."""

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import Dataset, TensorDataset

from sunpy_restore.core.task import TrainingConfig, network_builder
from sunpy_restore.desaturation.recipe.losses import weighted_l1
from sunpy_restore.desaturation.recipe.pairs import injected_pair, mixed_views, pair_of, paper_crops, paper_views
from sunpy_restore.desaturation.recipe.paper import adversarial_configs
from sunpy_restore.desaturation.recipe.scenes import crop, read_disks
from sunpy_restore.desaturation.recipe.scores import evaluation_pairs, measure, restorers

__all__ = [
    "PairDataset",
    "build_adversary",
    "configs",
    "content_loss",
    "datasets",
    "evaluation_pairs",
    "loss",
    "measure",
    "predict",
    "restorers",
    "scored_pixels",
]

DATA = {
    "desaturate": (
        "56 full disks of AIA at 171 (2014-01-01, 2015-12-21, 2017-08-07 to 13), 193 (2013-06-24) and 304 angstrom "
        "(2024-04-16) in the 8-bit scaling of Helioviewer. 60 % of the pairs over-exposed as in the paper, in "
        "power-law and logarithmic scalings, threshold 0.8 of the range; 40 % with a linear scale and an injected "
        "flare of 1.1-25 full wells, through the meshes' diffraction in all seven channels, photon and read noise, and "
        "full wells that bloom (75 %) or clip (25 %). The networks of the paper and of its table saw pairs in the "
        "paper's manner alone, without other scalings. Kept back: the days 2014-02-03 and 2022-01-01, and all level-1 "
        "images."
    ),
}
"""What the weights of the task were trained on."""

_SIDE = 224
_HUBER = 0.1


def configs(task):
    """
    The training configurations of the task.

    ``compact`` made the weights in the package; the others are those of
    `~sunpy_restore.desaturation.recipe.paper.adversarial_configs`.

    Returns
    -------
    `dict`
        Name to `~sunpy_restore.core.task.TrainingConfig`.
    """
    compact = TrainingConfig(
        name="compact",
        network={"architecture": "FillingUNet", "widths": [48, 64, 96, 128]},
        patch_size=160,
        batch_size=8,
        steps=16_000,
        learning_rate=1e-3,
        ema_decay=0.999,
        precision="bf16-mixed",
        validation_interval=1_000,
        options={"views": 5_000, "paper_share": 0.6},
    )
    return {"compact": compact} | adversarial_configs()


class PairDataset(Dataset):
    """
    Random crops of views made in advance, mirrored and turned; item ``i`` is the same in every run.

    Parameters
    ----------
    views : `list` of `tuple`
        Planes, truth, and whether columns may become rows, see `~sunpy_restore.desaturation.recipe.pairs.mixed_views`.
    length : `int`
        Number of items.
    patch_size : `int`
        Side of a patch.
    seed : `int`
        Seed.
    """

    def __init__(self, views, length, *, patch_size, seed):
        self.views, self.length, self.patch_size, self.seed = views, length, patch_size, seed

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, 1, index])
        planes, truth, turnable = self.views[rng.integers(len(self.views))]
        side = self.patch_size
        for _ in range(8):
            top, left = rng.integers(0, planes.shape[-1] - side + 1, size=2)
            part = np.s_[:, top : top + side, left : left + side]
            if planes[1][part[1:]].any():
                break
        both = np.concatenate([planes[part], truth[part]]).astype(np.float32)
        both = both[:, :: rng.choice([1, -1]), :: rng.choice([1, -1])]
        if turnable and rng.integers(2):  # blooming runs along columns, which may not become rows
            both = both.swapaxes(1, 2)
        both = torch.from_numpy(both.copy())
        return both[:3], both[3:]


def datasets(task, directory, config):
    """
    Training pairs and validation sets.

    Parameters
    ----------
    task : `str`
        Name of the task.
    directory : path-like
        Holds ``aia/jp2/``.
    config : `~sunpy_restore.core.task.TrainingConfig`
        The configuration.

    Returns
    -------
    training : `PairDataset`
    validation : `dict`
        Name of the source to pairs that are the same in every run.
    """
    rng = np.random.default_rng(config.seed)
    disks, options = read_disks(directory), config.options
    as_paper = options.get("data") == "paper"
    if as_paper:
        views = paper_views(disks, options["patches"], rng)
    else:
        views = mixed_views(disks, options["views"], rng, side=_SIDE, paper_share=options["paper_share"])
    length = config.steps * config.batch_size
    training = PairDataset(views, length, patch_size=config.patch_size, seed=config.seed)
    disks = read_disks(directory, "validation")
    validation = {"paper": _validation_paper(disks, 48)}
    if not as_paper:
        validation["injected"] = _validation_injected(disks, 32)
    return training, validation


def _validation_paper(disks, count):
    crops = list(paper_crops(disks))
    chosen = np.random.default_rng(0).permutation(len(crops))[:count]
    return _stacked([pair_of(image, mask, image) for image, mask in (crops[index] for index in chosen)])


def _validation_injected(disks, count):
    rng = np.random.default_rng(1)
    pairs = []
    while len(pairs) < count:
        pair = injected_pair(crop(disks[len(pairs) % len(disks)], rng, _SIDE), rng)
        pairs += [pair] * (pair is not None)
    return _stacked(pairs)


def _stacked(pairs):
    return TensorDataset(*(torch.from_numpy(np.stack(parts)) for parts in zip(*pairs, strict=True)))


def predict(network, observed, config):
    """
    The network's answer for a batch.

    Parameters
    ----------
    network : `torch.nn.Module`
        The network.
    observed : `torch.Tensor`
        Planes, shape ``(batch, 3, h, w)``.
    config : `~sunpy_restore.core.task.TrainingConfig`
        The configuration.
    """
    return network(observed)


build_adversary = network_builder(MaskDiscriminator="papers.pix2pix")
"""The discriminator of a configuration."""


def content_loss(restored, batch, config):
    """What an adversarial training adds to the discriminator's loss."""
    observed, truth = batch
    return weighted_l1(restored, truth, observed[:, 1:2], config.options["loss"])


def scored_pixels(observed, truth):
    """The pixels that a validation looks at: those under the mask."""
    return observed[:, 1:2] > 0


def loss(network, batch, config):
    """Huber loss of the logarithm under the mask, every image with the same weight."""
    observed, truth = batch
    mask = observed[:, 1:2]
    found, expected = (torch.log1p(image.clamp_min(0)) for image in (predict(network, observed, config), truth))
    error = functional.smooth_l1_loss(found * mask, expected * mask, beta=_HUBER, reduction="none").sum(dim=(1, 2, 3))
    return 10 * (error / (mask.sum(dim=(1, 2, 3)) + 100)).mean()
