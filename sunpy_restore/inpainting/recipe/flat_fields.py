"""Estimate the flat field of a detector, its response to a smooth corona, from images of several years."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.numerics.cells import normalized_convolution
from sunpy_restore.inpainting.corona.background import find_background

__all__ = ["epochs_of", "make_flat_field"]

_FLOOR = 1e-3  # of the median brightness; smallest brightness in logarithms
_SIGMAS = (1.0, 2.0, 4.0, 8.0)  # pixels; of the Gaussians between which structure is separated from noise
_SIGNIFICANCE = 3.0  # standard deviations
_ITERATIONS = 2
_EPOCH = 10  # days; images that are closer show the same corona


def make_flat_field(exposures):
    """
    Estimate what images of a detector have in common: vignetting, the shadow of the pylon, rings around the occulter.

    Each image is divided by its own smooth background. Images of one epoch count as one. The median over the epochs
    removes streamers and stars, and a Wiener filter removes noise where it is not exceeded by structure.

    Parameters
    ----------
    exposures : `list` of `~sunpy_restore.inpainting.recipe.scenes.Exposure`
        Images of level 0.5 of one detector, with equal shapes ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray` of ``float32``
        Natural logarithm of the response, shape ``(ny, nx)``; NaN in pixels that no image observes.
    """
    flat_field = None
    for _ in range(_ITERATIONS):
        epochs = {
            epoch: [_response(exposure, flat_field) for exposure in group]
            for epoch, group in epochs_of(exposures).items()
        }
        with np.errstate(invalid="ignore"):
            means = np.stack([_of_finite(np.nanmedian, np.stack(group)) for group in epochs.values()])
        flat_field = _of_finite(np.nanmedian, means)
    return _denoised(flat_field)


def epochs_of(exposures):
    """
    Group images that show the same corona.

    Parameters
    ----------
    exposures : `list` of `~sunpy_restore.inpainting.recipe.scenes.Exposure`
        Images.

    Returns
    -------
    `dict` of `list`
        The images of each epoch by its first day.
    """
    epochs = {}
    for exposure in exposures:
        epochs.setdefault(_epoch(exposure, exposures), []).append(exposure)
    return epochs


def _epoch(exposure, exposures):
    """The first day of the images around the day of an image."""
    days = sorted({np.datetime64(other.date) for other in exposures})
    first = own = np.datetime64(exposure.date)
    for day in reversed(days):
        if day <= own and first - day <= np.timedelta64(_EPOCH, "D"):
            first = day
    return str(first)


def _response(exposure, flat_field):
    """Logarithm of an image over its smooth background, which does not contain the flat field so far."""
    image, valid = (exposure.image - exposure.bias).astype(np.float32), ~exposure.unobserved
    known = None if flat_field is None else np.nan_to_num(flat_field)
    level = find_background(image, valid, exposure.center, known).level
    if known is not None:
        level = level / np.exp(known)
    floor = _FLOOR * np.median(image[valid])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(valid, np.log(np.maximum(image, floor) / level), np.nan).astype(np.float32)


def _of_finite(function, images):
    """A function of the finite values of each pixel, NaN where there is none."""
    empty = ~np.isfinite(images).any(axis=0)
    return np.where(empty, np.nan, function(np.where(empty, 0, images), axis=0)).astype(np.float32)


def _denoised(flat_field):
    """The flat field without structure that does not exceed the noise at its scale."""
    valid = np.isfinite(flat_field)
    rest, result = np.where(valid, flat_field, 0), np.zeros_like(flat_field)
    for size in _SIGMAS:
        smooth = normalized_convolution(rest, valid, size)
        band = np.where(valid, rest - smooth, 0)
        # A Wiener filter; the noise is the power of the quietest places around
        power = ndimage.gaussian_filter(band**2, 2 * size)
        noise = ndimage.percentile_filter(power[::8, ::8], 30, 17)
        noise = np.kron(noise, np.ones((8, 8), np.float32))[: band.shape[0], : band.shape[1]]
        result += band * np.clip(1 - _SIGNIFICANCE * noise / np.maximum(power, 1e-12), 0, 1)
        rest = smooth
    return np.where(valid, result + rest, np.nan).astype(np.float32)
