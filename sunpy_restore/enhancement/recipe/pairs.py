"""Data set of training pairs of `sunpy_restore.enhance`."""

import numpy as np
import torch
from scipy import ndimage
from torch.utils.data import Dataset

from sunpy_restore.core.datasets.made import Made
from sunpy_restore.enhancement.detector.denoising import reduce_noise
from sunpy_restore.enhancement.detector.noise import estimated_share
from sunpy_restore.enhancement.optics.telescope import HMI
from sunpy_restore.enhancement.recipe.truth import view

__all__ = ["PairDataset"]

_LEAST_SIDE = 80  # HMI pixels; all configurations cut their patches from the same views
_ERROR = 0.05  # relative error of the noise that a network is told


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
        Range of the 1-sigma noise of the input, in its unit, as
        `~sunpy_restore.enhancement.detector.noise.estimate_noise` measures it. Its logarithm is distributed uniformly.
    views : `int`
        Number of simulated observations from which the patches are cut.
    seed : `int`
        Seed of the random number generators.
    distinct : `int`, optional
        Number of different items, which then repeat; by default all items differ.
    told : `bool` or `float`
        Whether the noise is a second channel of the input, with an error of 5 %; a number instead is always told.
    correlated : `float`
        Largest share of the noise that a pixel takes from each of its neighbours along an axis.
    reduced : `bool`
        Whether the noise of the input is reduced as that of continuum images, see
        `~sunpy_restore.enhancement.detector.denoising.reduce_noise`.
    telescope : `~sunpy_restore.enhancement.optics.telescope.Telescope`
        The telescope. Pairs are rotated and mirrored if its point spread function is round.
    """

    def __init__(
        self, sources, length, *, patch_size, margin, noise, views, seed, distinct=None, told=False, correlated=0.0,
        reduced=False, telescope=HMI,
    ):  # fmt: skip
        self.length, self.patch_size, self.margin, self.noise = length, patch_size, margin, noise
        self.seed, self.distinct = seed, distinct or length
        self.told, self.correlated, self.telescope = told, correlated, telescope
        self.reduced = reduced
        self.sources = sources
        weights = np.array([source.weight for source in sources])
        self.odds = weights / weights.sum()
        self.views = Made(self._view, views)

    def __len__(self):
        return self.length

    def _view(self, index):
        rng = np.random.default_rng((self.seed, 1, index))
        side = max(_LEAST_SIDE, self.patch_size + 2 * self.margin + 24)
        return view(self.sources[rng.choice(len(self.sources), p=self.odds)], rng, side, self.telescope)

    def _noise(self, shape, rng):
        """Noise, and its 1-sigma level as it would be measured."""
        lowest, highest = self.noise
        level = lowest if lowest == highest else np.exp(rng.uniform(np.log(lowest), np.log(highest)))
        image = rng.standard_normal(shape)
        if self.correlated:
            share = rng.uniform(0, self.correlated)
            taps = np.array([share, 1 - 2 * share, share])
            image = ndimage.convolve1d(ndimage.convolve1d(image, taps, axis=0), taps, axis=1) / estimated_share(taps)
        return (level * image).astype(np.float32), level

    def __getitem__(self, index):
        rng = np.random.default_rng((self.seed, index % self.distinct))
        observed, truth = self.views[rng.integers(len(self.views))]
        side = self.patch_size + 2 * self.margin
        row, col = rng.integers(observed.shape[0] - side + 1, size=2)
        observed = observed[row : row + side, col : col + side]
        inner = self.patch_size
        row, col = 2 * (row + self.margin), 2 * (col + self.margin)
        truth = truth[row : row + 2 * inner, col : col + 2 * inner]
        noise, level = self._noise(observed.shape, rng)
        turns, mirrored = rng.integers(4), rng.integers(2)
        told = level * np.exp(_ERROR * rng.standard_normal()) if self.told is True else self.told
        observed = observed + noise
        if self.reduced:
            observed = reduce_noise(observed, np.ones(observed.shape, bool), told)
        if not self.telescope.psf.is_symmetric:
            turns = mirrored = 0
        pair = [np.rot90(image, turns) for image in (observed, truth)]
        pair = [image[:, ::-1] if mirrored else image for image in pair]
        observed, truth = (torch.from_numpy(np.ascontiguousarray(image))[None] for image in pair)
        if self.told:
            observed = torch.cat([observed, torch.full_like(observed, float(told))])
        return observed, truth
