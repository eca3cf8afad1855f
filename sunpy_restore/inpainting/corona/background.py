"""The smooth background of a coronagraph image."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sunpy_restore.inpainting.corona.cells import CELL, cell_medians
from sunpy_restore.inpainting.corona.noise import find_noise

__all__ = ["Background", "find_background", "radial_profile"]

_RING = 4  # pixels between the radii of the profile
_FLOOR = 1e-3  # of the median brightness; smallest brightness in logarithms
_ITERATIONS = 5  # of the reweighted fit
_RIDGE = 1e-5  # regularization of the fit per cell, for images with few valid cells
_HUBER = 2.0  # standard deviations


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
    radii, medians = _Rings((radius[valid] / _RING).astype(np.uint16)).medians(values)
    floor = _FLOOR * np.median(np.abs(values))
    return np.interp(radius, radii, np.maximum(medians, floor))


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
