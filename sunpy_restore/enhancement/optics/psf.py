"""Point spread functions of HMI, of the target telescope, and of other telescopes. Angles are in arcsec."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, special

__all__ = [
    "HMI_DIAMETER",
    "HMI_PIXEL",
    "HMI_PSF",
    "HMI_WAVELENGTH",
    "PSF_RADIUS",
    "TARGET_DIAMETER",
    "ImagePSF",
    "PointSpreadFunction",
    "RadialPSF",
    "airy_psf",
    "hmi_psf",
]

HMI_PIXEL = 0.504
"""Pixel size of HMI in arcsec."""

HMI_WAVELENGTH = 6173e-10
"""Wavelength of the Fe I line of HMI in metres."""

HMI_DIAMETER = 0.14
"""Aperture of HMI in metres."""

TARGET_DIAMETER = 0.28
"""Aperture in metres of the target telescope, whose image `sunpy_restore.enhance` estimates."""

PSF_RADIUS = 6.0
"""
Radius in arcsec at which the point spread functions are truncated.

The wings of the HMI point spread function fall as 1/r^3; 6 % of the light would lie beyond this radius. It limits the
receptive radius of the restoration. With wider wings, restored umbrae are darker than any measured ones, and the
granulation contrast differs by 2 %.
"""


@dataclass(frozen=True)
class PointSpreadFunction:
    """
    Point spread function of HMI according to Wachter et al. (2012).

    It is ``(1 - e) exp[-(r / w)**2] + e / [1 + (r / W)**k]`` with ``r = pi D theta / lambda``. The default values of
    ``w`` and ``W`` are those of Diaz Baso & Asensio Ramos (2018), which match observed power spectra. The original ones
    are ``PointSpreadFunction(w=1.8, W=3.0)``.

    Parameters
    ----------
    w, W : `float`
        Widths of the core and of the wings, in units of ``lambda / (pi D)``.
    e : `float`
        Fraction of the wings in the central intensity.
    k : `float`
        Exponent of the wings.
    radius : `float`
        Radius in arcsec at which the function is truncated.
    diameter, wavelength : `float`
        Aperture of the telescope and wavelength, in metres.

    References
    ----------
    * Wachter et al. 2012, Solar Physics 275, 261, https://doi.org/10.1007/s11207-011-9709-6
    * Diaz Baso & Asensio Ramos 2018, A&A 614, A5, https://doi.org/10.1051/0004-6361/201731344
    """

    w: float = 2.0
    W: float = 3.4
    e: float = 0.1
    k: float = 3.0
    radius: float = PSF_RADIUS
    diameter: float = HMI_DIAMETER
    wavelength: float = HMI_WAVELENGTH

    is_symmetric = True

    def __call__(self, theta):
        """Value at the angle ``theta`` in arcsec from the centre, not normalised."""
        r = _reduced_radius(theta, self.diameter, self.wavelength)
        value = (1 - self.e) * np.exp(-((r / self.w) ** 2)) + self.e / (1 + (r / self.W) ** self.k)
        return np.where(np.asarray(theta) <= self.radius, value, 0.0)

    def sampled(self, pixel_scale):
        """Kernel of odd side and sum 1 on pixels of ``pixel_scale`` arcsec."""
        return _sampled(self, pixel_scale, self.radius)


HMI_PSF = PointSpreadFunction()
"""Point spread function of HMI."""


@dataclass(frozen=True)
class RadialPSF:
    """
    Round point spread function that is known at some angles, between which it is interpolated linearly.

    Parameters
    ----------
    angles, values : `tuple` of `float`
        Angles from the centre in arcsec, increasing from 0, and the values there, in any unit.
    radius : `float`
        Radius in arcsec at which the function is truncated.
    """

    angles: tuple[float, ...]
    values: tuple[float, ...]
    radius: float

    is_symmetric = True

    def __call__(self, theta):
        """Value at the angle ``theta`` in arcsec from the centre, not normalised."""
        value = np.interp(theta, self.angles, self.values, right=0.0)
        return np.where(np.asarray(theta) <= self.radius, value, 0.0)

    def sampled(self, pixel_scale):
        """Kernel of odd side and sum 1 on pixels of ``pixel_scale`` arcsec."""
        return _sampled(self, pixel_scale, self.radius)


@dataclass(frozen=True)
class ImagePSF:
    """
    Point spread function of any shape, which is an image and is interpolated by a cubic spline.

    Parameters
    ----------
    values : `tuple` of `tuple` of `float`
        Rows of the image, in any unit.
    pixel_scale : `float`
        Pixel size of the image in arcsec.
    radius : `float`
        Radius in arcsec around the centroid at which the function is truncated.
    """

    values: tuple[tuple[float, ...], ...]
    pixel_scale: float
    radius: float

    is_symmetric = False

    def sampled(self, pixel_scale):
        """Kernel of odd side and sum 1 on pixels of ``pixel_scale`` arcsec, with the centroid in its centre."""
        image = np.array(self.values)
        centre = ndimage.center_of_mass(image)
        half = int(np.ceil(self.radius / pixel_scale))
        axis = np.arange(-half, half + 1) * pixel_scale
        places = [axis[:, None] / self.pixel_scale + centre[0], axis[None, :] / self.pixel_scale + centre[1]]
        kernel = ndimage.map_coordinates(image, np.broadcast_arrays(*places), order=3, mode="constant")
        kernel[np.hypot(axis[:, None], axis[None, :]) > self.radius] = 0
        return kernel / kernel.sum()


def _reduced_radius(theta, diameter, wavelength=HMI_WAVELENGTH):
    return np.pi * diameter * np.deg2rad(np.asarray(theta, dtype=float) / 3600) / wavelength


def _sampled(function, pixel_scale, radius):
    """Kernel of odd side and sum 1 with the values of ``function`` at the centres of the pixels."""
    half = int(np.ceil(radius / pixel_scale))
    axis = np.arange(-half, half + 1) * pixel_scale
    kernel = function(np.hypot(axis[:, None], axis[None, :]))
    return kernel / kernel.sum()


def hmi_psf(pixel_scale, psf=PointSpreadFunction()):
    """
    Sample the point spread function of HMI on a square grid, without the response of the pixels.

    Parameters
    ----------
    pixel_scale : `float`
        Pixel size in arcsec.
    psf : `PointSpreadFunction`
        Point spread function, or one of another telescope, `~sunpy_restore.enhancement.optics.psf.RadialPSF` or
        `~sunpy_restore.enhancement.optics.psf.ImagePSF`.

    Returns
    -------
    `numpy.ndarray`
        Centred kernel of odd side with sum 1.
    """
    return psf.sampled(pixel_scale)


def airy_psf(pixel_scale, diameter=TARGET_DIAMETER, radius=PSF_RADIUS, wavelength=HMI_WAVELENGTH):
    """
    Sample the Airy pattern of a circular aperture on a square grid.

    Parameters
    ----------
    pixel_scale : `float`
        Pixel size in arcsec.
    diameter : `float`
        Aperture in metres.
    radius : `float`
        Radius in arcsec at which the pattern is truncated.
    wavelength : `float`
        Wavelength in metres.

    Returns
    -------
    `numpy.ndarray`
        Centred kernel of odd side with sum 1.
    """

    def airy(theta):
        r = np.maximum(_reduced_radius(theta, diameter, wavelength), 1e-9)
        return np.where(theta <= radius, (2 * special.j1(r) / r) ** 2, 0.0)

    return _sampled(airy, pixel_scale, radius)
