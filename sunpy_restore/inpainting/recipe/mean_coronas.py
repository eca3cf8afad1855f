"""Estimate the mean corona of a detector from images of several years."""

import numpy as np

from sunpy_restore.inpainting.corona.background import fit_background, logarithm_of
from sunpy_restore.inpainting.corona.outliers import find_outliers
from sunpy_restore.inpainting.corona.poor_rings import RING, coordinates
from sunpy_restore.inpainting.lasco.mean_corona import WAVES, MeanCorona
from sunpy_restore.inpainting.recipe.flat_fields import epochs_of

__all__ = ["make_mean_corona"]

_NORMAL = slice(40, 100)  # rings of which the median profile is 0


def make_mean_corona(exposures, flat_field=None):
    """
    Average the smooth backgrounds of images of a detector.

    Images of one epoch count as one; the median over the epochs is taken.

    Parameters
    ----------
    exposures : `list` of `~sunpy_restore.inpainting.recipe.scenes.Exposure`
        Complete images of level 0.5 of one detector.
    flat_field : `numpy.ndarray`, optional
        Logarithm of the response of the detector to a smooth corona; NaN where it is unknown.

    Returns
    -------
    `~sunpy_restore.inpainting.lasco.mean_corona.MeanCorona`
    """
    found = []
    for group in epochs_of(exposures).values():
        parts = [_profile_and_waves(exposure, flat_field) for exposure in group]
        found.append([np.mean(part, axis=0) for part in zip(*parts, strict=True)])
    profiles, waves = (np.stack(part) for part in zip(*found, strict=True))
    observed = np.isfinite(profiles).all(axis=0)
    radius = (np.nonzero(observed)[0] + 0.5) * RING
    return MeanCorona(radius, np.median(profiles[:, observed], axis=0), np.median(waves[..., observed], axis=0))


def _profile_and_waves(exposure, flat_field):
    """Profile and amplitudes of the waves in rings; NaN in rings that are not observed."""
    valid, image = ~exposure.unobserved, np.where(exposure.unobserved, 0, exposure.image - exposure.bias)
    valid &= ~find_outliers(image, valid, exposure.center, flat_field)
    response = None if flat_field is None else np.nan_to_num(flat_field)
    logarithm = logarithm_of(image, valid, response)
    coefficients, radii, values = fit_background(logarithm, valid, exposure.center)
    profile = np.full(max(exposure.image.shape), np.nan)
    profile[(radii / RING).astype(int)] = values
    radius = (np.arange(len(profile)) + 0.5) * RING
    _, functions = coordinates(radius, 0 * radius, (0, 0))
    # On the x axis both cosines are 1, and the functions are the powers of the height
    powers = np.stack(functions[: len(functions) // len(WAVES)])
    waves = coefficients.reshape(len(WAVES), -1) @ powers
    normal = np.nanmedian(profile[_NORMAL])
    return profile - normal, waves
