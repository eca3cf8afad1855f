"""Texture that comes again: at the period of tiles, or anywhere."""

import numpy as np
from scipy import fft, ndimage, signal

from sunpy_restore.granulation.statistics.intensities import relative

__all__ = ["autocorrelation", "largest_repetition", "repetition"]

WHITENED = 1e-4
"""Share of the largest power below which a scale does not count."""

RAMP = 0.1
"""Share of the image that fades out at its edges before it is whitened."""

NEAR = 2
"""Pixels by which a repetition may miss the period."""


def autocorrelation(image, *, whitened=False):
    """
    Autocorrelation of an image at lags of up to half its size, without bias by what lies beyond its edges.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity of shape (ny, nx); its mean is taken out.
    whitened : `bool`
        Whether all scales count the same (those of less than 1e-4 of the largest power do not count). Chance is much
        smaller then, for the image has as many independent parts as its finest grain; brightness that comes again
        without its detail is not seen.

    Returns
    -------
    `~numpy.ndarray`
        Shape (ny // 2 + 1, 2 * (nx // 2) + 1): rows of lags 0 to ny // 2 along y, columns of lags -(nx // 2) to nx // 2
        along x. 1 at no lag.

    Raises
    ------
    ValueError
        If the image is not 2-D, finite, of positive mean and with structure.
    """
    image = relative(image)
    image = (image - 1).astype(np.float32)
    if whitened:
        image = _whitened(image)
    half = [length // 2 for length in image.shape]
    # Zeros for the lags that are looked at; what wraps falls on larger ones
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
    How much of a texture comes again at the period of its tiles.

    The autocorrelation in the mean over the multiples of the period along y, along x, and over the whole lattice of
    both; and the height of that at the period (within 2 pixels) above its mean at lags a quarter of a period and more
    away.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity of shape (ny, nx).
    period : `int` or pair of `int`
        Period in pixels, along both axes or along y and x; at most a third of the image's size.

    Returns
    -------
    `dict`
        ``peak``, the largest of the three heights: about 1 of an image made of one tile, about 0 of one without
        period; ``along_y``, ``along_x``, ``lattice``, the three heights; and ``level``, the rms of what ``peak`` is a
        peak of at the other lags, which is its 1-sigma level by chance.

    Raises
    ------
    ValueError
        If the period is below 8 pixels or beyond a third of the image, or as `autocorrelation`.
    """
    image = np.asarray(image)
    period = tuple(int(step) for step in np.broadcast_to(period, 2))
    if image.ndim == 2 and not all(8 <= step <= length // 3 for step, length in zip(period, image.shape, strict=True)):
        raise ValueError(f"expected a period of 8 pixels up to a third of {image.shape} pixels, found {period}")
    lags = autocorrelation(image)
    lags = np.concatenate([lags[:0:-1, ::-1], lags])
    # Multiples around which half a period lies within the lags
    numbers = [(length // 2 - step // 2) // step for length, step in zip(lags.shape, period, strict=True)]
    upwards, sideways = (range(1, number + 1) for number in numbers)
    lattice = [(m, n) for m in upwards for n in range(-numbers[1], numbers[1] + 1)] + [(0, n) for n in sideways]
    combs = {"along_y": [(m, 0) for m in upwards], "along_x": [(0, n) for n in sideways], "lattice": lattice}
    measured = {name: _peak(lags, period, multiples) for name, multiples in combs.items()}
    highest = max(measured.values())
    return {name: height for name, (height, _) in measured.items()} | {"peak": highest[0], "level": highest[1]}


def largest_repetition(image, least):
    """
    The lag at which most of a texture comes again, whichever that is.

    Of the whitened autocorrelation, see `autocorrelation`: a part of the image that comes again once has about the
    share of the image that it covers.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity of shape (ny, nx).
    least : `float`
        Shortest lag in pixels that is looked at, beyond the grain of the texture.

    Returns
    -------
    `dict`
        ``value``, the autocorrelation at the lag where it stands out most; ``lag``, that one along y and x in pixels;
        ``chance``, the value there that is expected of the most conspicuous of as many lags of noise; and
        ``significance``, the value in units of the 1-sigma level of a single lag.

    Raises
    ------
    ValueError
        If no lag is as long as ``least``, or as `autocorrelation`.
    """
    lags = autocorrelation(image, whitened=True)
    y, x = np.ogrid[: lags.shape[0], -(lags.shape[1] // 2) : lags.shape[1] // 2 + 1]
    # Of the row without a lag along y one half is the other's mirror image
    seen = (np.hypot(y, x) >= least) & ((y > 0) | (x > 0))
    if least <= 0 or not seen.any():
        raise ValueError(f"expected a shortest lag between 0 and {min(np.shape(image)) // 2} pixels, found {least}")
    length = np.shape(image)
    # Chance goes with one over the root of the overlap
    root = np.sqrt((1 - y / length[0]) * (1 - np.abs(x) / length[1]), dtype=np.float32)
    scores = np.where(seen, lags * root, -np.inf)
    row, column = np.unravel_index(np.argmax(scores), scores.shape)
    sigma = 1.4826 * np.median(np.abs(scores[seen]))
    return {
        "value": float(lags[row, column]),
        "lag": (int(row), int(column - lags.shape[1] // 2)),
        "chance": float(sigma * np.sqrt(2 * np.log(seen.sum())) / root[row, column]),
        "significance": float(scores[row, column] / sigma),
    }


def _peak(lags, period, multiples):
    """Height of the mean around multiples of a period at them over that away from them, and rms of the latter."""
    centre, half = np.array(lags.shape) // 2, [step // 2 for step in period]
    comb = np.zeros([2 * length + 1 for length in half])
    for multiple in multiples:
        corner = centre + np.multiply(multiple, period) - half
        comb += lags[corner[0] : corner[0] + comb.shape[0], corner[1] : corner[1] + comb.shape[1]]
    comb /= len(multiples)
    far = np.ones(comb.shape, dtype=bool)
    far[tuple(slice(length - length // 2, length + length // 2 + 1) for length in half)] = False
    near = comb[half[0] - NEAR : half[0] + NEAR + 1, half[1] - NEAR : half[1] + NEAR + 1]
    return float(near.max() - comb[far].mean()), float(comb[far].std())


def _whitened(image):
    """An image of which all scales have the same power, but for those that hardly have any."""
    # Where opposite edges do not meet, the jump has power on the axes that no mean over rings takes out
    for axis, length in enumerate(image.shape):
        ramp = signal.windows.tukey(length, RAMP, sym=True).astype(np.float32)
        image = image * (ramp[:, None] if axis == 0 else ramp)
    spectrum = fft.rfft2(image)
    ky, kx = fft.fftfreq(image.shape[0]), fft.rfftfreq(image.shape[1])
    ring = np.rint(np.hypot(ky[:, None], kx) * min(image.shape)).astype(np.int32)
    number = np.bincount(ring.ravel())
    power = np.bincount(ring.ravel(), (spectrum.real**2 + spectrum.imag**2).ravel()) / np.maximum(number, 1)
    # Wide rings: the mean of a ring of few modes would follow their chance
    power = ndimage.gaussian_filter1d(power, 2, mode="nearest")
    return fft.irfft2(spectrum * (1 / np.sqrt(power + WHITENED * power.max()))[ring].astype(np.float32), image.shape)
