"""Pairs of back-projections and CLEAN images of observations, as Lastufka (2022) trained on."""

from typing import NamedTuple

import numpy as np

import astropy.units as u

from sunpy.map import GenericMap

from sunpy_restore.backprojection.attitude import sky_header
from sunpy_restore.backprojection.clean import clean_visibilities
from sunpy_restore.backprojection.fourier import Grid, back_projection, weights_of
from sunpy_restore.backprojection.measured import read_visibilities
from sunpy_restore.core.maps import new_map

__all__ = ["Pair", "normalized", "paired"]


class Pair(NamedTuple):
    """
    Two images of one observation, pixel by pixel.

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
    Make a back-projection and a CLEAN image of an observation, on the same pixels.

    CLEAN wants a middle pixel for the source that a dirty beam belongs to. Both images are made with one row and one
    column more, which are then cut off, so that ``CRPIXj`` and the place of every pixel on the Sun stay what they were.

    Parameters
    ----------
    visibilities : ``xrayvision.visibility.Visibilities``
        From `~sunpy_restore.backprojection.observations.visibilities_of`, with an ephemeris. They are rates, so that
        exposures of different length compare.
    side : `int`
        Rows and columns, an even number.
    pixel : `float`
        Size of a pixel in arcsec.
    iterations : `int`
        Of CLEAN.

    Returns
    -------
    `Pair`

    Raises
    ------
    ValueError
        An odd number of rows, or visibilities that don't say where Solar Orbiter was.
    """
    if side < 2 or side % 2:
        raise ValueError(f"Found {side} rows and columns, expected an even number: one more is cut off.")
    measured = read_visibilities(visibilities)
    grid = Grid((side + 1, side + 1), (pixel, pixel))
    dirty = back_projection(measured.found, measured.plane, grid, weights_of(measured.plane))
    cleaned = clean_visibilities(measured.found, measured.plane, grid, iterations=iterations).image
    header = sky_header(visibilities, grid.shape, pixel)
    maps = []
    for image, unit in ((dirty, measured.unit), (cleaned, measured.unit / u.arcsec**2)):
        own = {**header, "naxis1": side, "naxis2": side, "bunit": unit.to_string("fits")}
        maps.append(new_map(image[:side, :side], own))
    return Pair(*maps)


def normalized(pairs):
    """
    Bring a data set of pairs to the range from 0 to 1, each kind of image by the range of the whole set.

    Faint flares so remain fainter than bright ones.

    Parameters
    ----------
    pairs : `list` of `Pair`
        All of one shape.

    Returns
    -------
    images : `numpy.ndarray` of ``float32``
        Shape ``(len(pairs), 2, ny, nx)``: back-projections and CLEAN images.
    limits : `numpy.ndarray`
        Lowest and highest value of each kind, shape ``(2, 2)``; ``low + (high - low) * image`` is what it was.
    """
    images = np.array([[smap.data for smap in pair] for pair in pairs], dtype=float)
    limits = np.stack([images.min(axis=(0, 2, 3)), images.max(axis=(0, 2, 3))], axis=1)
    low, high = (limits[:, index, np.newaxis, np.newaxis] for index in (0, 1))
    return ((images - low) / (high - low)).astype(np.float32), limits
