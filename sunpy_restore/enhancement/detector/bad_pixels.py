"""Faint bad pixels of HMI images, which the optics and the noise do not explain."""

from functools import lru_cache

import numpy as np
from scipy import ndimage, signal

from sunpy_restore.enhancement.detector.outliers import uniform_border
from sunpy_restore.enhancement.optics.telescope import HMI

__all__ = ["find_bad_pixels", "whitening_filter"]

_RADIUS = 3  # pixels, of the filter
_SURROUNDINGS, _NEXT = 4, 2  # pixels, half the sides of the areas that are compared
_LEAST_KNOWN = 0.4
"""Share of the surroundings that is known, at least."""

_ABOVE_MEAN, _ABOVE_LARGEST = 8.5, 3.0
"""
Amplitude relative to the RMS of the whitened surroundings, and to the largest value next to the pixel, at least.

In good images in which the first ratio is larger, next to strong fields, the second one is 2.5 at most.
"""

_ABOVE_NOISE = 6.0
_SAME = 0.3  # of the noise: fewer pixels of the Sun are as close to a value than could be connected by chance
_CHUNK = 10_000  # candidates that are compared at once

_STRUCTURE = 0.3
"""RMS of the structure in the power spectrum: that of spots, and more than that of the quiet Sun."""
_SLOPE, _OUTER = 3.0, 0.05  # of the power of the structure, and the frequency in cycles per pixel where it flattens
_SIDE, _FINE = 128, 5  # pixels, and parts of a pixel, of the power spectrum


def find_bad_pixels(image, known, *, noise, excess):
    """
    Find single pixels that differ from what their neighbours predict by more than the optics and the noise allow.

    Parameters
    ----------
    image : `numpy.ndarray`
        Normalised HMI image, shape ``(ny, nx)``, finite.
    known : `numpy.ndarray` of `bool`
        Pixels that are used. Those within 3 pixels of another one, or of the border, are not searched.
    noise : `float`
        1-sigma noise of the image, larger than 0.
    excess : `float`
        Smallest difference.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.

    Notes
    -----
    The image is convolved with `whitening_filter`. What is left of structure and noise is uncorrelated, and a bad pixel
    becomes a known pattern, which is fitted (a matched filter) and compared with what is left around it.
    """
    found = np.zeros(image.shape, bool)
    known = known & ~_filled(image, known, noise)
    usable = ndimage.binary_erosion(known, np.ones((2 * _RADIUS + 1,) * 2, bool))
    if not usable.any():
        return found
    pattern = whitening_filter(float(f"{noise:.1g}"))
    filled = np.pad(np.where(known, image, np.median(image[known])).astype(np.float32), _RADIUS, mode="symmetric")
    white = signal.oaconvolve(filled, pattern, mode="valid")
    size = np.abs(white)
    candidate = usable & (size > pattern.max() * max(_ABOVE_NOISE * noise, excess / 2))
    places = np.nonzero(candidate & (size == ndimage.maximum_filter(size, 3)))
    side = (2 * _SURROUNDINGS + 1,) * 2
    parts, inside = (
        np.lib.stride_tricks.sliding_window_view(np.pad(one, _SURROUNDINGS), side) for one in (white, usable)
    )
    for first in range(0, len(places[0]), _CHUNK):
        chosen = tuple(axis[first : first + _CHUNK] for axis in places)
        found[chosen] = _is_bad(parts[chosen], inside[chosen], np.pad(pattern, _SURROUNDINGS - _RADIUS), excess)
    return found


def _filled(image, known, noise):
    """Areas by which a rotated image was filled up, with their surroundings, where the interpolation overshoots."""
    filled = uniform_border(image, known)
    if not filled.any():
        return filled
    close = np.zeros_like(filled)
    for value in np.unique(image[filled]):
        close |= np.abs(image - value) < _SAME * noise
    square = np.ones((3, 3), bool)
    return ndimage.binary_dilation(ndimage.binary_propagation(filled, square, close), square, iterations=_SURROUNDINGS)


def _is_bad(parts, inside, pattern, excess):
    """Whether the whitened surroundings of each candidate show the pattern of one pixel, and little else."""
    amplitude = np.sum(parts * pattern * inside, axis=(1, 2)) / np.sum(pattern**2 * inside, axis=(1, 2))
    left = np.abs(parts - amplitude[:, np.newaxis, np.newaxis] * pattern) * inside
    number = inside.sum(axis=(1, 2))
    rms = np.sqrt(np.sum(left**2, axis=(1, 2)) / number)
    near = slice(_SURROUNDINGS - _NEXT, _SURROUNDINGS + _NEXT + 1)
    largest = left[:, near, near].max(axis=(1, 2), initial=0)
    amplitude = np.abs(amplitude)
    clear = (amplitude > _ABOVE_MEAN * rms) & (amplitude > _ABOVE_LARGEST * largest)
    return clear & (amplitude > excess) & (number >= _LEAST_KNOWN * inside[0].size)


@lru_cache(maxsize=32)
def whitening_filter(noise):
    """
    Filter that makes structure seen by HMI, with noise, uncorrelated.

    Its transfer function is the inverse square root of the power spectrum: that of the optics and pixels, with a
    power law for the structure, and the noise.

    Parameters
    ----------
    noise : `float`
        1-sigma noise of the normalised image.

    Returns
    -------
    `numpy.ndarray`
        Symmetric kernel of 7 x 7 pixels with sum 0, whose squares have the sum 1.
    """
    side = _SIDE * _FINE
    kernel = np.pad(HMI.psf.sampled(HMI.pixel_scale / _FINE), _FINE)
    point = np.zeros((side, side))
    point[: kernel.shape[0], : kernel.shape[1]] = ndimage.uniform_filter(kernel, _FINE, mode="constant")
    frequency = np.fft.fftfreq(side, 1 / _FINE)
    power = np.abs(np.fft.fft2(point)) ** 2 / np.hypot(np.hypot(frequency[:, None], frequency), _OUTER) ** _SLOPE
    # Frequencies beyond those of the pixels appear as lower ones
    power = power.reshape(_FINE, _SIDE, _FINE, _SIDE).sum(axis=(0, 2))
    power = _STRUCTURE**2 * power / power.mean() + noise**2
    middle = slice(_SIDE // 2 - _RADIUS, _SIDE // 2 + _RADIUS + 1)
    result = np.fft.fftshift(np.fft.ifft2(power**-0.5).real)[middle, middle]
    taper = signal.windows.hann(2 * _RADIUS + 3)[1:-1] ** 0.25
    taper = np.outer(taper, taper)
    result = result * taper
    result -= result.sum() * taper / taper.sum()
    return (result / np.linalg.norm(result)).astype(np.float32)
