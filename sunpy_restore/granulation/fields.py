"""Textures that are computed part by part from a noise field."""

from itertools import product

import numpy as np
from scipy.signal import oaconvolve

from sunpy_restore.granulation.noise import noise_field
from sunpy_restore.granulation.texture import Texture

__all__ = ["CELL", "ConvolutionalField", "SpectrumField"]

CELL = 8
"""Side of a noise cell in pixels."""

_TILE = 128  # cells that are computed at once along each axis


def _cells(part):
    """First and last cell (exclusive) that contain a slice of pixels, and the position of the slice in them."""
    first, last = part.start // CELL, -(-part.stop // CELL)
    return (first, last), part.start - CELL * first


class ConvolutionalField(Texture):
    """
    A texture by a convolutional generator.

    Textures with the same seed agree where they overlap, whatever their shapes.

    Parameters
    ----------
    function : callable
        The generator on arrays, see `~sunpy_restore.core.inference.network_function`.
    shape : `tuple` of `int`
        Pixels ``(ny, nx)``.
    seed : `int`
        Seed of the noise field.
    latent : `int`
        Channels of noise.
    receptive_radius : `int`
        Receptive radius of the generator in cells.
    pixel : `float`
        Side of a pixel on the Sun in km.
    """

    def __init__(self, function, shape, seed, *, latent, receptive_radius, pixel):
        super().__init__(shape, pixel)
        self.function, self.seed = function, seed
        self.latent, self.receptive_radius = latent, receptive_radius

    def window(self, rows, columns):
        """See `~sunpy_restore.granulation.texture.Texture.window`."""
        (row_cells, top), (column_cells, left) = (_cells(part) for part in (rows, columns))
        image = np.empty([CELL * (last - first) for first, last in (row_cells, column_cells)], np.float32)
        for row, column in product(*(range(*cells, _TILE) for cells in (row_cells, column_cells))):
            tile = self._tile((row, min(row + _TILE, row_cells[1])), (column, min(column + _TILE, column_cells[1])))
            y, x = CELL * (row - row_cells[0]), CELL * (column - column_cells[0])
            image[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
        return image[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]

    def _tile(self, rows, columns):
        """The image of some cells, computed with a margin of the receptive radius, which is cut off."""
        wide = ((first - self.receptive_radius, last + self.receptive_radius) for first, last in (rows, columns))
        image = self.function(noise_field(self.seed, *wide, self.latent)[np.newaxis])[0, 0]
        edge = CELL * self.receptive_radius
        return image[edge:-edge, edge:-edge] if edge else image


class SpectrumField(Texture):
    """
    A Gaussian random field with a given power spectrum.

    Textures with the same seed agree where they overlap, whatever their shapes.

    Parameters
    ----------
    kernel : `numpy.ndarray`
        Kernel that white noise is convolved with; its side is odd.
    shape : `tuple` of `int`
        Pixels ``(ny, nx)``.
    seed : `int`
        Seed of the noise field.
    pixel : `float`
        Side of a pixel on the Sun in km.
    """

    def __init__(self, kernel, shape, seed, *, pixel):
        super().__init__(shape, pixel)
        self.kernel, self.seed = np.asarray(kernel, np.float32), seed

    def window(self, rows, columns):
        """See `~sunpy_restore.granulation.texture.Texture.window`."""
        half = self.kernel.shape[0] // 2
        wide = [slice(part.start - half, part.stop + half) for part in (rows, columns)]
        (row_cells, top), (column_cells, left) = (_cells(part) for part in wide)
        noise = noise_field(self.seed, row_cells, column_cells, CELL**2)
        ny, nx = noise.shape[1:]
        noise = noise.reshape(CELL, CELL, ny, nx).transpose(2, 0, 3, 1).reshape(CELL * ny, CELL * nx)
        noise = noise[top : top + wide[0].stop - wide[0].start, left : left + wide[1].stop - wide[1].start]
        return 1 + oaconvolve(noise, self.kernel, mode="valid")
