"""Relative intensities and their distribution."""

import numpy as np
from scipy.stats import ks_1samp, ks_2samp

__all__ = ["histogram_distance", "ks_statistic", "ks_to_quantiles", "relative"]


def relative(image):
    """
    Divide an image by its mean.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity of shape ``(ny, nx)``, in any unit that is 0 without light.

    Returns
    -------
    `~numpy.ndarray`
        Relative intensity; ``float32`` for a ``float32`` image, else ``float64``.

    Raises
    ------
    ValueError
        The image is not 2-D, not finite, constant, or its mean is not positive.
    """
    image = np.asarray(image)
    if image.ndim != 2:
        raise ValueError(f"Found an image of shape {image.shape}; expected (ny, nx).")
    image = image.astype(np.float32 if image.dtype == np.float32 else float, copy=False)
    mean = image.mean(dtype=float) if image.size else np.nan
    if not np.isfinite(mean) or not np.isfinite(image).all():
        raise ValueError(
            "Found an empty image, or NaN or infinite pixels; expected a finite image. Fill these pixels or crop the "
            "image."
        )
    if mean <= 0:
        raise ValueError(f"Found the mean intensity {mean}; expected a positive one. Do not subtract the mean before.")
    if image.min() == image.max():
        raise ValueError(f"Found the value {mean} everywhere; expected an image with structure.")
    return image / image.dtype.type(mean)


def ks_statistic(first, second):
    """
    Two-sample Kolmogorov-Smirnov statistic.

    Parameters
    ----------
    first, second : array-like
        The samples, not empty.

    Returns
    -------
    `float`
        From 0 (equal) to 1 (disjoint).
    """
    # The exact probability, which is not needed, would take long
    return float(ks_2samp(np.ravel(first), np.ravel(second), method="asymp").statistic)


def ks_to_quantiles(values, quantiles):
    """
    Kolmogorov-Smirnov statistic of a sample and a distribution.

    Parameters
    ----------
    values : array-like
        The sample, not empty.
    quantiles : sequence of `float`
        Increasing values of the distribution at equal steps of its cumulative probability, from 0 to 1. The cumulative
        probability is linear between them.

    Returns
    -------
    `float`
        From 0 (equal) to 1 (disjoint).
    """
    levels = np.linspace(0, 1, len(quantiles))
    return float(ks_1samp(np.ravel(values), lambda x: np.interp(x, quantiles, levels), method="asymp").statistic)


def histogram_distance(image, reference):
    """
    Distance between the distributions of two images' relative intensities.

    Parameters
    ----------
    image, reference : `~numpy.ndarray`
        Intensities, each of any shape ``(ny, nx)``.

    Returns
    -------
    `float`
        Kolmogorov-Smirnov statistic of all pixels, from 0 to 1.

    Raises
    ------
    ValueError
        An image is not 2-D, not finite, constant, or its mean is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.granulation.statistics import histogram_distance
    >>> image = np.array([[0.5, 1.5], [0.9, 1.1]])
    >>> histogram_distance(image, 3 * image.T), histogram_distance(image, 1 + 0.1 * (image - 1))
    (0.0, 0.5)
    """
    return ks_statistic(relative(image), relative(reference))
