"""The smooth background of a coronagraph image, and its noise."""

from math import comb
from typing import NamedTuple

import numpy as np
from scipy import ndimage

__all__ = ["CELL", "Background", "average_near", "cell_medians", "find_background", "find_noise", "noise_in_cells",
           "on_pixels", "radial_profile"]  # fmt: skip

CELL = 4
"""Pixels along each axis of a cell; fits use medians over cells, which are robust and fast."""

_RING = 4  # pixels between the radii of the profile
_FLOOR = 1e-3  # of the median brightness; smallest brightness in logarithms
_ITERATIONS = 5  # of the reweighted fit
_RIDGE = 1e-5  # regularization of the fit per cell, for images with few valid cells
_HUBER = 2.0  # standard deviations
_SIGMAS = (2.0, 8.0, 32.0, 128.0)  # cells; of the Gaussians with which the noise is averaged
_ENOUGH = 0.02  # least share of valid cells in such an average


class Background(NamedTuple):
    """
    Background of an image, in its unit and shape.

    Parameters
    ----------
    level : `numpy.ndarray`
        Smooth brightness above the bias, times the flat field.
    unit : `numpy.ndarray`
        Unit of deviations from the background: the smooth brightness without the flat field, times the typical relative
        noise. It is smooth, because deviations are interpolated in this unit.
    noise : `numpy.ndarray`
        Standard deviation of the noise per pixel, always positive.
    """

    level: np.ndarray
    unit: np.ndarray
    noise: np.ndarray


def find_background(image, valid, center, flat_field=None):
    """
    Fit a smooth background to the valid pixels of an image, and estimate the noise.

    The background is a radial profile, times the exponential of a second-order Fourier series of the azimuth, whose
    coefficients are quadratic polynomials of the logarithm of the radius, times the flat field if it is given.

    Parameters
    ----------
    image : `numpy.ndarray`
        Brightness above the bias, shape ``(ny, nx)``.
    valid : `numpy.ndarray` of `bool`
        Pixels that are used.
    center : pair of `float`
        Centre of the Sun as ``(x, y)`` in pixels counted from 0.
    flat_field : `numpy.ndarray`, optional
        Logarithm of the response of the detector to a smooth corona, shape ``(ny, nx)``.

    Returns
    -------
    `Background`
        Arrays of ``float32``.

    Raises
    ------
    ValueError
        No cell of 4 x 4 pixels has half of its pixels valid.
    """
    image = image.astype(np.float32)
    floor = _FLOOR * np.median(np.abs(image[valid]))
    logarithm = np.log(np.maximum(image, floor, where=valid, out=np.full_like(image, floor)))
    if flat_field is not None:
        logarithm -= flat_field
    trend = np.exp(_trend(logarithm, valid, center))
    level = trend if flat_field is None else trend * np.exp(flat_field)
    noise = find_noise(image, valid)
    tiny = np.float32(1e-6 * max(floor, np.finfo(np.float32).tiny * 1e9))
    noise = np.maximum(noise, tiny)
    return Background(level, trend * np.median((noise / trend)[valid]), noise)


def radial_profile(image, valid, center):
    """
    Median brightness of rings around the Sun, as an image.

    Parameters
    ----------
    image, valid, center
        As for `find_background`.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``, always positive.
    """
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    radius, values = np.hypot(x - center[0], y - center[1]), image[valid]
    radii, medians = _ring_medians((radius[valid] / _RING).astype(np.uint16), values)
    floor = _FLOOR * np.median(np.abs(values))
    return np.interp(radius, radii, np.maximum(medians, floor))


def cell_medians(image, valid):
    """
    Medians of the valid pixels in cells of 4 x 4 pixels.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    valid : `numpy.ndarray` of `bool`
        Pixels that are used.

    Returns
    -------
    medians : `numpy.ndarray`
        One value per cell, zero without a valid pixel.
    known : `numpy.ndarray` of `bool`
        Whether at least half of the pixels of a cell are valid.
    """
    pads = [(0, -length % CELL) for length in image.shape]
    values = np.pad(np.where(valid, image, np.inf), pads, constant_values=np.inf)
    rows, columns = (length // CELL for length in values.shape)
    cells = values.reshape(rows, CELL, columns, CELL).transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    cells = np.sort(cells, axis=2)
    count = np.isfinite(cells).sum(axis=2)
    middle = np.take_along_axis(cells, np.maximum(count - 1, 0)[..., np.newaxis] // 2, axis=2)[..., 0]
    return np.where(count > 0, middle, 0).astype(np.float32), count >= CELL**2 // 2


def on_pixels(cells, shape):
    """
    Interpolate values of cells of 4 x 4 pixels linearly at all pixels.

    Parameters
    ----------
    cells : `numpy.ndarray`
        One value per cell.
    shape : pair of `int`
        Shape ``(ny, nx)`` of the image.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``.
    """
    grid = np.meshgrid(*((np.arange(n, dtype=np.float32) - 1.5) / CELL for n in shape), indexing="ij", sparse=True)
    return _interpolated(cells, *grid)


def find_noise(image, valid, *, order=1):
    """
    Estimate the noise per pixel from differences along rows, which contain little structure.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    valid : `numpy.ndarray` of `bool`
        Pixels that are used; others may have any value.
    order : `int`
        Order of the differences. First-order differences are cheap, but exceed the noise several times at steep
        gradients such as the edge of the occulter. Third-order differences do not.

    Returns
    -------
    `numpy.ndarray` of ``float32``
        Standard deviation, smooth over the image, also in pixels that are not valid.
    """
    return on_pixels(average_near(*noise_in_cells(image, valid, order=order)), image.shape)


def noise_in_cells(image, valid, *, order):
    """
    Estimate the noise per pixel in cells of 4 x 4 pixels.

    Parameters
    ----------
    image, valid, order
        As for `find_noise`.

    Returns
    -------
    noise : `numpy.ndarray` of ``float32``
        Standard deviation, one value per cell.
    known : `numpy.ndarray` of `bool`
        Whether half of the differences of a cell are known.
    """
    difference, known = np.where(valid, image, 0).astype(np.float32, copy=False), valid
    for _ in range(order):
        difference = np.diff(difference, axis=1, append=difference[:, -1:])
        known = known & np.roll(known, -1, axis=1)
        known[:, -1] = False
    # The variance of a difference is the sum of the squared binomial coefficients
    return cell_medians(np.abs(difference) / np.float32(np.sqrt(comb(2 * order, order)) * 0.6745), known)


def average_near(values, known):
    """
    Average cells over the smallest neighbourhood with enough known ones.

    Parameters
    ----------
    values : `numpy.ndarray`
        One value per cell.
    known : `numpy.ndarray` of `bool`
        Cells that are used; others may have any value.

    Returns
    -------
    `numpy.ndarray`
        Smooth averages at all cells, also at those that are not known.
    """
    result, missing = np.zeros_like(values), np.ones_like(values)
    for size in _SIGMAS:
        step = max(int(size // 4), 1)
        weight = _smoothed(known.astype(np.float32), size, step)
        mean = _smoothed(np.where(known, values, 0), size, step) / np.maximum(weight, 1e-6)
        # A gradual transition keeps the average continuous
        share = missing * np.clip(weight / _ENOUGH - 1, 0, 1)
        result, missing = result + share * mean, missing - share
    result += missing * (values[known].mean() if known.any() else 0)
    return result


def _trend(logarithm, valid, center):
    """Logarithm of the smooth background."""
    medians, known = cell_medians(logarithm, valid)
    if not known.any():
        shape = " x ".join(map(str, valid.shape))
        raise ValueError(
            f"Found no cell of {CELL} x {CELL} pixels with half of them valid in an image of {shape} pixels; "
            "expected some to fit a smooth background to. Use a larger part of the image, or method='harmonic'."
        )
    rows, columns = np.nonzero(known)
    half = (CELL - 1) / 2
    values = medians[known].astype(float)
    radius, basis = _coordinates(CELL * columns + half, CELL * rows + half, center)
    basis = np.stack(basis, axis=1)
    rings = _Rings((radius / _RING).astype(int))
    deviation = values - np.interp(radius, *rings.medians(values))
    weight = np.ones(len(values))
    for _ in range(_ITERATIONS):
        left = basis * weight[:, np.newaxis]
        # The ridge keeps the fit finite where few cells are valid
        gram = left.T @ basis + _RIDGE * len(values) * np.eye(basis.shape[1])
        coefficients = np.linalg.solve(gram, left.T @ deviation)
        error = np.abs(deviation - basis @ coefficients)
        weight = 1 / np.maximum(1, error / (_HUBER * 1.4826 * np.median(error) + 1e-12))
        profile = rings.medians(values - basis @ coefficients)
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
    """Radii and medians of rings."""
    return _Rings(ring).medians(values)


class _Rings:
    """Rings of pixels or cells, given by their numbers."""

    def __init__(self, ring):
        # NumPy sorts 16-bit integers by counting, which is many times faster
        self.order = np.argsort(ring.astype(np.uint16, copy=False), kind="stable")
        found, starts = np.unique(ring[self.order], return_index=True)
        self.radii, self.starts = (found + 0.5) * _RING, starts

    def medians(self, values):
        """Radii and medians of the rings."""
        parts = np.split(values[self.order], self.starts[1:])
        return self.radii, np.array([_median(part) for part in parts])


def _median(values):
    """Median of finite values, several times faster than that of NumPy for a few of them."""
    half = len(values) // 2
    if len(values) % 2:
        return np.partition(values, half)[half]
    low, high = np.partition(values, (half - 1, half))[half - 1 : half + 1]
    return (low + high) / 2


def _extended(radii, values):
    """A profile that is extrapolated linearly by two rings at both ends."""
    if len(radii) < 2:
        return radii, values
    beyond = 2 * _RING
    inner, outer = ((values[b] - values[a]) / (radii[b] - radii[a]) for a, b in ((0, 1), (-2, -1)))
    radii = np.concatenate([[radii[0] - beyond], radii, [radii[-1] + beyond]])
    return radii, np.concatenate([[values[0] - inner * beyond], values, [values[-1] + outer * beyond]])


def _coordinates(x, y, center):
    """Radius, and the basis functions of the background in addition to its profile."""
    dx, dy = x - np.float32(center[0]), y - np.float32(center[1])
    radius = np.maximum(np.hypot(dx, dy), np.float32(1))
    cosine, sine = dx / radius, dy / radius
    height = np.log(radius / 256)
    functions = []
    for wave in (cosine, sine, cosine**2 - sine**2, 2 * cosine * sine):
        functions += [wave, wave * height, wave * height**2]
    return radius, functions


def _smoothed(image, size, step):
    """Gaussian average; for large widths it is computed on a coarser grid."""
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
