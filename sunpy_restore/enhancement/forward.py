"""
How HMI forms an image: its point spread function, its pixel and its noise.

All functions work on plain arrays whose pixels are square; angles are in arcsec. The same operators make the training
pairs, check a result and carry the data-consistency step of `sunpy_restore.enhance`.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage, signal, special

__all__ = [
    "CONTINUUM_NOISE",
    "HMI_PIXEL",
    "HMI_WAVELENGTH",
    "MAGNETOGRAM_NOISE",
    "TARGET_DIAMETER",
    "PointSpreadFunction",
    "airy_psf",
    "hmi_psf",
    "observe",
    "observe_target",
    "reconvolve",
    "transfer_kernel",
]

HMI_PIXEL = 0.504
"""Pixel of HMI in arcsec."""

HMI_WAVELENGTH = 6173e-10
"""Wavelength of the Fe I line of HMI in metres."""

HMI_DIAMETER = 0.14
"""Aperture of HMI in metres."""

TARGET_DIAMETER = 0.28
"""Aperture in metres of the telescope that `sunpy_restore.enhance` aims at."""

CONTINUUM_NOISE = 1e-3
"""1-sigma noise of a continuum pixel, in units of the quiet Sun."""

MAGNETOGRAM_NOISE = 1e-2
"""1-sigma noise of a magnetogram pixel, in kG."""

PSF_RADIUS = 6.0
"""
Radius in arcsec at which the point spread functions end.

The wings of the HMI law fall as 1/r^3 and would hold 6 % of the light beyond this radius. A network and a tile see no
further, and umbrae restored with wider wings come out darker than any that were measured; the granulation contrast
differs by 2 %.
"""


@dataclass(frozen=True)
class PointSpreadFunction:
    """
    The point spread function of HMI after Wachter et al. (2012).

    It is ``(1 - e) exp[-(r / w)**2] + e / [1 + (r / W)**k]`` with ``r = pi D theta / lambda``.
    The default ``w`` and ``W`` are the modified ones which match observed power spectra; Wachter's own are
    ``PointSpreadFunction(w=1.8, W=3.0)``.

    Parameters
    ----------
    w, W : `float`
        Widths of the core and of the wings, in units of ``lambda / (pi D)``.
    e : `float`
        Share of the wings in the central intensity.
    k : `float`
        Exponent of the wings.
    radius : `float`
        Radius in arcsec at which the function ends.

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

    def __call__(self, theta):
        """Value, not normalised, at the angle ``theta`` in arcsec from the centre."""
        r = _reduced_radius(theta, HMI_DIAMETER)
        value = (1 - self.e) * np.exp(-((r / self.w) ** 2)) + self.e / (1 + (r / self.W) ** self.k)
        return np.where(np.asarray(theta) <= self.radius, value, 0.0)


def _reduced_radius(theta, diameter):
    return np.pi * diameter * np.deg2rad(np.asarray(theta, dtype=float) / 3600) / HMI_WAVELENGTH


def _sampled(function, pixel_scale, radius, oversampling):
    """Kernel of odd side with the mean of ``function`` over each pixel, sum 1."""
    half = int(np.ceil(radius / pixel_scale))
    side = (2 * half + 1) * oversampling
    axis = (np.arange(side) - (side - 1) / 2) * pixel_scale / oversampling
    fine = function(np.hypot(axis[:, None], axis[None, :]))
    kernel = fine.reshape(2 * half + 1, oversampling, 2 * half + 1, oversampling).mean(axis=(1, 3))
    return kernel / kernel.sum()


def hmi_psf(pixel_scale, psf=PointSpreadFunction(), oversampling=1):
    """
    Point spread function of HMI on a square grid.

    Parameters
    ----------
    pixel_scale : `float`
        Sampling in arcsec.
    psf : `PointSpreadFunction`
        The law.
    oversampling : odd `int`
        Points per pixel and axis over which each sample is averaged: 1 samples the optics alone.

    Returns
    -------
    `numpy.ndarray`
        Kernel of odd side, centred, with sum 1.
    """
    return _sampled(psf, pixel_scale, psf.radius, oversampling)


def airy_psf(pixel_scale, diameter=TARGET_DIAMETER, radius=PSF_RADIUS, oversampling=1):
    """
    Diffraction pattern of a circular aperture of ``diameter`` metres, as `hmi_psf` gives the one of HMI.
    """

    def airy(theta):
        r = np.maximum(_reduced_radius(theta, diameter), 1e-9)
        return np.where(theta <= radius, (2 * special.j1(r) / r) ** 2, 0.0)

    return _sampled(airy, pixel_scale, radius, oversampling)


def _convolve(image, kernel):
    """Convolution with the image mirrored at its edges."""
    half = kernel.shape[0] // 2
    padded = np.pad(image, half, mode="symmetric")
    return signal.oaconvolve(padded, kernel, mode="valid")


def _integrate(image, pixel_scale, pixel, phase):
    """Mean over ``pixel`` x ``pixel`` arcsec, sampled at every such pixel from ``phase`` (y and x, fine pixels) on."""
    factor = pixel / pixel_scale
    width = int(np.ceil(factor)) // 2 + 1
    offsets = np.arange(-width, width + 1)
    # Overlap of each fine pixel with the box [-factor/2, factor/2]: a box of fractional width
    box = np.clip(np.minimum(offsets + 0.5, factor / 2) - np.maximum(offsets - 0.5, -factor / 2), 0, None) / factor
    smooth = ndimage.convolve1d(ndimage.convolve1d(image, box, axis=0, mode="mirror"), box, axis=1, mode="mirror")
    ny, nx = ((n - p) / factor for n, p in zip(image.shape, phase, strict=True))
    rows, cols = (phase[i] + (np.arange(int(n)) + 0.5) * factor - 0.5 for i, n in enumerate((ny, nx)))
    grid = np.meshgrid(rows, cols, indexing="ij")
    return ndimage.map_coordinates(smooth, grid, order=3, mode="mirror")


def observe(image, pixel_scale, *, noise=0.0, psf=PointSpreadFunction(), pixel=HMI_PIXEL, phase=(0.0, 0.0), rng=None):
    """
    The image as HMI records it.

    Parameters
    ----------
    image : `numpy.ndarray`
        The Sun at ``pixel_scale`` arcsec per pixel, shape ``(ny, nx)``.
    pixel_scale : `float`
        At most a quarter of ``pixel``.
    noise : `float`
        1-sigma noise in the unit of the image.
    psf : `PointSpreadFunction`
        Optics.
    pixel : `float`
        Pixel of the camera in arcsec.
    phase : pair of `float`
        Corner (y, x) of the first camera pixel in fine pixels.
    rng : `numpy.random.Generator`
        Source of the noise.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(floor((ny - phase_y) * pixel_scale / pixel), ...)``, in the unit of the image.
    """
    _check_sampling(pixel_scale, pixel)
    recorded = _integrate(_convolve(image, hmi_psf(pixel_scale, psf)), pixel_scale, pixel, phase)
    if noise:
        rng = np.random.default_rng() if rng is None else rng
        recorded = recorded + noise * rng.standard_normal(recorded.shape)
    return recorded


def observe_target(image, pixel_scale, *, diameter=TARGET_DIAMETER, pixel=HMI_PIXEL / 2, phase=(0.0, 0.0)):
    """
    The image as the target telescope records it: Airy pattern, half the pixel of HMI, no noise. See `observe`.
    """
    _check_sampling(pixel_scale, pixel)
    return _integrate(_convolve(image, airy_psf(pixel_scale, diameter)), pixel_scale, pixel, phase)


def _check_sampling(pixel_scale, pixel):
    if not 0 < pixel_scale <= pixel / 2:
        raise ValueError(
            f"Found an image with {pixel_scale} arcsec per pixel, expected at most {pixel / 2:.3f} (half the pixel "
            "that is modelled). Interpolate it onto a finer grid first."
        )


@lru_cache(maxsize=8)
def transfer_kernel(psf=PointSpreadFunction(), diameter=TARGET_DIAMETER, pixel=HMI_PIXEL / 2):
    """
    Kernel that takes an image of the target telescope to the optics of HMI, on the target's pixels.

    Its transfer function is the ratio of the two optical transfer functions, H / A, where the target telescope sees
    anything at all. ``diameter=None`` gives the whole point spread function of HMI, for an image taken as the Sun.
    """
    fine = 5
    step = pixel / fine
    hmi = hmi_psf(step, psf)
    if diameter is None:
        ratio = np.fft.fft2(centred(hmi, hmi.shape[0]))
        side = hmi.shape[0]
    else:
        airy = airy_psf(step, diameter)
        side = hmi.shape[0]
        h, a = (np.fft.fft2(centred(kernel, side)) for kernel in (hmi, airy))
        ratio = (h * a.conj()).real / (np.abs(a) ** 2 + 1e-4)
    # Keep the frequencies that the target's pixels can carry, and sample them there
    half = side // fine // 2
    frequency = np.fft.fftfreq(side, step)
    offsets = np.arange(-half, half + 1) * pixel
    carried = np.abs(frequency) <= 0.5 / pixel
    phase = np.exp(2j * np.pi * offsets[:, None] * frequency[None, carried])
    kernel = (phase @ ratio[np.ix_(carried, carried)] @ phase.T).real
    return kernel / kernel.sum()


def centred(kernel, side):
    """``kernel`` in a square of ``side``, its centre at [0, 0]."""
    square = np.zeros((side, side))
    n = kernel.shape[0]
    square[:n, :n] = kernel
    return np.roll(square, (-(n // 2), -(n // 2)), axis=(0, 1))


def reconvolve(image, kernel=None):
    """
    An enhanced image back through the optics and the pixels of HMI.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(2 * ny, 2 * nx)``, pixels of half the size of HMI's.
    kernel : `numpy.ndarray`, optional
        What lies between the two, by default `transfer_kernel`.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``.
    """
    kernel = transfer_kernel() if kernel is None else kernel
    blurred = _convolve(image, kernel)
    ny, nx = (n // 2 for n in image.shape)
    return blurred.reshape(ny, 2, nx, 2).mean(axis=(1, 3))
