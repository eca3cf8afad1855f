"""White noise of continuum images: measured, and reduced to the noise that the networks were trained with."""

from math import comb

import numpy as np
from scipy import ndimage, signal

from sunpy_restore.core.numerics.nearest import fill_invalid
from sunpy_restore.enhancement.detector.noise import noise_of_differences
from sunpy_restore.enhancement.optics.forward import CONTINUUM_NOISE

__all__ = ["noise_filter", "power_spectrum", "reduce_noise", "white_noise"]

_ORDER = 8
"""Order of the differences along both axes, which are below 0.04 % in granulation that HMI observes without noise."""

_LEAST = 400  # pixels
_SEGMENT = 64  # pixels, the largest side of the parts whose power spectra are averaged
_RADIUS = 16  # pixels, of the filter
_BINS = 24  # of the radial spectrum, up to the corner of the Fourier plane


def white_noise(image, usable=None):
    """
    Measure the white noise of a continuum image.

    The differences of the eighth order along both axes only contain spatial frequencies near the corners of the Fourier
    plane, which the optics of HMI do not transmit. The median of their absolute values is that of the noise. Noise that
    is correlated between neighbouring pixels, as in images that were interpolated, is underestimated.

    Parameters
    ----------
    image : `numpy.ndarray`
        Image in units of the quiet-Sun intensity, shape ``(ny, nx)``; finite.
    usable : `numpy.ndarray` of `bool`, optional
        Pixels that are measured, by default all.

    Returns
    -------
    `float`
        1-sigma noise in units of the quiet-Sun intensity; 0 if fewer than 400 differences can be measured.
    """
    usable = np.ones(image.shape, bool) if usable is None else np.asarray(usable, bool)
    inner = ndimage.binary_erosion(usable, np.ones((_ORDER + 1, _ORDER + 1), bool))
    if np.count_nonzero(inner) < _LEAST:
        return 0.0
    taps = np.array([(-1.0) ** k * comb(_ORDER, k) for k in range(_ORDER + 1)])
    taps /= np.linalg.norm(taps)
    return float(noise_of_differences(np.asarray(image, float), taps, inner))


def power_spectrum(image, usable=None):
    """
    Average the power of an image over directions, and over parts of it (Welch 1967).

    Parameters
    ----------
    image, usable
        As for `white_noise`.

    Returns
    -------
    frequency, power : `numpy.ndarray`
        In cycles per pixel, and in units in which white noise has its variance.
    """
    usable = np.ones(image.shape, bool) if usable is None else np.asarray(usable, bool)
    sides = [min(_SEGMENT, length) for length in image.shape]
    window = np.outer(*(signal.windows.hann(side, sym=False) for side in sides))
    window /= np.linalg.norm(window)
    total, count = np.zeros(sides), 0
    starts = [np.arange(0, n - side + 1, max(side // 2, 1)) for n, side in zip(image.shape, sides, strict=True)]
    for y in starts[0]:
        for x in starts[1]:
            part = np.s_[y : y + sides[0], x : x + sides[1]]
            if usable[part].all():
                values = np.asarray(image[part], float)
                total += np.abs(np.fft.fft2((values - values.mean()) * window)) ** 2
                count += 1
    radius = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, sides), indexing="ij"))
    bins = np.minimum((radius / np.sqrt(0.5) * _BINS).astype(int), _BINS - 1)
    number = np.bincount(bins.ravel(), minlength=_BINS)
    power = np.bincount(bins.ravel(), total.ravel() / max(count, 1), minlength=_BINS) / np.maximum(number, 1)
    frequency = np.bincount(bins.ravel(), radius.ravel(), minlength=_BINS) / np.maximum(number, 1)
    kept = (number > 0) & (power > 0)
    return frequency[kept], power[kept]


def noise_filter(frequency, power, noise, assumed=CONTINUUM_NOISE):
    """
    Compute the filter with which a restoration for one level of noise is the best one for a higher level.

    Let ``P`` be the power spectrum of the observation without noise. The Wiener filter for white noise ``n`` is
    proportional to ``1 / (P + n**2)``; that for ``n0`` becomes it by multiplication with ``(P + n0**2) / (P + n**2)``.

    Parameters
    ----------
    frequency, power : `numpy.ndarray`
        See `power_spectrum`; the power of the observation with its noise.
    noise, assumed : `float`
        1-sigma white noise of the observation, and that for which the restoration was made.

    Returns
    -------
    `numpy.ndarray`
        Kernel with odd sides and sum 1.
    """
    side = 4 * _RADIUS
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :])
    signal_power = np.maximum(power - noise**2, 0)
    gain = np.interp(radius, frequency, (signal_power + assumed**2) / (signal_power + noise**2))
    kernel = np.fft.fftshift(np.fft.ifft2(gain).real)
    middle = (slice(side // 2 - _RADIUS, side // 2 + _RADIUS + 1),) * 2
    taper = signal.windows.hann(2 * _RADIUS + 3)[1:-1]
    kernel = kernel[middle] * np.outer(taper, taper)
    return kernel / kernel.sum()


def reduce_noise(image, usable, noise):
    """
    Reduce the noise of a continuum image to that of the training images.

    Parameters
    ----------
    image, usable
        As for `white_noise`; both are needed.
    noise : `float`
        1-sigma white noise of the image.

    Returns
    -------
    `numpy.ndarray`
        The image, filtered where it is usable; the image itself if the noise is not larger than that of the training
        images, or if no part of it is large enough to measure its power spectrum.
    """
    if noise <= CONTINUUM_NOISE:
        return image
    frequency, power = power_spectrum(image, usable)
    if not power.size:
        return image
    known = image if usable.all() else fill_invalid(image, usable)[0]
    kernel = noise_filter(frequency, power, noise).astype(image.dtype)
    smooth = signal.oaconvolve(np.pad(known, _RADIUS, mode="symmetric"), kernel, mode="valid")
    return np.where(usable, smooth, image).astype(image.dtype)
