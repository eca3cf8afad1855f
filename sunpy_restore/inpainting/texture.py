"""Noise in a fill, for looking at."""

import zlib

import numpy as np

from sunpy_restore.inpainting.background import find_noise

__all__ = ["with_texture"]

_FLOOR = 1e-3  # of the median brightness


def with_texture(filled, frame):
    """
    Add noise to a fill like that of its surroundings.

    Parameters
    ----------
    filled : `numpy.ndarray`
        The frame, filled; shape ``(ny, nx)``.
    frame : `~sunpy_restore.inpainting.observation.Frame`
        The frame with its holes.

    Returns
    -------
    `numpy.ndarray`
        White noise was added to the pixels that were filled, the same whenever the frame is.
    """
    valid = ~(frame.mask | frame.blind)
    bright = np.where(frame.mask, filled, frame.image) - frame.bias
    # The noise of roots is about the same in bright and faint parts, such as both sides of the occulter's edge
    root = np.sqrt(np.maximum(bright, _FLOOR * np.median(np.abs(bright[valid]))))
    noise = 2 * root * find_noise(root, valid, order=3)
    rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(frame.image)))
    return np.where(frame.mask, filled + noise * rng.standard_normal(filled.shape), filled)
