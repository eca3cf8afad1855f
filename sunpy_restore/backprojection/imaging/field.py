"""The part of an image in which sources are searched, on pixels that do not depend on those of the image."""

from typing import NamedTuple

import numpy as np

from astropy.stats import gaussian_fwhm_to_sigma

from sunpy_restore.backprojection.visibilities.fourier import Grid, back_projection, shift_phase_center, weights_of

__all__ = ["Field", "gaussians_on", "restrict"]

_PIXEL = 4.0
"""Pixel size in arcsec: a third of the shortest period that the clean beam transmits."""
_LARGEST_SIDE = 384.0
"""Largest side of the field in arcsec."""


class Field(NamedTuple):
    """
    Part of an image.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities with the centre of the field as phase centre, shape ``(n,)``.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid of the field.
    center : pair of `float`
        Centre ``(x, y)`` of the field in arcsec from that of the image.
    """

    visibilities: np.ndarray
    grid: Grid
    center: tuple[float, float]


def restrict(visibilities, points, grid):
    """
    Choose the part of an image in which sources are searched: all of it, or 6.4 arcmin around the maximum.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities with the centre of the image as phase centre, shape ``(n,)``.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane along the axes of the image.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid of the image.

    Returns
    -------
    `Field`
    """
    sides = [max(abs(size) * n, _PIXEL) for size, n in zip(grid.pixel, grid.shape, strict=True)]
    center = [0.0, 0.0]
    if max(sides) > _LARGEST_SIDE:
        # At most as many pixels as the image has, for pixels of any size
        shape = [min(int(np.ceil(side / _PIXEL)), n) for side, n in zip(sides, grid.shape, strict=True)]
        coarse = Grid(tuple(shape), tuple(side / n for side, n in zip(sides, shape, strict=True)))
        dirty = back_projection(visibilities, points, coarse, weights_of(points))
        row, column = np.unravel_index(np.argmax(dirty), dirty.shape)
        for axis, place in ((0, coarse.x[column]), (1, coarse.y[row])):
            side = sides[1 - axis]
            if side > _LARGEST_SIDE:
                limit = (side - _LARGEST_SIDE) / 2
                center[axis] = float(np.clip(place, -limit, limit))
    shape = tuple(int(np.ceil(min(side, _LARGEST_SIDE) / _PIXEL)) for side in sides)
    return Field(shift_phase_center(visibilities, points, *center), Grid(shape, (_PIXEL, _PIXEL)), tuple(center))


def gaussians_on(grid, model, field, fwhm):
    """
    Image of circular Gaussians at the pixels of a field.

    Parameters
    ----------
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid of the image, shape ``(ny, nx)``.
    model : `numpy.ndarray`
        Flux of each Gaussian, in the shape of the grid of the field.
    field : `Field`
        The field.
    fwhm : `float`
        Full width at half maximum of the Gaussians in arcsec.

    Returns
    -------
    `numpy.ndarray`
        Flux per square arcsec, shape ``(ny, nx)``.
    """
    sigma = fwhm * gaussian_fwhm_to_sigma
    along_y, along_x = (
        np.exp(-0.5 * (np.subtract.outer(own - middle, there) / sigma) ** 2)
        for own, middle, there in (
            (grid.y, field.center[1], field.grid.y),
            (grid.x, field.center[0], field.grid.x),
        )
    )
    return along_y @ model @ along_x.T / (2 * np.pi * sigma**2)
