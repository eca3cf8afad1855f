"""Power spectra on scales from half a granule to the size of the image."""

from itertools import pairwise

import numpy as np
from scipy import ndimage

from sunpy_restore.granulation.statistics.intensities import relative

__all__ = ["power_distance", "power_spectrum", "power_with_error", "spectrum_distance"]

_SHORTEST_WAVELENGTH = 0.5  # Mm
_BINS = 8  # narrower ones contain too few modes of a box of ten granules to show a difference of 15 %
_ROUNDING = 1e-9  # relative, for modes on the edge of a bin

_MODE_CORRELATION = np.square([1 / 6, 2 / 3, 1, 2 / 3, 1 / 6])
"""Correlation of the power of modes up to two steps apart along one axis, due to the Hann window."""

_WINDOW_CORRELATION = 3 / 35
"""Correlation of the power in a bin between two windows that overlap by half."""


def power_spectrum(image, pixel, edges=None, *, side=None):
    """
    Azimuthally averaged power spectrum of the relative intensity.

    It is the mean of the periodograms of square Hann windows that overlap by half and cover the image (Welch 1967).
    Images of different shapes have the same sampling and bias if ``side`` and ``edges`` are the same.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity of shape ``(ny, nx)``.
    pixel : `float`
        Side of a pixel in km.
    edges : array-like, optional
        Increasing edges of wavelength bins in Mm. By default 8 logarithmic bins from 0.5 Mm to the side of the window.
        Bins without a mode are left out.
    side : `int`, optional
        Side of the windows in pixels, by default the shorter side of the image.

    Returns
    -------
    wavelength : `~numpy.ndarray`
        Geometric centre of the bins in Mm.
    power : `~numpy.ndarray`
        Mean power in each bin. White noise of variance s^2 (of the relative intensity) has the power s^2.
    modes : `~numpy.ndarray`
        Number of independent modes in each mean: for a Gaussian field, ``error / power = modes**-0.5``.

    Raises
    ------
    ValueError
        The image is not 2-D, not finite, or its mean is not positive; ``pixel`` is not positive; the image is smaller
        than the window; or the edges do not increase or contain no mode.

    References
    ----------
    * Welch 1967, https://doi.org/10.1109/TAU.1967.1161901
    """
    wavelength, periodograms, modes, windows = _periodograms(image, pixel, edges, side)
    return wavelength, periodograms.mean(axis=0), modes * windows


def spectrum_distance(image, reference, pixel):
    """
    Difference between the power spectra of two textures, and its sampling error.

    Parameters
    ----------
    image, reference : `~numpy.ndarray`
        Intensities, each of any shape ``(ny, nx)``. The side of the windows is the shortest of all sides.
    pixel : `float`
        Side of the pixels of both images in km.

    Returns
    -------
    `dict`
        These values:

        ``wavelength``
            Centres of the bins in Mm, from 0.5 Mm to the side of the window.
        ``ratio``
            Power of the image divided by that of the reference.
        ``reference_error``, ``ratio_error``
            Relative sampling error (1 sigma) of the reference and of the ratio: the scatter between windows, or that of
            a Gaussian field if it is larger.
        ``worst``, ``median``
            Largest and median ``|ratio - 1|``.
        ``significance``
            Largest ``|ratio - 1| / ratio_error``.
        ``chi2``
            Mean of ``((ratio - 1) / ratio_error)**2``, which is about 1 for two samples of the same process.

    Raises
    ------
    ValueError
        See `power_spectrum`.
    """
    side = min(*np.shape(image), *np.shape(reference))
    of_image, of_reference = (power_with_error(each, pixel, side) for each in (image, reference))
    return power_distance(*of_image, *of_reference[1:])


def power_with_error(image, pixel, side):
    """
    Power spectrum in the default bins, and its sampling error.

    Parameters
    ----------
    image, pixel, side
        See `power_spectrum`.

    Returns
    -------
    wavelength, power : `~numpy.ndarray`
        See `power_spectrum`.
    error : `~numpy.ndarray`
        Relative sampling error (1 sigma): the scatter between windows, or that of a Gaussian field if it is larger.

    Raises
    ------
    ValueError
        See `power_spectrum`.
    """
    wavelength, periodograms, modes, windows = _periodograms(image, pixel, None, side)
    return wavelength, periodograms.mean(axis=0), _error(periodograms, modes, windows)


def power_distance(wavelength, power, error, reference_power, reference_error):
    """
    Difference between two power spectra in the same bins.

    Parameters
    ----------
    wavelength, power, error : `~numpy.ndarray`
        Of the image, see `power_with_error`.
    reference_power, reference_error : `~numpy.ndarray`
        Of the reference.

    Returns
    -------
    `dict`
        See `spectrum_distance`.
    """
    ratio, error = power / reference_power, np.hypot(error, reference_error)
    return {
        "wavelength": wavelength,
        "ratio": ratio,
        "reference_error": reference_error,
        "ratio_error": error,
        "worst": float(np.abs(ratio - 1).max()),
        "median": float(np.median(np.abs(ratio - 1))),
        "significance": float((np.abs(ratio - 1) / error).max()),
        "chi2": float(np.mean(((ratio - 1) / error) ** 2)),
    }


def _periodograms(image, pixel, edges, side):
    """Centres of the bins, mean power of shape ``(windows, bins)``, and numbers of independent modes and windows."""
    image = relative(image)
    side = min(image.shape) if side is None else side
    if not 8 <= side <= min(image.shape):
        raise ValueError(f"Found windows of {side} pixels; expected 8 up to the shorter side of {image.shape} pixels.")
    if not pixel > 0:
        raise ValueError(f"Found the pixel size {pixel} km; expected a positive one.")
    centres, bins = _bins(side, pixel, edges)
    number = bins.sum(axis=(1, 2))
    # Hann window sampled between the pixels: periodic and symmetric
    taper = np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2
    taper = np.outer(taper, taper)
    starts, means = [_starts(length, side) for length in image.shape], []
    for top in starts[0]:
        for left in starts[1]:
            part = image[top : top + side, left : left + side].astype(float)
            # The mean of each window is subtracted, so that large images have no power at scales beyond the window
            part = taper * (part - np.sum(taper * part) / taper.sum())
            power = np.abs(np.fft.fft2(part)) ** 2 / np.sum(taper**2)
            means.append([power[bin_].mean() for bin_ in bins])
    # Half of the modes are the complex conjugates of the others
    correlation = np.outer(_MODE_CORRELATION, _MODE_CORRELATION)
    independent = [
        n**2 / (2 * ndimage.convolve(1.0 * bin_, correlation, mode="wrap")[bin_].sum())
        for n, bin_ in zip(number, bins, strict=True)
    ]
    windows = np.prod([_independent_windows(length, side) for length in image.shape])
    return centres, np.array(means), np.array(independent), windows


def _bins(side, pixel, edges):
    """Centres of the bins in Mm and the modes in each bin, shape ``(bins, side, side)``."""
    step = pixel / 1000
    if edges is None:
        if side * step <= _SHORTEST_WAVELENGTH:
            raise ValueError(
                f"Found windows of {side} pixels of {pixel} km; expected more than {_SHORTEST_WAVELENGTH} Mm."
            )
        edges = np.geomspace(_SHORTEST_WAVELENGTH, side * step, _BINS + 1)
    edges = np.asarray(edges, dtype=float)
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all() or edges[0] <= 0:
        raise ValueError(f"Found the edges {edges} Mm; expected two or more increasing positive values.")
    frequency = np.fft.fftfreq(side, step)
    radius = np.hypot(frequency[:, None], frequency)
    # Modes whose wavelength is the side of the window belong to the bin that ends there; modes beyond the Nyquist
    # frequency of the axes to none
    radius[0, 0] = np.inf
    scale = (1 - _ROUNDING) / radius
    bins = np.array([(scale >= low) & (scale < high) for low, high in pairwise(edges)])
    bins &= radius <= 0.5 / step * (1 + _ROUNDING)
    filled = bins.any(axis=(1, 2))
    if not filled.any():
        raise ValueError(f"Found the edges {edges} Mm; expected bins with modes of {side} pixels of {pixel} km.")
    return np.sqrt(edges[:-1] * edges[1:])[filled], bins[filled]


def _starts(length, side):
    """First pixels of windows that overlap by at least half and cover the whole length."""
    return np.rint(np.linspace(0, length - side, int(np.ceil((length - side) / (side / 2))) + 1)).astype(int)


def _independent_windows(length, side):
    """Number of independent windows along one axis."""
    number = (length - side) / (side / 2) + 1
    return number / (1 + 2 * _WINDOW_CORRELATION * (number - 1) / number)


def _error(periodograms, modes, windows):
    """Relative sampling error of the mean power in each bin."""
    gaussian = (modes * windows) ** -0.5
    if len(periodograms) < 4:
        return gaussian
    scatter = periodograms.std(axis=0, ddof=1) / periodograms.mean(axis=0)
    return np.maximum(gaussian, scatter * windows**-0.5)
