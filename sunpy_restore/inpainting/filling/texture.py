"""Noise in a fill, for display."""

import zlib

import numpy as np

from sunpy_restore.inpainting.corona.noise import find_noise

__all__ = ["with_texture"]

_FLOOR = 1e-3  # of the median brightness


def with_texture(filled, observation):
    """
    Add noise to a fill like that of its surroundings.

    Parameters
    ----------
    filled : `numpy.ndarray`
        The filled image, shape ``(ny, nx)``.
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The observation with its holes.

    Returns
    -------
    `numpy.ndarray`
        The image with white noise in the filled pixels. Equal observations get equal noise.
    """
    bright = np.where(observation.mask, filled, observation.image) - observation.bias
    # The noise of the square root is about the same in bright and faint pixels, as on both sides of the occulter's edge
    root = np.sqrt(np.maximum(bright, _FLOOR * np.median(np.abs(bright[observation.valid]))))
    noise = 2 * root * find_noise(root, observation.valid, order=3)
    rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(observation.image)))
    return np.where(observation.mask, filled + noise * rng.standard_normal(filled.shape), filled)
