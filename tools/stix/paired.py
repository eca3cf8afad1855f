"""Pairs of a back-projection and a CLEAN image of an observation, as Lastufka (2022) trained on."""

from typing import NamedTuple

import numpy as np

import astropy.units as u

import sunpy.map
from sunpy.map import GenericMap

from sunpy_restore.backprojection.imaging.clean import clean_visibilities
from sunpy_restore.backprojection.visibilities.fourier import Grid, back_projection, weights_of
from sunpy_restore.backprojection.visibilities.measured import read_visibilities
from .attitude import sky_header

__all__ = ["Pair", "normalized", "paired"]


class Pair(NamedTuple):
    """
    Two images of an observation on the same pixels.

    Parameters
    ----------
    dirty : `~sunpy.map.GenericMap`
        Back-projection with natural weights, in the unit of the visibilities.
    cleaned : `~sunpy.map.GenericMap`
        CLEAN image, per square arcsec.
    """

    dirty: GenericMap
    cleaned: GenericMap


def paired(visibilities, *, side=256, pixel=1.0, iterations=100):
    """
    Make a back-projection and a CLEAN image of an observation on the same pixels.

    Both images are made with one additional row and column, as CLEAN needs a central pixel. They are then cut off, so
    that ``CRPIXj`` and the coordinates of all pixels do not change.

    Parameters
    ----------
    visibilities : ``xrayvision.visibility.Visibilities``
        Result of ``observations.visibilities_of`` with an ephemeris. They are rates, so that exposures of different
        length are comparable.
    side : `int`
        Rows and columns, an even number.
    pixel : `float`
        Pixel size in arcsec.
    iterations : `int`
        Number of iterations of CLEAN.

    Returns
    -------
    `Pair`

    Raises
    ------
    ValueError
        The number of rows is odd, or the visibilities have no attitude.
    """
    if side < 2 or side % 2:
        raise ValueError(f"Found {side} rows and columns; expected an even number, because one more is cut off.")
    measured = read_visibilities(visibilities)
    grid = Grid((side + 1, side + 1), (pixel, pixel))
    dirty = back_projection(measured.visibilities, measured.points, grid, weights_of(measured.points))
    cleaned = clean_visibilities(measured.visibilities, measured.points, grid, iterations=iterations).image
    header = sky_header(visibilities, grid.shape, pixel)
    maps = []
    kinds = (("back-projection", dirty, measured.unit), ("CLEAN", cleaned, measured.unit / u.arcsec**2))
    for name, image, unit in kinds:
        own = {**header, "naxis1": side, "naxis2": side, "bunit": unit.to_string("fits"), "alg_used": name}
        maps.append(sunpy.map.Map(image[:side, :side], own))
    return Pair(*maps)


def normalized(pairs):
    """
    Scale a data set of pairs to the range from 0 to 1.

    Both kinds of images are scaled by the range of the whole data set, so that faint flares remain fainter than bright
    ones.

    Parameters
    ----------
    pairs : `list` of `Pair`
        Pairs of the same shape.

    Returns
    -------
    images : `numpy.ndarray` of ``float32``
        Back-projections and CLEAN images, shape ``(len(pairs), 2, ny, nx)``.
    limits : `numpy.ndarray`
        Lowest and highest value of each kind, shape ``(2, 2)``; ``low + (high - low) * image`` is the original image.
    """
    images = np.array([[smap.data for smap in pair] for pair in pairs], dtype=float)
    limits = np.stack([images.min(axis=(0, 2, 3)), images.max(axis=(0, 2, 3))], axis=1)
    low, high = (limits[:, index, np.newaxis, np.newaxis] for index in (0, 1))
    return ((images - low) / (high - low)).astype(np.float32), limits
