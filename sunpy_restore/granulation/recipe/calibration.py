"""Measuring the calibration of a generator, which gives its images the statistics of the truth."""

import numpy as np
import torch

__all__ = ["calibrate", "radial_power"]

_SIDE = 256  # pixels of windows for power spectra
_ROUNDS = 6
_LEAST = 1e-3  # of the strongest power; weaker is rounding
_LIMITS = (0.5, 2.0)  # of the filter


def calibrate(calibration, made, texture):
    """
    Measure and set a calibration.

    In turns, the filter becomes what takes the azimuthally averaged power spectrum to that of the texture, and the
    curve what takes the distribution of intensities to the texture's, until both hold at once.

    Parameters
    ----------
    calibration : `~sunpy_restore.networks.calibration.Calibration`
        It is set. With a filter of one pixel there is a curve alone.
    made : `torch.Tensor`
        Images of the generator in normalised units, shape ``(n, 1, side, side)``; many, for they are all that is known
        of its statistics.
    texture : `~sunpy_restore.granulation.recipe.textures.Texture`
        The first of its images is the truth.
    """
    truth = texture.images[0]
    side = min(made.shape[-1], *truth.shape, _SIDE)
    low, high = texture.span
    calibration.span.copy_(torch.tensor([low, high]))
    calibration.pixel.fill_(texture.pixel)
    target = radial_power(_windows(truth[np.newaxis], side))
    response = np.ones_like(target)
    made = made.float().cpu()
    with torch.no_grad():
        _match_quantiles(calibration, made, truth)
        for _ in range(_ROUNDS if calibration.receptive_radius else 0):
            found = radial_power(_windows(calibration(made)[:, 0].numpy(), side))
            strong = target > _LEAST * target.max()
            response = response * np.where(strong, np.sqrt(target / found), 1)
            # How strong it is on the whole is for the curve to say
            response = np.clip(response / np.median(response[strong]), *_LIMITS)
            calibration.kernel.copy_(torch.from_numpy(_kernel(response, side, calibration.taps)))
            _match_quantiles(calibration, made, truth)


def _match_quantiles(calibration, made, truth):
    """Set the curve that takes the distribution of filtered images to that of the truth."""
    shares = np.linspace(0, 1, calibration.knots)
    given = np.quantile(calibration.filtered(made).numpy(), shares)
    calibration.set_curve(given, np.quantile(truth, shares))


def _windows(images, side):
    """Squares of images, half a side apart, shape ``(n, side, side)``."""
    cut = np.lib.stride_tricks.sliding_window_view(images, (side, side), axis=(1, 2))
    return cut[:, :: side // 2, :: side // 2].reshape(-1, side, side)


def _wavenumbers(side):
    return np.hypot(np.fft.fftfreq(side)[:, np.newaxis], np.fft.fftfreq(side))


def radial_power(images):
    """
    Azimuthally averaged power spectrum through a Hann window.

    Parameters
    ----------
    images : `numpy.ndarray`
        Shape ``(n, side, side)``.

    Returns
    -------
    `numpy.ndarray`
        Power at 0, 1, ... ``side / 2`` cycles per side, of contrast.
    """
    side = images.shape[-1]
    window = np.outer(np.hanning(side), np.hanning(side))
    power = np.abs(np.fft.fft2((images - images.mean()) * window)) ** 2
    ring = np.rint(_wavenumbers(side) * side).astype(int)
    total = np.bincount(ring.ravel(), power.mean(axis=0).ravel())
    return (total / np.bincount(ring.ravel()))[: side // 2 + 1]


def _kernel(response, side, taps):
    """The filter with that response at 0, 1, ... cycles per side, smooth, as many taps wide."""
    smooth = np.convolve(np.pad(response, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    # At the largest scales a window sees but a few waves
    smooth[:3] = smooth[3]
    values = np.interp(_wavenumbers(side) * side, np.arange(len(smooth)), smooth)
    kernel = np.fft.fftshift(np.fft.ifft2(values).real)
    middle, half = side // 2, taps // 2
    kernel = kernel[middle - half : middle + half + 1, middle - half : middle + half + 1]
    return kernel * np.outer(*[np.hanning(taps + 2)[1:-1] ** 0.25] * 2)
