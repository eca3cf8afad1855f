"""Power on scales from half a granule to the box."""

from itertools import pairwise

import numpy as np
from scipy import ndimage

from sunpy_restore.granulation.statistics.intensities import relative

__all__ = ["power_spectrum", "spectrum_distance"]

SHORTEST = 0.5
"""Wavelength in Mm from which on spectra are compared."""

BINS = 8
"""Bins of wavelength: narrower ones hold too few modes of a box of ten granules to tell a difference of 15 %."""

ROUND_OFF = 1e-9
"""Relative: a mode of exactly the box is in the bin that ends there."""

HANN = np.square([1 / 6, 2 / 3, 1, 2 / 3, 1 / 6])
"""Correlation of the power of modes up to two steps apart under the window, along one axis."""

OVERLAP = 3 / 35
"""Correlation of the power in a bin under two windows that overlap by half."""


def power_spectrum(image, pixel, edges=None, *, side=None):
    """
    Azimuthally averaged power spectrum of the relative intensity.

    The mean of periodograms under square Hann windows that overlap by half and cover the image (Welch 1967,
    doi:10.1109/TAU.1967.1161901). Images of different shape have the same sampling and bias where ``side`` and
    ``edges`` are the same.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity of shape (ny, nx).
    pixel : `float`
        Pixel size in km.
    edges : array-like, optional
        Rising edges of bins of wavelength in Mm. By default 8 logarithmic bins from 0.5 Mm to the side of the window;
        bins without a mode are left out.
    side : `int`, optional
        Side of the windows in pixels, by default the shorter side of the image.

    Returns
    -------
    wavelength : `~numpy.ndarray`
        Geometric centre of the bins in Mm.
    power : `~numpy.ndarray`
        Mean power in each bin; white noise of variance s^2 (of the relative intensity) has s^2.
    modes : `~numpy.ndarray`
        Number of independent modes that each mean is of, as ``error / power = modes**-0.5`` in a Gaussian field.

    Raises
    ------
    ValueError
        If the image is not 2-D, finite and of positive mean, ``pixel`` is not positive, the image is smaller than the
        window, or the edges do not rise or hold no mode.
    """
    wavelength, periodograms, modes, windows = _periodograms(image, pixel, edges, side)
    return wavelength, periodograms.mean(axis=0), modes * windows


def spectrum_distance(image, reference, pixel):
    """
    Difference of the power spectra of two textures, beside what sampling alone makes.

    Parameters
    ----------
    image, reference : `~numpy.ndarray`
        Intensities, each of any shape (ny, nx). The windows have the shortest of all their sides.
    pixel : `float`
        Pixel size of both in km.

    Returns
    -------
    `dict`
        These figures:

        ``wavelength``
            Centres of the bins in Mm, from 0.5 Mm to the window.
        ``ratio``
            Power of the image over that of the reference.
        ``reference_error``, ``ratio_error``
            Relative sampling error (1 sigma) of the reference, and of the ratio: the scatter of the windows, or that
            of a Gaussian field where it is larger.
        ``worst``, ``median``
            Largest and median ``|ratio - 1|``.
        ``significance``
            Largest ``|ratio - 1| / ratio_error``.
        ``chi2``
            Mean of ``((ratio - 1) / ratio_error)**2``: about 1 of two pieces of one process.

    Raises
    ------
    ValueError
        As `power_spectrum`.
    """
    side = min(*np.shape(image), *np.shape(reference))
    wavelength, of_image, *independent = _periodograms(image, pixel, None, side)
    _, of_reference, *independent_reference = _periodograms(reference, pixel, None, side)
    ratio = of_image.mean(axis=0) / of_reference.mean(axis=0)
    reference_error = _error(of_reference, *independent_reference)
    error = np.hypot(_error(of_image, *independent), reference_error)
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
    """Centres of bins, power under each window, shape (windows, bins), and how many modes and windows count as one."""
    image = relative(image)
    side = min(image.shape) if side is None else side
    if not 8 <= side <= min(image.shape):
        raise ValueError(f"expected windows of 8 pixels up to the shorter side of {image.shape} pixels, found {side}")
    if not pixel > 0:
        raise ValueError(f"expected a positive pixel size in km, found {pixel}")
    centres, bins = _bins(side, pixel, edges)
    number = bins.sum(axis=(1, 2))
    # The Hann window between pixels: periodic, and the same from both ends
    taper = np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2
    taper = np.outer(taper, taper)
    places, means = [_starts(length, side) for length in image.shape], []
    for top in places[0]:
        for left in places[1]:
            part = image[top : top + side, left : left + side].astype(float)
            # Its own mean: what a window of the size of its image cannot see may not be seen in a larger image
            part = taper * (part - np.sum(taper * part) / taper.sum())
            power = np.abs(np.fft.fft2(part)) ** 2 / np.sum(taper**2)
            means.append([power[bin_].mean() for bin_ in bins])
    # Each mode has its complex conjugate in the other half of the plane
    independent = [
        n**2 / (2 * ndimage.convolve(1.0 * bin_, np.outer(HANN, HANN), mode="wrap")[bin_].sum())
        for n, bin_ in zip(number, bins, strict=True)
    ]
    return centres, np.array(means), np.array(independent), np.prod([_windows(length, side) for length in image.shape])


def _bins(side, pixel, edges):
    """Centres of the bins in Mm and where their modes are, shape (bins, side, side)."""
    step = pixel / 1000
    if edges is None:
        if side * step <= SHORTEST:
            raise ValueError(f"expected windows of more than {SHORTEST} Mm, found {side} pixels of {pixel} km")
        edges = np.geomspace(SHORTEST, side * step, BINS + 1)
    edges = np.asarray(edges, dtype=float)
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all() or edges[0] <= 0:
        raise ValueError(f"expected two or more rising edges in Mm, found {edges}")
    frequency = np.fft.fftfreq(side, step)
    radius = np.hypot(frequency[:, None], frequency)
    # The mode of exactly the box belongs to the bin that ends there; modes beyond the axes' Nyquist frequency to none
    radius[0, 0] = np.inf
    scale = (1 - ROUND_OFF) / radius
    bins = np.array([(scale >= low) & (scale < high) for low, high in pairwise(edges)])
    bins &= radius <= 0.5 / step * (1 + ROUND_OFF)
    filled = bins.any(axis=(1, 2))
    if not filled.any():
        raise ValueError(f"expected bins with modes of windows of {side} pixels of {pixel} km, found edges {edges} Mm")
    return np.sqrt(edges[:-1] * edges[1:])[filled], bins[filled]


def _starts(length, side):
    """Where windows begin that overlap by half or a little more and reach to both ends."""
    return np.rint(np.linspace(0, length - side, int(np.ceil((length - side) / (side / 2))) + 1)).astype(int)


def _windows(length, side):
    """Number of independent windows along one axis."""
    number = (length - side) / (side / 2) + 1
    return number / (1 + 2 * OVERLAP * (number - 1) / number)


def _error(periodograms, modes, windows):
    """Relative sampling error of the mean power in each bin."""
    gaussian = (modes * windows) ** -0.5
    if len(periodograms) < 4:
        return gaussian
    scatter = periodograms.std(axis=0, ddof=1) / periodograms.mean(axis=0)
    return np.maximum(gaussian, scatter * windows**-0.5)
