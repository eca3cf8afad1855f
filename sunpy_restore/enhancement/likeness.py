"""Properties of HMI observations, by which an image is told that is unlike all good ones."""

from itertools import pairwise

import numpy as np
from scipy import ndimage

from sunpy_restore.enhancement.noise import estimate_noise

__all__ = ["fingerprint"]

_SPOT = 0.9
"""Intensity relative to the quiet Sun below which a pixel belongs to a sunspot."""
_MARGIN = 3
"""Pixels next to the limb or to pixels without a value, which are not measured."""
_WIDTHS = (1.0, 2.0, 4.0, 10.0)
"""Widths in pixels of the Gaussians whose differences are the spatial bands."""
_PRIOR = 150.0
"""Number of pixels from which on a measured property counts more than the typical one."""
_SAMPLE = 500  # pixels whose different values are counted
_MANY = 0.4
"""Share of different values that no property tells from a larger one."""
_LARGEST_OUTLIER = 6  # pixels without a value that touch each other
_USUAL = 2e-3
"""Share of outliers that no property tells from a smaller one."""
_PERIOD = 8  # pixels; blocks of compressed images
_FEW = 1e-2
"""Share of equal or clipped pixels that matters little."""
_LEAST = 1e-6

_TYPICAL = {
    "continuum": {
        "noise (logarithm)": -5.8, "contrast (logarithm)": -4.4, "fine structure": 0.15, "coarse structure": -0.2,
        "large-scale structure": -0.3, "noise in fine structure": -1.5, "skewness": 0.2,
        "tails of fine structure": 1.05, "brightest pixels": 0.1, "darkest pixels": -0.2, "anisotropy": 0.04,
        "diagonal structure": 0.28, "equal neighbours": -2.0, "different values": 0.4, "blocks": 0.08,
        "clipped values": -2.0, "outliers": -2.69897,
    },
    "magnetogram": {
        "noise (logarithm)": -5.2, "contrast (logarithm)": -3.9, "fine structure": 0.0, "coarse structure": 0.1,
        "large-scale structure": 0.2, "noise in fine structure": -1.5, "skewness": 0.0,
        "tails of fine structure": 3.0, "brightest pixels": -0.3, "darkest pixels": 0.0, "anisotropy": 0.06,
        "diagonal structure": 0.28, "equal neighbours": -1.95, "different values": 0.4, "blocks": 0.1,
        "clipped values": -2.0, "outliers": -2.69897,
    },
}  # fmt: skip
"""Properties of typical images. Those that are measured in few pixels are averaged with them."""


def fingerprint(observation):
    """
    Measure properties of an observation.

    Parameters
    ----------
    observation : `~sunpy_restore.enhancement.observation.Observation`
        The observation.

    Returns
    -------
    `dict` of `str` to `float`
        Noise, contrast, the distribution of structure over spatial scales and directions, the distribution of values,
        and traces of compression, rounding, clipping and cosmic rays.
    """
    image = observation.normalised().astype(np.float32)
    field = observation.noise is not None
    usable = observation.on_disk & observation.valid
    if observation.untrusted is not None and not observation.untrusted.all():
        usable = usable & ~observation.untrusted
    inner = ndimage.binary_erosion(usable, iterations=_MARGIN, border_value=1)
    quiet = inner if field else inner & (ndimage.gaussian_filter(image, 1.5) > _SPOT)
    typical = _TYPICAL["magnetogram" if field else "continuum"]
    measured = dict(typical)
    for area, properties in (
        (quiet, lambda: _structure(image, quiet, field) | _traces(image, quiet)),
        (usable, lambda: _values(image, usable, field) | {"outliers": _outliers(observation)}),
    ):
        number = np.count_nonzero(area)
        if number > 1:
            weight = number / (number + _PRIOR)
            measured |= {name: weight * value + (1 - weight) * typical[name] for name, value in properties().items()}
    return {name: float(measured[name]) for name in typical}


def _structure(image, quiet, field):
    """Amplitudes in spatial bands and directions."""
    smooth = [image, *(ndimage.gaussian_filter(image, width, mode="nearest") for width in _WIDTHS)]
    bands = [one - other for one, other in pairwise(smooth)]
    amplitude = [_log(band[quiet].std()) for band in bands]
    noise = _log(estimate_noise(image, quiet, (_LEAST, 1e3)))
    dy, dx = (np.diff(image, axis=axis)[: image.shape[0] - 1, : image.shape[1] - 1] for axis in (0, 1))
    both = quiet[:-1, :-1] & quiet[1:, 1:]
    diagonal = image[1:, 1:] - image[:-1, :-1]
    across, along, skew = (_log(one[both].std()) if both.any() else 0.0 for one in (dy, dx, diagonal))
    middle = (bands[1] + bands[2])[quiet]
    return {
        "noise (logarithm)": noise,
        "contrast (logarithm)": amplitude[1],
        "fine structure": amplitude[0] - amplitude[1],
        "coarse structure": amplitude[2] - amplitude[1],
        "large-scale structure": amplitude[3] - amplitude[1],
        "noise in fine structure": noise - amplitude[0],
        "skewness": 0.0 if field else _moment(middle, 3),
        "tails of fine structure": np.log(max(_moment(bands[0][quiet], 4), 1.0)),
        "anisotropy": abs(across - along),
        "diagonal structure": skew - (across + along) / 2,
    }


def _values(image, usable, field):
    """The distribution of the values."""
    values = image[usable]
    low, high = np.percentile(values, [0.2, 99.8])
    clipped = max(np.mean(values == values.min()), np.mean(values == values.max()))
    found = {"clipped values": np.log10(max(clipped, 1 / len(values)) + _FEW)}
    if not field:
        return found | {"brightest pixels": float(high - 1), "darkest pixels": _log(np.clip(low, 0.05, 1))}
    noise = estimate_noise(image, usable, (_LEAST, 1e3))
    weak = values[np.abs(values) < 3 * noise]
    offset = np.median(weak) / noise if weak.size else 10.0
    return found | {"brightest pixels": _log(max(-low, high)), "darkest pixels": float(np.clip(offset, -10, 10))}


def _traces(image, quiet):
    """Traces of rounding and compression."""
    values = image[quiet]
    sample = values[:: max(1, len(values) // _SAMPLE)][:_SAMPLE]
    equal = [
        np.mean(one[both] == other[both]) if both.any() else 0.0
        for one, other, both in (
            (image[1:], image[:-1], quiet[1:] & quiet[:-1]),
            (image[:, 1:], image[:, :-1], quiet[:, 1:] & quiet[:, :-1]),
        )
    ]
    return {
        "equal neighbours": np.log10(max(equal) + _FEW),
        "different values": min(len(np.unique(sample)) / len(sample), _MANY),
        "blocks": max(_periodicity(image, quiet), _periodicity(image.T, quiet.T)),
    }


def _periodicity(image, quiet):
    """How much the steps from row to row depend on the row, with a period of 2, 4 or 8 rows, relative to chance."""
    steps = np.abs(np.diff(image, 2, axis=0))
    known = quiet[1:-1] & quiet[2:] & quiet[:-2]
    counts = known.sum(axis=1)
    rows = np.where(counts > 0, (steps * known).sum(axis=1) / np.maximum(counts, 1), np.nan)
    result = 0.0
    for period in (2, 4, _PERIOD):
        phases = [rows[phase::period] for phase in range(period)]
        means = [np.nanmean(phase) for phase in phases if np.isfinite(phase).sum() > 2]
        if len(means) == period and np.mean(means) > 0:
            result = max(result, float(max(means) / np.mean(means) - 1))
    return result


def _outliers(observation):
    """Share of small groups of pixels without a value that are no gaps of the input: masked ones and outliers."""
    gone = ~observation.valid
    if observation.gaps is not None:
        gone &= ~observation.gaps
    labels, number = ndimage.label(gone, structure=np.ones((3, 3)))
    if not number:
        return np.log10(_USUAL)
    sizes = np.bincount(labels.ravel())[1:]
    return np.log10(max(sizes[sizes <= _LARGEST_OUTLIER].sum() / observation.data.size, _USUAL))


def _moment(values, order):
    deviation = values - values.mean()
    spread = max(deviation.std(), _LEAST)
    return float(np.mean((deviation / spread) ** order))


def _log(value):
    return float(np.log(max(float(value), _LEAST)))
