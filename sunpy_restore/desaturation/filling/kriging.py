"""
Kriging: the expected brightness of damaged pixels, given the valid ones around them.

The logarithm of the brightness is taken for a Gaussian random field whose covariance is fitted to the surroundings of
each region. Unlike the biharmonic fill, which continues the slope at the border, it returns to the average brightness
over the distance at which the image is no longer correlated.
"""

import numpy as np
from scipy import ndimage
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import nnls

__all__ = ["fitted_covariance", "kriging"]

_FLOOR = 0.1  # units of the scale, added to brightness before its logarithm
_LENGTHS = (1.5, 3.0, 6.0, 12.0, 24.0, 48.0)  # pixels, of the terms of the covariance
_LAGS = (1, 2, 3, 4, 6, 8, 11, 16, 22, 32)  # pixels
_DIRECTIONS = ((0, 1), (1, 0), (0.7, 0.7), (0.7, -0.7))
_AROUND = 40  # pixels around a region that the covariance is fitted to
_FEWEST = 20  # pairs of pixels at a lag
_GRIDS = ((2.5, 1), (8.0, 2), (24.0, 4))  # up to a distance from the region, every so many rows and columns are used
_MOST = 1500  # valid pixels that a region is filled from
_NUGGET = 1e-4  # least variance of independent noise, in variances of the field
_TREND_LENGTH = 20.0  # pixels
_SMALLEST = 1e-12  # of a semivariance


def kriging(image, mask, regions):
    """
    Fill regions with the expected brightness, clipped to the range of the valid pixels.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(h, w)``, in units of a typical value; finite outside of the mask.
    mask : `numpy.ndarray` of `bool`
        Pixels whose values are not used.
    regions : iterable of pairs
        Rows and columns of a box around a region, and its pixels in the box, as ``place`` and ``own`` of
        `~sunpy_restore.desaturation.filling.mixture.Region`.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Shape ``(h, w)``; pixels outside of the regions keep their values.
    """
    filled = np.array(image, dtype=float)
    low, high = filled[~mask].min(), filled[~mask].max()
    for place, own in regions:
        logarithm = np.log(np.maximum(image[place], 0).astype(float) + _FLOOR)
        expected = _expected(logarithm, own, ~mask[place])
        filled[place][own] = np.clip(np.exp(expected) - _FLOOR, low, high)
    return filled


def fitted_covariance(field, valid):
    """
    Fit an isotropic covariance to the mean squared differences of a field.

    Parameters
    ----------
    field : `numpy.ndarray`
        Shape ``(h, w)``.
    valid : `numpy.ndarray` of `bool`
        Pixels whose values are used.

    Returns
    -------
    covariance : callable
        ``covariance(distance)``, of the field without noise: a sum of Matern covariances of the orders 3/2 and 5/2.
    noise : `float`
        Variance of independent noise.
    """
    distances, halves = _semivariances(field, valid)
    if not len(halves):
        distances, halves = np.array([1.0]), np.array([_SMALLEST])
    terms = [(kind, length) for kind in (_matern_3, _matern_5) for length in _LENGTHS]
    columns = [1 - kind(distances / length) for kind, length in terms] + [np.ones_like(distances)]
    weights = nnls(np.stack(columns, axis=1) / halves[:, None], np.ones_like(halves))[0]

    def covariance(distance):
        parts = [weight * kind(distance / length) for weight, (kind, length) in zip(weights, terms, strict=False)]
        return np.sum(parts, axis=0) + _SMALLEST * _matern_3(distance / _LENGTHS[-1])

    return covariance, weights[-1]


def _semivariances(field, valid):
    """Distances of pairs of valid pixels and half of their mean squared difference."""
    distances, halves = [], []
    for step in dict.fromkeys((round(lag * down), round(lag * right)) for lag in _LAGS for down, right in _DIRECTIONS):
        near, far = (tuple(slice(max(sign * n, 0), min(sign * n, 0) or None) for n in step) for sign in (1, -1))
        both = valid[near] & valid[far]
        if step != (0, 0) and np.count_nonzero(both) >= _FEWEST:
            distances.append(np.hypot(*step))
            halves.append(max(np.mean((field[near][both] - field[far][both]) ** 2) / 2, _SMALLEST))
    return np.array(distances), np.array(halves)


def _matern_3(distance):
    scaled = np.sqrt(3) * distance
    return (1 + scaled) * np.exp(-scaled)


def _matern_5(distance):
    scaled = np.sqrt(5) * distance
    return (1 + scaled + scaled**2 / 3) * np.exp(-scaled)


def _expected(field, own, valid):
    """The best linear unbiased estimate, with a linear trend of unknown coefficients."""
    distance = ndimage.distance_transform_edt(~own)
    covariance, noise = fitted_covariance(field, valid & (distance <= _AROUND))
    used, wanted = np.argwhere(_used(distance, valid)), np.argwhere(own)
    rows, columns = np.indices(own.shape)
    table = covariance(np.hypot(rows, columns))

    def between(first, second):
        apart = np.abs(first[:, None] - second[None])
        return table[apart[..., 0], apart[..., 1]]

    def trend(places):
        return np.column_stack([np.ones(len(places)), (places - wanted.mean(axis=0)) / _TREND_LENGTH])

    matrix = between(used, used)
    matrix[np.diag_indices(len(used))] += noise + _NUGGET * table[0, 0]
    known, terms = field[tuple(used.T)], trend(used)
    solved = cho_solve(cho_factor(matrix, lower=True), np.column_stack([known, terms]))
    coefficients = np.linalg.lstsq(terms.T @ solved[:, 1:], terms.T @ solved[:, 0], rcond=None)[0]
    weights = solved[:, 0] - solved[:, 1:] @ coefficients
    return between(wanted, used) @ weights + trend(wanted) @ coefficients


def _used(distance, valid):
    """Valid pixels near a region: all next to it, fewer farther away, and not more than `_MOST`."""
    rows, columns = np.indices(valid.shape)
    coarser = 1
    while True:
        used = np.zeros(valid.shape, dtype=bool)
        for most, step in _GRIDS:
            used |= (distance <= most) & ((rows + columns) % coarser == 0) & (rows % step == 0) & (columns % step == 0)
        used &= valid
        if np.count_nonzero(used) <= _MOST:
            return used if used.any() else valid
        coarser += 1
