"""What a back-projection of STIX is."""

from typing import NamedTuple

import numpy as np
from scipy import optimize

import astropy.units as u

from sunpy.map import GenericMap

from sunpy_restore.backprojection.fourier import Grid, fitted_visibilities, shifted, weights_of
from sunpy_restore.backprojection.uvplane import UVPlane

__all__ = ["Backprojection", "check_backprojection", "made_by_idl", "read_backprojection", "without_unused"]

_MISFIT = 0.02  # RMS of what is no back-projection; interpolation leaves less
_TURNS = 90  # orientations that are tried; half a turn makes no difference
_AROUND = 130.0  # arcsec from the maximum, where they are tried
_FEW = 12  # pixels
_ROUGHLY = 0.02  # radian that this is good to
_ENOUGH = 64  # rows and columns; of more some are left out
_SMALLEST = 60.0  # arcsec
_NOTHING = 0.01  # of the largest visibility; interpolation puts less where there is none
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
    plane : `~sunpy_restore.backprojection.uvplane.UVPlane`
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
        plane : `~sunpy_restore.backprojection.uvplane.UVPlane`
        grid : `~sunpy_restore.backprojection.fourier.Grid`

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

    The axes of the instrument are those of the Map's coordinates or of its pixels, or turned against them by an angle
    that is found: files of the IDL software don't tell the roll of the spacecraft.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.
    plane : `~sunpy_restore.backprojection.uvplane.UVPlane`
        Points of the (u, v) plane, along the axes of the instrument.
    weighting : ``"natural"`` or ``"uniform"``
        Weights with which it was made.

    Returns
    -------
    `Backprojection`

    Raises
    ------
    ValueError
        It is none of these points, or too small to tell.
    """
    world, data = scale_matrix(smap), np.array(smap.data, dtype=float)
    # What software that turns images has no value for
    data[data == 0] = np.nan
    if smap.mask is not None:
        data[np.broadcast_to(smap.mask, data.shape)] = np.nan
    weights = weights_of(plane, weighting)
    extent = np.linalg.norm(world, axis=0)[::-1] * data.shape
    if extent.min() < _SMALLEST:
        raise ValueError(
            f"Found a field of {extent[0]:.0f} x {extent[1]:.0f} arcsec, expected {_SMALLEST:.0f} or more: the waves "
            "of coarse sub-collimators can't be told apart in a smaller one. Cut the result instead."
        )
    own = np.diag(np.linalg.norm(world, axis=0) * [np.sign(np.linalg.det(world)), 1])
    for matrix in (world, own, None):
        matrix = own @ _turn(_orientation(data, own, plane, weights)) if matrix is None else matrix
        result, misfit = _fitted(data, matrix, plane, weights)
        if misfit < _MISFIT:
            return result
    raise ValueError(
        f"The image is no back-projection of these {len(plane.u)} points of the (u, v) plane ({plane.labels[0]} to "
        f"{plane.labels[-1]}): {misfit:.0%} of it are left unexplained, in any orientation. Say which sub-collimators "
        "it was made of, or give the back-projection as it was made, without resampling."
    )


def made_by_idl(smap):
    """Whether a Map is a back-projection by the IDL software, whose header tells no unit but one that is wrong."""
    return str(smap.meta.get("creator", "")).startswith("stx_map2fits")


def without_unused(back):
    """
    Leave out sub-collimators in which there is nothing, not even noise.

    The IDL software finds flares with sub-collimators 7 to 10 alone, and its headers don't tell.

    Parameters
    ----------
    back : `Backprojection`
        With natural weights, of all sub-collimators that may have been used.

    Returns
    -------
    `Backprojection`
    """
    numbers = np.array([label[:-1] for label in back.plane.labels])
    strength = {number: np.abs(back.found[numbers == number]).max() for number in numbers}
    used = np.array([strength[number] > _NOTHING * max(strength.values()) for number in numbers])
    labels = tuple(label for label, kept in zip(back.plane.labels, used, strict=True) if kept)
    plane = UVPlane(back.plane.u[used], back.plane.v[used], labels)
    # The back-projection is the mean over fewer of them
    return back._replace(found=back.found[used] * used.mean(), plane=plane)


def _fitted(data, matrix, plane, weights):
    """What explains an image, of which every so many rows and columns are enough."""
    steps = np.array([max(n // _ENOUGH, 1) for n in data.shape])
    thin = data[:: steps[0], :: steps[1]]
    grid = _PIXELS._replace(shape=thin.shape)
    found, misfit = fitted_visibilities(thin, in_pixels(plane, matrix * steps[::-1]), grid, weights)
    # From the middle of these to that of the image
    away = [(n - 1) / 2 - step * (m - 1) / 2 for n, m, step in zip(data.shape, thin.shape, steps, strict=True)]
    found = shifted(found, plane, *(matrix @ away[::-1]))
    return Backprojection(matrix, found, plane, data.shape), misfit


def in_pixels(plane, matrix):
    """
    Points of the (u, v) plane along the axes of pixels.

    Parameters
    ----------
    plane : `~sunpy_restore.backprojection.uvplane.UVPlane`
        The points.
    matrix : `numpy.ndarray`
        As of a `Backprojection`.

    Returns
    -------
    `~sunpy_restore.backprojection.uvplane.UVPlane`
        In cycles per step.
    """
    return plane._replace(
        u=matrix[0, 0] * plane.u + matrix[1, 0] * plane.v, v=matrix[0, 1] * plane.u + matrix[1, 1] * plane.v
    )


def _turn(angle):
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def _orientation(data, own, plane, weights):
    """
    The angle from the axes of the instrument to those of the pixels that leaves the smallest misfit.

    First about the maximum, where some degrees make little difference, then on all of the image.
    """
    middle = np.unravel_index(np.nanargmax(data), data.shape)
    halves = np.maximum(_AROUND / np.abs(np.diag(own))[::-1], _FEW).astype(int)
    parts = [slice(max(place - half, 0), place + half + 1) for place, half in zip(middle, halves, strict=True)]
    near = data[tuple(parts)]

    def misfit(angle, image):
        return _fitted(image, own @ _turn(angle), plane, weights)[1]

    angles = np.pi * np.arange(_TURNS) / _TURNS
    best = angles[np.argmin([misfit(angle, near) for angle in angles])]
    for image, around in ((near, np.pi / _TURNS), (data, _ROUGHLY)):
        limits = (best - around, best + around)
        best = optimize.minimize_scalar(misfit, limits, bounds=limits, args=(image,), options={"xatol": 1e-5}).x
    return best
