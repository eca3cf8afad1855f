"""The distribution of intensities."""

import numpy as np

__all__ = ["histogram_distance", "ks_statistic", "relative"]


def relative(image):
    """
    An image relative to its mean.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity of shape (ny, nx), in any unit that is 0 without light.

    Returns
    -------
    `~numpy.ndarray`
        The image over its mean; ``float32`` of a ``float32`` image and else ``float64``.

    Raises
    ------
    ValueError
        If the image is not 2-D, not finite, of a mean that is not positive, or the same everywhere.
    """
    image = np.asarray(image)
    if image.ndim != 2:
        raise ValueError(f"expected an image of shape (ny, nx), found {image.shape}")
    image = image.astype(np.float32 if image.dtype == np.float32 else float, copy=False)
    mean = image.mean(dtype=float) if image.size else np.nan
    if not np.isfinite(mean) or not np.isfinite(image).all():
        raise ValueError("expected a finite image, found none or NaN or infinite pixels: fill them or cut them off")
    if mean <= 0:
        raise ValueError(f"expected intensities of positive mean, found {mean}: measure before a mean is taken out")
    if image.min() == image.max():
        raise ValueError(f"expected an image with structure, found {mean} everywhere")
    return image / image.dtype.type(mean)


def ks_statistic(first, second):
    """
    Two-sample Kolmogorov-Smirnov statistic: the largest difference of two cumulative distributions.

    Parameters
    ----------
    first, second : array-like
        The samples.

    Returns
    -------
    `float`
        From 0 (equal) to 1 (disjoint).

    Raises
    ------
    ValueError
        If a sample is empty.
    """
    few, many = sorted((np.sort(np.ravel(first)), np.sort(np.ravel(second))), key=len)
    if not len(few):
        raise ValueError(f"expected two samples with values, found {len(few)} and {len(many)} values")
    # Between two neighbours of the smaller sample its distribution stands still and the other's rises: the largest
    # difference is found just below a value of the smaller one or at it
    differences = (
        np.searchsorted(few, few, side) / len(few) - np.searchsorted(many, few, side) / len(many)
        for side in ("left", "right")
    )
    return float(max(np.abs(difference).max() for difference in differences))


def histogram_distance(image, reference):
    """
    Distance of the distributions of two images' intensities, each relative to its mean.

    Parameters
    ----------
    image, reference : `~numpy.ndarray`
        Intensities, each of any shape (ny, nx).

    Returns
    -------
    `float`
        Kolmogorov-Smirnov statistic over all pixels, 0 to 1.

    Raises
    ------
    ValueError
        If an image is not one of positive mean, finite and with structure.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.granulation.statistics import histogram_distance
    >>> image = np.array([[0.5, 1.5], [0.9, 1.1]])
    >>> histogram_distance(image, 3 * image.T), histogram_distance(image, 1 + 0.1 * (image - 1))
    (0.0, 0.5)
    """
    return ks_statistic(relative(image), relative(reference))
