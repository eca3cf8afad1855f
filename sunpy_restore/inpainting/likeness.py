"""Properties of an image of the corona by which one that is unlike all good ones is told."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.numerics.cells import normalized_convolution
from sunpy_restore.core.numerics.pixels import eroded, median_of_nine
from sunpy_restore.core.reports.likeness import likeness_of
from sunpy_restore.core.reports.properties import Property, share
from sunpy_restore.inpainting.corona.cells import CELL, cell_medians
from sunpy_restore.inpainting.corona.noise import noise_in_cells
from sunpy_restore.inpainting.lasco.geometry import OCCULTER_EDGE
from sunpy_restore.inpainting.lasco.header import SOLAR_RADIUS
from sunpy_restore.inpainting.task import TASK

__all__ = ["PROPERTIES", "fingerprint", "unlike_a_corona"]

_LEAST = 1e-5  # smallest share in logarithms
_FLOOR = 1e-3  # of the median brightness
_DIMMEST = 1e-6  # of the brightest cell; least median brightness
_OUTLIER = 6.0  # noises
_RINGS = 24  # between the smallest and the largest radius
_CODED = 8  # pixels; side of the blocks of JPEG
_SAMPLE = 200_000  # pixels whose values are counted
_FEW = 12  # cells or lines
_SCREEN = 0.85  # of the radius of the edge of the occulter; inside of it there is no corona
_RESPONSE = 0.05  # least standard deviation of a flat field that can be recognised
_WIDTH = 8.0  # cells; detail of the flat field is finer
_BELOW_BIAS = 0.01  # of the pixels; images with another exposure time or interpolated edges have less

_NAMES = (
    "noise relative to brightness", "slope of noise with brightness", "coarse noise along rows",
    "coarse noise along columns", "noise along columns relative to rows", "tails of the noise", "row pattern",
    "column pattern", "8 x 8 pattern", "step between values relative to noise", "share of the most frequent value",
    "share at the maximum", "share below the bias", "share of bright points", "share of dark points", "dynamic range",
    "radial slope", "azimuthal contrast", "step at the occulter", "unlikeness to the flat field",
    "structure over 4 pixels", "structure over 32 pixels",
)  # fmt: skip


_OF_CORONA = ("share below the bias", "step at the occulter", "structure over 32 pixels", "radial slope")
_RATIOS = {
    "coarse noise along rows": "noise over two pixels relative to single ones, along rows",
    "coarse noise along columns": "noise over two pixels relative to single ones, along columns",
    "noise along columns relative to rows": "noise along columns relative to rows",
    "tails of the noise": "99th percentile of the noise relative to its standard deviation",
    "row pattern": "row pattern relative to independent noise",
    "column pattern": "column pattern relative to independent noise",
    "8 x 8 pattern": "differences at the edges of 8 x 8 blocks relative to others",
    "step between values relative to noise": "step between values relative to noise",
    "dynamic range": "brightest relative to faintest pixels",
    "azimuthal contrast": "azimuthal contrast",
    "structure over 4 pixels": "structure over 4 pixels relative to the noise",
    "structure over 32 pixels": "structure over 32 pixels relative to the noise",
}
PROPERTIES = {
    "inpaint": {
        **{name: Property(label, 10) for name, label in _RATIOS.items()},
        **{name: share(name, 10) for name in _NAMES if name.startswith("share")},
        "noise relative to brightness": Property("noise", 10, scale=100, unit="% of the square root of the brightness"),
        "step at the occulter": Property("brightness outside of the occulter relative to that behind it", np.e),
    }
}
"""How those are shown that are measured in another way."""


def fingerprint(observation):
    """
    Describe the valid pixels of an image.

    Noise is measured in the square root of the brightness, in which it is about the same everywhere.

    Parameters
    ----------
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The observation.

    Returns
    -------
    `dict` of `str` to `float`
        None of the numbers depends on the unit of the image. NaN where the valid part is too small to measure them.
    """
    above = np.where(observation.valid, observation.image - observation.bias, 0.0).astype(np.float32)
    radius, screen = _radii(observation, CELL), _SCREEN * OCCULTER_EDGE[observation.detector][0]
    medians, seen = cell_medians(above, observation.valid)
    known, valid = seen & (radius > screen), observation.valid & (_radii(observation, 1) > screen)
    if np.count_nonzero(known) < _FEW:
        return dict.fromkeys(_NAMES, np.nan)
    # The median may be zero or less, as in the difference of two images
    least = max(_DIMMEST * float(np.abs(medians[known]).max()), np.finfo(np.float32).tiny)
    typical = max(float(np.median(medians[known])), least)
    root = np.sqrt(np.maximum(above / typical, _FLOOR))
    noise, measured = noise_in_cells(root, valid, order=3)
    measured &= known
    if np.count_nonzero(measured) < _FEW:
        return dict.fromkeys(_NAMES, np.nan)
    spread = max(_deviation(noise[measured]), 1e-6)
    level = np.maximum(medians / typical, _FLOOR)
    found = _noise(root, valid, noise, level, measured, spread)
    found |= _values(observation.image[valid], above[valid], 2 * typical * spread)
    found |= _points(root, valid, spread)
    found |= _corona(np.log(level), radius, known, seen, observation)
    found |= _structure(np.sqrt(level), known, spread)
    return {name: float(found[name]) for name in _NAMES}


def unlike_a_corona(observation):
    """
    Tell images that do not show the brightness of the corona, such as differences and ratios of two images.

    Unlike `fingerprint`, the noise does not count: images with a shorter exposure time or after binning are good.

    Parameters
    ----------
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The observation.

    Returns
    -------
    `str`
        What is unlike good images; empty if nothing is.
    """
    found, likeness = fingerprint(observation), likeness_of(TASK)
    ranges = {name: limits for name, *limits in zip(likeness.names, likeness.low, likeness.high, strict=True)}
    ranges["share below the bias"] = -np.inf, np.log10(_BELOW_BIAS)
    for name in _OF_CORONA:
        low, high = ranges[name]
        # It is NaN if too few pixels are valid
        if found[name] < low or found[name] > high:
            return PROPERTIES["inpaint"].get(name, Property(name)).reason(found[name], low, high)
    return ""


def _radii(observation, size):
    """Distance of cells of some pixels from the centre of the Sun in solar radii."""
    shape = [-(-length // size) for length in observation.mask.shape]
    y, x = (size * np.arange(length, dtype=np.float32) + (size - 1) / 2 for length in shape)
    pixels = np.hypot(x - observation.center[0], (y - observation.center[1])[:, np.newaxis])
    return observation.binning * pixels / SOLAR_RADIUS[observation.detector]


def _differences(image, valid, lag, axis):
    """Differences between valid pixels that are so far apart, 0 elsewhere, and where both are valid."""
    here, there = [slice(None)] * 2, [slice(None)] * 2
    here[axis], there[axis] = slice(None, -lag), slice(lag, None)
    here, there = tuple(here), tuple(there)
    both = valid[here] & valid[there]
    return np.where(both, image[there] - image[here], 0), both


def _deviation(values):
    """Robust standard deviation, which is not zero if half of the values are."""
    if not values.size:
        return 0.0
    sizes = np.abs(values)
    return float(np.sqrt(np.pi / 2) * np.minimum(sizes, 4 * np.percentile(sizes, 75)).mean())


def _noise(root, valid, noise, level, known, spread):
    """How the noise depends on the brightness, and whether pixels along a row, a column or a block share it."""
    brightness = np.log(level[known])
    slope = 0.0
    if np.ptp(np.percentile(brightness, [5, 95])) > 0.5:
        slope = np.polyfit(brightness, np.log(np.maximum(noise[known], 0.05 * spread)), 1)[0]
    changes = {(axis, lag): _differences(root, valid, lag, axis) for axis in (0, 1) for lag in (1, 2)}
    size = {key: max(_deviation(change[both]), 0.3 * spread) for key, (change, both) in changes.items()}
    change, both = changes[1, 1]
    far = np.percentile(np.abs(change[both]), 99)
    inner = eroded(valid)
    rough = np.where(inner, np.clip(root - ndimage.uniform_filter(root, 3), -3 * spread, 3 * spread), 0)
    lines = {name: _pattern(rough, inner, axis, spread) for name, axis in (("row pattern", 1), ("column pattern", 0))}
    return {
        "noise relative to brightness": np.log10(spread),
        "slope of noise with brightness": slope,
        "coarse noise along rows": np.log10(size[1, 2] / size[1, 1]),
        "coarse noise along columns": np.log10(size[0, 2] / size[0, 1]),
        "noise along columns relative to rows": np.log10(size[0, 1] / size[1, 1]),
        "tails of the noise": np.log10(far / size[1, 1] + 1e-3),
        "8 x 8 pattern": np.log10(max(_coded(*changes[axis, 1], axis) for axis in (0, 1))),
        **lines,
    }


def _pattern(rough, inner, axis, spread):
    """Logarithm of the scatter of the means of lines, in units of that by independent noise."""
    counts = inner.sum(axis=axis)
    scores = (rough.sum(axis=axis) / np.sqrt(np.maximum(counts, 1)) / spread)[counts > 2 * _CODED]
    return np.log10(_deviation(scores) + 1e-2) if scores.size > _FEW else 0.0


def _coded(change, both, axis):
    """Mean difference across the borders of blocks of 8 x 8 pixels, relative to that inside of them."""
    size = np.abs(change)
    size = np.minimum(size, 3 * np.median(size[both])) if both.any() else size
    sums, counts = size.sum(axis=1 - axis), both.sum(axis=1 - axis)
    number = np.arange(len(sums)) % _CODED
    means = np.bincount(number, sums, _CODED) / np.maximum(np.bincount(number, counts, _CODED), 1)
    middle = np.median(means)
    return means.max() / middle if middle > 0 else 1.0


def _values(image, above, noise):
    """Discrete and saturated values, and the range of the brightness."""
    sample = image[:: max(len(image) // _SAMPLE, 1)]
    values, counts = np.unique(sample, return_counts=True)
    step = np.percentile(np.diff(values), 10) if len(values) > 1 else noise
    low, high = np.percentile(above, [1, 99])
    share = {
        "share of the most frequent value": counts.max() / len(sample),
        "share at the maximum": np.mean(sample >= values[-1] - 1e-3 * (values[-1] - values[0])),
        "share below the bias": np.mean(above < -2 * noise),
    }
    found = {name: np.log10(value + _LEAST) for name, value in share.items()}
    found["step between values relative to noise"] = np.log10(step / noise + 1e-4)
    found["dynamic range"] = np.log10(max(high, noise) / max(low, noise))
    return found


def _points(root, valid, spread):
    """Pixels that are much brighter or fainter than those around them."""
    excess = (root - median_of_nine(root))[eroded(valid)]
    shares = {"share of bright points": excess > _OUTLIER * spread, "share of dark points": excess < -_OUTLIER * spread}
    return {name: np.log10(np.mean(flags) + _LEAST) if flags.size else 0.0 for name, flags in shares.items()}


def _corona(logarithm, radius, known, seen, observation):
    """Radial profile, azimuthal contrast, the edge of the occulter, and the flat field."""
    inside, outside = radius[known].min(), radius[known].max()
    ring = np.log(np.maximum(radius / inside, 1e-3)) / np.log(outside / inside + 1e-6) * _RINGS
    ring = np.clip(ring.astype(int), 0, _RINGS - 1)
    medians = ndimage.median(logarithm, np.where(known, ring, _RINGS), np.arange(_RINGS))
    filled = np.bincount(ring[known], minlength=_RINGS) >= 4
    slope = -2.0
    if outside > 1.4 * inside and filled.sum() > 2:
        places = np.log(inside) + (np.arange(_RINGS) + 0.5) / _RINGS * np.log(outside / inside)
        slope = np.polyfit(places[filled], medians[filled], 1)[0]
    low, high = OCCULTER_EDGE[observation.detector]
    dark, bright = seen & (radius < 0.8 * low) & (radius > 0.5 * low), known & (radius > high) & (radius < 1.3 * high)
    step = 2.0
    if np.count_nonzero(dark) > _FEW and np.count_nonzero(bright) > _FEW:
        step = np.median(logarithm[bright]) - np.median(logarithm[dark])
    return {
        "radial slope": slope,
        "azimuthal contrast": np.log10(_deviation((logarithm - medians[ring])[known]) + 1e-4),
        "step at the occulter": step,
        "unlikeness to the flat field": _unlikeness(logarithm, known, observation.flat_field),
    }


def _unlikeness(logarithm, known, flat_field):
    """1 minus the correlation of the detail of an image with that of its flat field."""
    if flat_field is None:
        return 0.3
    response, here = cell_medians(np.nan_to_num(flat_field), np.isfinite(flat_field))
    known = known & here
    details = []
    for image in (logarithm, response):
        smooth = normalized_convolution(np.where(known, image, 0.0), known, _WIDTH)
        details.append(np.clip((image - smooth)[known], -1, 1))
    if len(details[0]) < _FEW or details[1].std() < _RESPONSE or details[0].std() == 0:
        return 0.3
    return 1 - np.corrcoef(*details)[0, 1]


def _structure(root, known, spread):
    """Differences between cells in units of the noise."""
    found = {}
    for name, lag in (("structure over 4 pixels", 1), ("structure over 32 pixels", 8)):
        parts = [change[both] for change, both in (_differences(root, known, lag, axis) for axis in (0, 1))]
        found[name] = np.log10(_deviation(np.concatenate(parts)) / spread + 1e-3)
    return found
