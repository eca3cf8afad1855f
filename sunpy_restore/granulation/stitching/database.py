"""Pools of tiles to select from."""

import operator

import numpy as np
from tqdm.auto import tqdm

from sunpy_restore.core.tiles.tiling import at_least
from sunpy_restore.granulation.stitching import storage
from sunpy_restore.granulation.stitching.layout import checked_overlap, edge_strip

__all__ = ["BATCH", "TileDatabase"]

BATCH = 64
"""Tiles that are generated at a time."""

_SINGLE_PRECISION_BYTES = 256 * 2**20  # larger borders are kept in half precision
_KIND = "tile database"


class TileDatabase:
    """
    A pool of tiles: the latent vector of each tile, and the border that its neighbours may share.

    The interior of a tile is generated again from the latent vector when the tile is used. Borders of up to 256 MiB are
    kept in single precision, larger ones in half precision: 38,440 tiles of 128 px with borders of 32 px take 0.95 GB.

    Parameters
    ----------
    z : `numpy.ndarray` of ``float32``
        Latent vectors, shape ``(count, latent)``.
    pixels : `numpy.ndarray` of ``float32`` or ``float16``
        Border pixels of each tile, row by row, shape ``(count, pixels)``.
    side : `int`
        Side of a tile in pixels.
    border : `int`
        Width of the border in pixels: the largest overlap that the pool can be used for.

    Raises
    ------
    ValueError
        The shapes of the arrays do not fit the side and the border.
    """

    def __init__(self, z, pixels, side, border):
        self.z = z
        self.pixels = pixels
        self.side = operator.index(side)
        self.border = checked_overlap(border, self.side)
        # Index of each border pixel, -1 in the interior
        self._indices = np.where(_border_mask(self.side, self.border), 0, -1)
        self._indices[self._indices == 0] = np.arange(np.count_nonzero(self._indices == 0))
        expected = (len(z), int(self._indices.max()) + 1)
        if z.ndim != 2 or len(z) == 0 or pixels.shape != expected:
            raise ValueError(
                f"Found borders of shape {pixels.shape} for latent vectors of shape {z.shape}; expected {expected}. "
                "Make the pool again."
            )

    def __len__(self):
        return len(self.z)

    @classmethod
    def generate(cls, source, count, seed, *, border=32, progress=False):
        """
        Generate tiles from random latent vectors.

        Parameters
        ----------
        source : object
            A source of tiles, see `~sunpy_restore.granulation.stitching.mosaic.Mosaic`.
        count : `int`
            Number of tiles.
        seed : `int`
            Seed of the random numbers.
        border : `int`
            Width of the border in pixels; with half of the side, the border is the whole tile.
        progress : `bool`
            Show a progress bar.

        Returns
        -------
        `TileDatabase`
        """
        count = at_least(1, "the number of tiles", count)
        z = np.random.default_rng(seed).standard_normal((count, source.latent), dtype=np.float32)
        return cls.from_latent(source, z, border=border, progress=progress)

    @classmethod
    def from_latent(cls, source, z, *, border=32, progress=False):
        """
        Generate tiles from given latent vectors.

        Parameters
        ----------
        source : object
            A source of tiles.
        z : `numpy.ndarray`
            Latent vectors, shape ``(count, latent)``.
        border, progress
            See `generate`.

        Returns
        -------
        `TileDatabase`

        Raises
        ------
        ValueError
            The source returns tiles of another shape, or pixels that are not finite in the precision of the borders.
        """
        z = np.asarray(z, dtype=np.float32)
        mask = _border_mask(source.side, checked_overlap(border, source.side))
        kept = np.count_nonzero(mask)
        dtype = np.float32 if 4 * len(z) * kept <= _SINGLE_PRECISION_BYTES else np.float16
        pixels = np.empty((len(z), kept), dtype=dtype)
        with tqdm(total=len(z), desc="Pool", unit="tile", disable=not progress) as bar, np.errstate(over="ignore"):
            for first in range(0, len(z), BATCH):
                tiles = source.tiles(z[first : first + BATCH])
                expected = (len(z[first : first + BATCH]), source.side, source.side)
                if tiles.shape != expected:
                    raise ValueError(f"Found tiles of shape {tiles.shape} from the source; expected {expected}.")
                part = pixels[first : first + BATCH]
                part[...] = tiles[:, mask]
                if not np.isfinite(part).all():
                    raise ValueError(
                        f"Found pixels from the source that are not finite in {part.dtype}; expected values of order 1."
                    )
                bar.update(len(tiles))
        return cls(z, pixels, source.side, border)

    def subset(self, count, seed=None):
        """
        Draw tiles at random.

        Parameters
        ----------
        count : `int`
            Number of tiles; all, if there are fewer.
        seed : `int`, optional
            Seed of the random numbers.

        Returns
        -------
        `TileDatabase`
        """
        count = at_least(1, "the number of tiles", count)
        if count >= len(self):
            return self
        drawn = np.sort(np.random.default_rng(seed).choice(len(self), count, replace=False))
        return type(self)(self.z[drawn], self.pixels[drawn], self.side, self.border)

    def strips(self, candidates, edge, overlap):
        """
        Pixels that tiles share with a neighbour at an edge.

        Parameters
        ----------
        candidates : `int`, `slice` or `numpy.ndarray` of `int`
            Indices of the tiles.
        edge : `str`
            One of `~sunpy_restore.granulation.stitching.layout.EDGES`.
        overlap : `int`
            Pixels across, at most the width of the border.

        Returns
        -------
        `numpy.ndarray` of ``float32``
            Shape ``(candidates, side, overlap)``, or ``(candidates, overlap, side)`` at the top and the bottom.
        """
        return self.pixels[candidates][..., edge_strip(self._indices, edge, overlap)].astype(np.float32, copy=False)

    def check(self, source, overlap=1):
        """
        Check that the pool can be used.

        Parameters
        ----------
        source : object
            A source of tiles.
        overlap : `int`
            Pixels that neighbouring tiles share.

        Raises
        ------
        ValueError
            The tiles are from another source, or the overlap is larger than the border.
        """
        if overlap > self.border:
            raise ValueError(
                f"Found an overlap of {overlap} px and a pool with borders of {self.border} px; expected an overlap "
                f"within the border. Make a pool with border={overlap}."
            )
        mask = self._indices >= 0
        storage.check_source(source, self.side, self.z, lambda tile: (self.pixels[0], tile[mask]), _KIND)

    def save(self, path):
        """
        Write the tiles to a file.

        Parameters
        ----------
        path : path-like
            The file; its name ends in ``.npz``.
        """
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
            The source that the tiles must be from.

        Returns
        -------
        `TileDatabase`

        Raises
        ------
        ValueError
            The file contains something else, or the tiles are from another source.
        """
        pool = cls(**storage.read(path, _KIND))
        if source is not None:
            pool.check(source)
        return pool


def _border_mask(side, border):
    """True for the pixels of a tile in its border."""
    mask = np.ones((side, side), dtype=bool)
    mask[border : side - border, border : side - border] = False
    return mask
