"""Errors of neighbouring pixels: how they are correlated, and random fields that are correlated in the same way."""

import numpy as np
from scipy import ndimage, optimize

__all__ = [
    "WIDTHS",
    "autocorrelation",
    "cancelling",
    "correlated_field",
    "correlated_with",
    "correlation_at",
    "fit_correlation",
    "from_text",
    "gaussian_terms",
    "to_text",
]

WIDTHS = (0.0, 0.5, 0.8, 1.2, 1.8, 2.7, 4.0, 6.0, 9.0, 14.0, 21.0, 32.0)
WIDTHS += (-0.8, -1.2, -1.8, -2.7, -4.0, -6.0, -9.0)
"""
Kinds of smoothed white noise of which correlated errors consist, in pixels: the width of the Gaussian by which the
noise is smoothed, 0 for noise that is not; a negative one is the width of a Gaussian from which one of twice the width
is subtracted. Sums of such errors over large areas vanish, as those of a deconvolution that conserves flux.
"""

_LARGEST_LAG = 48
_ROUNDING = 1e-10
_ROUNDS = 20  # of the fit of the amplitudes of errors that cancel
_LARGEST_AMPLITUDE = 10.0  # uncertainties
_REACH = 5  # standard deviations at which Gaussians are cut off


def autocorrelation(errors, sigma):
    """
    Sum the products of errors at each distance between pixels, and those of their uncertainties.

    The ratio of both is the correlation. It is dominated by the largest errors, as the variance of a sum of pixels is.

    Parameters
    ----------
    errors : `numpy.ndarray`
        Errors, shape ``(ny, nx)``; values where ``sigma`` is 0 are not used.
    sigma : `numpy.ndarray`
        Uncertainty of each pixel, in the same unit; 0 or False where there is none. Of errors in units of their
        uncertainty, it is True.

    Returns
    -------
    products, expected : `numpy.ndarray`
        Sums of the products of errors and of uncertainties, for distances rounded to integers from 0 on.
    """
    rows, columns = np.nonzero(sigma)
    window = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    sigma = np.asarray(sigma[window], dtype=float)
    errors = np.where(sigma > 0, errors[window], 0.0)
    shape = [2 * length for length in sigma.shape]

    def correlated(image):
        return np.fft.irfft2(np.abs(np.fft.rfft2(image, shape)) ** 2, shape)

    y, x = (np.fft.fftfreq(length, 1 / length) for length in shape)
    distance = np.rint(np.hypot(y[:, np.newaxis], x)).astype(int)
    near = distance <= _LARGEST_LAG
    products, expected = (
        np.bincount(distance[near], correlated(image)[near], minlength=_LARGEST_LAG + 1) for image in (errors, sigma)
    )
    # Rounding errors of the Fourier transform
    return products, np.where(expected > _ROUNDING * expected[0], expected, 0)


def fit_correlation(products, expected):
    """
    Describe a correlation as a sum of those of smoothed white noise.

    Parameters
    ----------
    products, expected : `numpy.ndarray`
        See `autocorrelation`; sums over images.

    Returns
    -------
    `dict` of `float` to `float`
        Kind of smoothed noise, see `WIDTHS`, to its share of the variance; the shares add up to 1.
    """
    known = expected > 0
    measured = products[known] / expected[known]
    measured = measured / measured[0]
    lags = np.arange(len(products))[known]
    basis = np.stack([_smoothed_noise(lags, width) for width in WIDTHS], axis=1)
    # Each ring counts by its area: what matters is the variance of sums over regions
    emphasis = np.sqrt(np.maximum(lags, 0.5))
    shares, _ = optimize.nnls(basis * emphasis[:, np.newaxis], measured * emphasis)
    if not shares.any():
        return {0.0: 1.0}
    shares /= shares.sum()
    return {width: float(share) for width, share in zip(WIDTHS, shares, strict=True) if share > 5e-3}


def gaussian_terms(width):
    """
    Gaussians whose sum is the correlation of a kind of smoothed noise.

    Parameters
    ----------
    width : `float`
        See `WIDTHS`.

    Returns
    -------
    `list` of pairs of `float`
        Standard deviation in pixels and height of each; none for uncorrelated errors.
    """
    if width == 0:
        return []
    if width > 0:
        return [(np.sqrt(2) * width, 1.0)]
    width, wide = -width, -2 * width
    squares = [2 * width**2, 2 * wide**2, width**2 + wide**2]
    # A Gaussian of unit area has a height of 1 / (2 pi sigma^2)
    heights = np.array([1 / squares[0], 1 / squares[1], -2 / squares[2]])
    return list(zip(np.sqrt(squares), heights / heights.sum(), strict=True))


def _smoothed_noise(lags, width):
    if width == 0:
        return (lags == 0).astype(float)
    return sum(height * np.exp(-(lags**2) / (2 * sigma**2)) for sigma, height in gaussian_terms(width))


def correlation_at(lags, correlation):
    """
    Evaluate a correlation at distances between pixels.

    Parameters
    ----------
    lags : `numpy.ndarray`
        Distances in pixels.
    correlation : mapping of `float` to `float`
        See `fit_correlation`.

    Returns
    -------
    `numpy.ndarray`
        In the shape of ``lags``; 1 at zero.
    """
    return sum(share * _smoothed_noise(lags, width) for width, share in correlation.items()) / sum(correlation.values())


def correlated_field(shape, correlation, random):
    """
    Draw a random field of zero mean and unit variance.

    Parameters
    ----------
    shape : `tuple` of `int`
        Shape of the field.
    correlation : mapping of `float` to `float`
        See `fit_correlation`.
    random : `numpy.random.Generator`
        Source of random numbers.

    Returns
    -------
    `numpy.ndarray`
    """
    total = sum(correlation.values())
    field = np.zeros(shape)
    for width, share in correlation.items():
        white = random.standard_normal(shape)
        impulse = np.zeros(shape)
        impulse.flat[0] = 1
        norm = np.sqrt((_smoothed(impulse, width) ** 2).sum())
        field += np.sqrt(share / total) / norm * _smoothed(white, width)
    return field


def _smoothed(image, width):
    if width == 0:
        return image
    smooth = ndimage.gaussian_filter(image, abs(width), mode="wrap", truncate=_REACH)
    if width > 0:
        return smooth
    return smooth - ndimage.gaussian_filter(image, -2 * width, mode="wrap", truncate=_REACH)


def correlated_with(values, correlation):
    """
    Sum over all pixels, weighted with their correlation to each pixel.

    Parameters
    ----------
    values : `numpy.ndarray`
        Values of the pixels, shape ``(ny, nx)``.
    correlation : mapping of `float` to `float`
        See `fit_correlation`.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``. The variance of a sum of pixels with the standard deviations ``s`` is
        ``(s * correlated_with(s, correlation)).sum()``.
    """
    total = sum(correlation.values())
    result = np.zeros(np.shape(values))
    values = np.asarray(values, dtype=float)
    for width, share in correlation.items():
        if width == 0:
            result += share / total * values
        for sigma, height in gaussian_terms(width):
            reach = int(np.ceil(_REACH * sigma))
            kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
            part = values
            for axis in (0, 1):
                part = ndimage.convolve1d(part, kernel, axis=axis, mode="constant")
            result += share / total * height * part
    return result


def cancelling(sigma, correlation, error):
    """
    Describe errors whose sum is known as correlated errors from which shares of their sum are subtracted.

    Parameters
    ----------
    sigma : `numpy.ndarray`
        Uncertainty of each of ``n`` pixels.
    correlation : `numpy.ndarray`
        Correlation before the subtraction, shape ``(n, n)``.
    error : `float`
        Uncertainty of the sum.

    Returns
    -------
    amplitude, share : `numpy.ndarray`
        Standard deviations before the subtraction, with which the errors scatter by ``sigma`` afterwards; and the
        shares, for which they scatter least. Shape ``(n,)``.
    """
    amplitude = sigma
    for _ in range(_ROUNDS):
        with_sum = amplitude * (correlation @ amplitude)
        share = with_sum / with_sum.sum()
        variance = np.maximum(amplitude**2 - share * with_sum, 0) + (share * error) ** 2
        ratio = np.sqrt(variance) / sigma
        amplitude = np.clip(amplitude / np.maximum(ratio, 1 / _LARGEST_AMPLITUDE), 0, _LARGEST_AMPLITUDE * sigma)
    with_sum = amplitude * (correlation @ amplitude)
    return amplitude, with_sum / with_sum.sum()


def to_text(correlation):
    """
    Write a correlation as a value for a FITS header.

    Parameters
    ----------
    correlation : mapping of `float` to `float`
        See `fit_correlation`.

    Returns
    -------
    `str`

    Examples
    --------
    >>> from sunpy_restore.core.numerics.correlation import from_text, to_text
    >>> to_text({0.0: 0.25, 1.8: 0.75})
    '0:0.25 1.8:0.75'
    >>> from_text('0:0.25 1.8:0.75')
    {0.0: 0.25, 1.8: 0.75}
    """
    return " ".join(f"{width:g}:{share:.3g}" for width, share in correlation.items())


def from_text(text):
    """
    Read a correlation from the value in a FITS header.

    Parameters
    ----------
    text : `str`
        See `to_text`.

    Returns
    -------
    `dict` of `float` to `float`

    Raises
    ------
    ValueError
        The text is none of `to_text`.
    """
    try:
        pairs = [tuple(map(float, part.split(":"))) for part in text.split()]
        correlation = dict(pairs)
    except (AttributeError, TypeError, ValueError):
        correlation = {}
    if not correlation or min(correlation.values()) < 0 or not sum(correlation.values()) > 0:
        raise ValueError(
            f"Found the correlation {text!r}; expected pairs like '0:0.25 1.8:0.75'. Restore the image again."
        )
    return correlation
