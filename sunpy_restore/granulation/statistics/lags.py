"""Repetition of a texture: at the period of its tiles, or at any lag."""

import numpy as np
from scipy import fft, ndimage, signal

from sunpy_restore.granulation.statistics.intensities import relative

__all__ = ["autocorrelation", "largest_repetition", "repetition"]

_LEAST_POWER = 1e-4  # relative to the largest; scales with less power are not whitened
_TAPER = 0.1  # fraction of the image that is tapered at its edges before whitening
_TOLERANCE = 2  # pixels by which a repetition may deviate from the period


def autocorrelation(image, *, whitened=False):
    """
    Autocorrelation of an image at lags of up to half its size, normalized by the overlap at each lag.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity of shape ``(ny, nx)``. Its mean is subtracted.
    whitened : `bool`
        Give all scales the same power, except those with less than 1e-4 of the largest power. This lowers the level of
        chance correlations, because the number of independent elements is that of the finest scale. A large-scale
        brightness pattern that is repeated without its detail is then not detected.

    Returns
    -------
    `~numpy.ndarray`
        Shape ``(ny // 2 + 1, 2 * (nx // 2) + 1)``: rows for lags from 0 to ny // 2 along y, columns for lags from
        -(nx // 2) to nx // 2 along x. It is 1 at zero lag.

    Raises
    ------
    ValueError
        The image is not 2-D, not finite, constant, or its mean is not positive.
    """
    image = relative(image)
    image = (image - 1).astype(np.float32)
    if whitened:
        image = _whitened(image)
    half = [length // 2 for length in image.shape]
    # Padded with zeros, so that the lags of interest do not wrap around
    shape = [fft.next_fast_len(length + lag, real=True) for length, lag in zip(image.shape, half, strict=True)]
    power = fft.rfft2(image, shape)
    power = (power.real**2 + power.imag**2).astype(np.float32)
    sums = fft.irfft2(power, shape)[: half[0] + 1]
    sums = np.concatenate([sums[:, -half[1] :] if half[1] else sums[:, :0], sums[:, : half[1] + 1]], axis=1)
    overlaps = np.outer(
        image.shape[0] - np.arange(half[0] + 1), image.shape[1] - np.abs(np.arange(-half[1], half[1] + 1))
    )
    sums /= overlaps
    return sums / sums[0, half[1]]


def repetition(image, period):
    """
    Repetition of a texture at the period of its tiles.

    The autocorrelation is averaged over the multiples of the period along y, along x, and over the lattice of both. The
    repetition is the height of each average at the period (within 2 pixels) above its mean at lags that differ by a
    quarter of a period or more.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity of shape ``(ny, nx)``.
    period : `int` or pair of `int`
        Period in pixels, along both axes or along y and x; at most a third of the size of the image.

    Returns
    -------
    `dict`
        ``along_y``, ``along_x`` and ``lattice``, the three heights; ``peak``, the largest of them, which is about 1 for
        an image made of one tile and about 0 without repetition; and ``level``, the RMS of the average of the peak at
        the other lags: the 1-sigma level of chance.

    Raises
    ------
    ValueError
        The period is below 8 pixels or above a third of the image, or as for `autocorrelation`.
    """
    image = np.asarray(image)
    period = tuple(int(step) for step in np.broadcast_to(period, 2))
    if image.ndim == 2 and not all(8 <= step <= length // 3 for step, length in zip(period, image.shape, strict=True)):
        raise ValueError(f"Found the period {period}; expected 8 pixels up to a third of {image.shape} pixels.")
    lags = autocorrelation(image)
    lags = np.concatenate([lags[:0:-1, ::-1], lags])
    # Multiples with half a period on each side within the lags
    numbers = [(length // 2 - step // 2) // step for length, step in zip(lags.shape, period, strict=True)]
    upwards, sideways = (range(1, number + 1) for number in numbers)
    lattice = [(m, n) for m in upwards for n in range(-numbers[1], numbers[1] + 1)] + [(0, n) for n in sideways]
    combs = {"along_y": [(m, 0) for m in upwards], "along_x": [(0, n) for n in sideways], "lattice": lattice}
    measured = {name: _peak(lags, period, multiples) for name, multiples in combs.items()}
    highest = max(measured.values())
    return {name: height for name, (height, _) in measured.items()} | {"peak": highest[0], "level": highest[1]}


def largest_repetition(image, least):
    """
    The lag at which most of a texture is repeated.

    It is measured by the whitened autocorrelation, see `autocorrelation`. The value of a part that is repeated once is
    about the fraction of the image that it covers.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity of shape ``(ny, nx)``.
    least : `float`
        Smallest lag in pixels, which has to exceed the correlation length of the texture.

    Returns
    -------
    `dict`
        ``lag``, the most significant lag along y and x in pixels; ``value``, the autocorrelation there; ``chance``, the
        value that is expected for the most significant of as many lags of noise; and ``significance``, the value in
        units of the 1-sigma level of a single lag.

    Raises
    ------
    ValueError
        No lag is as long as ``least``, or as for `autocorrelation`.
    """
    lags = autocorrelation(image, whitened=True)
    y, x = np.ogrid[: lags.shape[0], -(lags.shape[1] // 2) : lags.shape[1] // 2 + 1]
    # The row without a lag along y is symmetric
    searched = (np.hypot(y, x) >= least) & ((y > 0) | (x > 0))
    if least <= 0 or not searched.any():
        raise ValueError(
            f"Found the smallest lag {least}; expected one between 0 and {min(np.shape(image)) // 2} pixels."
        )
    length = np.shape(image)
    # Chance correlations scale with the inverse root of the overlap
    root = np.sqrt((1 - y / length[0]) * (1 - np.abs(x) / length[1]), dtype=np.float32)
    scores = np.where(searched, lags * root, -np.inf)
    row, column = np.unravel_index(np.argmax(scores), scores.shape)
    sigma = 1.4826 * np.median(np.abs(scores[searched]))
    return {
        "value": float(lags[row, column]),
        "lag": (int(row), int(column - lags.shape[1] // 2)),
        "chance": float(sigma * np.sqrt(2 * np.log(searched.sum())) / root[row, column]),
        "significance": float(scores[row, column] / sigma),
    }


def _peak(lags, period, multiples):
    """Average around multiples of a period: its height above that at other lags, and the RMS at other lags."""
    centre, half = np.array(lags.shape) // 2, [step // 2 for step in period]
    comb = np.zeros([2 * length + 1 for length in half])
    for multiple in multiples:
        corner = centre + np.multiply(multiple, period) - half
        comb += lags[corner[0] : corner[0] + comb.shape[0], corner[1] : corner[1] + comb.shape[1]]
    comb /= len(multiples)
    far = np.ones(comb.shape, dtype=bool)
    far[tuple(slice(length - length // 2, length + length // 2 + 1) for length in half)] = False
    near = comb[half[0] - _TOLERANCE : half[0] + _TOLERANCE + 1, half[1] - _TOLERANCE : half[1] + _TOLERANCE + 1]
    return float(near.max() - comb[far].mean()), float(comb[far].std())


def _whitened(image):
    """An image with the same power at all scales, except those with very little power."""
    # Without a taper, the jump between opposite edges gives power along the axes that the mean over rings misses
    for axis, length in enumerate(image.shape):
        taper = signal.windows.tukey(length, _TAPER, sym=True).astype(np.float32)
        image = image * (taper[:, None] if axis == 0 else taper)
    spectrum = fft.rfft2(image)
    ky, kx = fft.fftfreq(image.shape[0]), fft.rfftfreq(image.shape[1])
    ring = np.rint(np.hypot(ky[:, None], kx) * min(image.shape)).astype(np.int32)
    number = np.bincount(ring.ravel())
    power = np.bincount(ring.ravel(), (spectrum.real**2 + spectrum.imag**2).ravel()) / np.maximum(number, 1)
    # Smoothed, because the mean of a ring with few modes fluctuates
    power = ndimage.gaussian_filter1d(power, 2, mode="nearest")
    return fft.irfft2(
        spectrum * (1 / np.sqrt(power + _LEAST_POWER * power.max()))[ring].astype(np.float32), image.shape
    )
