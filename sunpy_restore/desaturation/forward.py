"""How AIA saturates: blooming along the columns, photon noise, the fringes of the meshes; and the paper's stand-in."""

import numpy as np
from scipy import ndimage, signal
from skimage.morphology import disk

from sunpy_restore.desaturation.psf import REACH, fringe_kernel

__all__ = ["FULL_WELL", "bloom", "edge_mask", "expose", "fringes", "fringes_of_others", "paper_damage"]

FULL_WELL = 16383.0
"""Data number at which a pixel of AIA is full: 14 bit."""

_GAIN = 18.3  # electrons per DN
_PAIR_ENERGY = 3.65  # eV that free one electron in silicon
_READ_NOISE = 1.2  # DN


def paper_damage(image, threshold=0.8, radius=3):
    """
    Over-exposure as Zhao et al. (2019) imitate it.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, values from 0 to 1.
    threshold : `float`
        Values above it become 1.
    radius : `int`
        Radius in pixels of the disk that the mask is dilated with.

    Returns
    -------
    damaged : `numpy.ndarray`
        The image with all that is under the mask set to 1.
    mask : `numpy.ndarray` of `bool`
        What is to be filled.

    References
    ----------
    * Zhao et al. 2019, Advances in Astronomy 2019, 5343254, https://doi.org/10.1155/2019/5343254
    """
    mask = ndimage.binary_dilation(image > threshold, disk(radius))
    return np.where(mask, 1, image), mask


def edge_mask(mask, width=5):
    """
    The band along the border of a mask.

    Parameters
    ----------
    mask : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    width : `int`
        Its width in pixels, an odd number: ``width // 2`` on each side and one more within.

    Returns
    -------
    `numpy.ndarray` of `bool`
    """
    outside = ndimage.binary_dilation(mask, disk(width // 2))
    inside = ndimage.binary_erosion(mask, disk(width // 2 + 1), border_value=1)
    return outside & ~inside


def fringes(image, channel, reach=REACH, core=1):
    """
    The diffraction pattern of an image.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``: what the core of the point spread function shows of the sources, any unit.
    channel : `int`
        Wavelength in angstrom, one of `~sunpy_restore.desaturation.psf.CHANNELS`.
    reach : `int`
        Pixels to which the fringes are followed.
    core : `int`
        See `~sunpy_restore.desaturation.psf.fringe_kernel`.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``: what the meshes add to it.
    """
    kernel = fringe_kernel(channel, reach, core)
    ny, nx = image.shape
    middle = (
        slice(max(reach - ny, 0), reach + min(ny, reach) + 1),
        slice(max(reach - nx, 0), reach + min(nx, reach) + 1),
    )
    kernel = kernel[middle]
    pad = [n // 2 for n in kernel.shape]
    whole = signal.fftconvolve(image, kernel, mode="full")
    return whole[pad[0] : pad[0] + ny, pad[1] : pad[1] + nx]


def fringes_of_others(image, own, valid, channel, reach=REACH):
    """
    The diffraction pattern of all but a core, from an image with its fringes.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``: scene and fringes, finite. Beyond its edges the scene goes on with its median.
    own : `numpy.ndarray` of `bool`
        Pixels of the core.
    valid : `numpy.ndarray` of `bool`
        Pixels that the median is taken of.
    channel, reach
        See `fringes`.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``; right to second order in the strength of the fringes.
    """
    scene = image - np.median(image[valid])
    return fringes(np.where(own, 0, scene - fringes(scene, channel, reach)), channel, reach)


def bloom(image, well=FULL_WELL):
    """
    Let the charge that a pixel can't hold spill along its column.

    Half of it goes up and half goes down, into the nearest pixels that are not full. None is lost but what leaves the
    detector.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``; columns lie along the first axis.
    well : `float`
        What a pixel holds, in the unit of the image.

    Returns
    -------
    `numpy.ndarray`
        Nowhere above ``well``.
    """
    held = np.minimum(image, well)
    excess = image - held
    upward, downward = np.zeros(image.shape[1]), np.zeros(image.shape[1])
    turned = [excess / 2, excess / 2]
    for _ in range(2):  # what reaches one end of the columns comes back once
        for row in range(len(image)):
            upward = _take(held[row], upward + turned[0][row], well)
        for row in reversed(range(len(image))):
            downward = _take(held[row], downward + turned[1][row], well)
        upward, downward = downward, upward
        turned = [np.zeros_like(excess)] * 2
    return held


def _take(held, stream, well):
    """Fill one row of pixels from the stream of charge that passes; returns what goes on."""
    taken = np.minimum(stream, well - held)
    held += taken
    return stream - taken


def expose(image, channel, rng, well=FULL_WELL):
    """
    What the camera makes of the light: photon and read noise, then full wells and blooming.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, in DN of one exposure, with its fringes.
    channel : `int`
        Wavelength in angstrom.
    rng : `numpy.random.Generator`
        Source of chance.
    well : `float`
        Data number at which a pixel is full.

    Returns
    -------
    observed : `numpy.ndarray`
        The saturated exposure.
    unsaturated : `numpy.ndarray`
        The same exposure, noise included, of a camera with wells of any depth.
    """
    per_photon = 12398.4 / channel / _PAIR_ENERGY / _GAIN
    variance = np.clip(image, 0, None) * per_photon + _READ_NOISE**2
    unsaturated = image + np.sqrt(variance) * rng.standard_normal(image.shape)
    return bloom(unsaturated, well), unsaturated
