"""Textures that are drawn part by part from a field of noise."""

import numpy as np
from scipy.signal import oaconvolve

from sunpy_restore.core.inference import apply_tiled
from sunpy_restore.granulation.noise import noise_field

__all__ = ["CELL", "ConvolutionalField", "SpectrumField"]

CELL = 8
"""Pixels along a cell of noise."""

_TILE = 64  # cells; what is computed at once


def _cells(part, margin=0):
    """First cell and the one after the last that hold a slice of pixels, and where it begins in them."""
    first, last = part.start // CELL - margin, -(-part.stop // CELL) + margin
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
    reach : `int`
        How many cells away from a pixel its noise still matters.
    """

    def __init__(self, function, shape, seed, *, latent, reach):
        self.function, self.shape, self.seed = function, tuple(shape), seed
        self.latent, self.reach = latent, reach

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
        (row_cells, top), (column_cells, left) = (_cells(part, self.reach) for part in (rows, columns))
        noise = noise_field(self.seed, row_cells, column_cells, self.latent)
        # What the edges of this part spoil is no further than its reach, and cut off
        drawn = apply_tiled(self.function, noise, scale=CELL, halo=self.reach, tile=_TILE, batch=1)
        return drawn[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]


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
