"""Linear restoration: the Wiener filter onto pixels of half the size, and the data-consistency step."""

from functools import lru_cache

import numpy as np
from scipy import ndimage, signal

from sunpy_restore.core.pixels import repeated
from sunpy_restore.enhancement.classical import bicubic
from sunpy_restore.enhancement.forward import (
    MAGNETOGRAM_NOISE,
    TARGET_DIAMETER,
    centred,
    reconvolve,
    transfer_kernel,
)

__all__ = [
    "CONSISTENCY_RADIUS",
    "FILTER_SIZE",
    "SMOOTHING",
    "backproject",
    "consistent_continuum",
    "consistent_magnetogram",
    "data_consistency",
    "significance",
    "wiener_filter",
]

FILTER_SIZE = 25
"""Side of the linear filters in HMI pixels: the diameter of the point spread function."""

SMOOTHING = 3
"""Width in HMI pixels over which flux is kept where there is no more than noise."""

CONSISTENCY_RADIUS = 2 * (FILTER_SIZE // 2 + 1) + 3 * SMOOTHING
"""Receptive radius of `consistent_continuum` and `consistent_magnetogram` in HMI pixels."""

_FIELD_DIAMETER = 0.4
"""
Aperture in metres by which the consistency of magnetograms is judged.

It lies between the 0.28 m of the target and an infinite aperture, which would take the result as the Sun itself: users
convolve the result with the HMI point spread function, and should find their magnetogram again within 5 % and its
unsigned flux within 4 %.
"""


@lru_cache(maxsize=8)
def wiener_filter(noise_to_signal, spectral_index=0.0, size=FILTER_SIZE, diameter=TARGET_DIAMETER):
    """
    The filter that takes HMI pixels to target pixels with the least squared error.

    With the target's power spectrum ``S``, the transfer ``p`` of `~sunpy_restore.enhancement.forward.reconvolve`
    (optics and binning) and white noise ``N``, each frequency of the input feeds its four aliases ``k`` in the
    target with the weight ``S_k p_k* / (sum_j S_j |p_j|**2 + N)``.

    Parameters
    ----------
    noise_to_signal : `float`
        ``N / S`` at low frequency.
    spectral_index : `float`
        ``S`` falls as ``[1 + (f / f_Nyquist)**2]**-spectral_index``, f_Nyquist that of the input.
    size : odd `int`
        Side of the filter in input pixels.
    diameter : `float`
        Aperture of the target telescope in metres.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(4, size, size)``: the correlation kernels of the sub-pixels (0, 0), (0, 1), (1, 0), (1, 1).
        Each has sum 1.
    """
    n = 4 * size
    frequency = np.fft.fftfreq(2 * n)
    transfer = _transfer(transfer_kernel(diameter=diameter), n)
    radius2 = (frequency[:, None] ** 2 + frequency[None, :] ** 2) / 0.25**2
    power = (1 + radius2) ** -float(spectral_index)
    aliases = (power * np.abs(transfer) ** 2).reshape(2, n, 2, n).sum(axis=(0, 2)) / 4
    gain = power * transfer.conj() / (np.tile(aliases, (2, 2)) + noise_to_signal)
    # Impulse response in target pixels to one HMI pixel whose first sub-pixel is the origin
    response = np.fft.ifft2(gain).real
    half = size // 2
    rows = [(2 * np.arange(half, -half - 1, -1) + sub) % (2 * n) for sub in (0, 1)]
    filters = np.stack([response[np.ix_(rows[i], rows[j])] for i in (0, 1) for j in (0, 1)])
    return filters / filters.sum(axis=(1, 2), keepdims=True)


def _transfer(kernel, n):
    """Transfer function, on the target's grid of side ``2 n``, of convolution and the mean of 2 x 2 pixels."""
    blur = np.fft.fft2(centred(kernel, 2 * n))
    frequency = np.fft.fftfreq(2 * n)
    box = (1 + np.exp(2j * np.pi * frequency)) / 2
    return blur * box[:, None] * box[None, :]


def backproject(image, filters):
    """
    Apply the filters of `wiener_filter`.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``; mirrored at its edges.
    filters : `numpy.ndarray`
        Shape ``(4, size, size)``.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(2 * ny, 2 * nx)``.
    """
    padded = np.pad(image, filters.shape[-1] // 2, mode="symmetric")
    out = np.empty((2 * image.shape[0], 2 * image.shape[1]), dtype=np.result_type(image, np.float32))
    for index, filter_ in enumerate(filters):
        out[index // 2 :: 2, index % 2 :: 2] = signal.oaconvolve(padded, filter_[::-1, ::-1], mode="valid")
    return out


def data_consistency(enhanced, observed, filters, kernel=None, noise=None):
    """
    Correct an enhanced image by what it does not explain of the observation.

    It adds the back-projected difference between the observation and the enhanced image seen through HMI. Where
    the observation is no more than noise, only the smooth part of the difference is taken: its mean is known, its
    pixels are not.

    Parameters
    ----------
    enhanced, observed : `numpy.ndarray`
        Shapes ``(2 * ny, 2 * nx)`` and ``(ny, nx)``.
    filters : `numpy.ndarray`
        A `wiener_filter`; its noise-to-signal ratio sets where the data stop to decide.
    kernel : `numpy.ndarray`, optional
        Of `~sunpy_restore.enhancement.forward.reconvolve`.
    noise : `float`, optional
        1-sigma noise of an observation around zero, such as a magnetogram; its pixels count by their `significance`
        above three times the noise.
    """
    difference = observed - reconvolve(enhanced, kernel)
    if noise is not None:
        weight = significance(observed, 3 * noise)
        difference = weight * difference + (1 - weight) * _smooth(difference, SMOOTHING)
    return enhanced + backproject(difference, filters)


def significance(observed, noise):
    """
    How far an observation around zero stands above a level of noise: ``power / (power + noise**2)``.

    Parameters
    ----------
    observed : `numpy.ndarray`
        Such as a magnetogram, shape ``(ny, nx)``; its power is a mean over about 1 arcsec.
    noise : `float`
        In the unit of ``observed``.

    Returns
    -------
    `numpy.ndarray`
        Between 0 and 1, shape ``(ny, nx)``.
    """
    power = _smooth(observed**2, 1.5)
    return power / (power + noise**2)


def _smooth(image, width):
    return ndimage.gaussian_filter(image, width, mode="reflect", radius=3 * SMOOTHING)


def consistent_continuum(restored, observed):
    """
    Make a restored continuum image consistent with the observation.

    Parameters
    ----------
    restored, observed : `numpy.ndarray`
        Shapes ``(2 * ny, 2 * nx)`` and ``(ny, nx)``, in units of the quiet Sun.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(2 * ny, 2 * nx)``.
    """
    return data_consistency(restored, observed, wiener_filter(0.3, 1.0))


def consistent_magnetogram(restored, observed):
    """
    Make a restored magnetogram consistent with the observation.

    The result is sharpened where the field exceeds the noise and interpolated where it does not.

    Parameters
    ----------
    restored, observed : `numpy.ndarray`
        Shapes ``(2 * ny, 2 * nx)`` and ``(ny, nx)``, in kG.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(2 * ny, 2 * nx)``.
    """
    weight = repeated(significance(observed, 2 * MAGNETOGRAM_NOISE), 2)
    restored = weight * restored + (1 - weight) * bicubic(observed)
    filters, kernel = wiener_filter(0.015, 1.0, diameter=_FIELD_DIAMETER), transfer_kernel(diameter=_FIELD_DIAMETER)
    return data_consistency(restored, observed, filters, kernel, noise=MAGNETOGRAM_NOISE)
