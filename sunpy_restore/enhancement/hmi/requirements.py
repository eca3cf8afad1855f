"""What is required of a Map and its noise, and warnings of images that the networks were not trained for."""

import numpy as np

import astropy.units as u

from sunpy_restore.core.messages import shown, warn_user
from sunpy_restore.enhancement.detector.noise import NOISE_RANGE
from sunpy_restore.enhancement.hmi.photosphere import LIMB_MU
from sunpy_restore.enhancement.task import CONTINUUM

__all__ = [
    "check_noise",
    "check_on_disk",
    "check_positive",
    "noise_within_range",
    "warn_of_limb",
    "warn_of_outliers",
]

_NEGATIVE_SHARE = 0.01
"""Largest share of negative pixels on the disk of a continuum image."""


def check_noise(noise, task):
    """
    Refuse a noise that the user gave and that does not fit, and warn of one that HMI does not have.

    Parameters
    ----------
    noise : `~astropy.units.Quantity`, optional
        1-sigma noise.
    task : `~sunpy_restore.core.task.Restoration`
        The task that enhances the Map.

    Raises
    ------
    ValueError
        The noise is not one positive magnetic field, or the Map is a continuum image.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        The noise is beyond `~sunpy_restore.enhancement.detector.noise.NOISE_RANGE`.
    """
    if noise is None:
        return
    if task is CONTINUUM:
        raise ValueError(
            f"Found noise={noise} and a continuum image; expected a magnetogram. Leave noise out: that of continuum "
            "images is known."
        )
    if not (
        isinstance(noise, u.Quantity)
        and noise.isscalar
        and noise.unit.is_equivalent(u.G)
        and np.isfinite(noise.value)
        and noise.value > 0
    ):
        raise ValueError(
            f"Found noise={shown(noise)}; expected one positive magnetic field with its unit, such as 10 G."
        )
    if not NOISE_RANGE[0] <= noise.to_value(u.kG) <= NOISE_RANGE[1]:
        _warn_of_noise(noise.to_value(u.kG))


def noise_within_range(noise):
    """
    Limit the measured noise of a magnetogram to the largest of the training images, with a warning.

    Parameters
    ----------
    noise : `float`
        1-sigma noise in kG.

    Returns
    -------
    `float`
    """
    if noise > NOISE_RANGE[1]:
        _warn_of_noise(noise)
    return min(noise, NOISE_RANGE[1])


def _warn_of_noise(noise):
    warn_user(
        f"Found a noise of {1e3 * noise:.3g} G; the networks are trained with {1e3 * NOISE_RANGE[0]:g} to "
        f"{1e3 * NOISE_RANGE[1]:g} G, as HMI has. Check BUNIT in the header and where the image comes from."
    )


def check_on_disk(on_disk):
    """
    Refuse a Map without any valid pixel on the solar disk.

    Parameters
    ----------
    on_disk : `numpy.ndarray` of `bool`
        Valid pixels on the solar disk.

    Raises
    ------
    ValueError
        There are none.
    """
    if not on_disk.any():
        raise ValueError(
            "Found no valid pixel on the solar disk; expected at least one. Check the pointing in the header."
        )


def check_positive(intensity):
    """
    Refuse a continuum image with negative values.

    Parameters
    ----------
    intensity : `numpy.ndarray`
        Values of the valid pixels on the solar disk.

    Raises
    ------
    ValueError
        More than 1 % of them are negative.
    """
    share = np.mean(intensity < 0)
    if share > _NEGATIVE_SHARE:
        raise ValueError(
            f"Found a continuum image with negative values in {100 * share:.0f} % of its pixels on the disk; expected "
            "intensities. Check CONTENT in the header, or product: it may be a magnetogram or a difference."
        )


def warn_of_limb(on_disk, untrusted):
    """
    Warn of an image part of which lies close to the limb.

    Parameters
    ----------
    on_disk : `numpy.ndarray` of `bool`
        Valid pixels on the solar disk.
    untrusted : `numpy.ndarray` of `bool`
        All other pixels, and those closer to the limb than `~sunpy_restore.enhancement.hmi.photosphere.LIMB_MU`.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        Some pixels on the disk are untrusted.
    """
    if not np.any(on_disk & untrusted):
        return
    part, pixels = "Part of the image", "These pixels are flagged in the mask of the result."
    if untrusted.all():
        part = "The whole image"
        pixels = "Every pixel of the result is masked: plots of it are empty; its values are in result.data."
    warn_user(
        f"{part} lies closer to the limb than mu = {LIMB_MU}, where foreshortening is stronger than in the training "
        f"data. {pixels}"
    )


def warn_of_outliers(outliers):
    """
    Warn of outliers.

    Parameters
    ----------
    outliers : `numpy.ndarray` of `bool`
        The outliers, at least one.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        Always; it names the first one.
    """
    count = np.count_nonzero(outliers)
    pixels = "1 pixel stands" if count == 1 else f"{count} pixels stand"
    row, column = np.argwhere(outliers)[0]
    warn_user(
        f"{pixels} out from the neighbours more than the optics of HMI allow, such as the one at row {row}, column "
        f"{column}: cosmic rays, hot or dead pixels. The values are not used, and the pixels are flagged in the mask "
        "of the result."
    )
