"""The smooth background of a coronagraph image."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from sunpy_restore.inpainting.corona.cells import CELL, cell_medians
from sunpy_restore.inpainting.corona.noise import find_noise
from sunpy_restore.inpainting.corona.poor_rings import RING, PoorRings, coordinates

__all__ = ["Background", "find_background", "fit_background", "logarithm_of", "radial_profile"]

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


def find_background(image, valid, center, flat_field=None, *, mean_corona=None, missing=None):
    """
    Fit a smooth background to the valid pixels of an image, and estimate the noise.

    The background is a radial profile, times the exponential of a second-order Fourier series of the azimuth, whose
    coefficients are quadratic polynomials of the logarithm of the radius, times the flat field if it is given. In rings
    of which less than 20 % is observed, it is blended with the mean corona by the observed share, see
    `~sunpy_restore.inpainting.corona.poor_rings.PoorRings`.

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
    mean_corona : `~sunpy_restore.inpainting.lasco.mean_corona.MeanCorona`, optional
        The mean corona. Without it, the background is extrapolated into rings that are not observed.
    missing : `numpy.ndarray` of `bool`, optional
        Missing pixels, without those that are never observed, shape ``(ny, nx)``. Required with ``mean_corona``.

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
    logarithm = logarithm_of(image, valid, flat_field)
    trend = np.exp(_trend(logarithm, valid, center, mean_corona, missing))
    level = trend if flat_field is None else trend * np.exp(flat_field)
    noise = find_noise(image, valid)
    floor = _floor(image, valid)
    tiny = np.float32(1e-6 * max(floor, np.finfo(np.float32).tiny * 1e9))
    noise = np.maximum(noise, tiny)
    return Background(level, trend * np.median((noise / trend)[valid]), noise)


def fit_background(logarithm, valid, center, mean_corona=None, missing=None):
    """
    Fit the profile and the waves in azimuth of a smooth background.

    Parameters
    ----------
    logarithm : `numpy.ndarray`
        Logarithm of the brightness above the bias, without the flat field, shape ``(ny, nx)``.
    valid, center, mean_corona, missing
        As for `find_background`.

    Returns
    -------
    coefficients : `numpy.ndarray`
        Of the functions of `~sunpy_restore.inpainting.corona.poor_rings.coordinates`.
    radii, profile : `numpy.ndarray`
        Radii of rings around the Sun, and the logarithm of their brightness without the waves.

    Raises
    ------
    ValueError
        No cell of 4 x 4 pixels has half of its pixels valid.
    """
    medians, known = cell_medians(logarithm, valid)
    if not known.any():
        shape = " x ".join(map(str, valid.shape))
        raise ValueError(
            f"Found no cell of {CELL} x {CELL} pixels with half of them valid in an image of {shape} pixels; "
            "expected some to fit a smooth background to. Use a larger part of the image, or method='harmonic'."
        )
    rows, columns = np.nonzero(known)
    half = (CELL - 1) / 2
    radius, basis = coordinates(CELL * columns + half, CELL * rows + half, center)
    poor = None if mean_corona is None else PoorRings(mean_corona, known, missing, center)
    return _fit(medians[known].astype(float), radius, np.stack(basis, axis=1), poor or None)


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
    radii, medians = _Rings((radius[valid] / RING).astype(np.uint16)).medians(values)
    floor = _FLOOR * np.median(np.abs(values))
    return np.interp(radius, radii, np.maximum(medians, floor))


def logarithm_of(image, valid, flat_field=None):
    """
    Logarithm of the brightness of valid pixels.

    Parameters
    ----------
    image, valid, flat_field
        As for `find_background`.

    Returns
    -------
    `numpy.ndarray` of ``float32``
        Without the flat field. The brightness is at least 0.1 % of its median; that of other pixels is arbitrary.
    """
    image = image.astype(np.float32)
    floor = _floor(image, valid)
    logarithm = np.log(np.maximum(image, floor, where=valid, out=np.full_like(image, floor)))
    return logarithm if flat_field is None else logarithm - flat_field


def _floor(image, valid):
    """Smallest brightness in logarithms."""
    return _FLOOR * np.median(np.abs(image[valid]))


def _trend(logarithm, valid, center, mean_corona, missing):
    """Logarithm of the smooth background."""
    coefficients, radii, profile = fit_background(logarithm, valid, center, mean_corona, missing)
    profile = _extended(radii, profile)
    y, x = np.ogrid[: logarithm.shape[0], : logarithm.shape[1]]
    radius, basis = coordinates(x.astype(np.float32), y.astype(np.float32), center)
    fine = np.arange(int(radius.max()) + 2)
    trend = np.interp(fine, *profile).astype(np.float32)
    trend = ndimage.map_coordinates(trend, [radius.ravel()], order=1, mode="nearest").reshape(radius.shape)
    for coefficient, function in zip(coefficients.astype(np.float32), basis, strict=True):
        trend += coefficient * function
    return trend


def _fit(values, radius, basis, poor):
    """Coefficients, radii and profile, by least squares with robust weights."""
    rings = _Rings((radius / RING).astype(int))

    def profile_of(rest):
        profile = rings.medians(rest)
        return profile if poor is None else poor.profile(*profile)

    deviation = values - np.interp(radius, *profile_of(values))
    weight = np.ones(len(values))
    for _ in range(_ITERATIONS):
        left = basis * weight[:, np.newaxis]
        # The ridge keeps the fit finite where few cells are valid
        gram = left.T @ basis + _RIDGE * len(values) * np.eye(basis.shape[1])
        moment = left.T @ deviation
        if poor is not None:
            gram, moment = gram + poor.gram, moment + poor.moment
        coefficients = np.linalg.solve(gram, moment)
        error = np.abs(deviation - basis @ coefficients)
        weight = 1 / np.maximum(1, error / (_HUBER * 1.4826 * np.median(error) + 1e-12))
        profile = profile_of(values - basis @ coefficients)
        deviation = values - np.interp(radius, *profile)
    return coefficients, *profile


class _Rings:
    """Rings of pixels or cells, given by their numbers."""

    def __init__(self, ring):
        # NumPy sorts 16-bit integers by counting, which is many times faster
        self.order = np.argsort(ring.astype(np.uint16, copy=False), kind="stable")
        found, starts = np.unique(ring[self.order], return_index=True)
        self.radii, self.starts = (found + 0.5) * RING, starts

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
    beyond = 2 * RING
    inner, outer = ((values[b] - values[a]) / (radii[b] - radii[a]) for a, b in ((0, 1), (-2, -1)))
    radii = np.concatenate([[radii[0] - beyond], radii, [radii[-1] + beyond]])
    return radii, np.concatenate([[values[0] - inner * beyond], values, [values[-1] + outer * beyond]])
