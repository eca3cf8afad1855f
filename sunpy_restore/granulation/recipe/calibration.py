"""Measure the calibration of a generator, which gives its images the statistics of the training texture."""

import numpy as np
import torch

__all__ = ["calibrate", "radial_power"]

_SIDE = 256  # pixels of the windows for power spectra
_ITERATIONS = 6
_LEAST_POWER = 1e-3  # relative to the largest; weaker power is not corrected
_RESPONSE_LIMITS = (0.5, 2.0)


def calibrate(calibration, images, texture):
    """
    Measure and set a calibration.

    The filter is set to the ratio of the azimuthally averaged power spectra of texture and images, the curve to the
    transformation between their intensity distributions. Both are iterated, because each changes the other.

    Parameters
    ----------
    calibration : `~sunpy_restore.networks.calibration.Calibration`
        The calibration, which is changed. If its filter has one pixel, only the curve is set.
    images : `torch.Tensor`
        Images of the generator in normalised units, shape ``(n, 1, side, side)``. They have to be many, because their
        sampling error is that of the calibration.
    texture : `~sunpy_restore.granulation.recipe.textures.TrainingTexture`
        The training texture, of which the first image is used.
    """
    truth = texture.images[0]
    side = min(images.shape[-1], *truth.shape, _SIDE)
    low, high = texture.span
    calibration.span.copy_(torch.tensor([low, high]))
    calibration.pixel.fill_(texture.pixel)
    target = radial_power(_windows(truth[np.newaxis], side))
    response = np.ones_like(target)
    images = images.float().cpu()
    with torch.no_grad():
        _match_quantiles(calibration, images, truth)
        for _ in range(_ITERATIONS if calibration.receptive_radius else 0):
            power = radial_power(_windows(calibration(images)[:, 0].numpy(), side))
            strong = target > _LEAST_POWER * target.max()
            response = response * np.where(strong, np.sqrt(target / power), 1)
            # The curve sets the overall contrast
            response = np.clip(response / np.median(response[strong]), *_RESPONSE_LIMITS)
            calibration.kernel.copy_(torch.from_numpy(_kernel(response, side, calibration.taps)))
            _match_quantiles(calibration, images, truth)


def _match_quantiles(calibration, images, truth):
    """Set the curve that gives the filtered images the intensity distribution of the truth."""
    levels = np.linspace(0, 1, calibration.knots)
    quantiles = np.quantile(calibration.filtered(images).numpy(), levels)
    calibration.set_curve(quantiles, np.quantile(truth, levels))


def _windows(images, side):
    """Square windows of images, half a side apart, shape ``(n, side, side)``."""
    cut = np.lib.stride_tricks.sliding_window_view(images, (side, side), axis=(1, 2))
    return cut[:, :: side // 2, :: side // 2].reshape(-1, side, side)


def _wavenumbers(side):
    return np.hypot(np.fft.fftfreq(side)[:, np.newaxis], np.fft.fftfreq(side))


def radial_power(images):
    """
    Azimuthally averaged power spectrum with a Hann window.

    Parameters
    ----------
    images : `numpy.ndarray`
        Shape ``(n, side, side)``. Their common mean is subtracted.

    Returns
    -------
    `numpy.ndarray`
        Mean power at 0, 1, ... ``side / 2`` cycles per side.
    """
    side = images.shape[-1]
    window = np.outer(np.hanning(side), np.hanning(side))
    power = np.abs(np.fft.fft2((images - images.mean()) * window)) ** 2
    ring = np.rint(_wavenumbers(side) * side).astype(int)
    total = np.bincount(ring.ravel(), power.mean(axis=0).ravel())
    return (total / np.bincount(ring.ravel()))[: side // 2 + 1]


def _kernel(response, side, taps):
    """Filter kernel with a given response at 0, 1, ... cycles per side, smoothed, ``taps`` pixels wide."""
    smooth = np.convolve(np.pad(response, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    # A window contains too few waves of the largest scales
    smooth[:3] = smooth[3]
    values = np.interp(_wavenumbers(side) * side, np.arange(len(smooth)), smooth)
    kernel = np.fft.fftshift(np.fft.ifft2(values).real)
    middle, half = side // 2, taps // 2
    kernel = kernel[middle - half : middle + half + 1, middle - half : middle + half + 1]
    return kernel * np.outer(*[np.hanning(taps + 2)[1:-1] ** 0.25] * 2)
