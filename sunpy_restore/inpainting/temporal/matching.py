"""Match the brightness of one coronagraph image to another one."""

import numpy as np

from sunpy_restore.inpainting.corona.transients import blocks

__all__ = ["match_brightness"]

_BLOCK = 8  # pixels; the fit uses means over such blocks
_FEWEST_BLOCKS = 16
_ORDER = 3  # of the polynomial in the distance to the Sun that the ratio of two images is
_PRIOR = 0.3  # standard deviation of the coefficients of the ratio, and of the offset over the median brightness
_HUBER = 1.345  # standard deviations
_ITERATIONS = 20


def match_brightness(theirs, image, radius):
    """
    Match the brightness of an image to another one, by an offset and a ratio that depends on the distance to the Sun.

    Parameters
    ----------
    theirs, image : `numpy.ndarray`
        The image to match and the other one, shape ``(ny, nx)``, without bias; NaN where unknown.
    radius : `numpy.ndarray`
        Distance to the centre of the Sun in any unit, same shape.

    Returns
    -------
    `numpy.ndarray` or `None`
        ``theirs`` in the unit of ``image``; `None` if the images have too few known pixels in common.
    """
    both = np.isfinite(theirs) & np.isfinite(image)
    means = [blocks(np.where(both, part, np.nan), _BLOCK).mean(axis=-1) for part in (theirs, image, radius)]
    x, y, distance = (part[np.isfinite(means[0])] for part in means)
    if len(x) < _FEWEST_BLOCKS:
        return None
    level, ratio = np.median(np.abs(y)), np.median(y) / np.median(x)
    center, half = (distance.max() + distance.min()) / 2, max((distance.max() - distance.min()) / 2, 1.0)
    # Two images differ by a share of their brightness; structure that is bright in one image only has less weight
    weight = 1 / np.maximum(np.maximum(np.abs(y), np.abs(ratio * x)), level / 10)
    polynomials = np.polynomial.chebyshev.chebvander((distance - center) / half, _ORDER)
    columns = np.column_stack([polynomials * ratio * x[:, None], np.full(len(x), level)]) * weight[:, None]
    *coefficients, offset = _robust_fit(columns, (y - ratio * x) * weight)
    coefficients[0] += 1
    relative = np.polynomial.chebyshev.chebval(np.clip((radius - center) / half, -1, 1), coefficients)
    return ratio * relative * theirs + level * offset


def _robust_fit(columns, wanted):
    """Least squares with the weights of Huber, and a Gaussian prior of the coefficients around zero."""
    solution = np.zeros(columns.shape[1])
    for _ in range(_ITERATIONS):
        residual = np.abs(wanted - columns @ solution)
        spread = max(1.4826 * np.median(residual), 1e-9)
        weight = 1 / np.maximum(residual / (_HUBER * spread), 1)
        prior = (spread / _PRIOR) ** 2 * np.eye(len(solution))
        solution = np.linalg.solve((columns.T * weight) @ columns + prior, columns.T @ (weight * wanted))
    return solution
