"""Axes and pixels of Maps, in the coordinates of the sky and of the instrument."""

import numpy as np

import astropy.units as u

__all__ = ["map_center", "points_in_pixels", "rotation", "scale_matrix"]

_PER_PIXEL = u.arcsec / u.pix


def scale_matrix(smap):
    """
    Steps from pixel to pixel along the coordinate axes of a Map.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.

    Returns
    -------
    `numpy.ndarray`
        In arcsec, shape ``(2, 2)``: the first column is the step from a column of the image to the next one, the second
        column is that from a row to the next one.
    """
    steps = [scale.to_value(_PER_PIXEL) for scale in smap.scale]
    return np.diag(steps) @ np.asarray(smap.rotation_matrix)


def map_center(smap, steps):
    """
    Centre of a Map in the tangent plane.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.
    steps : `numpy.ndarray`
        Its `scale_matrix`.

    Returns
    -------
    pair of `float`
        Coordinates ``(x, y)`` in arcsec.
    """
    away = [(n - 1) / 2 - pixel.value for n, pixel in zip(smap.data.shape[::-1], smap.reference_pixel, strict=True)]
    reference = [
        (smap.meta.get(f"crval{axis}", 0.0) * unit).to_value(u.arcsec)
        for axis, unit in zip((1, 2), smap.spatial_units, strict=True)
    ]
    return tuple(reference + steps @ away)


def rotation(angle):
    """
    Matrix that rotates vectors counterclockwise.

    Parameters
    ----------
    angle : `float`
        Angle in radian.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(2, 2)``.
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def points_in_pixels(points, matrix):
    """
    Spatial frequencies along the pixel axes of an image.

    Parameters
    ----------
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane along the axes of the instrument, in cycles per arcsec.
    matrix : `numpy.ndarray`
        Steps from pixel to pixel, see `~sunpy_restore.backprojection.observation.Observation`.

    Returns
    -------
    `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        In cycles per pixel.
    """
    return points._replace(
        u=matrix[0, 0] * points.u + matrix[1, 0] * points.v, v=matrix[0, 1] * points.u + matrix[1, 1] * points.v
    )
