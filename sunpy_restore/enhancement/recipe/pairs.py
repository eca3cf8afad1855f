"""Data set of training pairs of `sunpy_restore.enhance`."""

import numpy as np
import torch
from torch.utils.data import Dataset

from sunpy_restore.core.made import Made
from sunpy_restore.enhancement.recipe.truth import view

__all__ = ["PairDataset"]


class PairDataset(Dataset):
    """
    Random patches of simulated observations with noise. Each item depends on its index and the seed only.

    Parameters
    ----------
    sources : `list` of `~sunpy_restore.enhancement.recipe.truth.Source`
        Sources, drawn with probabilities proportional to their weights.
    length : `int`
        Number of items.
    patch_size, margin : `int`
        Side of a patch, and width of the surroundings on each side of the input, in input pixels.
    noise : pair of `float`
        Range of the 1-sigma noise of the input, in its unit.
    views : `int`
        Number of simulated observations from which the patches are cut.
    seed : `int`
        Seed of the random number generators.
    distinct : `int`, optional
        Number of different items, which then repeat; by default all items differ.
    """

    def __init__(self, sources, length, *, patch_size, margin, noise, views, seed, distinct=None):
        self.length, self.patch_size, self.margin, self.noise = length, patch_size, margin, noise
        self.seed, self.distinct = seed, distinct or length
        self.sources = sources
        weights = np.array([source.weight for source in sources])
        self.odds = weights / weights.sum()
        self.views = Made(self._view, views)

    def __len__(self):
        return self.length

    def _view(self, index):
        rng = np.random.default_rng((self.seed, 1, index))
        return view(
            self.sources[rng.choice(len(self.sources), p=self.odds)], rng, self.patch_size + 2 * self.margin + 24
        )

    def __getitem__(self, index):
        rng = np.random.default_rng((self.seed, index % self.distinct))
        observed, truth = self.views[rng.integers(len(self.views))]
        side = self.patch_size + 2 * self.margin
        row, col = rng.integers(observed.shape[0] - side + 1, size=2)
        observed = observed[row : row + side, col : col + side]
        inner = self.patch_size
        row, col = 2 * (row + self.margin), 2 * (col + self.margin)
        truth = truth[row : row + 2 * inner, col : col + 2 * inner]
        noise = rng.uniform(*self.noise) * rng.standard_normal(observed.shape).astype(np.float32)
        turns, mirrored = rng.integers(4), rng.integers(2)
        pair = [np.rot90(image, turns) for image in (observed + noise, truth)]
        pair = [image[:, ::-1] if mirrored else image for image in pair]
        return tuple(torch.from_numpy(np.ascontiguousarray(image))[None] for image in pair)
