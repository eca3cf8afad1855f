"""Mosaics: the latent vectors of tiles at the positions of a layout, and how the tiles are joined."""

from collections import OrderedDict

import numpy as np

from sunpy_restore.core.tiles.tiling import at_least
from sunpy_restore.granulation.stitching import genetic, storage
from sunpy_restore.granulation.stitching.blending import BLENDINGS
from sunpy_restore.granulation.stitching.database import BATCH
from sunpy_restore.granulation.stitching.distances import NeighbourDistances, worst_positions
from sunpy_restore.granulation.stitching.latent import FeatureDrawing, check_features
from sunpy_restore.granulation.stitching.layout import Layout
from sunpy_restore.granulation.stitching.seam import SeamBlend
from sunpy_restore.granulation.task import STITCHINGS

__all__ = ["Mosaic", "check_ways"]

_KIND = "mosaic of tiles"
_REFINED = "refined_"  # in the names of arrays of refinements
_CACHED_ROWS = 3


class Mosaic:
    """
    An image of any size made of tiles, which is computed in parts.

    Parameters
    ----------
    source : object
        Generator of tiles. It has the attributes ``side`` (pixels) and ``latent`` (length of the latent vectors), and a
        method ``tiles(z)`` from shape ``(n, latent)`` to ``(n, side, side)``. For ``stitching="latent"`` it also has
        ``stride`` (pixels per feature), ``receptive_radius`` (of ``draw``, in features), ``features(z)`` of shape
        ``(n, C, s, s)`` and ``draw(features)`` from any ``(C, h, w)`` to ``(h * stride, w * stride)``.
    layout : `~sunpy_restore.granulation.stitching.layout.Layout`
        Positions of the tiles.
    z : `numpy.ndarray`
        Latent vector of each tile, shape ``(rows, columns, latent)``.
    stitching : `str`
        One of `~sunpy_restore.granulation.task.STITCHINGS`.
    blending : ``"linear"`` or ``"variance"``
        Linear weights, or weights that preserve the variance, see `~sunpy_restore.granulation.stitching.blending`.
        ``stitching="seam"`` uses neither.
    pool : `~sunpy_restore.granulation.stitching.database.TileDatabase`, optional
        Tiles that refinements start from.

    Attributes
    ----------
    refinements : `list` of `~sunpy_restore.granulation.stitching.genetic.Refinement`
        Results of the refinements so far.

    Raises
    ------
    ValueError
        The stitching or the blending is unknown, ``z`` has another shape, or the source lacks what the stitching
        requires.
    """

    def __init__(self, source, layout, z, *, stitching="greedy", blending="linear", pool=None):
        check_ways(source, layout.overlap, stitching, blending)
        expected = (*layout.grid, source.latent)
        if np.shape(z) != expected or layout.side != source.side:
            raise ValueError(
                f"Found latent vectors of shape {np.shape(z)} and tiles of {layout.side} px; expected {expected} and "
                f"{source.side} px for this source."
            )
        self.source = source
        self.layout = layout
        self.z = np.array(z, dtype=np.float32)
        self.stitching = stitching
        self.blending = blending
        self.pool = pool
        self.refinements = []
        self._tiles = _Cache(source.tiles, self.z)
        self._drawing = None

    @property
    def shape(self):
        """Shape ``(ny, nx)`` of the image."""
        return self.layout.shape

    def window(self, rows, columns):
        """
        Compute a part of the image. It equals the same part of the whole image, up to rounding errors of the source.

        Parameters
        ----------
        rows, columns : `slice`
            The part.

        Returns
        -------
        `numpy.ndarray` of ``float32``
            Shape ``(rows, columns)``, in the unit of the tiles.
        """
        rows, columns = self.layout.window(rows, columns)
        if self._drawing is None:
            self._drawing = self._new_drawing()
        return np.array(self._drawing.window(rows, columns), dtype=np.float32, order="C")

    def _new_drawing(self):
        if self.stitching == "seam":
            return SeamBlend(self.layout, self._tiles)
        function = self.source.features if self.stitching == "latent" else self.source.tiles
        mean = None
        if self.blending == "variance":
            some = function(self.z.reshape(-1, self.source.latent)[:BATCH])
            mean = some.mean(axis=(0, -2, -1), keepdims=True)[0]
        if self.stitching == "latent":
            features = _Cache(function, self.z)
            return FeatureDrawing(self.source, self.layout, features, self.blending, mean)
        return BLENDINGS[self.blending](self.layout, self._tiles, mean)

    def seams(self):
        """
        Positions of the seams.

        Returns
        -------
        `~sunpy_restore.granulation.stitching.layout.Seams`
            Middle and extent of the overlaps. The cuts of ``stitching="seam"`` lie within the overlaps.
        """
        return self.layout.seams()

    def distances(self):
        """
        Largest distance of each tile to its neighbours.

        Returns
        -------
        `numpy.ndarray`
            Shape ``(rows, columns)``, in the squared unit of the tiles, see
            `~sunpy_restore.granulation.stitching.search.strip_distances`.
        """
        return NeighbourDistances(self.layout, self._tiles).largest()

    def refine(self, positions=None, **options):
        """
        Search for better matching tiles by the evolution of their latent vectors; no distance increases.

        Parameters
        ----------
        positions : iterable of `tuple` of `int`, optional
            Rows and columns of the tiles, by default all, row by row.
        **options
            ``seed``, ``population``, ``generations``, ``mutation_rate``, ``goal`` and ``progress``, see
            `~sunpy_restore.granulation.stitching.genetic.refine`.

        Returns
        -------
        `~sunpy_restore.granulation.stitching.genetic.Refinement`
        """
        positions = list(np.ndindex(self.layout.grid)) if positions is None else positions
        try:
            done = genetic.refine(self.source, self.layout, self.z, self._tiles, positions, pool=self.pool, **options)
        finally:
            self._drawing = None
        self.refinements.append(done)
        return done

    def refine_worst(self, count, **options):
        """
        Refine the tiles with the largest distances, the worst first.

        Parameters
        ----------
        count : `int`
            Number of tiles; all, if there are fewer.
        **options
            See `refine`.

        Returns
        -------
        `~sunpy_restore.granulation.stitching.genetic.Refinement`
        """
        count = at_least(1, "the number of tiles", count)
        return self.refine(worst_positions(self.distances(), count), **options)

    def replace(self, positions, **options):
        """
        Replace tiles by other ones: the best that an evolutionary search without the present tile finds.

        Parameters
        ----------
        positions : iterable of `tuple` of `int`
            Rows and columns of the tiles.
        **options
            See `refine`.

        Returns
        -------
        `~sunpy_restore.granulation.stitching.genetic.Refinement`

        Raises
        ------
        ValueError
            A position is outside of the grid.
        """
        rows, columns = self.layout.grid
        for position in positions:
            row, column = position
            if not (0 <= row < rows and 0 <= column < columns):
                raise ValueError(
                    f"Found the tile at row {row} and column {column}; expected rows 0 to {rows - 1} and columns 0 to "
                    f"{columns - 1}."
                )
        return self.refine(positions, renew=True, **options)

    def save(self, path):
        """
        Write the latent vectors, how they are stitched and how they were refined to a file, without source and pool.

        Parameters
        ----------
        path : path-like
            The file; its name ends in ``.npz``.
        """
        arrays = {name: getattr(self, name) for name in ("z", "shape", "stitching", "blending")}
        arrays |= {"side": self.layout.side, "overlap": self.layout.overlap, "tile": self._tiles(0, range(1))[0]}
        if self.refinements:
            arrays |= {_REFINED + name: array for name, array in genetic.Refinement.join(self.refinements).items()}
        storage.write(path, _KIND, arrays)

    @classmethod
    def load(cls, path, source, *, pool=None):
        """
        Read a mosaic that `save` wrote.

        Parameters
        ----------
        path : path-like
            The file.
        source : object
            The source that the mosaic was made from.
        pool
            See `Mosaic`.

        Returns
        -------
        `Mosaic`

        Raises
        ------
        ValueError
            The file contains something else, or the mosaic was made from another source.
        """
        arrays = storage.read(path, _KIND)
        z, side = arrays["z"], int(arrays["side"])
        flat = z.reshape(-1, z.shape[-1])
        storage.check_source(source, side, flat, lambda tile: (arrays["tile"], tile), _KIND)
        layout = Layout(tuple(arrays["shape"].tolist()), side, int(arrays["overlap"]))
        ways = {name: str(arrays[name]) for name in ("stitching", "blending")}
        mosaic = cls(source, layout, z, pool=pool, **ways)
        refined = {name.removeprefix(_REFINED): arrays[name] for name in arrays if name.startswith(_REFINED)}
        mosaic.refinements = genetic.Refinement.split(refined) if refined else []
        return mosaic


def check_ways(source, overlap, stitching, blending):
    """Raise a `ValueError` if a source cannot be stitched and blended in this way."""
    if stitching not in STITCHINGS:
        raise ValueError(f"Unknown stitching {stitching!r}; expected one of {', '.join(map(repr, STITCHINGS))}.")
    if blending not in BLENDINGS:
        raise ValueError(f"Unknown blending {blending!r}; expected one of {', '.join(map(repr, BLENDINGS))}.")
    if stitching == "seam" and blending != "linear":
        raise ValueError(f"Found blending={blending!r} for stitching='seam', which cuts the tiles. Leave it out.")
    if stitching == "latent":
        check_features(source, overlap)


class _Cache:
    """Tiles or features by position; those of about the last three rows are kept."""

    def __init__(self, function, z):
        self._function = function
        self._z = z
        self._kept = OrderedDict()

    def __call__(self, row, columns):
        """Tiles or features in a row for a `range` of columns, shape ``(columns, ...)``."""
        # Keys are the latent vectors, because the tile at a position may be replaced
        keys = [self._z[row, column].tobytes() for column in columns]
        missing = {key: column for key, column in zip(keys, columns, strict=True) if key not in self._kept}
        for start in range(0, len(missing), BATCH):
            part = dict(list(missing.items())[start : start + BATCH])
            self._kept |= zip(part, self._function(self._z[row, list(part.values())]), strict=True)
        found = np.stack([self._kept[key] for key in keys])
        for key in keys:
            self._kept.move_to_end(key)
        while len(self._kept) > _CACHED_ROWS * self._z.shape[1]:
            self._kept.popitem(last=False)
        return found
