"""Noise in a fill, for looking at."""

import zlib

import numpy as np

from sunpy_restore.inpainting.background import find_noise

__all__ = ["with_texture"]


def with_texture(filled, frame):
    """
    Add noise to a fill like that of its surroundings.

    Parameters
    ----------
    filled : `numpy.ndarray`
        The frame, filled; shape ``(ny, nx)``.
    frame : `~sunpy_restore.inpainting.frame.Frame`
        The frame with its holes.

    Returns
    -------
    `numpy.ndarray`
        White noise was added to the pixels that were filled, the same whenever the frame is.
    """
    valid = ~(frame.mask | frame.blind)
    noise = find_noise(np.where(valid, frame.image, 0).astype(np.float32), valid, order=3)
    rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(frame.image)))
    return np.where(frame.mask, filled + noise * rng.standard_normal(filled.shape), filled)
