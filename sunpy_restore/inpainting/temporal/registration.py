"""Frames of one coronagraph on the pixels of another, whose headers know no observer."""

import numpy as np

from astropy.wcs import WCS
from reproject import reproject_adaptive, reproject_interp

__all__ = ["distances", "placed"]

_ALIGNED = 0.02  # pixels; grids that differ by less aren't resampled
_TURNED = 1.0  # degrees from which on shadows lie elsewhere

# Radius of the occulter's shadow and half width of the pylon's, in arcsec, and half its angle in degrees, read off the
# mean of level-0.5 frames of both rolls. The pylon goes down to the left on both detectors, whatever the roll.
_SHADOWS = {"C2": (2200.0, 0.0, 36.0), "C3": (3900.0, 5900.0, 0.0)}
_PYLON = 226.0  # degrees, counter-clockwise from the rows


def distances(smap):
    """
    Distance of each pixel from the Sun's centre.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        Image of shape ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        Arcsec, shape ``(ny, nx)``.
    """
    return np.hypot(*_across(smap, _linear(smap)[0]))


def placed(image, neighbour, smap):
    """
    Bring a frame to the pixels of another one, by pointing and roll of their headers.

    Where scale and roll agree and the shift is one of whole pixels, nothing is resampled. Otherwise the frame is turned
    about the Sun with bilinear interpolation, which keeps brightness, makes no ringing at the occulter, spreads gaps by
    a pixel only and takes a tenth of the time of an adaptive one. That serves where pixels are finer than those of
    the other frame and are to be averaged.

    Parameters
    ----------
    image : `numpy.ndarray`
        What the frame shows, NaN where that is nothing.
    neighbour, smap : pair of `~sunpy.map.GenericMap` and `~sunpy_restore.inpainting.lasco.header.Lasco`
        The frame, and the other one, of shape ``(ny, nx)``.

    Returns
    -------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``; NaN also where occulter or pylon of either frame hide the corona, if they lie elsewhere.
        At level 1 they are masked in the data.
    turned : `bool`
        Whether stray light and vignetting lie elsewhere.
    """
    (own, own_zero), (matrix, zero) = _linear(neighbour[0]), _linear(smap[0])
    shape = smap[0].data.shape
    across = np.linalg.solve(own, matrix)
    shift = own_zero - across @ zero
    whole = np.rint(shift).astype(int)
    corners = np.array([[x, y] for x in (0, shape[1] - 1) for y in (0, shape[0] - 1)])
    if np.abs(corners @ (across - np.eye(2)).T + shift - whole).max() < _ALIGNED:
        result = _shifted(image, whole, shape)
    else:
        result = _resampled(image, _plane(own, own_zero), _plane(matrix, zero), shape, across)
    pylon = _PYLON + smap[1].turn
    other = _PYLON + neighbour[1].turn - np.rad2deg(np.arctan2(across[1, 0], across[0, 0]))
    if abs((other - pylon + 180) % 360 - 180) < _TURNED:
        return result, False
    return np.where(_shadow(*smap, pylon) | _shadow(*smap, other), np.nan, result), True


def _resampled(image, wcs, wanted, shape, across):
    arguments = {"input_data": (image, wcs), "output_projection": wanted, "shape_out": shape, "return_footprint": False}
    if np.sqrt(np.abs(np.linalg.det(across))) > 1.5:
        return reproject_adaptive(**arguments, conserve_flux=False)
    return reproject_interp(**arguments, roundtrip_coords=False)


def _linear(smap):
    """Arcsec per pixel as a matrix, and the pixel (x, y), from 0 on, of the Sun's centre."""
    matrix = smap.rotation_matrix @ np.diag([scale.to_value("arcsec / pix") for scale in smap.scale])
    units = [(1 * unit).to_value("arcsec") for unit in smap.spatial_units]
    value = [float(smap.meta.get(key, 0)) * unit for key, unit in zip(("crval1", "crval2"), units, strict=True)]
    return matrix, np.array([pixel.value for pixel in smap.reference_pixel]) - np.linalg.solve(matrix, value)


def _across(smap, matrix):
    """Coordinates of all pixels about the Sun's centre, multiplied by a matrix."""
    x, y = _linear(smap)[1]
    rows, columns = (np.arange(length) for length in smap.data.shape)
    return np.tensordot(matrix, np.array(np.meshgrid(columns - x, rows - y)), 1)


def _plane(matrix, zero):
    """Linear axes: both frames show the plane that touches the sky at the Sun's centre."""
    wcs = WCS(naxis=2)
    wcs.wcs.cd, wcs.wcs.crpix = matrix, zero + 1
    return wcs


def _shifted(image, shift, shape):
    """``shape`` pixels of an image from ``shift`` (x, y) on, NaN outside of it."""
    result = np.full(shape, np.nan)
    x, y = np.maximum(shift, 0)
    part = image[y : max(shift[1] + shape[0], 0), x : max(shift[0] + shape[1], 0)]
    x, y = np.maximum(-shift, 0)
    result[y : y + part.shape[0], x : x + part.shape[1]] = part
    return result


def _shadow(smap, lasco, pylon):
    """Where occulter and pylon, which goes to that angle in the pixels of the image, hide the corona at level 0.5."""
    if lasco.level == 1:
        return np.zeros(smap.data.shape, dtype=bool)
    occulter, width, wedge = _SHADOWS[lasco.detector]
    right, up = _across(smap, np.sqrt(np.abs(np.linalg.det(_linear(smap)[0]))) * np.eye(2))
    cosine, sine = np.cos(np.deg2rad(pylon)), np.sin(np.deg2rad(pylon))
    along, beside = right * cosine + up * sine, np.abs(up * cosine - right * sine)
    behind = (along > 0) & (beside < np.maximum(width, along * np.tan(np.deg2rad(wedge))))
    return behind | (np.hypot(right, up) < occulter)
