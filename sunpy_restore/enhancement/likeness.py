"""Properties of HMI observations, by which an image is told that is unlike all good ones."""

from itertools import pairwise

import numpy as np
from scipy import ndimage

from sunpy_restore.enhancement.detector.noise import NOISE_RANGE, estimate_noise
from sunpy_restore.enhancement.properties import PROPERTIES

__all__ = ["PROPERTIES", "fingerprint"]

_SPOT = 0.9
"""Intensity relative to the quiet Sun below which a pixel belongs to a sunspot."""
_LEAST_QUIET = 0.1
"""Share of the quiet Sun below which all pixels are measured as if they were part of it."""
_MARGIN = 3
"""Pixels next to the limb or to pixels without a value, which are not measured."""
_WIDTHS = (1.0, 2.0, 4.0, 10.0)
"""Widths in pixels of the Gaussians whose differences are the spatial bands."""
_PRIOR = 1500.0
"""Number of pixels from which on a measured property counts more than the typical one."""
_SAMPLE = 500  # pixels whose different values are counted
_MANY = 0.3
"""Share of different values that no property tells from a larger one."""
_LARGEST_OUTLIER = 30  # pixels without a value that touch each other
_USUAL = 2e-3
"""Share of outliers that no property tells from a smaller one."""
_ANYWHERE = 10
"""Number of groups of outliers, or of small masked areas, that every image may have."""
_PERIOD = 8  # pixels; blocks of compressed images
_STATED = 1.5
"""Ratio of the assumed noise to the measured one, or its inverse, from which on the user has stated another one."""
_FEW = 2e-2
"""Share of equal or clipped pixels that matters little."""
_LEAST_WEAK = 50  # pixels
_LEAST = 1e-6

_TYPICAL = {
    "continuum": {
        "noise (logarithm)": -5.8, "contrast (logarithm)": -4.4, "fine structure": 0.15, "coarse structure": -0.2,
        "large-scale structure": -0.3, "noise in fine structure": -1.5, "skewness": 0.2,
        "tails of fine structure": 1.05, "brightest pixels": 0.1, "darkest pixels": -0.2, "anisotropy": 0.04,
        "diagonal structure": 0.28, "equal neighbours": -1.69897, "different values": 0.3, "blocks": 0.08,
        "clipped values": -1.69897, "outliers": -2.69897, "asymmetry of curvature": -0.08,
    },
    "magnetogram": {
        "noise (logarithm)": -5.2, "contrast (logarithm)": -3.9, "fine structure": 0.0, "coarse structure": 0.1,
        "large-scale structure": 0.2, "noise in fine structure": -1.5,
        "tails of fine structure": 3.0, "brightest pixels": -0.3, "positive weak field": 0.5, "anisotropy": 0.06,
        "diagonal structure": 0.28, "equal neighbours": -1.69897, "different values": 0.3, "blocks": 0.1,
        "clipped values": -1.69897, "outliers": -2.69897,
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
    if np.count_nonzero(quiet) < _LEAST_QUIET * np.count_nonzero(inner):
        quiet = inner
    typical = _TYPICAL["magnetogram" if field else "continuum"]
    measured = dict(typical)
    for area, properties in (
        (quiet, lambda: _structure(image, quiet, observation.noise) | _traces(image, observation.data, quiet)),
        (usable, lambda: _values(image, usable, field) | _damage(observation, usable)),
    ):
        number = np.count_nonzero(area)
        if number > 1:
            weight = number**2 / (number**2 + _PRIOR**2)
            measured |= {name: weight * value + (1 - weight) * typical[name] for name, value in properties().items()}
    return {name: float(measured[name]) for name in typical}


def _structure(image, quiet, assumed):
    """Amplitudes in spatial bands and directions, given the noise that a magnetogram is assumed to have."""
    smooth = [image, *(ndimage.gaussian_filter(image, width, mode="nearest") for width in _WIDTHS)]
    bands = [one - other for one, other in pairwise(smooth)]
    amplitude = [_log(band[quiet].std()) for band in bands]
    noise = _log(_noise(image, quiet, assumed))
    dy, dx = (np.diff(image, axis=axis)[: image.shape[0] - 1, : image.shape[1] - 1] for axis in (0, 1))
    both = quiet[:-1, :-1] & quiet[1:, 1:]
    diagonal = image[1:, 1:] - image[:-1, :-1]
    # Medians, because fine structure next to strong fields has directions of its own
    across, along, skew = (_log(np.median(np.abs(one[both]))) if both.any() else 0.0 for one in (dy, dx, diagonal))
    middle = (bands[1] + bands[2])[quiet]
    found = {
        "noise (logarithm)": noise,
        "contrast (logarithm)": amplitude[1],
        "fine structure": amplitude[0] - amplitude[1],
        "coarse structure": amplitude[2] - amplitude[1],
        "large-scale structure": amplitude[3] - amplitude[1],
        "noise in fine structure": noise - amplitude[0],
        "tails of fine structure": np.log(max(_moment(bands[0][quiet], 4), 1.0)),
        "anisotropy": abs(across - along),
        "diagonal structure": skew - (across + along) / 2,
    }
    if assumed is not None:
        return found
    # Dark lanes are narrower than granules, so that the curvature is strongest in them
    curvature = _asymmetry(ndimage.laplace(smooth[1])[quiet])
    return found | {"skewness": _moment(middle, 3), "asymmetry of curvature": curvature}


def _noise(image, quiet, assumed):
    """Noise of an image as measured, or as the user states it if that is another one."""
    measured = estimate_noise(image, quiet, (_LEAST, 1e3))
    if assumed is None:
        return measured
    ratio = assumed / np.clip(measured, *NOISE_RANGE)
    return assumed if max(ratio, 1 / ratio) > _STATED else measured


def _values(image, usable, field):
    """The distribution of the values."""
    values = image[usable]
    low, high = np.percentile(values, [0.2, 99.8])
    if not field:
        return {"brightest pixels": float(high - 1), "darkest pixels": _log(np.clip(low, 0.05, 1))}
    noise = estimate_noise(image, usable, (_LEAST, 1e3))
    weak = values[np.abs(values) < 3 * noise]
    return {
        "brightest pixels": _log(max(-low, high)),
        "positive weak field": float(np.mean(weak > 0)) if len(weak) > _LEAST_WEAK else 0.5,
    }


def _traces(image, data, quiet):
    """Traces of compression in the normalised image, and of rounding in the data as they were read."""
    values = data[quiet]
    sample = values[:: max(1, len(values) // _SAMPLE)][:_SAMPLE]
    equal = [
        np.mean(one[both] == other[both]) if both.any() else 0.0
        for one, other, both in (
            (data[1:], data[:-1], quiet[1:] & quiet[:-1]),
            (data[:, 1:], data[:, :-1], quiet[:, 1:] & quiet[:, :-1]),
        )
    ]
    return {
        "equal neighbours": np.log10(max(*equal, _FEW)),
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


def _damage(observation, usable):
    """Traces of clipping, and of cosmic rays and defects of the detector."""
    values = observation.data[usable]
    clipped = max(np.mean(values == values.min()), np.mean(values == values.max()), _FEW)
    return {"clipped values": np.log10(clipped), "outliers": _outliers(observation)}


def _outliers(observation):
    """Share of small groups of pixels without a value that are no gaps of the input: masked ones and outliers."""
    gone = ~observation.valid
    if observation.gaps is not None:
        gone &= ~observation.gaps
    labels, number = ndimage.label(gone, structure=np.ones((3, 3)))
    if not number:
        return np.log10(_USUAL)
    sizes = np.bincount(labels.ravel())[1:]
    small = sizes[sizes <= _LARGEST_OUTLIER]
    share = small.sum() / observation.data.size if len(small) > _ANYWHERE else 0.0
    return np.log10(max(share, _USUAL))


def _asymmetry(values):
    """Skewness from percentiles, from -1 to 1, which strong fields hardly change."""
    low, median, high = np.percentile(values, [10, 50, 90])
    return float((low + high - 2 * median) / max(high - low, _LEAST))


def _moment(values, order):
    deviation = values - values.mean()
    spread = max(deviation.std(), _LEAST)
    return float(np.mean((deviation / spread) ** order))


def _log(value):
    return float(np.log(max(float(value), _LEAST)))
