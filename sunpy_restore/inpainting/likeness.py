"""Properties of an image of the corona by which one that is unlike all good ones is told."""

import numpy as np
from scipy import ndimage

from sunpy_restore.inpainting.background import CELL, cell_medians, noise_in_cells
from sunpy_restore.inpainting.lasco.geometry import OCCULTER_EDGE
from sunpy_restore.inpainting.lasco.header import SOLAR_RADIUS

__all__ = ["fingerprint"]

_LEAST = 1e-5  # smallest share in logarithms
_FLOOR = 1e-3  # of the median brightness
_OUTLIER = 6.0  # noises
_RINGS = 24  # between the smallest and the largest radius
_CODED = 8  # pixels; side of the blocks of JPEG
_LARGEST_SAMPLE = 200_000  # pixels whose values are counted
_LEAST_CELLS = 12
_SCREEN = 0.85  # of the radius of the edge of the occulter; inside of it there is no corona


def fingerprint(observation):
    """
    Describe the valid pixels of an image.

    Parameters
    ----------
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The observation.

    Returns
    -------
    `dict` of `str` to `float`
        None of the numbers depends on the unit of the image. NaN where the valid part is too small to measure one.
    """
    valid = observation.valid
    above = np.where(valid, observation.image - observation.bias, 0.0)
    medians, known = cell_medians(above, valid)
    noise, measured = noise_in_cells(above, valid, order=3)
    radius = _radii(observation)
    known &= measured & (radius > _SCREEN * OCCULTER_EDGE[observation.detector][0])
    if np.count_nonzero(known) < _LEAST_CELLS:
        return dict.fromkeys(_NAMES, np.nan)
    typical = max(np.median(medians[known]), np.finfo(float).tiny)
    level = np.maximum(medians, _FLOOR * typical)
    spread = np.maximum(np.median(noise[known]), np.finfo(float).tiny)
    found = _noise(above, valid, noise, level, known, spread)
    found |= _values(observation.image, above, valid, spread)
    found |= _corona(level, radius, known, observation)
    found |= _structure(medians, known, spread)
    return {name: float(found[name]) for name in _NAMES}


_NAMES = (
    "noise relative to brightness", "slope of noise with brightness", "coarse noise along rows",
    "coarse noise along columns", "noise along columns relative to rows", "tails of the noise", "row pattern",
    "column pattern", "8 x 8 pattern", "step between values relative to noise", "share of the most frequent value",
    "share at the maximum", "share below the bias", "share of bright points", "share of dark points", "dynamic range",
    "radial slope", "azimuthal contrast", "step at the occulter", "structure over 4 pixels", "structure over 32 pixels",
)  # fmt: skip


def _radii(observation):
    """Distance of the cells from the centre of the Sun in solar radii."""
    shape = [-(-length // CELL) for length in observation.mask.shape]
    y, x = (CELL * np.arange(length) + (CELL - 1) / 2 for length in shape)
    pixels = np.hypot(x - observation.center[0], (y - observation.center[1])[:, np.newaxis])
    return observation.binning * pixels / SOLAR_RADIUS[observation.detector]


def _differences(image, valid, lag, axis):
    """Differences between valid pixels that are so far apart, and where both are valid."""
    here, there = [slice(None)] * 2, [slice(None)] * 2
    here[axis], there[axis] = slice(None, -lag), slice(lag, None)
    here, there = tuple(here), tuple(there)
    return image[there] - image[here], valid[here] & valid[there]


def _deviation(values):
    """Robust standard deviation."""
    return 1.4826 * np.median(np.abs(values)) if values.size else np.nan


def _noise(above, valid, noise, level, known, spread):
    """How large the noise is, how it depends on the brightness, and whether neighbouring pixels share it."""
    tiny = np.finfo(float).tiny
    logarithms = np.log(np.maximum(noise[known], 0.05 * spread)), np.log(level[known])
    width = np.ptp(np.percentile(logarithms[1], [5, 95]))
    slope = np.polyfit(logarithms[1], logarithms[0], 1)[0] if width > 0.5 else 0.3
    detail = {}
    for axis in (0, 1):
        for lag in (1, 2):
            change, both = _differences(above, valid, lag, axis)
            detail[axis, lag] = _deviation(change[both])
    change, both = _differences(above, valid, 1, 1)
    own = change[both]
    far = np.percentile(np.abs(own), 99) / max(_deviation(own), tiny)
    smooth = ndimage.uniform_filter(above, 3)
    rough = np.where(ndimage.binary_erosion(valid, np.ones((3, 3))), above - smooth, np.nan)
    found = {
        "noise relative to brightness": np.log10(np.median(noise[known] / level[known]) + 1e-9),
        "slope of noise with brightness": slope,
        "coarse noise along rows": _ratio(detail[1, 2], detail[1, 1]),
        "coarse noise along columns": _ratio(detail[0, 2], detail[0, 1]),
        "noise along columns relative to rows": _ratio(detail[0, 1], detail[1, 1]),
        "tails of the noise": np.log10(far + 1e-3),
        "8 x 8 pattern": np.log10(max(_coded(above, valid, axis) for axis in (0, 1))),
    }
    for name, axis in (("row pattern", 1), ("column pattern", 0)):
        with np.errstate(invalid="ignore", divide="ignore"):
            counts = np.isfinite(rough).sum(axis=axis)
            means = np.nansum(np.clip(rough, -3 * spread, 3 * spread), axis=axis) / np.maximum(counts, 1)
            scores = (means * np.sqrt(counts) / spread)[counts > 16]
        found[name] = np.log10(_deviation(scores) + 1e-2) if scores.size > 8 else np.nan
    return found


def _ratio(one, other):
    tiny = np.finfo(float).tiny
    return np.log10(max(one, tiny) / max(other, tiny)) if one > 0 and other > 0 else 9.0


def _coded(above, valid, axis):
    """Mean difference across the borders of blocks of 8 x 8 pixels, relative to that inside of them."""
    change, both = _differences(above, valid, 1, axis)
    change = np.where(both, np.abs(change), 0)
    limit = 3 * np.median(change[both]) if both.any() else 0.0
    sums, counts = np.minimum(change, limit).sum(axis=1 - axis), both.sum(axis=1 - axis)
    number = np.arange(len(sums)) % _CODED
    means = np.bincount(number, sums, _CODED) / np.maximum(np.bincount(number, counts, _CODED), 1)
    return max(means.max() / max(np.median(means), np.finfo(float).tiny), 1e-3)


def _values(image, above, valid, spread):
    """Discrete values, saturation, and points."""
    sample = image[valid][:: max(np.count_nonzero(valid) // _LARGEST_SAMPLE, 1)]
    values, counts = np.unique(sample, return_counts=True)
    steps = np.diff(values)
    step = np.percentile(steps, 10) if steps.size else np.ptp(sample) + spread
    smooth = ndimage.median_filter(above.astype(np.float32), 3)
    inner = ndimage.binary_erosion(valid, np.ones((3, 3)))
    excess = (above - smooth)[inner]
    low, high = np.percentile(above[valid], [1, 99])
    share = {
        "share of the most frequent value": counts.max() / len(sample),
        "share at the maximum": np.mean(sample >= values[-1] - 1e-3 * (values[-1] - values[0])),
        "share below the bias": np.mean(above[valid] < -2 * spread),
        "share of bright points": np.mean(excess > _OUTLIER * spread),
        "share of dark points": np.mean(excess < -_OUTLIER * spread),
    }
    found = {name: np.log10(value + _LEAST) for name, value in share.items()}
    found["step between values relative to noise"] = np.log10(step / spread + 1e-4)
    found["dynamic range"] = np.log10(max(high, spread) / max(low, spread))
    return found


def _corona(level, radius, known, observation):
    """Radial profile and azimuthal contrast."""
    logarithm = np.log(level)
    inside, outside = radius[known].min(), radius[known].max()
    ring = np.clip((np.log(radius / inside) / np.log(outside / inside + 1e-9) * _RINGS).astype(int), 0, _RINGS - 1)
    ring = np.where(known, ring, _RINGS)
    medians = ndimage.median(logarithm, ring, np.arange(_RINGS))
    filled = np.bincount(ring[known], minlength=_RINGS)[:_RINGS] >= 4
    slope = -2.0
    if outside > 1.4 * inside and filled.sum() > 2:
        places = np.log(inside) + (np.arange(_RINGS) + 0.5) / _RINGS * np.log(outside / inside)
        slope = np.polyfit(places[filled], medians[filled], 1)[0]
    contrast = _deviation(logarithm[known] - medians[ring[known]])
    low, high = OCCULTER_EDGE[observation.detector]
    dark = (radius < 0.8 * low) & (radius > 0.5 * low) & _seen(observation, radius.shape)
    bright = known & (radius > high) & (radius < 1.3 * high)
    step = 0.0
    if np.count_nonzero(dark) > _LEAST_CELLS and np.count_nonzero(bright) > _LEAST_CELLS:
        step = np.median(logarithm[bright]) - np.median(logarithm[dark])
    return {
        "radial slope": slope, "azimuthal contrast": np.log10(contrast + 1e-4), "step at the occulter": step,
    }  # fmt: skip


def _seen(observation, shape):
    """Cells that are valid."""
    return cell_medians(np.zeros(observation.mask.shape, dtype=np.float32), observation.valid)[1].reshape(shape)


def _structure(medians, known, spread):
    """Differences between cells in units of the noise."""
    found = {}
    for name, lag in (("structure over 4 pixels", 1), ("structure over 32 pixels", 8)):
        changes = [change[both] for change, both in (_differences(medians, known, lag, axis) for axis in (0, 1))]
        found[name] = np.log10(_deviation(np.concatenate(changes)) / spread + 1e-3)
    return found
