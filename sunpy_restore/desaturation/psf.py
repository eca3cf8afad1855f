"""
The diffraction pattern of AIA: the meshes that carry its filters spread a third of the light over the image.

It is that of `aiapy.psf.psf`, spot by spot on a small grid instead of all spots on all pixels of the detector.
"""

from functools import cache

import numpy as np
from scipy import signal

import astropy.units as u

__all__ = ["CHANNELS", "REACH", "fringe_kernel", "mesh_psf"]

CHANNELS = (94, 131, 171, 193, 211, 304, 335)
"""Channels in angstrom that have a mesh, and so a diffraction pattern."""

REACH = 256
"""Pixels to which the fringes are followed; the first ten to thirty orders, which is all that rises above a corona."""

_DETECTOR = 4096
_ORDERS = np.arange(-100, 101)
_OPEN_AREA = 0.82  # of each of the two meshes
_FOCAL_ANGLES = (45.0, -45.0)
_FOCAL_REACH = 100
_STAMP = 4


@cache
def mesh_psf(channel, reach=REACH):
    """
    Point spread function of the meshes in a channel.

    Parameters
    ----------
    channel : `int`
        Wavelength in angstrom, one of `CHANNELS`.
    reach : `int`
        Pixels to each side of the centre.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(2 * reach + 1, 2 * reach + 1)``, read-only; a cut-out of `aiapy.psf.psf`, whose sum over the whole
        detector is 1. The core holds two thirds of the light in two pixels, for the optics' own blur is not in it.

    Raises
    ------
    ValueError
        There is no such channel.

    References
    ----------
    * Grigis, Su & Weber 2012, AIA PSF characterization and image deconvolution,
      https://sohoftp.nascom.nasa.gov/solarsoft/sdo/aia/idl/psf/DOC/psfreport.pdf
    """
    # Not at the top: aiapy takes seconds to import, and most runs of the command line do without
    from aiapy.psf import filter_mesh_parameters

    if channel not in CHANNELS:
        known = ", ".join(map(str, CHANNELS))
        raise ValueError(f"Found the channel {channel!r}, expected one of {known} angstrom: others have no mesh.")
    mesh = filter_mesh_parameters()[channel * u.angstrom]
    width = mesh["width"].value
    ratio = (mesh["mesh_pitch"] / mesh["mesh_width"]).to_value(u.dimensionless_unscaled)
    angles = mesh["angle_arm"].to_value(u.deg)
    entrance = _spots(angles, mesh["spacing_e"].value, width, ratio, reach + _FOCAL_REACH)
    focal = _spots(_FOCAL_ANGLES, mesh["spacing_fp"].value, width, ratio, _FOCAL_REACH)
    kernel = signal.fftconvolve(entrance, focal, mode="same")[_FOCAL_REACH:-_FOCAL_REACH, _FOCAL_REACH:-_FOCAL_REACH]
    kernel = np.clip(kernel, 0, None)
    kernel.flags.writeable = False
    return kernel


def _spots(angles, spacing, width, ratio, reach):
    """The spots of one mesh, normalised over the whole detector and cut out."""
    image = np.zeros((2 * reach + 1, 2 * reach + 1))
    total = 0.0
    half = _DETECTOR // 2
    for angle in np.deg2rad(angles):
        for order in _ORDERS[_ORDERS != 0]:
            place = order * spacing * np.array([np.sin(angle), np.cos(angle)])
            nearest = np.round(place).astype(int)
            if np.abs(nearest).max() > half + _STAMP:
                continue
            offsets = nearest[:, None] + np.arange(-_STAMP, _STAMP + 1)
            profile = np.exp(-width * (offsets - place[:, None]) ** 2)
            profile[(offsets < -half) | (offsets >= half)] = 0
            stamp = np.sinc(order / ratio) ** 2 * np.outer(*profile)
            total += stamp.sum()
            y, x = offsets + reach
            inside = np.ix_((y >= 0) & (y < len(image)), (x >= 0) & (x < len(image)))
            image[np.ix_(y[inside[0].ravel()], x[inside[1].ravel()])] += stamp[inside]
    profile = np.exp(-width * np.arange(-_STAMP, _STAMP + 1) ** 2)
    core = np.outer(profile, profile)
    image *= (1 - _OPEN_AREA) / total
    middle = slice(reach - _STAMP, reach + _STAMP + 1)
    image[middle, middle] += _OPEN_AREA * core / core.sum()
    return image


@cache
def fringe_kernel(channel, reach=REACH, core=1):
    """
    Fringes of one pixel in units of what is left in that pixel.

    An image in which a source has the value 1 in one pixel has this around it: `mesh_psf` without its core, over the
    light in the core.

    Parameters
    ----------
    channel, reach
        See `mesh_psf`.
    core : `int`
        Pixels to each side of the centre whose light counts as that of the source and not of its fringes.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(2 * reach + 1, 2 * reach + 1)``, read-only, zero in the centre.
    """
    kernel = mesh_psf(channel, reach).copy()
    middle = (slice(reach - core, reach + core + 1),) * 2
    inside = kernel[middle].sum()
    kernel[middle] = 0
    kernel /= inside
    kernel.flags.writeable = False
    return kernel
