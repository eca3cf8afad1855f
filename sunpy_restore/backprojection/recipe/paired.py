"""Training and scores on own pairs of back-projections and CLEAN images."""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch.utils.data import Dataset, TensorDataset

import astropy.units as u

from sunpy_restore.backprojection.channels import PIXEL, channels_of
from sunpy_restore.backprojection.fitting.noise import errors_of
from sunpy_restore.backprojection.imaging.agreement import chi_squared, model_visibilities
from sunpy_restore.backprojection.imaging.beam import beam_area
from sunpy_restore.backprojection.observation import Observation
from sunpy_restore.backprojection.recipe.maxima import count_invented, find_sources
from sunpy_restore.backprojection.recipe.own import PAIRS
from sunpy_restore.backprojection.visibilities.fourier import Grid, shift_phase_center
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.datasets.made import Made
from sunpy_restore.core.datasets.manifest import read_manifest

__all__ = [
    "OwnPair",
    "PairedDataset",
    "PairedObservation",
    "measure_pair",
    "observation_of",
    "own_pairs",
    "paired_observations",
    "validation_of_pairs",
]

_SIDE_STEP = 16
"""The sides of a network's field are multiples of this number of pixels."""
_MOST_VALIDATION = 192
"""Largest number of pairs that a validation during the training looks at."""


@dataclass(frozen=True, kw_only=True)
class PairedObservation(Observation):
    """
    Observation that has a CLEAN image, with the errors that the reduced chi squared is computed with.

    Parameters
    ----------
    visibilities, points, matrix, shape, unit, errors, world, center
        See `~sunpy_restore.backprojection.observation.Observation`.
    noise : `numpy.ndarray`
        Estimated standard deviations of the real and of the imaginary part of the visibilities, shape ``(n,)``.
    """

    noise: np.ndarray


class OwnPair:
    """
    An own pair, whose CLEAN image is read when it is needed.

    Parameters
    ----------
    manifest : `~sunpy_restore.core.datasets.manifest.Manifest`
        The manifest.
    item : `~sunpy_restore.core.datasets.item.Item`
        The pair, see `~sunpy_restore.backprojection.recipe.own.pair_of`.
    """

    def __init__(self, manifest, item):
        self.manifest, self.item = manifest, item
        self.observation = observation_of(item)

    @property
    def truth(self):
        """The CLEAN image, in the unit of the back-projection per square arcsec, shape ``(ny, nx)``."""
        return self.manifest.read(self.item, "truth").astype(float)

    @functools.cached_property
    def peak(self):
        """Brightest pixel of the CLEAN image as x and y in arcsec along the axes of the instrument."""
        place = np.unravel_index(self.truth.argmax(), self.item.shape)
        return np.array([along[place] for along in self.observation.offsets()])

    def view(self, center, side, pixel, *, guided=False):
        """
        Input channels of a network for a square field, and what it should return.

        Parameters
        ----------
        center : pair of `float`
            Centre of the field in arcsec along the axes of the instrument, relative to that of the image.
        side : `int`
            Rows and columns of the field.
        pixel : `float`
            Pixel size of the network in arcsec.
        guided : `bool`
            Whether to fill the channels that need errors of the visibilities, which takes seconds.

        Returns
        -------
        channels, truth : `numpy.ndarray` of ``float32``
            See `~sunpy_restore.backprojection.recipe.pairs.simulated`. Beyond the edges of the CLEAN image the truth
            is 0.
        """
        observation, grid = self.observation, Grid((side, side), (pixel, pixel))
        visibilities = shift_phase_center(observation.visibilities, observation.points, *center)
        errors = errors_of(observation) if guided else None
        channels, unit = channels_of(visibilities, observation.points, grid, errors)
        positions = np.stack(np.meshgrid(grid.x + center[0], grid.y + center[1])).reshape(2, -1)
        columns, rows = np.linalg.solve(observation.matrix, positions)
        pixels = [along + (n - 1) / 2 for along, n in zip((rows, columns), observation.shape, strict=True)]
        truth = ndimage.map_coordinates(self.truth, pixels, order=3, mode="constant").reshape(grid.shape)
        return channels, (beam_area() * truth / unit).astype(np.float32)


def observation_of(item):
    """
    The observation in a pair.

    Parameters
    ----------
    item : `~sunpy_restore.core.datasets.item.Item`
        The pair.

    Returns
    -------
    `~sunpy_restore.backprojection.observation.Observation`
    """
    values, points = item.values, stix_uv(range(1, 11))
    points = points.only(np.isin(points.labels, values["labels"]))
    visibilities = np.array(values["visibilities"]) @ [1, 1j]
    order = [values["labels"].index(label) for label in points.labels]
    return Observation(
        visibilities=visibilities[order], points=points, matrix=np.array(values["matrix"]), shape=item.shape,
        unit=u.Unit(item.unit), world=np.array(values["world"]), center=tuple(values["center"]),
    )  # fmt: skip


class PairedDataset(Dataset):
    """
    Own pairs in random fields; half of them are turned by 180 degrees. Item ``i`` is the same in every run.

    Parameters
    ----------
    pairs : `list` of `OwnPair`
        The pairs.
    length : `int`
        Number of items.
    config : `~sunpy_restore.core.recipes.config.TrainingConfig`
        The configuration: ``patch_size`` is the largest side of a field, ``pixel`` of the network its pixel size.
    """

    def __init__(self, pairs, length, config):
        self.pairs, self.length, self.seed = pairs, length, config.seed
        self.pixel, self.guided = _pixel(config), "flares" in config.options
        self.side = _side(pairs, config)
        # Only these take long to make
        count = config.options.get("flares", 0) if self.guided else 0
        self.views = Made(lambda index: self._view(np.random.default_rng([self.seed, 6, index])), count)

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, 5, index])
        parts = self.views[int(rng.integers(len(self.views)))] if self.guided else self._view(rng)
        # The visibilities of the turned scene are the complex conjugates
        turned = rng.random() < 0.5
        channels, truth = (part[..., ::-1, ::-1].copy() if turned else part for part in parts)
        return torch.from_numpy(channels), torch.from_numpy(truth[np.newaxis])

    def _view(self, rng):
        pair = self.pairs[int(rng.integers(len(self.pairs)))]
        away = rng.uniform(-0.25, 0.25, 2) * self.side * self.pixel
        return pair.view(_center(pair, away, self.side, self.pixel), self.side, self.pixel, guided=self.guided)


def own_pairs(directory, split):
    """
    The pairs of a folder.

    Parameters
    ----------
    directory : path-like
        Folder with a manifest of pairs.
    split : ``"train"`` or ``"validation"``
        The split.

    Returns
    -------
    `list` of `OwnPair`

    Raises
    ------
    ValueError
        The folder has no pairs for this split, or images for other tasks.
    """
    manifest = read_manifest(directory, PAIRS)
    return [OwnPair(manifest, item) for item in manifest.split(split)]


def validation_of_pairs(pairs, config):
    """
    Validation pairs, with the brightest source in the middle of the field.

    Parameters
    ----------
    pairs : `list` of `OwnPair`
        The pairs that are kept back.
    config : `~sunpy_restore.core.recipes.config.TrainingConfig`
        The configuration.

    Returns
    -------
    `torch.utils.data.TensorDataset`
    """
    pixel, side, guided = _pixel(config), _side(pairs, config), "flares" in config.options
    pairs = pairs[:: -(-len(pairs) // _MOST_VALIDATION)]
    views = [pair.view(_center(pair, 0, side, pixel), side, pixel, guided=guided) for pair in pairs]
    channels, truth = (torch.from_numpy(np.stack(part)) for part in zip(*views, strict=True))
    return TensorDataset(channels, truth[:, np.newaxis])


def _pixel(config):
    return config.network.get("pixel", PIXEL)


def _extent(pair):
    """Extent of an image in arcsec along the axes of the instrument."""
    return np.array([np.ptp(along) for along in pair.observation.offsets()])


def _side(pairs, config):
    """Side in pixels of a field that fits into all images."""
    least = min(_extent(pair).min() for pair in pairs) / _pixel(config) + 1
    return max(int(min(least + 1e-6, config.patch_size)) // _SIDE_STEP, 1) * _SIDE_STEP


def _center(pair, away, side, pixel):
    """Centre of a field around the brightest source, but within the image."""
    limit = np.maximum((_extent(pair) - (side - 1) * pixel) / 2, 0)
    return np.clip(pair.peak + away, -limit, limit)


def paired_observations(directory):
    """
    Observations with CLEAN images that are kept back from training.

    Parameters
    ----------
    directory : path-like
        Folder with a manifest of pairs.

    Yields
    ------
    source : `str`
        Name of the source.
    observation : `PairedObservation`
        The observation, on the pixels of the pair.
    truth : `numpy.ndarray`
        The CLEAN image, in the unit of the back-projection per square arcsec.
    """
    for pair in own_pairs(directory, "validation"):
        noise = errors_of(pair.observation)
        yield "CLEAN images", PairedObservation(**vars(pair.observation), noise=noise), pair.truth


def measure_pair(observation, restored, truth):
    """
    Scores of a restored image against a CLEAN image.

    Parameters
    ----------
    observation : `PairedObservation`
        The observation.
    restored, truth : `numpy.ndarray`
        Images per square arcsec, in the shape of the observation.

    Returns
    -------
    `dict`
        As `~sunpy_restore.backprojection.recipe.scores.measure`, with ``median_position`` as the distance of the
        brightest maxima of the two images, and without ``both_found``.
    """
    points, grid = observation.own_axes()
    power = np.square(restored).sum()
    scale = (restored * truth).sum() / power if power > 0 else 1.0
    flux = float(restored.sum() / truth.sum() - 1)
    scores = {
        "scaled_error": float(np.sqrt(np.square(scale * restored - truth).mean() / np.square(truth).mean())),
        "flux_error": flux,
        "median_flux_error": flux,
        "median_chi_squared": chi_squared(
            model_visibilities(restored, points, grid), observation.visibilities, observation.noise
        ),
        "invented": float(count_invented(restored, truth) > 0),
    }
    places, expected = find_sources(restored, grid), find_sources(truth, grid)
    if len(places) and len(expected):
        scores["median_position"] = float(np.hypot(*(places[0] - expected[0])))
    return scores
