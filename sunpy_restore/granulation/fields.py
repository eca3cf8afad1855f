"""Textures that are computed part by part from a noise field."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product

import numpy as np
from scipy.signal import oaconvolve

from sunpy_restore.core.system.threads import in_one_thread, single_threaded
from sunpy_restore.granulation.noise import noise_field
from sunpy_restore.granulation.texture import Texture

__all__ = ["CELL", "ConvolutionalField", "SpectrumField"]

CELL = 8
"""Side of a noise cell in pixels."""

_TILE = 128  # cells that are computed at once along each axis
_NARROWEST = 8  # cells that are worth a thread of their own


def _cells(part):
    """First and last cell (exclusive) that contain a slice of pixels, and the position of the slice in them."""
    first, last = part.start // CELL, -(-part.stop // CELL)
    return (first, last), part.start - CELL * first


def _parts(cells, largest, number=1):
    """Equal parts of a range of cells: at least ``number``, if these are not too narrow."""
    first, last = cells
    count = max(-(-(last - first) // largest), min(number, (last - first) // _NARROWEST), 1)
    edges = np.linspace(first, last, count + 1).round().astype(int)
    return list(pairwise(edges.tolist()))


class ConvolutionalField(Texture):
    """
    A texture by a convolutional generator.

    Textures with the same seed agree where they overlap, whatever their shapes.

    Parameters
    ----------
    function : callable
        The generator on arrays, see `~sunpy_restore.core.inference.function.network_function`.
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
    workers : `int`
        Threads, each of which computes parts of its own.
    """

    def __init__(self, function, shape, seed, *, latent, receptive_radius, pixel, workers=1):
        super().__init__(shape, pixel)
        self.function, self.seed = function, seed
        self.latent, self.receptive_radius = latent, receptive_radius
        self.workers = workers

    def window(self, rows, columns):
        """See `~sunpy_restore.granulation.texture.Texture.window`."""
        (row_cells, top), (column_cells, left) = (_cells(part) for part in (rows, columns))
        image = np.empty([CELL * (last - first) for first, last in (row_cells, column_cells)], np.float32)

        def compute(part):
            inside = (
                slice(CELL * (first - origin), CELL * (last - origin))
                for (first, last), (origin, _) in zip(part, (row_cells, column_cells), strict=True)
            )
            image[tuple(inside)] = self._tile(*part)

        strips = _parts(row_cells, max(_TILE // self.workers, 1), self.workers)
        parts = list(product(strips, _parts(column_cells, _TILE)))
        if self.workers == 1:
            for part in parts:
                compute(part)
        else:
            with single_threaded(), ThreadPoolExecutor(self.workers) as pool:
                list(pool.map(in_one_thread(compute), parts))
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
