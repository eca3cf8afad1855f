"""Coronas without end to train on: sums of real ones on log-polar grids, each turned, mirrored and scaled by chance."""

from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch.utils.data import Dataset

from sunpy_restore.inpainting.channels import NOISELESS, PLANES
from sunpy_restore.inpainting.fills import FILLS, first_fills
from sunpy_restore.inpainting.forward import draw_losses
from sunpy_restore.inpainting.observation import Frame
from sunpy_restore.inpainting.polar import ROWS, STEPS, PolarGrid
from sunpy_restore.inpainting.recipe.pairs import STRENGTHS
from sunpy_restore.inpainting.recipe.structure import structure_fields
from sunpy_restore.inpainting.views import VIEWS

__all__ = ["MixtureDataset", "Polar", "polar_of"]

_FIELDS = 120  # of added structure
_MASKS = 160  # of lost blocks
_SHARES = (0.03, 0.3)  # of lost blocks
_MOST_BLIND = 0.5  # of a view
_LOST = (0.004, 0.6)  # of what is not blind in a view
_TRIES = 30
_RING = 128  # columns all around, whose medians make the radial profile
_AIMS = {"anywhere": 0.4, "edge": 0.3, "front": 0.3}  # with their probabilities
_HOLES = {(32, 32): 0.2, (64, 64): 0.25, (96, 96): 0.2, (256, 256): 0.2, (32, 512): 0.15}  # pixels in y and x
_NEAR = 24  # rows from what is hidden, where a hole is aimed at its edge
_ACROSS = 4  # rows from the middle of a front to both of its sides


class Polar(NamedTuple):
    """
    A frame on a log-polar grid that goes round once.

    Parameters
    ----------
    detector : ``"C2"`` or ``"C3"``
        The coronagraph.
    grid : `~sunpy_restore.inpainting.polar.PolarGrid`
        The grid.
    image : `numpy.ndarray`
        Deviation from the background in its unit, 0 where not known.
    known : `numpy.ndarray` of `bool`
        Where it is known.
    pattern, noise : `numpy.ndarray`
        As in `~sunpy_restore.inpainting.channels.PLANES`.
    unit, contrast : `numpy.ndarray`
        As in `~sunpy_restore.inpainting.views.View`.
    """

    detector: str
    grid: PolarGrid
    image: np.ndarray
    known: np.ndarray
    pattern: np.ndarray
    noise: np.ndarray
    unit: np.ndarray
    contrast: np.ndarray


def polar_of(exposure, pattern, *, hidden=None):
    """
    Bring a frame to a log-polar grid.

    Parameters
    ----------
    exposure : `~sunpy_restore.inpainting.recipe.scenes.Exposure`
        The frame.
    pattern : `numpy.ndarray` or `None`
        Its pattern.
    hidden : `numpy.ndarray` of `bool`, optional
        What is blind besides.

    Returns
    -------
    `Polar`
    """
    blind = exposure.blind if hidden is None else exposure.blind | hidden
    frame = Frame(
        image=exposure.image, mask=np.zeros_like(blind), blind=blind, center=exposure.center,
        detector=exposure.detector, bias=exposure.bias, pattern=pattern,
    )  # fmt: skip
    view = VIEWS["polar"](frame)
    grid = PolarGrid.whole(~blind, frame.center)
    image, known = grid.sampled(view.image, view.valid)
    pattern = np.zeros(blind.shape) if pattern is None else np.nan_to_num(pattern)
    planes = [pattern, view.noise, view.unit, view.contrast]
    return Polar(exposure.detector, grid, image, known, *grid.interpolated(*planes))


class MixtureDataset(Dataset):
    """
    Views of coronas that never were; item ``i`` is the same in every run.

    The deviation of one frame, turned, mirrored and scaled, and mostly that of another one and synthetic streamers,
    rays and mass ejections, make a corona. Blocks of the telemetry's grid are lost in it. Often there is what
    neighbours in time would show.

    Parameters
    ----------
    frames : `list` of `Polar`
        Frames.
    odds : `numpy.ndarray`
        Probability of each.
    length : `int`
        Number of items.
    side : `int`
        Rows and columns of a view.
    seed : `int`
        Seed.
    aimed : `float`
        Share of views that have a single hole, of a size that scores are given for, which often lies at the edge of
        what the instrument hides, or where the added structure has a front.
    rippled : `float`
        Share of the added mass ejections that are clumpy; others are smooth.
    weighted : `bool`
        Whether items have the unit of the brightness as a third part, of mean 1 under the mask.
    """

    def __init__(self, frames, odds, length, *, side, seed, aimed=0.0, rippled=1.0, weighted=False):
        self.frames, self.odds, self.length, self.side, self.seed = frames, odds, length, side, seed
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
            planes, truth, scales = self._view(rng)
            free = 1 - planes[2].mean()
            if free > _MOST_BLIND and _LOST[0] < planes[1].mean() / free < _LOST[1]:
                break
        mask = planes[1] > 0
        for name, fill in first_fills(planes[0], mask, planes[2] > 0, *scales, polar=True).items():
            planes[PLANES.index(name)] = fill
        parts = [planes, truth[np.newaxis]]
        if self.weighted:
            typical = scales[0][mask].mean() if mask.any() else 1.0
            parts.append(scales[0][np.newaxis] / typical)
        return tuple(torch.from_numpy(part.astype(np.float32)) for part in parts)

    def _view(self, rng):
        """Planes without first fills; truth; unit, contrast and profile."""
        frame = self.frames[rng.choice(len(self.frames), p=self.odds)]
        top = int(rng.integers(0, ROWS - self.side + 1))
        place = _Place(slice(top, top + self.side), int(rng.integers(STEPS)), int(rng.choice([1, -1])), self.side)
        image, known, noise = (place.of(plane) for plane in (frame.image, frame.known, frame.noise))
        image = image * np.exp(rng.normal(0, 0.3))
        if rng.random() < 0.6:
            others = [other for other in self.frames if other.detector == frame.detector]
            other = others[rng.integers(len(others))]
            there = place.elsewhere(rng)
            second = there.of(other.known) * there.of(other.image)
            image = image + rng.choice([1, -1]) * rng.uniform(0.2, 1) * second
        change, later = self._added(place.elsewhere(rng), frame, rng)
        contrast = place.of(frame.contrast)
        corona, noise_now = image, np.exp(noise)
        image = image + contrast * change
        if rng.random() < 0.35:
            more = rng.uniform(0.3, 2)
            image = image + more * noise_now * rng.standard_normal(image.shape)
            noise = noise + 0.5 * np.log1p(more**2)
        unit, part = place.of(frame.unit), np.s_[:, : self.side]
        profile = _medians(((image + contrast) * unit)[:, self.side :], known[:, self.side :])
        corona = corona + contrast * later
        image, known, noise, noise_now, corona, contrast, unit = (
            plane[part] for plane in (image, known, noise, noise_now, corona, contrast, unit)
        )
        y, x = (place.of(plane)[part] for plane in frame.grid.pixels()[:2])
        if self.aimed and rng.random() < self.aimed:
            mask = _aimed(y, x, known, np.broadcast_to(change, place.shape)[part], rng) & known
        else:
            mask = self._lost(y, x, rng) & known
        expected, seen = np.zeros_like(image), np.zeros_like(known)
        if rng.random() < 0.4:
            expected, seen = self._expected(corona, noise_now, known, (y, x), rng)
        parts = {
            "image": image, "mask": mask, "blind": ~known, "pattern": place.of(frame.pattern)[part],
            "noise": np.maximum(noise, NOISELESS), "neighbours": expected, "seen": seen,
        } | dict.fromkeys((*FILLS, "coherence"), image)  # fmt: skip
        planes = np.stack([parts[name] for name in PLANES]).astype(float)
        return planes, np.where(known, image, np.nan), (unit, contrast, np.broadcast_to(profile, image.shape))

    def _added(self, place, frame, rng):
        """Relative changes of the brightness, now and some time away."""
        if rng.random() > 0.75:
            return 0.0, 0.0
        strength = STRENGTHS[frame.detector] * np.exp(rng.normal(0, 0.7))
        return (
            strength * np.clip(place.of(field).astype(float), -4, 8) for field in self.fields[rng.integers(_FIELDS)]
        )

    def _lost(self, y, x, rng):
        mask = self.masks[rng.integers(_MASKS)]
        mask = mask[:: rng.choice([1, -1]), :: rng.choice([1, -1])]
        mask = mask.T if rng.integers(2) else mask
        return ndimage.map_coordinates(mask.astype(np.float32), [y, x], order=1) > 0

    def _expected(self, corona, noise, known, places, rng):
        """What neighbours would show: about the same corona with another noise."""
        smooth = ndimage.gaussian_filter(corona, 1.2)
        if rng.random() < 0.15:
            smooth = np.roll(smooth, int(rng.integers(40, 150)), axis=1)
        rows, columns = np.mgrid[-1 : 1 : 1j * self.side, -1 : 1 : 1j * self.side]
        drift = rng.normal(0, 1.5, 3)
        expected = smooth + drift[0] + drift[1] * rows + drift[2] * columns
        expected = expected + rng.uniform(0.3, 1) * noise * rng.standard_normal(corona.shape)
        seen = known & ~self._lost(*places, rng) if rng.random() < 0.4 else known
        return np.where(seen, expected, 0), seen


def _aimed(y, x, known, change, rng):
    """A single hole at one of some places, that which suits its aim best."""
    rows, columns = np.nonzero(known)
    if not len(rows):
        return np.zeros_like(known)
    picked = rng.integers(len(rows), size=64)
    rows, columns = rows[picked], columns[picked]
    aim, (height, width) = (_drawn(odds, rng) for odds in (_AIMS, _HOLES))
    if aim == "edge":
        height, width = min(height, 64), min(width, 64)
        suits = (rows < _NEAR) | ~known[rows - _NEAR, columns]
    else:
        sides = (np.clip(rows + step, 0, len(known) - 1) for step in (_ACROSS, -_ACROSS))
        suits = np.abs(np.subtract(*(change[side, columns] for side in sides))) if aim == "front" else picked
    best = np.argmax(suits)
    place = rows[best], columns[best]
    low, left = y[place] - height * rng.uniform(0.15, 0.85), x[place] - width * rng.uniform(0.15, 0.85)
    # Linear interpolation would look at it from a pixel away
    return (y > low - 1) & (y < low + height) & (x > left - 1) & (x < left + width)


def _drawn(odds, rng):
    return list(odds)[rng.choice(len(odds), p=list(odds.values()))]


def _medians(brightness, known):
    """Medians of rows, as a column; what is not known has those of its neighbours."""
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
    """Rows and columns of a log-polar grid, maybe mirrored, and beyond ``side`` columns some all around."""

    rows: slice
    first: int
    step: int
    side: int

    @property
    def shape(self):
        return self.rows.stop - self.rows.start, self.side + _RING

    def of(self, plane):
        away = np.concatenate([np.arange(self.side), np.arange(0, STEPS, STEPS // _RING)])
        return plane[self.rows][:, (self.first + self.step * away) % STEPS]

    def elsewhere(self, rng):
        return self._replace(first=int(rng.integers(STEPS)), step=int(rng.choice([1, -1])))
