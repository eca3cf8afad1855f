"""Coronas without end to train on: sums of real ones on log-polar grids, each turned, mirrored and scaled by chance."""

from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch.utils.data import Dataset

from sunpy_restore.inpainting.forward import draw_losses
from sunpy_restore.inpainting.frame import Frame
from sunpy_restore.inpainting.planes import NOISELESS, PLANES, first_fills
from sunpy_restore.inpainting.polar import ROWS, STEPS, PolarGrid
from sunpy_restore.inpainting.recipe.pairs import STRENGTHS
from sunpy_restore.inpainting.recipe.scenes import structure_fields
from sunpy_restore.inpainting.views import VIEWS

__all__ = ["MixtureDataset", "Polar", "polar_of"]

_FIELDS = 120  # of added structure
_MASKS = 160  # of lost blocks
_SHARES = (0.03, 0.3)  # of lost blocks
_MOST_BLIND = 0.5  # of a view
_LOST = (0.004, 0.6)  # of what is not blind in a view
_TRIES = 30


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
        As in `~sunpy_restore.inpainting.planes.PLANES`.
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
    planes = [pattern, np.log(view.noise), view.unit, view.contrast]
    return Polar(exposure.detector, grid, image, known, *(grid.interpolated(plane) for plane in planes))


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
    """

    def __init__(self, frames, odds, length, *, side, seed):
        self.frames, self.odds, self.length, self.side, self.seed = frames, odds, length, side, seed
        rng = np.random.default_rng([seed, 2])
        self.masks = [draw_losses((1024, 1024), rng, np.exp(rng.uniform(*np.log(_SHARES)))) for _ in range(_MASKS)]
        fields = [structure_fields(ROWS, rng, 1.0, rng) for _ in range(_FIELDS)]
        self.fields = [tuple(np.asarray(field, dtype=np.float16) for field in pair) for pair in fields]

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, 1, index])
        for _ in range(_TRIES):
            planes, truth, unit, contrast = self._view(rng)
            free = 1 - planes[2].mean()
            if free > _MOST_BLIND and _LOST[0] < planes[1].mean() / free < _LOST[1]:
                break
        fills = first_fills(planes[0], planes[1] > 0, planes[2] > 0, unit, contrast)
        planes[PLANES.index("image")], planes[PLANES.index("plain")] = fills
        return torch.from_numpy(planes.astype(np.float32)), torch.from_numpy(truth[np.newaxis].astype(np.float32))

    def _view(self, rng):
        """Planes without first fills, truth, unit and contrast."""
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
        y, x, _ = frame.grid.pixels()
        mask = self._lost(place.of(y), place.of(x), rng) & known
        expected, seen = np.zeros_like(image), np.zeros_like(known)
        if rng.random() < 0.4:
            expected, seen = self._expected(
                corona + contrast * later, noise_now, known, (place.of(y), place.of(x)), rng
            )
        parts = {
            "image": image, "mask": mask, "blind": ~known, "pattern": place.of(frame.pattern),
            "noise": np.maximum(noise, NOISELESS), "neighbours": expected, "seen": seen, "plain": image,
        }  # fmt: skip
        planes = np.stack([parts[name] for name in PLANES]).astype(float)
        return planes, np.where(known, image, np.nan), place.of(frame.unit), contrast

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


class _Place(NamedTuple):
    """Rows and columns of a log-polar grid, maybe mirrored."""

    rows: slice
    first: int
    step: int
    side: int

    def of(self, plane):
        columns = (self.first + self.step * np.arange(self.side)) % STEPS
        return plane[self.rows][:, columns]

    def elsewhere(self, rng):
        return self._replace(first=int(rng.integers(STEPS)), step=int(rng.choice([1, -1])))
