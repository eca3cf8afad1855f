"""Pairs of an observation with missing blocks and its truth, simulated from real images, and patches of them."""

from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch.utils.data import Dataset

from sunpy_restore.inpainting.filling.channels import pixel_channels, polar_channels
from sunpy_restore.inpainting.filling.polar import PolarGrid
from sunpy_restore.inpainting.filling.views import VIEWS
from sunpy_restore.inpainting.forward import draw_losses, lose
from sunpy_restore.inpainting.observation import Observation
from sunpy_restore.inpainting.recipe.flat_fields import make_flat_field
from sunpy_restore.inpainting.recipe.structure import structure
from sunpy_restore.inpainting.task import CHANNELS

__all__ = ["STRENGTHS", "Pair", "PatchDataset", "flat_fields_of", "patches_of", "simulate_pair", "simulated_neighbours"]

STRENGTHS = {"C2": 0.12, "C3": 0.05}
"""Typical relative brightness of added structure."""

_MASK, _UNOBSERVED = CHANNELS.index("mask"), CHANNELS.index("unobserved")
_OF_NEIGHBOURS = [CHANNELS.index("neighbours"), CHANNELS.index("seen")]

# Probabilities
_STRUCTURE = 0.75
_NEIGHBOURS = 0.4
_UNRELATED_NEIGHBOURS = 0.15  # of neighbours that show another corona
_GAPS_IN_NEIGHBOURS = 0.4
_MORE_NOISE = 0.35
_AS_LEVEL_1 = 0.25  # of an image without the flat field, in which the mask of level 1 is unobserved
_UNKNOWN_FLAT_FIELD = 0.2
_WITHOUT_NEIGHBOURS = 0.3  # of a patch that has them

_SHARES = (0.02, 0.3)  # of missing blocks
_MOST_UNOBSERVED = 0.5  # of a patch
_LEAST_MISSING = 0.003  # of a patch


class Pair(NamedTuple):
    """
    An observation and its truth.

    Parameters
    ----------
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The observation with missing blocks.
    truth : `numpy.ndarray`
        Brightness before the loss, shape ``(ny, nx)``; meaningless in unobserved pixels.
    """

    observation: Observation
    truth: np.ndarray


def flat_fields_of(exposures):
    """
    Flat fields of images, each from images of other months.

    Parameters
    ----------
    exposures : `list` of `~sunpy_restore.inpainting.recipe.scenes.Exposure`
        The images, which are also those that the flat fields are made from.

    Returns
    -------
    `dict`
        Name of the image to its flat field. C2 images, which are from too few epochs, and images of level 1 have none,
        nor do images for which there are none of other months.
    """
    known = [exposure for exposure in exposures if exposure.detector == "C3" and exposure.level < 1]
    if len({exposure.date[:7] for exposure in known}) < 2:
        return {}
    of_month, result = {}, {}
    for exposure in known:
        month = exposure.date[:7]
        if month not in of_month:
            of_month[month] = make_flat_field([other for other in known if other.date[:7] != month])
        result[exposure.name] = of_month[month]
    return result


def simulate_pair(exposure, flat_field, rng, *, hidden=None):
    """
    Simulate an observation with missing blocks and its truth from a real image.

    Parameters
    ----------
    exposure : `~sunpy_restore.inpainting.recipe.scenes.Exposure`
        The image.
    flat_field : `numpy.ndarray` or `None`
        Its flat field.
    rng : `numpy.random.Generator`
        Random number generator.
    hidden : `numpy.ndarray` of `bool`, optional
        Pixels that the calibration to level 1 masks.

    Returns
    -------
    `Pair`
    """
    image, unobserved, bias = exposure.image - exposure.bias, exposure.unobserved, exposure.bias
    if flat_field is not None and rng.random() < _AS_LEVEL_1 and hidden is not None:
        flat = np.clip(np.nan_to_num(flat_field), -3, 3)
        unobserved = unobserved | hidden | ~np.isfinite(flat_field)
        image, flat_field, bias = image / np.exp(flat), None, 0.0
    elif flat_field is not None and rng.random() < _UNKNOWN_FLAT_FIELD:
        flat_field = None
    image = image * np.exp(rng.normal(0, 0.5))
    smooth = ndimage.gaussian_filter(np.where(unobserved, 0, image), 1.5)
    change = later = np.zeros(image.shape, np.float32)
    if rng.random() < _STRUCTURE:
        strength = STRENGTHS[exposure.detector] * np.exp(rng.normal(0, 0.7))
        change, later = structure(image.shape, exposure.center, rng, strength, moved=rng)
    noise = _noise_of(image, unobserved)
    truth = image * (1 + change)
    if rng.random() < _MORE_NOISE:
        truth = truth + noise * rng.uniform(0.3, 2) * rng.standard_normal(image.shape)
    mask = draw_losses(image.shape, rng, np.exp(rng.uniform(*np.log(_SHARES)))) & ~unobserved
    neighbours = None
    if rng.random() < _NEIGHBOURS:
        neighbours = simulated_neighbours(smooth, later, noise, exposure.center, rng)
        neighbours = np.where(unobserved, np.nan, neighbours + bias)
    observation = Observation(
        image=lose(truth + bias, mask), mask=mask, unobserved=unobserved, center=exposure.center,
        detector=exposure.detector, level=exposure.level, bias=bias, flat_field=flat_field, neighbours=neighbours,
    )  # fmt: skip
    return Pair(observation, truth + bias)


def _noise_of(image, unobserved):
    """Standard deviation of the noise, smooth over the image."""
    difference = np.abs(np.diff(image, axis=1, append=image[:, -1:]))
    difference = np.minimum(difference, 6 * np.median(difference[~unobserved]))
    weight = ndimage.gaussian_filter((~unobserved).astype(np.float32), 12)
    mean = ndimage.gaussian_filter(np.where(unobserved, 0, difference), 12) / np.maximum(weight, 1e-2)
    return mean / 1.128


def simulated_neighbours(smooth, later, noise, center, rng):
    """
    Draw a prediction from images before and after: a similar corona with other noise, and gaps.

    Parameters
    ----------
    smooth : `numpy.ndarray`
        Brightness above the bias without noise, shape ``(ny, nx)``.
    later : `numpy.ndarray`
        Relative change of the brightness at another time.
    noise : `numpy.ndarray`
        Standard deviation of the noise.
    center : pair of `float`
        Centre of the Sun as ``(x, y)`` in pixels counted from 0.
    rng : `numpy.random.Generator`
        Random number generator.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``, NaN in gaps.
    """
    expected = smooth * (1 + later)
    if rng.random() < _UNRELATED_NEIGHBOURS:
        expected = np.rot90(expected, 2)
    y, x = np.ogrid[: smooth.shape[0], : smooth.shape[1]]
    trend = rng.normal(0, 0.03, 4)
    dx, dy = (x - center[0]) / 512, (y - center[1]) / 512
    expected = expected * (1 + trend[0] + trend[1] * dx + trend[2] * dy + trend[3] * (dx**2 + dy**2))
    expected = expected + noise * rng.uniform(0.3, 1) * rng.standard_normal(smooth.shape)
    if rng.random() < _GAPS_IN_NEIGHBOURS:
        expected[draw_losses(smooth.shape, rng, rng.uniform(0.05, 0.4))] = np.nan
    return expected


def patches_of(pair, rng, *, count, side, view):
    """
    Cut square patches out of a pair, as channels of a network.

    Parameters
    ----------
    pair : `Pair`
        The pair.
    rng : `numpy.random.Generator`
        Random number generator.
    count : `int`
        Largest number of patches.
    side : `int`
        Side of a patch.
    view : ``"polar"``, ``"pixel"`` or ``"equalized"``
        View of the network.

    Returns
    -------
    `list` of pairs of `numpy.ndarray`
        Channels, shape ``(len(CHANNELS), side, side)``, and truth, shape ``(1, side, side)``, NaN where it is unknown;
        in half precision.
    """
    channels, truth = _whole(pair, view)
    scored = (channels[_MASK] > 0) & np.isfinite(truth)
    unobserved = channels[_UNOBSERVED] > 0
    found = []
    rows, columns = np.nonzero(scored)
    for _ in range(4 * count):
        if len(found) == count or not len(rows):
            break
        pick = rng.integers(len(rows))
        starts = []
        for place, length in ((rows[pick], scored.shape[0]), (columns[pick], scored.shape[1])):
            low = place - rng.integers(side // 8, side - side // 8)
            starts.append(int(np.clip(low, 0, length - side)))
        part = tuple(slice(start, start + side) for start in starts)
        if unobserved[part].mean() <= _MOST_UNOBSERVED and scored[part].mean() >= _LEAST_MISSING:
            both = (channels[(slice(None), *part)], truth[np.newaxis][(slice(None), *part)])
            found.append(tuple(half.astype(np.float16) for half in both))
    return found


def _whole(pair, view):
    """Channels and truth of a whole image; on log-polar grids with one and a half turns."""
    observation, observed = pair.observation, ~pair.observation.unobserved
    presented = VIEWS[view](observation)
    truth = np.where(observed, presented.forward(np.where(observed, pair.truth, 0)), np.nan)
    if view != "polar":
        return pixel_channels(observation, presented, np.s_[:, :]), truth
    grid = PolarGrid.whole(observed, observation.center, turns=1.5)
    truth, known = grid.sampled(truth, observed)
    return polar_channels(observation, presented, grid), np.where(known, truth, np.nan)


class PatchDataset(Dataset):
    """
    Random parts of patches that were made in advance, mirrored at random; item ``i`` is the same in every run.

    Parameters
    ----------
    patches : `list` of pairs of `numpy.ndarray`
        Channels and truth, see `patches_of`.
    length : `int`
        Number of items.
    patch_size : `int`
        Side of a part.
    seed : `int`
        Seed.
    turnable : `bool`
        Whether rows may be mirrored and exchanged with columns, too. On a log-polar grid they may not.
    """

    def __init__(self, patches, length, *, patch_size, seed, turnable=False):
        self.patches, self.length, self.patch_size, self.seed = patches, length, patch_size, seed
        self.turnable = turnable

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, 1, index])
        channels, truth = self.patches[rng.integers(len(self.patches))]
        side = self.patch_size
        for _ in range(8):
            top, left = rng.integers(0, channels.shape[-1] - side + 1, size=2)
            part = np.s_[:, top : top + side, left : left + side]
            if (channels[_MASK][part[1:]] > 0).any():
                break
        both = np.concatenate([channels[part], truth[part]]).astype(np.float32)[:, :, :: rng.choice([1, -1])]
        if self.turnable:
            both = both[:, :: rng.choice([1, -1])]
            both = both.swapaxes(1, 2) if rng.integers(2) else both
        if rng.random() < _WITHOUT_NEIGHBOURS:
            both[_OF_NEIGHBOURS] = 0
        both = torch.from_numpy(both.copy())
        return both[:-1], both[-1:]
