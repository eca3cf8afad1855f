"""The classical method: a Gaussian random field with the measured power spectrum of granulation."""

from importlib.resources import files

import numpy as np

from sunpy_restore.granulation.fields import SpectrumField
from sunpy_restore.granulation.regrid import at_pixel_size

__all__ = ["spectrum"]

_PIXEL = 48.0  # km, of the measured power spectrum
_SIDE = 256  # pixels of the grid on which the kernel is computed
_TAPS = 127


def spectrum(request, *, progress=False):
    """
    Generate a Gaussian random field with the power spectrum of granulation.

    Parameters
    ----------
    request : `~sunpy_restore.granulation.request.Request`
        The request.
    progress : `bool`
        Not used; the texture is computed on demand.

    Returns
    -------
    `~sunpy_restore.granulation.texture.Texture`
    """
    kernel = spectrum_kernel()
    return at_pixel_size(lambda shape: SpectrumField(kernel, shape, request.seed, pixel=_PIXEL), request, _PIXEL)


def spectrum_kernel():
    """
    Kernel that gives white noise the power spectrum of granulation.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(127, 127)``, on pixels of 48 km. The sum of the squares is the variance of the relative intensity.
    """
    path = files("sunpy_restore.data") / "calibration" / "granulation_spectrum.txt"
    with path.open(encoding="utf-8") as lines:
        wavenumber, power = np.loadtxt(lines, unpack=True)
    frequency = np.hypot(np.fft.fftfreq(_SIDE)[:, np.newaxis], np.fft.fftfreq(_SIDE)) / _PIXEL
    amplitude = np.sqrt(np.interp(frequency, wavenumber, power))
    kernel = np.fft.fftshift(np.fft.ifft2(amplitude).real)
    cut = slice(_SIDE // 2 - _TAPS // 2, _SIDE // 2 + _TAPS // 2 + 1)
    kernel = kernel[cut, cut]
    # The variance of the wings that were cut off is given to the rest
    return kernel * np.sqrt(np.mean(amplitude**2) / np.sum(kernel**2))
