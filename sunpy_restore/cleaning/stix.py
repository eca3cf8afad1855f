"""What a back-projection of STIX is."""

from typing import NamedTuple

import numpy as np

import astropy.units as u

from sunpy.map import GenericMap

from sunpy_restore.cleaning.fourier import Grid, fitted_visibilities, weights_of
from sunpy_restore.cleaning.uvplane import UVPlane

__all__ = ["Backprojection", "check_backprojection", "read_backprojection"]

_MISFIT = 0.02  # RMS of what is no back-projection; interpolation leaves less
_TURNS = 180  # orientations that are tried; half a turn makes no difference
_PART = 97  # rows and columns on which they are tried
_SKEW = 1e-3  # of the axes of an image
_PIXELS = Grid((1, 1), (1.0, 1.0))


class Backprojection(NamedTuple):
    """
    A back-projection, as its pixels tell it.

    Parameters
    ----------
    matrix : `numpy.ndarray`
        Steps in arcsec along the axes x and y of the instrument from a column to the next (first column of the matrix)
        and from a row to the next, shape ``(2, 2)``.
    found : `numpy.ndarray` of `complex`
        Visibilities with the middle of the image as phase centre, in the unit of the image.
    plane : `~sunpy_restore.cleaning.uvplane.UVPlane`
        Their places, along the axes of the instrument.
    shape : pair of `int`
        Rows and columns of the image.
    """

    matrix: np.ndarray
    found: np.ndarray
    plane: UVPlane
    shape: tuple[int, int]

    def offsets(self):
        """
        Places of the pixels.

        Returns
        -------
        x, y : `numpy.ndarray`
            Along the axes of the instrument in arcsec from the middle of the image, in the shape of the image.
        """
        rows, columns = (np.arange(n) - (n - 1) / 2 for n in self.shape)
        return tuple(row[0] * columns + row[1] * rows[:, np.newaxis] for row in self.matrix)

    def own_axes(self):
        """
        The points of the (u, v) plane and the pixels along the axes of the image.

        Returns
        -------
        plane : `~sunpy_restore.cleaning.uvplane.UVPlane`
        grid : `~sunpy_restore.cleaning.fourier.Grid`

        Raises
        ------
        ValueError
            The axes are not at right angles, so that there is no beam in common.
        """
        sizes = np.linalg.norm(self.matrix, axis=0)
        axes = self.matrix / sizes
        if abs(axes[:, 0] @ axes[:, 1]) > _SKEW:
            raise ValueError("Found axes of the image that are not at right angles, expected those of a camera.")
        return in_pixels(self.plane, axes), Grid(self.shape, (float(sizes[1]), float(sizes[0])))


def check_backprojection(smap, instrument=None, *, named=True):
    """
    Refuse what is not a back-projection, of STIX in the first place.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.
    instrument : ``"STIX"``, optional
        What it shows, for Maps whose header names no instrument.
    named : `bool`
        Whether it must be one of STIX.

    Raises
    ------
    TypeError
        No Map, or one of another instrument.
    ValueError
        A Map without a scale in angles, with pixels that have no sky, or one that was restored already.
    """
    if not isinstance(smap, GenericMap):
        raise TypeError(f"Found {type(smap).__name__}, expected a Map of STIX. sunpy.map.Map(file) makes one.")
    if instrument not in (None, "STIX"):
        raise ValueError(f"Found instrument={instrument!r}, expected 'STIX'. Of other imagers give the visibilities.")
    names = [str(smap.meta.get(key) or "").strip().upper() for key in ("telescop", "instrume")]
    if named and not any("STIX" in name for name in names):
        if any(names):
            raise TypeError(f"Found an image of {' '.join(filter(None, names))}, expected a back-projection of STIX.")
        if instrument is None:
            raise TypeError(
                "Found a Map whose header names no instrument, expected TELESCOP or INSTRUME of STIX. If it is a "
                "back-projection of STIX, as xrayvision makes them, say so: instrument='STIX'."
            )
    if str(smap.meta.get("rsttask", "")).startswith("backproj"):
        raise ValueError(f"Found RSTTASK = {smap.meta['rsttask']!r}: the Map is no back-projection any more.")
    if not np.isfinite(smap.data).any() or not np.nanmax(smap.data) > 0:
        raise ValueError("Found no pixel above zero, expected a back-projection with a source.")


def scale_matrix(smap):
    """
    Steps from pixel to pixel along the axes of a Map's coordinates.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.

    Returns
    -------
    `numpy.ndarray`
        In arcsec, shape ``(2, 2)``.

    Raises
    ------
    ValueError
        The axes are no angles.
    """
    try:
        steps = [(scale * u.pix).to_value(u.arcsec) for scale in smap.scale]
    except u.UnitConversionError as error:
        raise ValueError(f"Found a pixel scale of {tuple(smap.scale)}, expected one in angles.") from error
    return np.diag(steps) @ np.asarray(smap.rotation_matrix)


def read_backprojection(smap, plane, weighting="natural"):
    """
    Find the visibilities that a Map is the back-projection of.

    The axes of the instrument are those of the Map's coordinates, or, where these are helioprojective ones, turned
    against them by an angle that is found, for the roll of the spacecraft is part of it.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.
    plane : `~sunpy_restore.cleaning.uvplane.UVPlane`
        Points of the (u, v) plane, along the axes of the instrument.
    weighting : ``"natural"`` or ``"uniform"``
        Weights with which it was made.

    Returns
    -------
    `Backprojection`

    Raises
    ------
    ValueError
        It is none of these points.
    """
    world, data = scale_matrix(smap), np.asarray(smap.data, dtype=float)
    if smap.mask is not None:
        data = np.where(smap.mask, np.nan, data)
    weights = weights_of(plane, weighting)
    result, misfit = _fitted(data, world, plane, weights)
    if misfit > _MISFIT:
        angle = _orientation(data, world, plane, weights)
        result, misfit = _fitted(data, _turn(angle) @ world, plane, weights)
    if misfit > _MISFIT:
        labels = f"{plane.labels[0]} to {plane.labels[-1]}"
        raise ValueError(
            f"The image is no back-projection of {len(plane.u)} points of the (u, v) plane ({labels}): {misfit:.0%} of "
            "it are left unexplained, in any orientation. Say which sub-collimators it was made of, or give a "
            "back-projection as it was made, without resampling."
        )
    return result


def _fitted(data, matrix, plane, weights):
    grid = _PIXELS._replace(shape=data.shape)
    found, misfit = fitted_visibilities(data, in_pixels(plane, matrix), grid, weights)
    return Backprojection(matrix, found, plane, data.shape), misfit


def in_pixels(plane, matrix):
    """Points of the (u, v) plane in cycles per pixel."""
    return plane._replace(
        u=matrix[0, 0] * plane.u + matrix[1, 0] * plane.v, v=matrix[0, 1] * plane.u + matrix[1, 1] * plane.v
    )


def _turn(angle):
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def _orientation(data, world, plane, weights):
    """The angle by which the coordinates are to be turned for the smallest misfit, on a part of the image."""
    from scipy.optimize import minimize_scalar

    middle = np.unravel_index(np.nanargmax(data), data.shape)
    part = tuple(
        slice(*(int(edge) for edge in np.clip([place - _PART // 2, place + _PART // 2 + 1], 0, n)))
        for place, n in zip(middle, data.shape, strict=True)
    )
    part = data[part]

    def misfit(angle):
        return _fitted(part, _turn(angle) @ world, plane, weights)[1]

    angles = np.pi * np.arange(_TURNS) / _TURNS
    best = angles[np.argmin([misfit(angle) for angle in angles])]
    step = np.pi / _TURNS
    return minimize_scalar(misfit, bounds=(best - step, best + step), method="bounded", options={"xatol": 1e-7}).x
