"""Granulation observed by SUNRISE/IMaX without a reconstruction, with a contrast that it has without a telescope."""

import numpy as np
from scipy import optimize

__all__ = ["IMAX_SCALE", "deconvolve", "match_spectrum"]

IMAX_SCALE = 0.055  # arcsec

_MAX_GAIN = 6.0


def match_spectrum(image, model, pixel_scale):
    """
    Filter an IMaX image to the power spectrum of a model, at the frequencies that the target telescope sees.

    Parameters
    ----------
    image : `numpy.ndarray`
        Contrast of the IMaX image, shape ``(ny, nx)``.
    model : `numpy.ndarray`
        Intensity of the model relative to its mean, of any 2-D shape.
    pixel_scale : `float`
        Pixel size of the model in arcsec.

    Returns
    -------
    `numpy.ndarray`
        Relative intensity, shape ``(ny, nx)``.
    """
    scales = np.linspace(0.2, 2.6, 25)
    gain = np.sqrt(_power(model - 1, pixel_scale, scales) / _power(image, IMAX_SCALE, scales))
    return 1 + _filtered(image, lambda frequency: np.interp(frequency, scales, np.clip(gain, 0, 6)))


def deconvolve(image, contrast):
    """
    Deconvolve a part of an IMaX image until it has the contrast of granulation without a telescope.

    The filter increases exponentially with the spatial frequency, at most by a factor of 6. Its form is an assumption.
    Simulated granulation has a contrast of 0.144 at 6302 A (Danilovic et al. 2008, doi:10.1051/0004-6361:200809857).

    Parameters
    ----------
    image : `numpy.ndarray`
        Contrast of the IMaX image, shape ``(ny, nx)``.
    contrast : `float`
        Standard deviation of the result.

    Returns
    -------
    `numpy.ndarray`
        Relative intensity with a mean of about 1, shape ``(ny, nx)``.

    Raises
    ------
    ValueError
        The filter cannot give the image this contrast.
    """
    image = (1 + image) / (1 + image.mean()) - 1

    def restored(scale):
        return _filtered(image, lambda frequency: np.clip(np.exp(frequency / scale), 0, _MAX_GAIN))

    low, high = (restored(scale).std() for scale in (30.0, 0.3))
    if not low <= contrast <= high:
        raise ValueError(
            f"Found an IMaX image with a contrast of {image.std():.3f}, which can be restored to {low:.3f} to "
            f"{high:.3f}; expected {contrast} within these limits. Use an image that is not deconvolved."
        )
    scale = optimize.brentq(lambda scale: restored(scale).std() - contrast, 0.3, 30.0, xtol=1e-3)
    return 1 + restored(scale)


def _filtered(image, gain):
    """Image filtered at the frequencies that the target telescope sees; ``gain`` is a function of cycles per arcsec."""
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(2 * n, IMAX_SCALE) for n in image.shape), indexing="ij"))
    filter_ = gain(frequency) * np.exp(-((np.clip(frequency - 2.6, 0, None) / 0.5) ** 2))
    mirrored = np.pad(image, [(0, n) for n in image.shape], mode="symmetric")
    return np.fft.ifft2(np.fft.fft2(mirrored) * filter_).real[: image.shape[0], : image.shape[1]]


def _power(image, pixel_scale, scales):
    """Power spectral density at the frequencies ``scales`` in cycles per arcsec, averaged over azimuth."""
    window = np.outer(*(np.hanning(n) for n in image.shape))
    power = np.abs(np.fft.fft2(image * window)) ** 2 * pixel_scale**2 / (window**2).sum()
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, pixel_scale) for n in image.shape), indexing="ij"))
    half = (scales[1] - scales[0]) / 2
    return np.array([power[np.abs(frequency - scale) < half].mean() for scale in scales])
