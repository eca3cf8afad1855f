"""White noise of continuum images: measured, and reduced to the noise that the networks were trained with."""

from math import comb

import numpy as np
from scipy import ndimage, signal

from sunpy_restore.enhancement.detector.noise import noise_of_differences
from sunpy_restore.enhancement.optics.forward import CONTINUUM_NOISE

__all__ = ["noise_filter", "power_spectrum", "reduce_noise", "white_noise"]

_DIFFERENCES = ((8, 400, 0.0), (6, 400, 0.0), (4, 64, 7e-4))
"""
Orders of the differences along both axes, their least number, and what they find in granulation without noise.

The higher the order, the less structure is left (0.02, 0.03 and 0.07 % in HMI images), but the more pixels it takes.
"""

_SEGMENT = 64  # pixels, the largest side of the parts whose power spectra are averaged
_SHARE = 0.5  # of the pixels of a part, which are measured
_RADIUS = 16  # pixels, of the filter
_LEAST_SUM = 0.5  # of its values; 0.9 in granulation
_BINS = 24  # of the radial spectrum, up to the corner of the Fourier plane


def white_noise(image, usable=None):
    """
    Measure the white noise of a continuum image.

    Differences of a high order along both axes only contain spatial frequencies near the corners of the Fourier plane,
    which the optics of HMI do not transmit. The median of their absolute values is that of the noise. The order is 8,
    or 6 or 4 if gaps or a small image leave fewer than 400 differences. Noise that is correlated between neighbouring
    pixels, as in images that were interpolated, is underestimated.

    Parameters
    ----------
    image : `numpy.ndarray`
        Image in units of the quiet-Sun intensity, shape ``(ny, nx)``; finite.
    usable : `numpy.ndarray` of `bool`, optional
        Pixels that are measured, by default all.

    Returns
    -------
    `float`
        1-sigma noise in units of the quiet-Sun intensity; 0 if fewer than 64 differences of order 4 can be measured, as
        in images with a side of less than 12 pixels.
    """
    usable = np.ones(image.shape, bool) if usable is None else np.asarray(usable, bool)
    for order, least, structure in _DIFFERENCES:
        inner = ndimage.binary_erosion(usable, np.ones((order + 1, order + 1), bool))
        if np.count_nonzero(inner) >= least:
            taps = np.array([(-1.0) ** k * comb(order, k) for k in range(order + 1)])
            found = noise_of_differences(np.asarray(image, float), taps / np.linalg.norm(taps), inner)
            return float(np.sqrt(max(found**2 - structure**2, 0)))
    return 0.0


def power_spectrum(image, usable=None):
    """
    Average the power of an image over directions, and over parts of it (Welch 1967).

    Parameters
    ----------
    image : `numpy.ndarray`
        Image in units of the quiet-Sun intensity, shape ``(ny, nx)``, finite, with smooth values in gaps.
    usable : `numpy.ndarray` of `bool`, optional
        Pixels that are measured, by default all. The power in each part of the image is relative to their number.

    Returns
    -------
    frequency, power : `numpy.ndarray`
        In cycles per pixel, and in units in which white noise has its variance.
    """
    usable = np.ones(image.shape, bool) if usable is None else np.asarray(usable, bool)
    sides = [min(_SEGMENT, length) for length in image.shape]
    window = np.outer(*(signal.windows.hann(side, sym=False) for side in sides))
    window /= np.linalg.norm(window)
    starts = [
        {*range(0, n - side, max(side // 2, 1)), n - side} for n, side in zip(image.shape, sides, strict=True)
    ]  # fmt: skip
    parts = [np.s_[y : y + sides[0], x : x + sides[1]] for y in starts[0] for x in starts[1]]
    shares = [np.sum(window**2 * usable[part]) for part in parts]
    chosen = [pair for pair in zip(parts, shares, strict=True) if pair[1] >= min(_SHARE, max(shares)) > 0]
    total = np.zeros(sides)
    for part, share in chosen:
        values = np.asarray(image[part], float)
        total += np.abs(np.fft.fft2((values - values.mean()) * window)) ** 2 / share
    radius = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, sides), indexing="ij"))
    bins = np.minimum((radius / np.sqrt(0.5) * _BINS).astype(int), _BINS - 1)
    number = np.bincount(bins.ravel(), minlength=_BINS)
    power = np.bincount(bins.ravel(), total.ravel() / max(len(chosen), 1), minlength=_BINS) / np.maximum(number, 1)
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
    taper = np.outer(taper, taper)
    kernel = kernel[middle] * taper
    # If noise hides all structure, the gain and its sum are close to 0, but the mean is kept
    kernel /= max(kernel.sum(), _LEAST_SUM)
    return kernel + (1 - kernel.sum()) * taper / taper.sum()


def reduce_noise(image, usable, noise):
    """
    Reduce the noise of a continuum image to that of the training images.

    Parameters
    ----------
    image, usable
        As for `power_spectrum`; both are needed.
    noise : `float`
        1-sigma white noise of the image.

    Returns
    -------
    `numpy.ndarray`
        The filtered image; the image itself if the noise is not larger than that of the training images.
    """
    if noise <= CONTINUUM_NOISE:
        return image
    kernel = noise_filter(*power_spectrum(image, usable), noise).astype(image.dtype)
    return signal.oaconvolve(np.pad(image, _RADIUS, mode="symmetric"), kernel, mode="valid").astype(image.dtype)
