"""Random coronas for the training: sums of real ones on log-polar grids, rotated, mirrored and scaled at random."""

from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch.utils.data import Dataset

from sunpy_restore.inpainting.filling.channels import LEAST_NOISE
from sunpy_restore.inpainting.filling.fills import FILLS, first_fills
from sunpy_restore.inpainting.filling.polar import ROWS, STEPS, PolarGrid
from sunpy_restore.inpainting.filling.views import VIEWS
from sunpy_restore.inpainting.forward import draw_losses
from sunpy_restore.inpainting.observation import Observation
from sunpy_restore.inpainting.recipe.pairs import STRENGTHS
from sunpy_restore.inpainting.recipe.structure import structure_fields
from sunpy_restore.inpainting.task import CHANNELS

__all__ = ["MixtureDataset", "PolarExposure", "polar_exposure"]

_IMAGE, _MASK, _UNOBSERVED = map(CHANNELS.index, ("image", "mask", "unobserved"))

_FIELDS = 120  # of added structure
_MASKS = 160  # of missing blocks
_SHARES = (0.03, 0.3)  # of missing blocks
_MOST_UNOBSERVED = 0.5  # of a view
_MISSING = (0.004, 0.6)  # of the observed part of a view
_TRIES = 30
_RING_COLUMNS = 128  # columns around the Sun, whose medians make the radial profile

# Probabilities
_SECOND_CORONA = 0.6
_STRUCTURE = 0.75
_MORE_NOISE = 0.35
_NEIGHBOURS = 0.4
_UNRELATED_NEIGHBOURS = 0.15
_GAPS_IN_NEIGHBOURS = 0.4
_AIMS = {"anywhere": 0.4, "edge": 0.3, "front": 0.3}
_HOLES = {(32, 32): 0.2, (64, 64): 0.25, (96, 96): 0.2, (256, 256): 0.2, (32, 512): 0.15}  # pixels in y and x

_NEAR_EDGE = 24  # rows from unobserved pixels, in which a hole lies at their edge
_FRONT_HALF_WIDTH = 4  # rows from the middle of a front to both of its sides


class PolarExposure(NamedTuple):
    """
    An image on a log-polar grid with one turn.

    Parameters
    ----------
    detector : ``"C2"`` or ``"C3"``
        The coronagraph.
    grid : `~sunpy_restore.inpainting.filling.polar.PolarGrid`
        The grid.
    image : `numpy.ndarray`
        Deviation from the background in its unit, 0 where unknown.
    known : `numpy.ndarray` of `bool`
        Where it is known.
    flat_field, noise : `numpy.ndarray`
        See `sunpy_restore.inpainting.filling.channels`.
    unit, contrast : `numpy.ndarray`
        See `~sunpy_restore.inpainting.filling.views.View`.
    """

    detector: str
    grid: PolarGrid
    image: np.ndarray
    known: np.ndarray
    flat_field: np.ndarray
    noise: np.ndarray
    unit: np.ndarray
    contrast: np.ndarray


def polar_exposure(exposure, flat_field, *, hidden=None):
    """
    Resample an image on a log-polar grid.

    Parameters
    ----------
    exposure : `~sunpy_restore.inpainting.recipe.scenes.Exposure`
        The image.
    flat_field : `numpy.ndarray` or `None`
        Its flat field.
    hidden : `numpy.ndarray` of `bool`, optional
        Other pixels that count as unobserved.

    Returns
    -------
    `PolarExposure`
    """
    unobserved = exposure.unobserved if hidden is None else exposure.unobserved | hidden
    observation = Observation(
        image=exposure.image, mask=np.zeros_like(unobserved), unobserved=unobserved, center=exposure.center,
        detector=exposure.detector, bias=exposure.bias, flat_field=flat_field,
    )  # fmt: skip
    view = VIEWS["polar"](observation)
    grid = PolarGrid.whole(~unobserved, exposure.center)
    image, known = grid.sampled(view.image, view.valid)
    flat_field = np.zeros(unobserved.shape) if flat_field is None else np.nan_to_num(flat_field)
    smooth = grid.interpolated(flat_field, view.noise, view.unit, view.contrast)
    return PolarExposure(exposure.detector, grid, image, known, *smooth)


class MixtureDataset(Dataset):
    """
    Views of random coronas; item ``i`` is the same in every run.

    A corona is the deviation of one image, rotated, mirrored and scaled, usually with that of another image and with
    synthetic streamers, rays and mass ejections. Telemetry blocks are missing. Often there is a prediction from
    neighbours in time.

    Parameters
    ----------
    exposures : `list` of `PolarExposure`
        Images.
    odds : `numpy.ndarray`
        Probability of each image.
    length : `int`
        Number of items.
    side : `int`
        Rows and columns of a view.
    seed : `int`
        Seed.
    aimed : `float`
        Share of views with a single hole of a size that is scored, often at the edge of unobserved pixels or at a front
        of the added structure.
    rippled : `float`
        Share of the added mass ejections that are clumpy; others are smooth.
    weighted : `bool`
        Whether items have the unit of the brightness as a third part, with mean 1 under the mask.
    """

    def __init__(self, exposures, odds, length, *, side, seed, aimed=0.0, rippled=1.0, weighted=False):
        self.exposures, self.odds, self.length, self.side, self.seed = exposures, odds, length, side, seed
        self.aimed, self.weighted = aimed, weighted
        rng = np.random.default_rng([seed, 2])
        self.masks = [draw_losses((1024, 1024), rng, np.exp(rng.uniform(*np.log(_SHARES)))) for _ in range(_MASKS)]
        fields = [structure_fields(ROWS, rng, 1.0, rng, rippled=rippled) for _ in range(_FIELDS)]
        self.fields = [tuple(np.asarray(field, dtype=np.float16) for field in pair) for pair in fields]

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, 1, index])
        for _ in range(_TRIES):
            channels, truth, scales = self._view(rng)
            observed = 1 - channels[_UNOBSERVED].mean()
            if observed > _MOST_UNOBSERVED and _MISSING[0] < channels[_MASK].mean() / observed < _MISSING[1]:
                break
        mask = channels[_MASK] > 0
        fills = first_fills(channels[_IMAGE], mask, channels[_UNOBSERVED] > 0, *scales, polar=True)
        for name, fill in fills.items():
            channels[CHANNELS.index(name)] = fill
        parts = [channels, truth[np.newaxis]]
        if self.weighted:
            typical = scales[0][mask].mean() if mask.any() else 1.0
            parts.append(scales[0][np.newaxis] / typical)
        return tuple(torch.from_numpy(part.astype(np.float32)) for part in parts)

    def _view(self, rng):
        """Channels without first fills; truth; unit, contrast and profile."""
        exposure = self.exposures[rng.choice(len(self.exposures), p=self.odds)]
        top = int(rng.integers(0, ROWS - self.side + 1))
        place = _Place(slice(top, top + self.side), int(rng.integers(STEPS)), int(rng.choice([1, -1])), self.side)
        image, known, noise = (place.of(field) for field in (exposure.image, exposure.known, exposure.noise))
        image = image * np.exp(rng.normal(0, 0.3))
        if rng.random() < _SECOND_CORONA:
            others = [other for other in self.exposures if other.detector == exposure.detector]
            other = others[rng.integers(len(others))]
            there = place.elsewhere(rng)
            second = there.of(other.known) * there.of(other.image)
            image = image + rng.choice([1, -1]) * rng.uniform(0.2, 1) * second
        change, later = self._structure(place.elsewhere(rng), exposure, rng)
        contrast = place.of(exposure.contrast)
        corona, noise_of_exposure = image, np.exp(noise)
        image = image + contrast * change
        if rng.random() < _MORE_NOISE:
            more = rng.uniform(0.3, 2)
            image = image + more * noise_of_exposure * rng.standard_normal(image.shape)
            noise = noise + 0.5 * np.log1p(more**2)
        unit, part = place.of(exposure.unit), np.s_[:, : self.side]
        profile = _row_medians(((image + contrast) * unit)[:, self.side :], known[:, self.side :])
        corona = corona + contrast * later
        image, known, noise, noise_of_exposure, corona, contrast, unit = (
            field[part] for field in (image, known, noise, noise_of_exposure, corona, contrast, unit)
        )
        y, x = (place.of(field)[part] for field in exposure.grid.pixels()[:2])
        if self.aimed and rng.random() < self.aimed:
            mask = _aimed_hole(y, x, known, np.broadcast_to(change, place.shape)[part], rng) & known
        else:
            mask = self._missing(y, x, rng) & known
        expected, seen = np.zeros_like(image), np.zeros_like(known)
        if rng.random() < _NEIGHBOURS:
            expected, seen = self._expected(corona, noise_of_exposure, known, (y, x), rng)
        parts = {
            "image": image, "mask": mask, "unobserved": ~known, "flat_field": place.of(exposure.flat_field)[part],
            "noise": np.maximum(noise, LEAST_NOISE), "neighbours": expected, "seen": seen,
        } | dict.fromkeys((*FILLS, "coherence"), image)  # fmt: skip
        channels = np.stack([parts[name] for name in CHANNELS]).astype(float)
        return channels, np.where(known, image, np.nan), (unit, contrast, np.broadcast_to(profile, image.shape))

    def _structure(self, place, exposure, rng):
        """Relative changes of the brightness, now and some time away."""
        if rng.random() > _STRUCTURE:
            return 0.0, 0.0
        strength = STRENGTHS[exposure.detector] * np.exp(rng.normal(0, 0.7))
        return (
            strength * np.clip(place.of(field).astype(float), -4, 8) for field in self.fields[rng.integers(_FIELDS)]
        )

    def _missing(self, y, x, rng):
        mask = self.masks[rng.integers(_MASKS)]
        mask = mask[:: rng.choice([1, -1]), :: rng.choice([1, -1])]
        mask = mask.T if rng.integers(2) else mask
        return ndimage.map_coordinates(mask.astype(np.float32), [y, x], order=1) > 0

    def _expected(self, corona, noise, known, places, rng):
        """A prediction from neighbours: a similar corona with other noise, and where it is known."""
        smooth = ndimage.gaussian_filter(corona, 1.2)
        if rng.random() < _UNRELATED_NEIGHBOURS:
            smooth = np.roll(smooth, int(rng.integers(40, 150)), axis=1)
        rows, columns = np.mgrid[-1 : 1 : 1j * self.side, -1 : 1 : 1j * self.side]
        trend = rng.normal(0, 1.5, 3)
        expected = smooth + trend[0] + trend[1] * rows + trend[2] * columns
        expected = expected + rng.uniform(0.3, 1) * noise * rng.standard_normal(corona.shape)
        seen = known & ~self._missing(*places, rng) if rng.random() < _GAPS_IN_NEIGHBOURS else known
        return np.where(seen, expected, 0), seen


def _aimed_hole(y, x, known, change, rng):
    """A single hole at the one of some random places that fits a random aim best."""
    rows, columns = np.nonzero(known)
    if not len(rows):
        return np.zeros_like(known)
    picked = rng.integers(len(rows), size=64)
    rows, columns = rows[picked], columns[picked]
    aim, (height, width) = (_drawn(odds, rng) for odds in (_AIMS, _HOLES))
    if aim == "edge":
        height, width = min(height, 64), min(width, 64)
        fitness = (rows < _NEAR_EDGE) | ~known[rows - _NEAR_EDGE, columns]
    elif aim == "front":
        sides = (np.clip(rows + step, 0, len(known) - 1) for step in (_FRONT_HALF_WIDTH, -_FRONT_HALF_WIDTH))
        fitness = np.abs(np.subtract(*(change[side, columns] for side in sides)))
    else:
        fitness = picked
    best = np.argmax(fitness)
    place = rows[best], columns[best]
    low, left = y[place] - height * rng.uniform(0.15, 0.85), x[place] - width * rng.uniform(0.15, 0.85)
    # Linear interpolation uses pixels that are up to one pixel away
    return (y > low - 1) & (y < low + height) & (x > left - 1) & (x < left + width)


def _drawn(odds, rng):
    return list(odds)[rng.choice(len(odds), p=list(odds.values()))]


def _row_medians(brightness, known):
    """Smoothed medians of rows, as a column; rows without known pixels are interpolated."""
    count = known.sum(axis=1)
    if not count.any():
        return np.ones((len(known), 1))
    values = np.sort(np.where(known, brightness, np.inf), axis=1)
    medians = np.take_along_axis(values, np.maximum(count - 1, 0)[:, np.newaxis] // 2, axis=1)[:, 0]
    rows = np.nonzero(count)[0]
    medians = np.interp(np.arange(len(known)), rows, medians[rows])
    smooth = ndimage.gaussian_filter1d(medians, 1.5, mode="nearest")
    return np.maximum(smooth, 1e-3 * max(np.median(smooth), 1e-30))[:, np.newaxis]


class _Place(NamedTuple):
    """Rows and columns of a log-polar grid, possibly mirrored; after ``side`` columns follow some around the Sun."""

    rows: slice
    first: int
    step: int
    side: int

    @property
    def shape(self):
        return self.rows.stop - self.rows.start, self.side + _RING_COLUMNS

    def of(self, field):
        away = np.concatenate([np.arange(self.side), np.arange(0, STEPS, STEPS // _RING_COLUMNS)])
        return field[self.rows][:, (self.first + self.step * away) % STEPS]

    def elsewhere(self, rng):
        return self._replace(first=int(rng.integers(STEPS)), step=int(rng.choice([1, -1])))
