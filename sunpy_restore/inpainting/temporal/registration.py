"""Alignment of coronagraph images whose headers have no observer."""

import numpy as np

from astropy.wcs import WCS
from reproject import reproject_adaptive, reproject_interp

__all__ = ["aligned", "distances"]

_TOLERANCE = 0.02  # pixels; grids with smaller differences are not resampled
_LEAST_TURN = 1.0  # degrees; shadows of images with smaller differences in roll are in the same place

# Radius of the shadow of the occulter and half width of that of the pylon, in arcsec, and half its angle in degrees,
# from the mean of level-0.5 images of both roll angles. The pylon points down to the left on both detectors at any roll
# angle.
_SHADOWS = {"C2": (2200.0, 0.0, 36.0), "C3": (3900.0, 5900.0, 0.0)}
_PYLON = 226.0  # degrees, counter-clockwise from the rows


def distances(smap):
    """
    Distance of each pixel from the centre of the Sun.

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


def aligned(image, neighbour, smap):
    """
    Align an image with another one, by the pointing and the roll angles of their headers.

    Images with the same scale and roll angle and a shift by whole pixels are not resampled. Other images are rotated
    about the Sun by bilinear interpolation. It keeps the brightness, has no ringing at the occulter, enlarges gaps by
    one pixel only, and takes a tenth of the time of adaptive resampling. The latter is used if the pixels are finer
    than those of the other image and have to be averaged.

    Parameters
    ----------
    image : `numpy.ndarray`
        The image, NaN in invalid pixels.
    neighbour, smap : pair of `~sunpy.map.GenericMap` and `~sunpy_restore.inpainting.lasco.header.Lasco`
        Map and properties of the image, and those of the other image, which has shape ``(ny, nx)``.

    Returns
    -------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``; NaN also where the occulter or the pylon of either image hide the corona, if their positions
        differ. At level 1 they are masked in the data.
    turned : `bool`
        Whether stray light and vignetting have different positions.
    """
    (own, own_zero), (matrix, zero) = _linear(neighbour[0]), _linear(smap[0])
    shape = smap[0].data.shape
    across = np.linalg.solve(own, matrix)
    shift = own_zero - across @ zero
    whole = np.rint(shift).astype(int)
    corners = np.array([[x, y] for x in (0, shape[1] - 1) for y in (0, shape[0] - 1)])
    if np.abs(corners @ (across - np.eye(2)).T + shift - whole).max() < _TOLERANCE:
        result = _shifted(image, whole, shape)
    else:
        result = _resampled(image, _linear_wcs(own, own_zero), _linear_wcs(matrix, zero), shape, across)
    pylon = _PYLON + smap[1].turn
    other = _PYLON + neighbour[1].turn - np.rad2deg(np.arctan2(across[1, 0], across[0, 0]))
    if abs((other - pylon + 180) % 360 - 180) < _LEAST_TURN:
        return result, False
    return np.where(_shadow(*smap, pylon) | _shadow(*smap, other), np.nan, result), True


def _resampled(image, wcs, wanted, shape, across):
    arguments = {"input_data": (image, wcs), "output_projection": wanted, "shape_out": shape, "return_footprint": False}
    if np.sqrt(np.abs(np.linalg.det(across))) > 1.5:
        return reproject_adaptive(**arguments, conserve_flux=False)
    return reproject_interp(**arguments, roundtrip_coords=False)


def _linear(smap):
    """Matrix of arcsec per pixel, and the pixel (x, y), counted from 0, of the centre of the Sun."""
    matrix = smap.rotation_matrix @ np.diag([scale.to_value("arcsec / pix") for scale in smap.scale])
    units = [(1 * unit).to_value("arcsec") for unit in smap.spatial_units]
    value = [float(smap.meta.get(key, 0)) * unit for key, unit in zip(("crval1", "crval2"), units, strict=True)]
    return matrix, np.array([pixel.value for pixel in smap.reference_pixel]) - np.linalg.solve(matrix, value)


def _across(smap, matrix):
    """Coordinates of all pixels relative to the centre of the Sun, multiplied by a matrix."""
    x, y = _linear(smap)[1]
    rows, columns = (np.arange(length) for length in smap.data.shape)
    return np.tensordot(matrix, np.array(np.meshgrid(columns - x, rows - y)), 1)


def _linear_wcs(matrix, zero):
    """A WCS of linear axes: both images are projected on the tangent plane at the centre of the Sun."""
    wcs = WCS(naxis=2)
    wcs.wcs.cd, wcs.wcs.crpix = matrix, zero + 1
    return wcs


def _shifted(image, shift, shape):
    """``shape`` pixels of an image that begin at ``shift`` (x, y), NaN outside of the image."""
    result = np.full(shape, np.nan)
    x, y = np.maximum(shift, 0)
    part = image[y : max(shift[1] + shape[0], 0), x : max(shift[0] + shape[1], 0)]
    x, y = np.maximum(-shift, 0)
    result[y : y + part.shape[0], x : x + part.shape[1]] = part
    return result


def _shadow(smap, lasco, pylon):
    """Pixels that the occulter, and the pylon at this angle in the image, hide at level 0.5."""
    if lasco.level == 1:
        return np.zeros(smap.data.shape, dtype=bool)
    occulter, width, wedge = _SHADOWS[lasco.detector]
    right, up = _across(smap, np.sqrt(np.abs(np.linalg.det(_linear(smap)[0]))) * np.eye(2))
    cosine, sine = np.cos(np.deg2rad(pylon)), np.sin(np.deg2rad(pylon))
    along, across = right * cosine + up * sine, np.abs(up * cosine - right * sine)
    behind = (along > 0) & (across < np.maximum(width, along * np.tan(np.deg2rad(wedge))))
    return behind | (np.hypot(right, up) < occulter)
