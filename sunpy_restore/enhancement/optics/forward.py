"""
Forward model of HMI, or of another telescope: point spread function, pixels and noise.

All functions take arrays with square pixels; angles are in arcsec. They generate the training pairs, perform the
data-consistency step of `sunpy_restore.enhance`, and check its results.
"""

from functools import lru_cache

import numpy as np
from scipy import ndimage, signal

from sunpy_restore.enhancement.optics.psf import (
    HMI_PIXEL,
    HMI_WAVELENGTH,
    PSF_RADIUS,
    TARGET_DIAMETER,
    PointSpreadFunction,
    airy_psf,
    hmi_psf,
)

__all__ = [
    "CONTINUUM_NOISE",
    "HMI_PIXEL",
    "LEAST_NOISE",
    "MAGNETOGRAM_NOISE",
    "TARGET_DIAMETER",
    "PointSpreadFunction",
    "airy_psf",
    "blurred",
    "hmi_psf",
    "observe",
    "observe_target",
    "reconvolve",
    "transfer_kernel",
]

CONTINUUM_NOISE = 1e-3
"""1-sigma noise of a continuum pixel, in units of the quiet-Sun intensity."""

LEAST_NOISE = 3e-4
"""
Least white noise of continuum images that methods assume, in units of the quiet-Sun intensity.

Samples of HMI have 0.0002, and granulation of MURaM without noise is taken for noise of 0.0004. With a Wiener filter,
lower limits change the error by less than 1 % for noise of 0 to 0.1 %, white or correlated; 0.001 increases it by up to
13 %.
"""

MAGNETOGRAM_NOISE = 1e-2
"""1-sigma noise of a magnetogram pixel, in kG."""


def _convolve(image, kernel):
    """Convolution of an image that is continued by reflection."""
    half = kernel.shape[0] // 2
    padded = np.pad(image, half, mode="symmetric")
    return signal.oaconvolve(padded, kernel, mode="valid")


def _pixel_mean(image, factor):
    """Mean over a camera pixel, ``factor`` fine pixels wide, around each fine pixel."""
    width = int(np.ceil(factor)) // 2 + 1
    offsets = np.arange(-width, width + 1)
    # Overlap of each fine pixel with the camera pixel [-factor/2, factor/2]
    box = np.clip(np.minimum(offsets + 0.5, factor / 2) - np.maximum(offsets - 0.5, -factor / 2), 0, None) / factor
    return ndimage.convolve1d(ndimage.convolve1d(image, box, axis=0, mode="mirror"), box, axis=1, mode="mirror")


def blurred(image, pixel_scale, kernel, pixel):
    """
    Simulate what camera pixels around each pixel of a scene would record, without sampling it.

    Parameters
    ----------
    image : `numpy.ndarray`
        Scene of shape ``(ny, nx)``, which is continued by reflection.
    pixel_scale : `float`
        Pixel size of the scene in arcsec.
    kernel : `numpy.ndarray`
        Point spread function with these pixels, such as `hmi_psf` gives it.
    pixel : `float`
        Pixel size of the camera in arcsec.

    Returns
    -------
    `numpy.ndarray`
        In the shape and the unit of the scene.
    """
    return _pixel_mean(_convolve(image, kernel), pixel / pixel_scale)


def _integrate(image, pixel_scale, pixel, phase):
    """Mean over camera pixels of ``pixel`` arcsec, the first one with its corner at ``phase`` (y, x) in fine pixels."""
    factor = pixel / pixel_scale
    smooth = _pixel_mean(image, factor)
    ny, nx = ((n - p) / factor for n, p in zip(image.shape, phase, strict=True))
    rows, cols = (phase[i] + (np.arange(int(n)) + 0.5) * factor - 0.5 for i, n in enumerate((ny, nx)))
    grid = np.meshgrid(rows, cols, indexing="ij")
    return ndimage.map_coordinates(smooth, grid, order=3, mode="mirror")


def observe(image, pixel_scale, *, noise=0.0, psf=PointSpreadFunction(), pixel=HMI_PIXEL, phase=(0.0, 0.0), rng=None):
    """
    Simulate an HMI image of a high-resolution scene.

    Parameters
    ----------
    image : `numpy.ndarray`
        Scene of shape ``(ny, nx)``.
    pixel_scale : `float`
        Pixel size of the scene in arcsec, at most half of ``pixel``.
    noise : `float`
        1-sigma noise in the unit of the scene.
    psf : `PointSpreadFunction`
        Point spread function.
    pixel : `float`
        Pixel size of the camera in arcsec.
    phase : pair of `float`
        Corner (y, x) of the first camera pixel, in pixels of the scene.
    rng : `numpy.random.Generator`
        Random number generator of the noise.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(floor((ny - phase_y) * pixel_scale / pixel), ...)``, in the unit of the scene.

    Raises
    ------
    ValueError
        The pixels of the scene are larger than half of ``pixel``.
    """
    _check_sampling(pixel_scale, pixel)
    recorded = _integrate(_convolve(image, hmi_psf(pixel_scale, psf)), pixel_scale, pixel, phase)
    if noise:
        rng = np.random.default_rng() if rng is None else rng
        recorded = recorded + noise * rng.standard_normal(recorded.shape)
    return recorded


def observe_target(
    image, pixel_scale, *, diameter=TARGET_DIAMETER, pixel=HMI_PIXEL / 2, phase=(0.0, 0.0), radius=PSF_RADIUS,
    wavelength=HMI_WAVELENGTH,
):  # fmt: skip
    """
    Simulate a noise-free image of the target telescope.

    Parameters
    ----------
    image, pixel_scale, phase
        As for `observe`.
    diameter : `float`
        Aperture of the telescope in metres.
    pixel : `float`
        Pixel size of its camera in arcsec.
    radius, wavelength : `float`
        See `~sunpy_restore.enhancement.optics.psf.airy_psf`.

    Returns
    -------
    `numpy.ndarray`
        As for `observe`.

    Raises
    ------
    ValueError
        The pixels of the scene are larger than half of ``pixel``.
    """
    _check_sampling(pixel_scale, pixel)
    return _integrate(_convolve(image, airy_psf(pixel_scale, diameter, radius, wavelength)), pixel_scale, pixel, phase)


def _check_sampling(pixel_scale, pixel):
    if not 0 < pixel_scale <= pixel / 2:
        raise ValueError(
            f"Found pixel_scale={pixel_scale} arcsec; expected a positive value of at most {pixel / 2:.3f} arcsec, "
            "half of the camera pixel. Interpolate the image onto a finer grid first."
        )


@lru_cache(maxsize=8)
def transfer_kernel(
    psf=PointSpreadFunction(), diameter=TARGET_DIAMETER, pixel=HMI_PIXEL / 2, radius=PSF_RADIUS,
    wavelength=HMI_WAVELENGTH,
):  # fmt: skip
    """
    Compute the kernel that degrades an image of the target telescope to the optics of HMI.

    Its transfer function is the ratio of the optical transfer functions of the two telescopes, at the frequencies that
    the target telescope transmits.

    Parameters
    ----------
    psf : `PointSpreadFunction`
        Point spread function of HMI.
    diameter : `float` or `None`
        Aperture of the target telescope in metres. With `None`, the kernel is the point spread function of HMI, for an
        image that represents the Sun itself.
    pixel : `float`
        Pixel size of the image in arcsec.
    radius, wavelength : `float`
        Of the Airy pattern of the target telescope, see `~sunpy_restore.enhancement.optics.psf.airy_psf`.

    Returns
    -------
    `numpy.ndarray`
        Centred kernel of odd side with sum 1.
    """
    fine = 5
    step = pixel / fine
    hmi = hmi_psf(step, psf)
    if diameter is None:
        ratio = np.fft.fft2(centred(hmi, hmi.shape[0]))
        side = hmi.shape[0]
    else:
        airy = airy_psf(step, diameter, radius, wavelength)
        side = max(hmi.shape[0], airy.shape[0])
        h, a = (np.fft.fft2(centred(kernel, side)) for kernel in (hmi, airy))
        ratio = h * a.conj()
        ratio = (ratio.real if psf.is_symmetric else ratio) / (np.abs(a) ** 2 + 1e-4)
    # Evaluate the kernel at the pixels of the target, from the frequencies below their Nyquist frequency
    half = side // fine // 2
    frequency = np.fft.fftfreq(side, step)
    offsets = np.arange(-half, half + 1) * pixel
    sampled = np.abs(frequency) <= 0.5 / pixel
    phase = np.exp(2j * np.pi * offsets[:, None] * frequency[None, sampled])
    kernel = (phase @ ratio[np.ix_(sampled, sampled)] @ phase.T).real
    return kernel / kernel.sum()


def centred(kernel, side):
    """Pad a kernel to a square of ``side`` with its centre at [0, 0], as for a Fourier transform."""
    square = np.zeros((side, side))
    n = kernel.shape[0]
    square[:n, :n] = kernel
    return np.roll(square, (-(n // 2), -(n // 2)), axis=(0, 1))


def reconvolve(image, kernel=None):
    """
    Degrade an enhanced image to the resolution and the pixels of HMI.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(2 * ny, 2 * nx)``, with pixels of half the size of HMI pixels.
    kernel : `numpy.ndarray`, optional
        Kernel that relates the enhanced to the observed image, by default `transfer_kernel`.

    Returns
    -------
    `numpy.ndarray`
        Image of shape ``(ny, nx)`` with HMI pixels.
    """
    kernel = transfer_kernel() if kernel is None else kernel
    blurred = _convolve(image, kernel)
    ny, nx = (n // 2 for n in image.shape)
    return blurred.reshape(ny, 2, nx, 2).mean(axis=(1, 3))
