"""Classical fills of saturated pixels: biharmonic continuation and inverse diffraction."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.numerics import filling
from sunpy_restore.desaturation.fringes.correction import correct_fill

__all__ = ["biharmonic", "diffraction", "dome_prior"]

_SLOPE = 0.25
"""Slope of the dome per pixel, in saturation levels; typical of flares that peak at 2 to 8 full wells."""


def biharmonic(observation, *, progress=False):
    """
    Fill the damaged pixels with the solution of the biharmonic equation, a smooth continuation of the surroundings.

    Parameters
    ----------
    observation : `~sunpy_restore.desaturation.observation.Observation`
        The observation.
    progress : `bool`
        Ignored.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Filled image, shape ``(ny, nx)``.
    """
    return observation.fill(lambda window: filling.biharmonic(window["image"], window["mask"] > 0))


def diffraction(observation, *, progress=False):
    """
    Reconstruct the saturated pixels from their diffraction fringes and, where it bloomed, from the charge.

    Inverse diffraction starts from `dome_prior`, see `~sunpy_restore.desaturation.fringes.correction.correct_fill`.

    Parameters
    ----------
    observation : `~sunpy_restore.desaturation.observation.Observation`
        The observation, of a channel whose diffraction pattern is known.
    progress : `bool`
        Ignored.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Filled image, shape ``(ny, nx)``.
    """
    # The dome contains no information on the core, so the correction is not damped where the corona hides the fringes
    return correct_fill(observation, observation.fill(dome_prior), damping=False)


def dome_prior(window):
    """
    Harmonic fill plus a dome that rises linearly with the distance to the border of the mask.

    Parameters
    ----------
    window : `~sunpy_restore.desaturation.filling.channels.InputWindow`
        Input channels.

    Returns
    -------
    `numpy.ndarray`
        Filled image in units of the window's scale, shape ``(h, w)``.
    """
    # The mask may continue beyond the edges of the window, which therefore are no border of it
    depth = ndimage.distance_transform_edt(np.pad(window["mask"] > 0, 1, mode="edge"))[1:-1, 1:-1]
    return window["image"] + _SLOPE * depth
