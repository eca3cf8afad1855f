"""What the corona is like on the whole: a smooth background, and the noise about it."""

from math import comb
from typing import NamedTuple

import numpy as np
from scipy import ndimage

__all__ = ["Background", "find_background", "find_noise", "radial_profile"]

_CELL = 4  # pixels; medians over these make fits robust and fast
_RING = 4  # pixels between the radii of the profile
_FLOOR = 1e-3  # of the median brightness: what is fainter counts as that in logarithms
_ROUNDS = 5  # of reweighting
_RIDGE = 1e-5  # what keeps the fit finite where much is missing
_HUBER = 2.0  # standard deviations
_SCALES = (2.0, 8.0, 32.0, 128.0)  # cells; of the neighbourhoods over which the noise is averaged
_ENOUGH = 0.02  # share of valid cells from which on a neighbourhood counts


class Background(NamedTuple):
    """
    Background of an image, in its unit and shape.

    Parameters
    ----------
    level : `numpy.ndarray`
        Smooth brightness above the bias.
    unit : `numpy.ndarray`
        In which deviations from it are measured: the part of it that has no pattern in it, times the typical noise
        relative to that. It is as smooth as can be, for what is interpolated are deviations in this unit.
    noise : `numpy.ndarray`
        Standard deviation of the noise from pixel to pixel, always positive.
    """

    level: np.ndarray
    unit: np.ndarray
    noise: np.ndarray


def find_background(image, valid, center, pattern=None):
    """
    Fit a smooth background to the valid pixels of an image, and measure the noise about it.

    The background is a radial profile, times a Fourier series of the azimuth of second order whose coefficients change
    smoothly with the logarithm of the radius, times the pattern of the detector where that is known.

    Parameters
    ----------
    image : `numpy.ndarray`
        Brightness above the bias, shape ``(ny, nx)``.
    valid : `numpy.ndarray` of `bool`
        Pixels that can be trusted.
    center : pair of `float`
        Centre of the Sun as ``(x, y)`` in pixels.
    pattern : `numpy.ndarray`, optional
        Logarithm of the detector's response to a smooth corona, shape ``(ny, nx)``.

    Returns
    -------
    `Background`
        Arrays of ``float32``.

    Raises
    ------
    ValueError
        Nowhere are half of the pixels of a cell of 4 x 4 valid.
    """
    image = image.astype(np.float32)
    floor = _FLOOR * np.median(np.abs(image[valid]))
    logarithm = np.log(np.maximum(image, floor, where=valid, out=np.full_like(image, floor)))
    if pattern is not None:
        logarithm -= pattern
    trend = np.exp(_trend(logarithm, valid, center))
    level = trend if pattern is None else trend * np.exp(pattern)
    noise = find_noise(image, valid)
    tiny = np.float32(1e-6 * max(floor, np.finfo(np.float32).tiny * 1e9))
    noise = np.maximum(noise, tiny)
    return Background(level, trend * np.median((noise / trend)[valid]), noise)


def radial_profile(image, valid, center):
    """
    Median brightness of rings about the Sun, as an image.

    Parameters
    ----------
    image, valid, center
        As for `find_background`.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``, always positive.
    """
    rows, columns = np.nonzero(valid)
    radius = np.hypot(columns - center[0], rows - center[1])
    radii, medians = _ring_medians((radius / _RING).astype(int), image[valid])
    floor = _FLOOR * np.median(np.abs(image[valid]))
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    return np.interp(np.hypot(x - center[0], y - center[1]), radii, np.maximum(medians, floor))


def cell_medians(image, valid):
    """
    Medians of the valid pixels in cells of 4 x 4 pixels.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    valid : `numpy.ndarray` of `bool`
        Pixels that count.

    Returns
    -------
    medians : `numpy.ndarray`
        Zero where no pixel of a cell is valid.
    known : `numpy.ndarray` of `bool`
        Whether at least half a cell is valid.
    """
    pads = [(0, -length % _CELL) for length in image.shape]
    values = np.pad(np.where(valid, image, np.inf), pads, constant_values=np.inf)
    rows, columns = (length // _CELL for length in values.shape)
    cells = values.reshape(rows, _CELL, columns, _CELL).transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    cells = np.sort(cells, axis=2)
    count = np.isfinite(cells).sum(axis=2)
    middle = np.take_along_axis(cells, np.maximum(count - 1, 0)[..., np.newaxis] // 2, axis=2)[..., 0]
    return np.where(count > 0, middle, 0).astype(np.float32), count >= _CELL**2 // 2


def find_noise(image, valid, *, order=1):
    """
    The noise from pixel to pixel, from differences in rows, which structure hardly enters.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    valid : `numpy.ndarray` of `bool`
        Pixels that can be trusted; others may have any value.
    order : `int`
        Of the differences. Those of the first order are cheap, but where the image is steep, as at the occulter, they
        are several times the noise; to those of the third order that makes no difference.

    Returns
    -------
    `numpy.ndarray` of ``float32``
        Standard deviation, smoothly over the image, also where it isn't valid.
    """
    difference, known = np.where(valid, image, 0).astype(np.float32, copy=False), valid
    for _ in range(order):
        difference = np.diff(difference, axis=1, append=difference[:, -1:])
        known = known & np.roll(known, -1, axis=1)
        known[:, -1] = False
    # Squares of the binomial coefficients add up to this
    difference = np.abs(difference) / np.float32(np.sqrt(comb(2 * order, order)) * 0.6745)
    return _spread(*cell_medians(difference, known), image.shape)


def _trend(logarithm, valid, center):
    """The smooth background, in logarithms."""
    medians, known = cell_medians(logarithm, valid)
    if not known.any():
        shape = " x ".join(map(str, valid.shape))
        raise ValueError(
            f"Found no {_CELL} x {_CELL} pixels of the {shape} of the image of which half are valid, expected some to "
            "fit a smooth background to. Give a larger part of it, or use method='harmonic'."
        )
    rows, columns = np.nonzero(known)
    half = (_CELL - 1) / 2
    values = medians[known].astype(float)
    radius, basis = _coordinates(_CELL * columns + half, _CELL * rows + half, center)
    basis = np.stack(basis, axis=1)
    ring = (radius / _RING).astype(int)
    deviation = values - np.interp(radius, *_ring_medians(ring, values))
    weight = np.ones(len(values))
    for _ in range(_ROUNDS):
        left = basis * weight[:, np.newaxis]
        # A little ridge, where much is missing
        gram = left.T @ basis + _RIDGE * len(values) * np.eye(basis.shape[1])
        coefficients = np.linalg.solve(gram, left.T @ deviation)
        error = np.abs(deviation - basis @ coefficients)
        weight = 1 / np.maximum(1, error / (_HUBER * 1.4826 * np.median(error) + 1e-12))
        profile = _ring_medians(ring, values - basis @ coefficients)
        deviation = values - np.interp(radius, *profile)
    profile = _extended(*profile)
    y, x = np.ogrid[: logarithm.shape[0], : logarithm.shape[1]]
    radius, basis = _coordinates(x.astype(np.float32), y.astype(np.float32), center)
    fine = np.arange(int(radius.max()) + 2)
    trend = np.interp(fine, *profile).astype(np.float32)
    trend = ndimage.map_coordinates(trend, [radius.ravel()], order=1, mode="nearest").reshape(radius.shape)
    for coefficient, function in zip(coefficients.astype(np.float32), basis, strict=True):
        trend += coefficient * function
    return trend


def _ring_medians(ring, values):
    """Radii and medians over rings."""
    # Short numbers are sorted by counting, many times faster
    order = np.argsort(ring.astype(np.uint16), kind="stable")
    found, starts = np.unique(ring[order], return_index=True)
    medians = [np.median(part) for part in np.split(values[order], starts[1:])]
    return (found + 0.5) * _RING, np.array(medians)


def _extended(radii, values):
    """A profile that goes on for two rings at both ends as steeply as it ends."""
    if len(radii) < 2:
        return radii, values
    beyond = 2 * _RING
    inner, outer = ((values[b] - values[a]) / (radii[b] - radii[a]) for a, b in ((0, 1), (-2, -1)))
    radii = np.concatenate([[radii[0] - beyond], radii, [radii[-1] + beyond]])
    return radii, np.concatenate([[values[0] - inner * beyond], values, [values[-1] + outer * beyond]])


def _coordinates(x, y, center):
    """Radius, and the functions of radius and azimuth that the background is made of besides its profile."""
    dx, dy = x - np.float32(center[0]), y - np.float32(center[1])
    radius = np.maximum(np.hypot(dx, dy), np.float32(1))
    cosine, sine = dx / radius, dy / radius
    height = np.log(radius / 256)
    functions = []
    for wave in (cosine, sine, cosine**2 - sine**2, 2 * cosine * sine):
        functions += [wave, wave * height, wave * height**2]
    return radius, functions


def _spread(values, known, shape):
    """Averages over the smallest neighbourhood with enough known cells, at all pixels of an image."""
    result, missing = np.zeros_like(values), np.ones_like(values)
    for size in _SCALES:
        step = max(int(size // 4), 1)
        weight = _smoothed(known.astype(np.float32), size, step)
        mean = _smoothed(np.where(known, values, 0), size, step) / np.maximum(weight, 1e-6)
        # Not all at once, so that the average is continuous
        share = missing * np.clip(weight / _ENOUGH - 1, 0, 1)
        result, missing = result + share * mean, missing - share
    result += missing * (values[known].mean() if known.any() else 0)
    grid = np.meshgrid(*((np.arange(n, dtype=np.float32) - 1.5) / _CELL for n in shape), indexing="ij", sparse=True)
    return _interpolated(result, *grid)


def _smoothed(image, size, step):
    """Gaussian average, of an image that is thinned out first where that makes no difference."""
    if step == 1:
        return ndimage.gaussian_filter(image, size, mode="constant")
    pads = [(0, -length % step) for length in image.shape]
    padded = np.pad(image, pads)
    rows, columns = (length // step for length in padded.shape)
    thin = padded.reshape(rows, step, columns, step).mean(axis=(1, 3))
    thin = ndimage.gaussian_filter(thin, size / step, mode="constant")
    places = [(np.arange(n, dtype=np.float32) - (step - 1) / 2) / step for n in image.shape]
    return _interpolated(thin, *np.meshgrid(*places, indexing="ij", sparse=True))


def _interpolated(image, rows, columns):
    """Linear interpolation at a grid of rows and columns."""
    for axis, places in ((0, rows.ravel()), (1, columns.ravel())):
        places = np.clip(places, 0, image.shape[axis] - 1)
        low = np.minimum(places.astype(int), max(image.shape[axis] - 2, 0))
        high = np.minimum(low + 1, image.shape[axis] - 1)
        part = (places - low).astype(np.float32)
        part = part[:, np.newaxis] if axis == 0 else part
        image = np.take(image, low, axis) * (1 - part) + np.take(image, high, axis) * part
    return image
