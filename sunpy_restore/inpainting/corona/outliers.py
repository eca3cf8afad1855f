"""Outliers among the valid pixels: stars, planets with blooming trails, comet heads, cosmic rays and hot pixels."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sunpy_restore.core.numerics.pixels import dilated, relief_at, repeated
from sunpy_restore.inpainting.corona.background import radial_profile
from sunpy_restore.inpainting.corona.cells import CELL, cell_medians, on_pixels
from sunpy_restore.inpainting.corona.noise import noise_in_cells
from sunpy_restore.inpainting.corona.transients import find_point_sources

__all__ = ["find_outliers"]

_BOX = 9  # cells of 4 pixels; side of the box whose median is the expected brightness
_FEW, _MOST = 0.5, 0.75  # of the cells of the box; with fewer known ones a larger box is used
_CORE = 0.6  # of the expected brightness; smallest excess of the core of a bright object
_WING = 0.1  # of the expected brightness; smallest excess of the wings around a core
_CORE_NOISE, _WING_NOISE = 8.0, 4.0  # standard deviations of the noise
_SHARP = 5  # pixels; within this distance the core of an object rises by its smallest excess
_WING_WIDTH = 8  # pixels around a core
_PASSES = 2  # objects that fill much of a box are left out of its median in the second one
_LEAST_NOISE = 0.3  # of the median; lossy compression removes the noise in places


def find_outliers(image, valid, center, flat_field=None):
    """
    Find pixels whose brightness is not that of the corona.

    The expected brightness is a radial profile, times the flat field if it is given, times the median of the ratio to
    these in boxes of 36 pixels. There are two kinds of outliers:

    points
        Up to about three pixels across, brighter or fainter than the median of 7 x 7 pixels by more than 5 local
        standard deviations plus half of the variation of that median: stars, cosmic rays, hot and dead pixels, and thin
        trails of charge.
    bright objects
        Of any size up to about 25 pixels and of any length: planets, comet heads, and the trails of charge along the
        rows or columns of saturated pixels. Their cores exceed the expected brightness by 60 %, by 8 times the noise,
        and by its variation, and rise by that amount within 5 pixels. Streamers and fronts of mass ejections are
        fainter or wider. The surroundings of a core that exceed the expected brightness significantly belong to the
        object.

    Parameters
    ----------
    image : `numpy.ndarray`
        Brightness above the bias, shape ``(ny, nx)``; finite in valid pixels.
    valid : `numpy.ndarray` of `bool`
        Pixels that show the corona.
    center : pair of `float`
        Centre of the Sun as ``(x, y)`` in pixels counted from 0.
    flat_field : `numpy.ndarray`, optional
        Logarithm of the response of the detector to a smooth corona, shape ``(ny, nx)``; NaN where it is unknown.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``, True for outliers; False in pixels that are not valid, and everywhere if no cell of 4 x 4
        pixels has half of its pixels valid, because these are too few to tell outliers from the corona.
    """
    if not cell_medians(image, valid)[1].any():
        return np.zeros(valid.shape, dtype=bool)
    response = 1.0 if flat_field is None else np.exp(np.nan_to_num(flat_field))
    image = np.where(valid, image, 0) / response
    profile = radial_profile(image, valid, center)
    ratio = np.where(valid, image / profile, np.nan)
    steepness = cache(lambda: _relief(profile, _BOX * CELL) / profile)
    noise = _noise(ratio, valid)
    objects = np.zeros_like(valid)
    for _ in range(_PASSES):
        expected = _expected(ratio, valid & ~objects, steepness)
        found = _bright_objects(ratio, valid, expected, noise)
        if not (found & ~objects).any():
            break
        objects |= found
    return objects | find_point_sources(np.where(valid, ratio, expected.level), valid, noise=noise)


class _Expected(NamedTuple):
    """Median of the surroundings, also in cells, and the function that gives the variation of the profile."""

    level: np.ndarray
    cells: np.ndarray
    steepness: Callable

    def relief(self, chosen):
        """
        Variation of the median around some pixels.

        It is large at the edge of the occulter, which is no circle around the Sun and has bright rings.
        """
        relief = on_pixels(_relief(self.cells, _BOX), self.level.shape)[chosen]
        return np.maximum(relief, self.steepness()[chosen] * np.abs(self.level[chosen]))


def _expected(ratio, valid, steepness):
    medians, known = cell_medians(ratio, valid)
    near, share = _box_median(medians, known)
    # Next to a hole an object may fill most of the box; one of twice the size then counts
    pads = [(0, length % 2) for length in known.shape]
    weights = _in_pairs(np.pad(known.astype(float), pads))
    means = _in_pairs(np.pad(np.where(known, medians, 0), pads)) / np.maximum(weights, 1)
    wide = repeated(_box_median(means, weights > 0)[0], 2)[: known.shape[0], : known.shape[1]]
    part = np.clip((share - _FEW) / (_MOST - _FEW), 0, 1)
    cells = part * near + (1 - part) * wide
    return _Expected(on_pixels(cells, ratio.shape), cells, steepness)


def _noise(ratio, valid):
    cells, known = noise_in_cells(ratio, valid, order=3)
    if not known.any():
        return np.zeros(ratio.shape, dtype=np.float32)
    noise = on_pixels(_box_median(cells, known)[0], ratio.shape)
    return np.maximum(noise, _LEAST_NOISE * np.median(noise[valid]))


def _in_pairs(cells):
    """Sums over 2 x 2 cells."""
    return cells.reshape(cells.shape[0] // 2, 2, cells.shape[1] // 2, 2).sum(axis=(1, 3))


def _relief(image, size):
    return ndimage.maximum_filter(image, size) - ndimage.minimum_filter(image, size)


def _box_median(cells, known):
    """Median of the known cells in the box around each cell, or else of all; and the share of known cells in it."""
    padded = np.pad(np.where(known, cells, np.inf), _BOX // 2, constant_values=np.inf).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_BOX, _BOX))
    ordered = np.sort(windows.reshape(*cells.shape, -1), axis=-1)
    count = np.isfinite(ordered).sum(axis=-1)
    middle = np.take_along_axis(ordered, np.maximum(count - 1, 0)[..., np.newaxis] // 2, axis=-1)[..., 0]
    return np.where(count > 0, middle, np.median(cells[known])), count / _BOX**2


def _bright_objects(ratio, valid, expected, noise):
    level = np.abs(expected.level)
    excess = np.where(valid, ratio - expected.level, 0)
    core = (excess > _CORE * level) & (excess > _CORE_NOISE * noise)
    if not core.any():
        return core
    rise = np.maximum(np.maximum(_CORE * level[core], _CORE_NOISE * noise[core]), expected.relief(core))
    # A hole next to the object counts as the expected brightness
    core[core] = np.minimum(excess[core], excess[core] - relief_at(excess, core, 2 * _SHARP + 1)[0]) > rise
    if not core.any():
        return core
    near = core
    for _ in range(_WING_WIDTH):
        near = dilated(near)
    least = np.maximum(np.maximum(_WING * level[near], _WING_NOISE * noise[near]), expected.relief(near) / 2)
    wing = np.zeros_like(core)
    wing[near] = excess[near] > least
    return ndimage.binary_propagation(core, np.ones((3, 3)), mask=(core | wing) & valid)
