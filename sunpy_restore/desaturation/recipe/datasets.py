"""Data sets for the training of the networks of `sunpy_restore.desaturate`."""

import numpy as np
import torch
from torch.utils.data import Dataset, TensorDataset

from sunpy_restore.desaturation.recipe.pairs import injected_pair, pair_of, paper_crops, paper_views
from sunpy_restore.desaturation.recipe.scenes import crop, read_disks
from sunpy_restore.desaturation.recipe.views import Views
from sunpy_restore.desaturation.task import CHANNELS

__all__ = ["PairDataset", "training_pairs", "validation_pairs"]

_SIDE = 224  # pixels
_PAPER_PAIRS = 48
_INJECTED_PAIRS = 32
_ATTEMPTS = 8  # crops of a view that are tried until one contains damage


class PairDataset(Dataset):
    """
    Random crops of views, mirrored and transposed; item ``i`` is the same in every run.

    Parameters
    ----------
    views : `~sunpy_restore.core.datasets.made.Made` of `tuple`
        Input channels, truth, and whether they may be transposed, see
        `~sunpy_restore.desaturation.recipe.views.Views`.
    length : `int`
        Number of items.
    patch_size : `int`
        Side of a patch in pixels.
    seed : `int`
        Seed.
    """

    def __init__(self, views, length, *, patch_size, seed):
        self.views, self.length, self.patch_size, self.seed = views, length, patch_size, seed

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, 1, index])
        channels, truth, transposable = self.views[rng.integers(len(self.views))]
        side = self.patch_size
        for _ in range(_ATTEMPTS):
            top, left = rng.integers(0, channels.shape[-1] - side + 1, size=2)
            part = np.s_[:, top : top + side, left : left + side]
            if channels[CHANNELS.index("mask")][part[1:]].any():
                break
        both = np.concatenate([channels[part], truth[part]]).astype(np.float32)
        both = both[:, :: rng.choice([1, -1]), :: rng.choice([1, -1])]
        if transposable and rng.integers(2):  # charge blooms along columns, which may not become rows
            both = both.swapaxes(1, 2)
        return torch.from_numpy(both.copy()).split([len(CHANNELS), 1])


def training_pairs(directory, config):
    """
    Training pairs of a configuration.

    Parameters
    ----------
    directory : path-like
        Folder with a manifest, or with the files of the list of training images.
    config : `~sunpy_restore.core.recipes.config.TrainingConfig`
        The configuration.

    Returns
    -------
    `PairDataset`
    """
    disks, options = read_disks(directory), config.options
    if _as_in_paper(config):
        views = paper_views(disks, options["patches"], config.seed)
    else:
        views = Views(disks, options["views"], options["shares"], side=_SIDE, seed=config.seed)
    length = config.steps * config.batch_size
    return PairDataset(views, length, patch_size=config.patch_size, seed=config.seed)


def validation_pairs(directory, config):
    """
    Validation pairs of a configuration, which are the same in every run.

    Parameters
    ----------
    directory, config
        See `training_pairs`.

    Returns
    -------
    `dict`
        Name of the source to `torch.utils.data.TensorDataset`.
    """
    disks = read_disks(directory, "validation")
    crops = list(paper_crops(disks))
    pairs = {"paper": _paper_pairs(crops)} if crops else {}
    if not _as_in_paper(config):
        pairs["injected"] = _injected_pairs(disks)
    if not pairs:
        raise ValueError(
            "Found no bright region in the images for validation; expected at least one tile of 256 pixels with 2 to "
            "20 % of its pixels above 0.8 of the range. Add images of active regions."
        )
    return pairs


def _as_in_paper(config):
    return config.options.get("data") == "paper"


def _paper_pairs(crops):
    chosen = np.random.default_rng(0).permutation(len(crops))[:_PAPER_PAIRS]
    return _stacked([pair_of(image, mask, image) for image, mask in (crops[index] for index in chosen)])


def _injected_pairs(disks):
    rng = np.random.default_rng(1)
    pairs = []
    while len(pairs) < _INJECTED_PAIRS:
        pair = injected_pair(crop(disks[len(pairs) % len(disks)], rng, _SIDE), rng)
        pairs += [pair] * (pair is not None)
    return _stacked(pairs)


def _stacked(pairs):
    return TensorDataset(*(torch.from_numpy(np.stack(parts)) for parts in zip(*pairs, strict=True)))
