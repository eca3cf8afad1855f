"""The ways in which an image with missing blocks is presented to a method, and back."""

from typing import NamedTuple

import numpy as np

from sunpy_restore.inpainting.background import find_background, radial_profile

__all__ = ["BRIGHTEST", "VIEWS", "View"]

BRIGHTEST = 2000.0
"""The deviation of what is brighter is cut."""


class View(NamedTuple):
    """
    A frame in the units of a method.

    Parameters
    ----------
    image : `numpy.ndarray`
        The frame in these units, 0 where not valid. Shape ``(ny, nx)``.
    valid : `numpy.ndarray` of `bool`
        Pixels that show the corona.
    forward : callable
        ``forward(image)`` brings another image of the same pixels to these units.
    back : callable
        ``back(values, y, x)`` gives the brightness that values at pixels of the image mean.
    noise : `numpy.ndarray` or `None`
        Logarithm of the standard deviation of the noise in these units, where it is known.
    expected : `numpy.ndarray` or `None`
        What neighbours let expect, in these units; NaN where nothing.
    unit, contrast : `numpy.ndarray` or `None`
        Of deviations from a background: the brightness of a deviation of 1, and the deviation of a brightness that is
        twice the background.
    profile : `numpy.ndarray` or `None`
        Then also the median brightness of rings about the Sun.
    """

    image: np.ndarray
    valid: np.ndarray
    forward: object
    back: object
    noise: np.ndarray | None = None
    expected: np.ndarray | None = None
    unit: np.ndarray | None = None
    contrast: np.ndarray | None = None
    profile: np.ndarray | None = None


def brightness(frame):
    """The frame as it is."""
    return _presented(frame, lambda image: image, lambda values, y, x: values)


def profile(frame):
    """The ratio to the radial profile."""
    valid = ~(frame.mask | frame.blind)
    profile = radial_profile(np.where(valid, frame.image - frame.bias, 0), valid, frame.center)
    return _presented(
        frame,
        lambda image: (image - frame.bias) / profile,
        lambda values, y, x: frame.bias + profile[y, x] * values,
    )


def deviation(frame):
    """The deviation from a smooth background in units of the noise."""
    valid = ~(frame.mask | frame.blind)
    # What the pattern does not cover, corners for instance, is fitted as if it had none
    known = None if frame.pattern is None else np.nan_to_num(frame.pattern)
    above = np.where(valid, frame.image - frame.bias, 0)
    background = find_background(above, valid, frame.center, known)
    level, unit = background.level, background.unit

    def forward(image):
        return np.clip((image - frame.bias - level) / unit, -BRIGHTEST, BRIGHTEST).astype(np.float32)

    def back(values, y, x):
        return frame.bias + level[y, x].astype(float) + unit[y, x] * values

    return _presented(frame, forward, back)._replace(
        noise=np.log(background.noise / unit), unit=unit, contrast=level / unit,
        profile=radial_profile(above, valid, frame.center),
    )  # fmt: skip


def equalized(frame):
    """The histogram of the frame made flat, from -1 to 1."""
    valid = ~(frame.mask | frame.blind)
    values = np.sort(frame.image[valid])
    # Rounded values have many ranks, their middle counts
    known, first, count = np.unique(values[:: max(len(values) // 65536, 1)], return_index=True, return_counts=True)
    ranks = 2 * (first + (count - 1) / 2 + 0.5) / count.sum() - 1
    return _presented(
        frame,
        lambda image: np.interp(image, known, ranks).astype(np.float32),
        lambda shown, y, x: np.interp(shown, ranks, known),
    )


def _presented(frame, forward, back):
    valid = ~(frame.mask | frame.blind)
    image = np.where(valid, forward(np.where(valid, frame.image, 0)), 0)
    expected = None
    if frame.neighbours is not None:
        expected = np.where(np.isfinite(frame.neighbours), forward(np.nan_to_num(frame.neighbours)), np.nan)
    return View(image, valid, forward, back, None, expected)


VIEWS = {
    "brightness": brightness,
    "profile": profile,
    "equalized": equalized,
    "pixel": deviation,
    "polar": deviation,
}
"""Ways to present a frame by name; what is ``"polar"`` is sampled on a log-polar grid besides."""
