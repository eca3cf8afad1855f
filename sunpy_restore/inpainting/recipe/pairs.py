"""Frames with lost blocks and their truth, made of real frames that are whole, and parts of them to train on."""

from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch.utils.data import Dataset

from sunpy_restore.inpainting.channels import pixel_planes, polar_planes
from sunpy_restore.inpainting.forward import draw_losses, lose
from sunpy_restore.inpainting.observation import Frame
from sunpy_restore.inpainting.polar import PolarGrid
from sunpy_restore.inpainting.recipe.flat_fields import make_pattern
from sunpy_restore.inpainting.recipe.structure import structure
from sunpy_restore.inpainting.views import VIEWS

__all__ = ["STRENGTHS", "Damaged", "ViewDataset", "damaged", "patterns_of", "views_of"]

STRENGTHS = {"C2": 0.12, "C3": 0.05}
"""Typical relative brightness of added structure."""

_ADDED = 0.75  # probability of added structure
_NEIGHBOURS = 0.4  # of frames before and after
_STRANGERS = 0.15  # of these, that they show another corona
_NOISIER = 0.35  # of more noise than there was
_AS_LEVEL_1 = 0.25  # of a frame without the pattern of its detector, and without what that hides
_WITHOUT_PATTERN = 0.2  # of a pattern that is not known
_SHARES = (0.02, 0.3)  # of lost blocks
_MOST_BLIND = 0.5  # of a view
_LEAST_LOST = 0.003  # of a view


class Damaged(NamedTuple):
    """
    A frame with lost blocks, and what it was.

    Parameters
    ----------
    frame : `~sunpy_restore.inpainting.observation.Frame`
        The frame.
    truth : `numpy.ndarray`
        Brightness before the loss, shape ``(ny, nx)``; not to be looked at where ``frame.blind``.
    """

    frame: Frame
    truth: np.ndarray


def patterns_of(frames):
    """
    The pattern for each frame, from those of other epochs.

    Parameters
    ----------
    frames : `list` of `~sunpy_restore.inpainting.recipe.scenes.Exposure`
        Frames to use and to make patterns for.

    Returns
    -------
    `dict`
        Name of the frame to its pattern; C2, of which there are too few epochs, and level 1 have none.
    """
    known = [frame for frame in frames if frame.detector == "C3" and frame.level < 1]
    patterns, result = {}, {}
    for frame in known:
        month = frame.date[:7]
        if month not in patterns:
            patterns[month] = make_pattern([other for other in known if other.date[:7] != month])
        result[frame.name] = patterns[month]
    return result


def damaged(exposure, pattern, rng, *, level_1=None):
    """
    Draw what a frame could have looked like, and what of it is lost.

    Parameters
    ----------
    exposure : `~sunpy_restore.inpainting.recipe.scenes.Exposure`
        A real frame.
    pattern : `numpy.ndarray` or `None`
        Its pattern.
    rng : `numpy.random.Generator`
        Source of chance.
    level_1 : `numpy.ndarray` of `bool`, optional
        What frames of level 1 hide.

    Returns
    -------
    `Damaged`
    """
    image, blind, bias = exposure.image - exposure.bias, exposure.blind, exposure.bias
    if pattern is not None and rng.random() < _AS_LEVEL_1 and level_1 is not None:
        flat = np.clip(np.nan_to_num(pattern), -3, 3)
        image, blind, pattern, bias = image / np.exp(flat), blind | level_1 | ~np.isfinite(pattern), None, 0.0
    elif pattern is not None and rng.random() < _WITHOUT_PATTERN:
        pattern = None
    image = image * np.exp(rng.normal(0, 0.5))
    smooth = ndimage.gaussian_filter(np.where(blind, 0, image), 1.5)
    change = later = np.zeros(image.shape, np.float32)
    if rng.random() < _ADDED:
        strength = STRENGTHS[exposure.detector] * np.exp(rng.normal(0, 0.7))
        change, later = structure(image.shape, exposure.center, rng, strength, moved=rng)
    noise = _noise_of(image, blind)
    truth = image * (1 + change)
    if rng.random() < _NOISIER:
        truth = truth + noise * rng.uniform(0.3, 2) * rng.standard_normal(image.shape)
    mask = draw_losses(image.shape, rng, np.exp(rng.uniform(*np.log(_SHARES)))) & ~blind
    neighbours = _neighbours(smooth, later, noise, exposure.center, rng) if rng.random() < _NEIGHBOURS else None
    if neighbours is not None:
        neighbours = np.where(blind, np.nan, neighbours + bias)
    frame = Frame(
        image=lose(truth + bias, mask), mask=mask, blind=blind, center=exposure.center, detector=exposure.detector,
        level=exposure.level, bias=bias, pattern=pattern, neighbours=neighbours,
    )  # fmt: skip
    return Damaged(frame, truth + bias)


def _noise_of(image, blind):
    """Standard deviation of the noise, smoothly over the image."""
    difference = np.abs(np.diff(image, axis=1, append=image[:, -1:]))
    difference = np.minimum(difference, 6 * np.median(difference[~blind]))
    weight = ndimage.gaussian_filter((~blind).astype(np.float32), 12)
    mean = ndimage.gaussian_filter(np.where(blind, 0, difference), 12) / np.maximum(weight, 1e-2)
    return mean / 1.128


def _neighbours(smooth, later, noise, center, rng):
    """What frames taken before and after would let expect: much the same corona, with another noise, and gaps."""
    expected = smooth * (1 + later)
    if rng.random() < _STRANGERS:
        expected = np.rot90(expected, 2)
    y, x = np.ogrid[: smooth.shape[0], : smooth.shape[1]]
    turn = rng.normal(0, 0.03, 4)
    dx, dy = (x - center[0]) / 512, (y - center[1]) / 512
    expected = expected * (1 + turn[0] + turn[1] * dx + turn[2] * dy + turn[3] * (dx**2 + dy**2))
    expected = expected + noise * rng.uniform(0.3, 1) * rng.standard_normal(smooth.shape)
    if rng.random() < 0.4:
        expected[draw_losses(smooth.shape, rng, rng.uniform(0.05, 0.4))] = np.nan
    return expected


def views_of(pair, rng, *, count, side, view):
    """
    Square parts of a damaged frame as networks see them.

    Parameters
    ----------
    pair : `Damaged`
        The frame.
    rng : `numpy.random.Generator`
        Source of chance.
    count : `int`
        Number of parts, at most.
    side : `int`
        Their side.
    view : ``"polar"``, ``"pixel"`` or ``"equalized"``
        What networks see.

    Returns
    -------
    `list` of pairs of `numpy.ndarray`
        Planes, shape ``(len(PLANES), side, side)``, and truth, shape ``(1, side, side)``, NaN where it is not known; in
        half precision.
    """
    planes, truth = _whole(pair, view)
    scored = (planes[1] > 0) & np.isfinite(truth)
    blind = planes[2] > 0
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
        if blind[part].mean() <= _MOST_BLIND and scored[part].mean() >= _LEAST_LOST:
            both = (planes[(slice(None), *part)], truth[np.newaxis][(slice(None), *part)])
            found.append(tuple(half.astype(np.float16) for half in both))
    return found


def _whole(pair, view):
    """Planes and truth of a whole frame; polar ones go round by half a turn more."""
    frame, shown = pair.frame, ~pair.frame.blind
    presented = VIEWS[view](frame)
    truth = np.where(shown, presented.forward(np.where(shown, pair.truth, 0)), np.nan)
    if view != "polar":
        return pixel_planes(frame, presented, np.s_[:, :]), truth
    grid = PolarGrid.whole(shown, frame.center, turns=1.5)
    truth, known = grid.sampled(truth, shown)
    return polar_planes(frame, presented, grid), np.where(known, truth, np.nan)


class ViewDataset(Dataset):
    """
    Random parts of views made in advance, mirrored in azimuth; item ``i`` is the same in every run.

    Parameters
    ----------
    views : `list` of pairs of `numpy.ndarray`
        Planes and truth, see `~sunpy_restore.inpainting.recipe.pairs.views_of`.
    length : `int`
        Number of items.
    patch_size : `int`
        Side of a part.
    seed : `int`
        Seed.
    turnable : `bool`
        Whether rows may be mirrored and become columns too, which on a polar grid are radii.
    """

    def __init__(self, views, length, *, patch_size, seed, turnable=False):
        self.views, self.length, self.patch_size, self.seed = views, length, patch_size, seed
        self.turnable = turnable

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, 1, index])
        planes, truth = self.views[rng.integers(len(self.views))]
        side = self.patch_size
        for _ in range(8):
            top, left = rng.integers(0, planes.shape[-1] - side + 1, size=2)
            part = np.s_[:, top : top + side, left : left + side]
            if (planes[1][part[1:]] > 0).any():
                break
        both = np.concatenate([planes[part], truth[part]]).astype(np.float32)[:, :, :: rng.choice([1, -1])]
        if self.turnable:
            both = both[:, :: rng.choice([1, -1])]
            both = both.swapaxes(1, 2) if rng.integers(2) else both
        # Neighbours are not always at hand, also not for a view that has them
        if rng.random() < 0.3:
            both[5:7] = 0
        both = torch.from_numpy(both.copy())
        return both[:-1], both[-1:]
