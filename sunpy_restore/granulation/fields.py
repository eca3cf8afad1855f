"""Textures that are drawn part by part from a field of noise."""

from itertools import product

import numpy as np
from scipy.signal import oaconvolve

from sunpy_restore.granulation.noise import noise_field

__all__ = ["CELL", "ConvolutionalField", "SpectrumField"]

CELL = 8
"""Pixels along a cell of noise."""

_TILE = 128  # cells; what is computed at once


def _cells(part):
    """First cell and the one after the last that hold a slice of pixels, and where it begins in them."""
    first, last = part.start // CELL, -(-part.stop // CELL)
    return (first, last), part.start - CELL * first


class ConvolutionalField:
    """
    A texture by a convolutional generator.

    Textures of the same seed agree where they overlap, whatever their shapes.

    Parameters
    ----------
    function : callable
        The generator on arrays, see `~sunpy_restore.core.inference.network_function`.
    shape : `tuple` of `int`
        Pixels.
    seed : `int`
        Number of the field of noise.
    latent : `int`
        Channels of noise.
    receptive_radius : `int`
        How many cells away from a pixel its noise still matters.
    """

    def __init__(self, function, shape, seed, *, latent, receptive_radius):
        self.function, self.shape, self.seed = function, tuple(shape), seed
        self.latent, self.receptive_radius = latent, receptive_radius

    def window(self, rows, columns):
        """
        A part of the texture.

        Parameters
        ----------
        rows, columns : `slice`
            Pixels, with a start and a stop.

        Returns
        -------
        `numpy.ndarray` of ``float32``
        """
        (row_cells, top), (column_cells, left) = (_cells(part) for part in (rows, columns))
        drawn = np.empty([CELL * (last - first) for first, last in (row_cells, column_cells)], np.float32)
        for row, column in product(*(range(*cells, _TILE) for cells in (row_cells, column_cells))):
            tile = self._tile((row, min(row + _TILE, row_cells[1])), (column, min(column + _TILE, column_cells[1])))
            y, x = CELL * (row - row_cells[0]), CELL * (column - column_cells[0])
            drawn[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
        return drawn[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]

    def _tile(self, rows, columns):
        """What the cells show; the edges of what is computed spoil no more than their receptive_radius, which is cut off."""
        wide = ((first - self.receptive_radius, last + self.receptive_radius) for first, last in (rows, columns))
        drawn = self.function(noise_field(self.seed, *wide, self.latent)[np.newaxis])[0, 0]
        edge = CELL * self.receptive_radius
        return drawn[edge:-edge, edge:-edge] if edge else drawn


class SpectrumField:
    """
    A Gaussian random field with a given power spectrum: what is left of a texture when its phases are lost.

    Textures of the same seed agree where they overlap, whatever their shapes.

    Parameters
    ----------
    kernel : `numpy.ndarray`
        What white noise is convolved with; its side is odd.
    shape : `tuple` of `int`
        Pixels.
    seed : `int`
        Number of the field of noise.
    """

    def __init__(self, kernel, shape, seed):
        self.kernel, self.shape, self.seed = np.asarray(kernel, np.float32), tuple(shape), seed

    def window(self, rows, columns):
        """
        A part of the texture, see `ConvolutionalField.window`.

        Parameters
        ----------
        rows, columns : `slice`
            Pixels, with a start and a stop.
        """
        half = self.kernel.shape[0] // 2
        wide = [slice(part.start - half, part.stop + half) for part in (rows, columns)]
        (row_cells, top), (column_cells, left) = (_cells(part) for part in wide)
        noise = noise_field(self.seed, row_cells, column_cells, CELL**2)
        ny, nx = noise.shape[1:]
        noise = noise.reshape(CELL, CELL, ny, nx).transpose(2, 0, 3, 1).reshape(CELL * ny, CELL * nx)
        noise = noise[top : top + wide[0].stop - wide[0].start, left : left + wide[1].stop - wide[1].start]
        return 1 + oaconvolve(noise, self.kernel, mode="valid")
