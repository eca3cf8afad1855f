"""Pools of tiles to choose from."""

import operator

import numpy as np
from tqdm.auto import tqdm

from sunpy_restore.core.tiling import at_least
from sunpy_restore.granulation.stitching import storage
from sunpy_restore.granulation.stitching.layout import checked_overlap, edge_strip

__all__ = ["BATCH", "TileDatabase"]

BATCH = 64
"""Tiles that a source makes at a time."""

LARGE = 256 * 2**20
"""Borders of more bytes than this are kept in half precision."""

_KIND = "tile database"


class TileDatabase:
    """
    A pool of tiles: the z of each, and the border that its neighbours may share.

    What lies inside of the border is made again, from z, once a tile was chosen. The border is in single precision if
    it takes up to 256 MiB, and in half precision if more: 38,440 tiles of 128 px with a border of 32 px take 0.95 GB.

    Parameters
    ----------
    z : `numpy.ndarray` of ``float32``
        Shape ``(count, latent)``.
    pixels : `numpy.ndarray` of ``float32`` or ``float16``
        Borders, shape ``(count, pixels)``: those of a tile row by row.
    side : `int`
        Side of a tile in pixels.
    border : `int`
        Width of the border in pixels, the largest overlap that the pool can be used for.
    """

    def __init__(self, z, pixels, side, border):
        self.z = z
        self.pixels = pixels
        self.side = operator.index(side)
        self.border = checked_overlap(border, self.side)
        # Of each pixel in the border its number there
        self._numbers = np.where(_ring(self.side, self.border), 0, -1)
        self._numbers[self._numbers == 0] = np.arange(np.count_nonzero(self._numbers == 0))
        expected = (len(z), int(self._numbers.max()) + 1)
        if z.ndim != 2 or len(z) == 0 or pixels.shape != expected:
            raise ValueError(
                f"Expected borders of shape {expected} for z of shape {z.shape}, found {pixels.shape}: make it anew."
            )

    def __len__(self):
        return len(self.z)

    @classmethod
    def made(cls, source, count, seed, *, border=32, progress=False):
        """
        Make tiles of random z.

        Parameters
        ----------
        source : object
            A source of tiles.
        count : `int`
            Number of tiles.
        seed : `int`
            Seed of the random numbers.
        border : `int`
            Width of the border in pixels; half of the side keeps all.
        progress : `bool`
            Show a progress bar.

        Returns
        -------
        `TileDatabase`
        """
        count = at_least(1, "the number of tiles", count)
        z = np.random.default_rng(seed).standard_normal((count, source.latent), dtype=np.float32)
        return cls.of(source, z, border=border, progress=progress)

    @classmethod
    def of(cls, source, z, *, border=32, progress=False):
        """
        Make the tiles of given z.

        Parameters
        ----------
        source : object
            A source of tiles.
        z : `numpy.ndarray`
            Shape ``(count, latent)``.
        border, progress
            As for `made`.

        Returns
        -------
        `TileDatabase`

        Raises
        ------
        ValueError
            If the source gives tiles of another shape, or pixels that are not finite in the precision of the borders.
        """
        z = np.asarray(z, dtype=np.float32)
        ring = _ring(source.side, checked_overlap(border, source.side))
        kept = np.count_nonzero(ring)
        dtype = np.float32 if 4 * len(z) * kept <= LARGE else np.float16
        pixels = np.empty((len(z), kept), dtype=dtype)
        with tqdm(total=len(z), desc="Pool", unit="tile", disable=not progress) as bar, np.errstate(over="ignore"):
            for first in range(0, len(z), BATCH):
                tiles = source.tiles(z[first : first + BATCH])
                expected = (len(z[first : first + BATCH]), source.side, source.side)
                if tiles.shape != expected:
                    raise ValueError(f"The source gave tiles of shape {tiles.shape}, expected {expected}.")
                part = pixels[first : first + BATCH]
                part[...] = tiles[:, ring]
                if not np.isfinite(part).all():
                    raise ValueError(f"The source gave pixels that are not finite in {part.dtype}, expected about 1.")
                bar.update(len(tiles))
        return cls(z, pixels, source.side, border)

    def strips(self, candidates, edge, overlap):
        """
        The pixels that tiles share with a neighbour at an edge.

        Parameters
        ----------
        candidates : `int`, `slice` or `numpy.ndarray` of `int`
            Which tiles.
        edge : `str`
            One of `~sunpy_restore.granulation.stitching.layout.EDGES`.
        overlap : `int`
            Pixels across, at most the border.

        Returns
        -------
        `numpy.ndarray` of ``float32``
            Shape ``(candidates, side, overlap)``, or ``(candidates, overlap, side)`` at the top and the bottom.
        """
        return self.pixels[candidates][..., edge_strip(self._numbers, edge, overlap)].astype(np.float32, copy=False)

    def check(self, source, overlap=1):
        """Refuse, with a `ValueError`, a source that the tiles are not of, and an overlap wider than the border."""
        if overlap > self.border:
            raise ValueError(
                f"The pool keeps borders of {self.border} px, found an overlap of {overlap} px. Make one with "
                f"border={overlap}."
            )
        ring = self._numbers >= 0
        storage.check_source(source, self.side, self.z, lambda tile: (self.pixels[0], tile[ring]), _KIND)

    def save(self, path):
        """Write the tiles to an ``.npz`` file."""
        arrays = {"z": self.z, "pixels": self.pixels, "side": self.side, "border": self.border}
        storage.write(path, _KIND, arrays)

    @classmethod
    def load(cls, path, source=None):
        """
        Read tiles that `save` wrote.

        Parameters
        ----------
        path : path-like
            The file.
        source : object, optional
            The source that they must be of.

        Returns
        -------
        `TileDatabase`

        Raises
        ------
        ValueError
            If the file is something else, or the tiles are of another source.
        """
        pool = cls(**storage.read(path, _KIND))
        if source is not None:
            pool.check(source)
        return pool


def _ring(side, border):
    """True for the pixels of a tile that are in its border."""
    ring = np.ones((side, side), dtype=bool)
    ring[border : side - border, border : side - border] = False
    return ring
