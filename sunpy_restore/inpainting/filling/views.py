"""Views: how an image with missing pixels is presented to a method, and how the result becomes brightness again."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sunpy_restore.inpainting.corona.background import radial_profile

__all__ = ["LARGEST_DEVIATION", "VIEWS", "View", "brightness_view", "profile_view"]

LARGEST_DEVIATION = 2000.0
"""Larger deviations from the background, in units of the noise, are clipped."""


class View(NamedTuple):
    """
    An observation in the units of a method.

    Parameters
    ----------
    image : `numpy.ndarray`
        The image in these units, shape ``(ny, nx)``; 0 where it is not valid.
    valid : `numpy.ndarray` of `bool`
        Pixels that show the corona.
    forward : callable
        ``forward(image)`` converts another image of the same pixels to these units.
    back : callable
        ``back(values, y, x)`` converts values at pixels of the image to brightness.
    noise : `numpy.ndarray` or `None`
        Logarithm of the standard deviation of the noise in these units, if it is known.
    expected : `numpy.ndarray` or `None`
        Prediction from neighbours in these units; NaN where it is unknown.
    unit, contrast : `numpy.ndarray` or `None`
        For deviations from a background: the brightness of a deviation of 1, and the background in this unit.
    profile : `numpy.ndarray` or `None`
        For deviations from a background: the median brightness of rings around the Sun.
    """

    image: np.ndarray
    valid: np.ndarray
    forward: Callable
    back: Callable
    noise: np.ndarray | None = None
    expected: np.ndarray | None = None
    unit: np.ndarray | None = None
    contrast: np.ndarray | None = None
    profile: np.ndarray | None = None


def brightness_view(observation):
    """The brightness itself."""
    return _view(observation, lambda image: image, lambda values, y, x: values)


def profile_view(observation):
    """The ratio to the radial profile."""
    valid, bias = observation.valid, observation.bias
    profile = radial_profile(np.where(valid, observation.image - bias, 0), valid, observation.center)
    return _view(
        observation, lambda image: (image - bias) / profile, lambda values, y, x: bias + profile[y, x] * values
    )


def deviation_view(observation):
    """The deviation from a smooth background in units of the noise."""
    valid, bias, background = observation.valid, observation.bias, observation.background
    level, unit = background.level, background.unit

    def forward(image):
        return np.clip((image - bias - level) / unit, -LARGEST_DEVIATION, LARGEST_DEVIATION).astype(np.float32)

    def back(values, y, x):
        return bias + level[y, x].astype(float) + unit[y, x] * values

    return _view(observation, forward, back)._replace(
        noise=np.log(background.noise / unit), unit=unit, contrast=level / unit,
        profile=radial_profile(np.where(valid, observation.image - bias, 0), valid, observation.center),
    )  # fmt: skip


def equalized_view(observation):
    """The image with a flat histogram from -1 to 1."""
    values = np.sort(observation.image[observation.valid])
    # Equal values have many ranks, of which the middle one is used
    known, first, count = np.unique(values[:: max(len(values) // 65536, 1)], return_index=True, return_counts=True)
    ranks = 2 * (first + (count - 1) / 2 + 0.5) / count.sum() - 1
    return _view(
        observation,
        lambda image: np.interp(image, known, ranks).astype(np.float32),
        lambda shown, y, x: np.interp(shown, ranks, known),
    )


def _view(observation, forward, back):
    valid, neighbours = observation.valid, observation.neighbours
    image = np.where(valid, forward(np.where(valid, observation.image, 0)), 0)
    expected = None
    if neighbours is not None:
        expected = np.where(np.isfinite(neighbours), forward(np.nan_to_num(neighbours)), np.nan)
    return View(image, valid, forward, back, None, expected)


VIEWS = {"equalized": equalized_view, "pixel": deviation_view, "polar": deviation_view}
"""Views of networks by the name in their hyperparameters; ``"polar"`` is also resampled on a log-polar grid."""
