"""
Forward model of saturation in AIA images.

It consists of the diffraction fringes of the filter meshes, photon and read noise, and full wells that bloom along the
columns. `paper_damage` is the simplified model of Zhao et al. (2019).
"""

import numpy as np
from scipy import ndimage, signal
from skimage.morphology import disk

from sunpy_restore.desaturation.fringes.psf import RADIUS, fringe_kernel

__all__ = ["FULL_WELL", "bloom", "edge_mask", "expose", "fringes", "fringes_of_others", "paper_damage"]

FULL_WELL = 16383.0
"""Data number at which an AIA pixel is saturated: 14 bit."""

_GAIN = 18.3  # electrons per DN
_PAIR_ENERGY = 3.65  # eV per electron in silicon
_READ_NOISE = 1.2  # DN
_PHOTON_ENERGY = 12398.4  # eV angstrom


def paper_damage(image, threshold=0.8, radius=3):
    """
    Simulate over-exposure as Zhao et al. (2019) do.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, values from 0 to 1.
    threshold : `float`
        Values above it become 1.
    radius : `int`
        Radius in pixels of the disk by which the mask is dilated.

    Returns
    -------
    damaged : `numpy.ndarray`
        The image with all masked pixels set to 1.
    mask : `numpy.ndarray` of `bool`
        Pixels to fill.

    References
    ----------
    * Zhao et al. 2019, Advances in Astronomy 2019, 5343254, https://doi.org/10.1155/2019/5343254
    """
    mask = ndimage.binary_dilation(image > threshold, disk(radius))
    return np.where(mask, 1, image), mask


def edge_mask(mask, width=5):
    """
    Band along the border of a mask.

    Parameters
    ----------
    mask : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    width : `int`
        Width of the band in pixels, an odd number: ``width // 2`` outside of the mask and ``width // 2 + 1`` inside.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    outside = ndimage.binary_dilation(mask, disk(width // 2))
    inside = ndimage.binary_erosion(mask, disk(width // 2 + 1), border_value=1)
    return outside & ~inside


def fringes(image, channel, radius=RADIUS, core=1):
    """
    Diffraction fringes of an image.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``: the sources as seen through the core of the point spread function, any unit.
    channel : `int`
        Wavelength in angstrom: 94, 131, 171, 193, 211, 304 or 335.
    radius : `int`
        Distance in pixels to which the fringes are computed.
    core : `int`
        Pixels on each side of a source whose light counts as that of the source.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``: the light that the meshes add to the image.
    """
    kernel = fringe_kernel(channel, radius, core)
    ny, nx = image.shape
    middle = tuple(slice(max(radius - n, 0), radius + min(n, radius) + 1) for n in (ny, nx))
    kernel = kernel[middle]
    pad = [n // 2 for n in kernel.shape]
    whole = signal.fftconvolve(image, kernel, mode="full")
    return whole[pad[0] : pad[0] + ny, pad[1] : pad[1] + nx]


def fringes_of_others(image, own, valid, channel, radius=RADIUS):
    """
    Diffraction fringes of all sources but a core, from an image that contains fringes.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``: scene and fringes, finite. Beyond its edges the scene is continued by its median.
    own : `numpy.ndarray` of `bool`
        Pixels of the core.
    valid : `numpy.ndarray` of `bool`
        Pixels from which the median is taken.
    channel, radius
        See `fringes`.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``; exact to second order in the strength of the fringes.
    """
    scene = image - np.median(image[valid])
    return fringes(np.where(own, 0, scene - fringes(scene, channel, radius)), channel, radius)


def bloom(image, well=FULL_WELL):
    """
    Let charge above the full well bloom along the columns.

    Half of the excess charge of a pixel moves up and half moves down, into the nearest pixels that are not saturated.
    Charge is conserved unless it leaves the detector.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``; columns lie along the first axis.
    well : `float`
        Full well, in the unit of the image.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``, nowhere above ``well``.
    """
    held = np.minimum(image, well)
    excess = image - held
    upward, downward = np.zeros(image.shape[1]), np.zeros(image.shape[1])
    turned = [excess / 2, excess / 2]
    for _ in range(2):  # charge that arrives at one end of a column returns once
        for row in range(len(image)):
            upward = _take(held[row], upward + turned[0][row], well)
        for row in reversed(range(len(image))):
            downward = _take(held[row], downward + turned[1][row], well)
        upward, downward = downward, upward
        turned = [np.zeros_like(excess)] * 2
    return held


def _take(held, stream, well):
    """Fill one row of pixels, in place, from the charge that moves along the columns; returns the remaining charge."""
    taken = np.minimum(stream, well - held)
    held += taken
    return stream - taken


def expose(image, channel, rng, well=FULL_WELL, noise=1.0):
    """
    Simulate an exposure: photon and read noise, then full wells and blooming.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, in DN per exposure, with its fringes.
    channel : `int`
        Wavelength in angstrom.
    rng : `numpy.random.Generator`
        Random number generator.
    well : `float`
        Full well in DN.
    noise : `float`
        Standard deviation of the noise in units of that of AIA.

    Returns
    -------
    observed : `numpy.ndarray`
        The saturated exposure.
    unsaturated : `numpy.ndarray`
        The same exposure, noise included, with an unlimited full well.
    """
    per_photon = _PHOTON_ENERGY / channel / _PAIR_ENERGY / _GAIN
    variance = np.clip(image, 0, None) * per_photon + _READ_NOISE**2
    unsaturated = image + noise * np.sqrt(variance) * rng.standard_normal(image.shape)
    return bloom(unsaturated, well), unsaturated
