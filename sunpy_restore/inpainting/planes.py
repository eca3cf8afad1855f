"""What methods see of an image with missing blocks: deviations from a smooth background, in units of the scatter."""

from typing import NamedTuple

import numpy as np

from sunpy_restore.core.filling import harmonic
from sunpy_restore.inpainting.background import Background, find_background

__all__ = ["PLANES", "Normalized", "normalize", "pixel_planes", "polar_planes"]

PLANES = ("image", "mask", "blind", "pattern", "noise", "neighbours", "seen")
"""
Names of the planes of an observation.

``image``
    Deviation from the background over the scatter, with the harmonic fill under the mask.
``mask``
    1 where a pixel is to be filled.
``blind``
    1 where nothing is known and nothing is to be filled; ``image`` is 0 there.
``pattern``
    Logarithm of the detector's response to a smooth corona, 0 where it is not known.
``noise``
    Logarithm of the noise over the scatter.
``neighbours``
    What frames taken before and after let expect, as ``image``; 0 where nothing.
``seen``
    1 where ``neighbours`` holds something.
"""

_BRIGHTEST = 200.0  # scatters; the deviation of what is brighter is cut
_NOISELESS = -6.0  # in place of smaller logarithms of the noise


class Normalized(NamedTuple):
    """
    A frame in units in which all frames are alike.

    Parameters
    ----------
    valid : `numpy.ndarray` of `bool`
        Pixels that show the corona, shape ``(ny, nx)``.
    background : `~sunpy_restore.inpainting.background.Background`
        The background, above the bias.
    pattern : `numpy.ndarray` or `None`
        Logarithm of the detector's response, NaN where not known.
    deviation : `numpy.ndarray`
        From the background, over the scatter; 0 where not valid.
    expected : `numpy.ndarray` or `None`
        As ``deviation``, of what neighbours let expect; NaN where nothing.
    """

    valid: np.ndarray
    background: Background
    pattern: np.ndarray | None
    deviation: np.ndarray | None = None
    expected: np.ndarray | None = None

    def of(self, image):
        """The deviation that a brightness above the bias means, for an image of the whole frame."""
        deviation = (image - self.background.level) / self.background.scatter
        return np.clip(deviation, -_BRIGHTEST, _BRIGHTEST).astype(np.float32)

    def brightness(self, deviation, y, x, bias):
        """The brightness that a deviation means at pixels of the image."""
        level, scatter = (plane[y, x].astype(float) for plane in (self.background.level, self.background.scatter))
        return bias + level + scatter * deviation


def normalize(frame, pattern=None, *, divide=True):
    """
    Bring a frame to units of its own scatter.

    Parameters
    ----------
    frame : `~sunpy_restore.inpainting.frame.Frame`
        The frame; what its damaged pixels hold is not looked at.
    pattern : `numpy.ndarray`, optional
        Logarithm of the detector's response to a smooth corona, NaN where not known.
    divide : `bool`
        Whether the background has the pattern in it, or knows nothing of it.

    Returns
    -------
    `Normalized`
    """
    valid = ~(frame.mask | frame.blind)
    image = np.where(valid, frame.image - frame.bias, 0).astype(np.float32)
    known = None
    if pattern is not None and divide:
        # What the pattern does not cover, corners for instance, is fitted as if it had none
        known = np.nan_to_num(pattern)
    background = find_background(image, valid, frame.center, known)
    normal = Normalized(valid, background, pattern)
    expected = None if frame.neighbours is None else normal.of(frame.neighbours - frame.bias)
    return normal._replace(deviation=normal.of(np.where(valid, image, background.level)), expected=expected)


def pixel_planes(frame, normal, place):
    """
    The planes of a part of a frame, on its own pixels.

    Parameters
    ----------
    frame : `~sunpy_restore.inpainting.frame.Frame`
        The frame.
    normal : `Normalized`
        The same, from `normalize`.
    place : pair of `slice`
        Rows and columns.

    Returns
    -------
    `numpy.ndarray` of ``float32``
        Shape ``(len(PLANES), rows, columns)``.
    """
    parts = {name: np.zeros(frame.mask[place].shape, np.float32) for name in ("pattern", "neighbours", "seen")}
    if normal.pattern is not None:
        parts["pattern"] = np.nan_to_num(normal.pattern[place])
    if normal.expected is not None:
        seen = np.isfinite(normal.expected[place])
        parts["neighbours"], parts["seen"] = np.where(seen, normal.expected[place], 0), seen
    noise = np.log(normal.background.noise[place] / normal.background.scatter[place])
    return _stacked(normal.deviation[place], frame.mask[place], frame.blind[place], noise, parts)


def polar_planes(frame, normal, grid):
    """
    The planes of a part of a frame, on a log-polar grid.

    Parameters
    ----------
    frame, normal
        As for `pixel_planes`.
    grid : `~sunpy_restore.inpainting.polar.PolarGrid`
        The grid.

    Returns
    -------
    `numpy.ndarray` of ``float32``
        Shape ``(len(PLANES), *grid.shape)``.
    """
    image, known = grid.sampled(normal.deviation, normal.valid)
    mask = ~known & (grid.covered(frame.mask) > 0)
    parts = {name: np.zeros(grid.shape, np.float32) for name in ("pattern", "neighbours", "seen")}
    everywhere = np.ones_like(frame.mask)
    if normal.pattern is not None:
        parts["pattern"], _ = grid.sampled(np.nan_to_num(normal.pattern), everywhere)
    if normal.expected is not None:
        parts["neighbours"], parts["seen"] = grid.sampled(normal.expected, np.isfinite(normal.expected))
    noise, _ = grid.sampled(np.log(normal.background.noise / normal.background.scatter), everywhere)
    return _stacked(image, mask, ~known & ~mask, noise, parts)


def _stacked(image, mask, blind, noise, parts):
    start = (
        harmonic(np.where(mask | blind, 0, image), mask, blind) if mask.any() and not (mask | blind).all() else image
    )
    parts |= {"image": start, "mask": mask, "blind": blind, "noise": np.maximum(noise, _NOISELESS)}
    return np.stack([parts[name] for name in PLANES]).astype(np.float32)
