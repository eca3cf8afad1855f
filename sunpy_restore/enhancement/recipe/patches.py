"""Patches of own pairs of an HMI image and an aligned image of another telescope, and the pairs for scores."""

from functools import lru_cache

import numpy as np
import torch
from torch.utils.data import Dataset

from sunpy_restore.core.datasets.manifest import read_manifest
from sunpy_restore.enhancement.observation import Observation

__all__ = ["PairedPatches", "evaluation_images", "paired_datasets"]

_VALIDATION_PATCHES = 64
_KEPT = 8  # pairs that are kept in memory


class PairedPatches(Dataset):
    """
    Random patches of own pairs, turned and mirrored. Each item depends on its index and the seed only.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Restoration`
        The task, whose networks are told the noise: that of the manifest, or, for continuum images, the measured one.
    manifest : `~sunpy_restore.core.datasets.manifest.Manifest`
        Pairs.
    items : `list` of `~sunpy_restore.core.datasets.item.Item`
        Those of a split; larger ones are drawn more often.
    length : `int`
        Number of items.
    patch_size, margin : `int`
        Side of a patch, and width of the surroundings on each side of the input, in input pixels.
    seed : `int`
        Seed.

    Raises
    ------
    ValueError
        No pair is as large as a patch with its margin.
    """

    def __init__(self, task, manifest, items, length, *, patch_size, margin, seed):
        self.task, self.manifest, self.length, self.seed = task, manifest, length, seed
        self.patch_size, self.margin = patch_size, margin
        side = patch_size + 2 * margin
        self.items = [item for item in items if min(_shape(item)) >= side]
        if not self.items:
            largest = max((_shape(item) for item in items), key=min)
            raise ValueError(
                f"Found pairs of at most {largest[0]} x {largest[1]} HMI pixels; expected at least {side} along each "
                "axis, the size of a patch with its margin. Lower patch_size or options.margin (--set)."
            )
        sizes = np.array([np.prod(np.array(_shape(item)) - side + 1) for item in self.items], dtype=float)
        self.odds = sizes / sizes.sum()
        self._read = lru_cache(_KEPT)(self._fresh)

    def __len__(self):
        return self.length

    def _fresh(self, number):
        item = self.items[number]
        observed = self.manifest.read(item)
        if item.values.get("noise") is not None:
            channels = np.stack([observed, np.full_like(observed, item.values["noise"])])
        else:
            channels = Observation.from_array(observed, self.task).channels()
        return channels, self.manifest.read(item, "truth", 2)

    def __getitem__(self, index):
        rng = np.random.default_rng((self.seed, index))
        number = int(rng.choice(len(self.items), p=self.odds))
        observed, truth = self._read(number)
        inner, side = self.patch_size, self.patch_size + 2 * self.margin
        row, column = (int(rng.integers(length - side + 1)) for length in observed.shape[1:])
        observed = observed[:, row : row + side, column : column + side]
        row, column = 2 * (row + self.margin), 2 * (column + self.margin)
        truth = truth[row : row + 2 * inner, column : column + 2 * inner]
        turns, mirrored = rng.integers(4), rng.integers(2)
        pair = [np.rot90(image, turns, axes=(1, 2)) for image in (observed, truth[None])]
        pair = [image[..., ::-1] if mirrored else image for image in pair]
        return tuple(torch.from_numpy(np.ascontiguousarray(image)) for image in pair)


def _shape(item):
    """Rows and columns of a pair or of its region."""
    return item.shape[0], item.shape[1] if item.columns is None else item.columns[1] - item.columns[0]


def paired_datasets(task, directory, data, config):
    """
    Training and validation patches of own pairs.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Restoration`
        The task.
    directory : path-like
        Folder with a manifest of pairs.
    data : `str`
        What the pairs are for, see `~sunpy_restore.core.datasets.manifest.read_manifest`.
    config : `~sunpy_restore.core.recipes.config.TrainingConfig`
        The configuration.

    Returns
    -------
    training : `PairedPatches`
    validation : `dict`
        Name of the source to `PairedPatches`.
    """
    manifest = read_manifest(directory, data)
    common = {"patch_size": config.patch_size, "margin": config.options["margin"]}
    length = config.steps * config.batch_size
    training = PairedPatches(task, manifest, manifest.split("train"), length, seed=config.seed, **common)
    kept = {}
    for item in manifest.split("validation"):
        kept.setdefault(item.group, []).append(item)
    return training, {
        group: PairedPatches(task, manifest, items, _VALIDATION_PATCHES, seed=config.seed + 1, **common)
        for group, items in kept.items()
    }


def evaluation_images(directory, data):
    """
    Pairs that are kept back from training.

    Parameters
    ----------
    directory, data
        See `paired_datasets`.

    Yields
    ------
    source : `str`
        Name of the source.
    observed, truth : `numpy.ndarray`
        Shapes ``(ny, nx)`` and ``(2 * ny, 2 * nx)``.
    """
    manifest = read_manifest(directory, data)
    for item in manifest.split("validation"):
        yield item.group, manifest.read(item), manifest.read(item, "truth", 2).astype(float)
