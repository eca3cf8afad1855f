"""Training pairs: simulated scenes as STIX observes them, and the images that the networks learn to make."""

import numpy as np
import torch
from torch.utils.data import Dataset

from sunpy_restore.backprojection.channels import PIXEL, channels_of
from sunpy_restore.backprojection.fitting.forward import (
    draw_flare,
    draw_scene,
    draw_subcollimators,
    flare_visibilities,
    noisy_visibilities,
)
from sunpy_restore.backprojection.fitting.noise import noise_factor
from sunpy_restore.backprojection.fitting.scenes import image_of
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.imaging.clean import clean, wide_beam
from sunpy_restore.backprojection.task import CHANNELS
from sunpy_restore.backprojection.visibilities.fourier import Grid
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.datasets.made import Made

__all__ = ["FlareDataset", "SceneDataset", "simulated", "simulated_flare"]

_LARGEST_SIDE = 96
"""Side in pixels of the central part of larger fields that contains the sources."""
_FLARE_SIDE = 64
"""Side in pixels of the field of a flare."""
_KNOWN_ERRORS = 0.25
"""Fraction of the flares whose errors are known and not estimated."""
_SUBCOLLIMATORS = [(number, CHANNELS.index(f"subcollimator{number}")) for number in range(1, 11)]


class SceneDataset(Dataset):
    """
    Random scenes observed by STIX.

    Item ``i`` is the same in every run. All fields of a batch have the same size.

    Parameters
    ----------
    length : `int`
        Number of items.
    batch_size : `int`
        Number of items in a batch.
    options : mapping
        ``sides``, ``target`` and ``close`` of the configuration, see
        `~sunpy_restore.backprojection.recipe.BackprojectionRecipe.configs`.
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
        channels, truth = simulated(np.random.default_rng([self.seed, 1, index]), int(side), self.close)
        if self.target == "clean":
            truth = clean_channels(channels).astype(np.float32)
        return torch.from_numpy(channels), torch.from_numpy(truth[np.newaxis])


class FlareDataset(Dataset):
    """
    A number of random flares with classical images, which are kept in memory; half of them are turned by 180 degrees.

    Parameters
    ----------
    length : `int`
        Number of items.
    flares : `int`
        Number of different flares.
    seed : `int`
        Seed.
    """

    def __init__(self, length, *, flares, seed):
        self.length, self.seed = length, seed
        self.views = Made(self._flare, flares)

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, 3, index])
        number, turned = int(rng.integers(len(self.views))), rng.random() < 0.5
        # The visibilities of the turned scene are the complex conjugates
        channels, truth = (part[..., ::-1, ::-1].copy() if turned else part for part in self.views[number])
        return torch.from_numpy(channels), torch.from_numpy(truth[np.newaxis])

    def _flare(self, number):
        return simulated_flare(np.random.default_rng([self.seed, 4, number]))


def simulated_flare(rng):
    """
    Draw a flare and simulate its observation.

    Parameters
    ----------
    rng : `numpy.random.Generator`
        Random number generator.

    Returns
    -------
    channels, truth : `numpy.ndarray` of ``float32``
        See `simulated`, with all channels.
    """
    grid = Grid((_FLARE_SIDE, _FLARE_SIDE), (PIXEL, PIXEL))
    scene, points = draw_flare(rng), stix_uv(draw_subcollimators(rng))
    visibilities, errors = flare_visibilities(scene, points, rng)
    if rng.random() >= _KNOWN_ERRORS:
        equal = np.ones(len(visibilities))
        errors = equal * max(noise_factor(visibilities, equal, points, grid), 1e-3 * np.abs(visibilities).mean())
    channels, unit = channels_of(visibilities, points, grid, errors)
    return channels, (image_of(scene, grid, BEAM) / unit).astype(np.float32)


def simulated(rng, side, close=0.0):
    """
    Draw a scene and simulate its observation.

    Parameters
    ----------
    rng : `numpy.random.Generator`
        Random number generator.
    side : `int`
        Rows and columns of the field.
    close : `float`
        Fraction of close pairs, see `~sunpy_restore.backprojection.fitting.forward.draw_scene`.

    Returns
    -------
    channels : `numpy.ndarray` of ``float32``
        Input of a network, shape ``(len(CHANNELS), side, side)``, see `sunpy_restore.backprojection.channels`. Those
        that need errors of the visibilities are 0.
    truth : `numpy.ndarray` of ``float32``
        Scene convolved with the clean beam, per beam in the unit of the channels, shape ``(side, side)``.
    """
    grid = Grid((side, side), (PIXEL, PIXEL))
    scene = draw_scene(rng, PIXEL * min(side, _LARGEST_SIDE), close)
    points = stix_uv(draw_subcollimators(rng))
    channels, unit = channels_of(noisy_visibilities(scene, points, rng), points, grid)
    return channels, (image_of(scene, grid, BEAM) / unit).astype(np.float32)


def clean_channels(channels):
    """
    CLEAN of the back-projection in the channels, with 100 iterations: the target of the paper's network.

    Parameters
    ----------
    channels : `numpy.ndarray`
        Shape ``(len(CHANNELS), ny, nx)``. The dirty beam is that of the sub-collimators whose channels are not 0.

    Returns
    -------
    `numpy.ndarray`
        Flux per clean beam in the unit of the channels, shape ``(ny, nx)``.
    """
    points = stix_uv([number for number, index in _SUBCOLLIMATORS if channels[index].any()])
    pixel = float(np.median(channels[CHANNELS.index("pixel")]))
    grid = Grid(channels.shape[1:], (pixel, pixel))
    return clean(channels[CHANNELS.index("image")], wide_beam(points, grid), grid).image * beam_area()
