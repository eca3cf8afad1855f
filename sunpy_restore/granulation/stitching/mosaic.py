"""Mosaics: where tiles lie, z of each, and how they are joined."""

from collections import OrderedDict

import numpy as np

from sunpy_restore.core.tiling import at_least
from sunpy_restore.granulation.stitching import genetic, storage
from sunpy_restore.granulation.stitching.blending import BLENDINGS
from sunpy_restore.granulation.stitching.database import BATCH
from sunpy_restore.granulation.stitching.fit import Fit
from sunpy_restore.granulation.stitching.latent import FeatureDrawing, check_features
from sunpy_restore.granulation.stitching.layout import Layout
from sunpy_restore.granulation.stitching.seam import SeamBlend
from sunpy_restore.granulation.task import STITCHINGS

__all__ = ["Mosaic"]

_KIND = "mosaic of tiles"


class Mosaic:
    """
    An image of any size made of tiles, which is drawn in parts.

    Parameters
    ----------
    source : object
        What makes tiles of z: with attributes ``side`` (pixels) and ``latent`` (length of z), and a method
        ``tiles(z)``, from shape (n, latent) to (n, side, side). For ``stitching="latent"`` also with ``stride`` (pixels
        per feature), ``receptive_radius`` (how many features away a pixel looks), ``features(z)`` of shape (n, C, s, s) and
        ``draw(features)``, from any (C, h, w) to (h * stride, w * stride).
    layout : `~sunpy_restore.granulation.stitching.layout.Layout`
        Where the tiles lie.
    z : `numpy.ndarray`
        z of each place, shape ``(rows, columns, latent)``.
    stitching : `str`
        One of `~sunpy_restore.granulation.task.STITCHINGS`.
    blending : ``"linear"`` or ``"variance"``
        Linear weights, or such that preserve the variance; see `~sunpy_restore.granulation.stitching.blending`. Cuts
        have neither.
    pool : `~sunpy_restore.granulation.stitching.database.TileDatabase`, optional
        Tiles that refinements begin with.

    Raises
    ------
    ValueError
        If the stitching or the blending is unknown, z has another shape, or the source lacks what is needed.
    """

    def __init__(self, source, layout, z, *, stitching="greedy", blending="linear", pool=None):
        check_ways(source, layout.overlap, stitching, blending)
        expected = (*layout.places, source.latent)
        if np.shape(z) != expected or layout.side != source.side:
            raise ValueError(
                f"Expected z of shape {expected} and tiles of {source.side} px for this source, found {np.shape(z)} "
                f"and {layout.side} px."
            )
        self.source = source
        self.layout = layout
        self.z = np.array(z, dtype=np.float32)
        self.stitching = stitching
        self.blending = blending
        self.pool = pool
        self._tiles = _Made(source.tiles, self.z)
        self._drawing = None

    @property
    def shape(self):
        """Shape (ny, nx) of the image."""
        return self.layout.shape

    def window(self, rows, columns):
        """
        Draw a part of the image. Parts are equal to those of the whole, but for the rounding of the source.

        Parameters
        ----------
        rows, columns : `slice`
            Which part.

        Returns
        -------
        `numpy.ndarray` of ``float32``
            Shape ``(rows, columns)``, in the tiles' unit.
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
            features = _Made(function, self.z)
            return FeatureDrawing(self.source, self.layout, features, self.blending, mean)
        return BLENDINGS[self.blending](self.layout, self._tiles, mean)

    def seams(self):
        """
        Where tiles are joined, for statistics.

        Returns
        -------
        `~sunpy_restore.granulation.stitching.layout.Seams`
            The middle and the band of the overlaps; cuts of ``stitching="seam"`` lie in the band.
        """
        return self.layout.seams()

    def distances(self):
        """
        How well each tile fits its neighbours.

        Returns
        -------
        `numpy.ndarray`
            Largest of the up to four distances (`~sunpy_restore.granulation.stitching.search.strip_distances`), shape
            ``(rows, columns)`` of places, in the square of the tiles' unit.
        """
        return Fit(self.layout, self._tiles).places()

    def refine(self, places=None, **options):
        """
        Find tiles that fit better, by evolution of their z; no place becomes worse.

        Parameters
        ----------
        places : iterable of tuple of `int`, optional
            Rows and columns; by default all, row by row.
        **options
            ``seed``, ``population``, ``generations``, ``goal`` and ``progress``, see
            `~sunpy_restore.granulation.stitching.genetic.refine`.

        Returns
        -------
        `~sunpy_restore.granulation.stitching.genetic.Refinement`
        """
        places = list(np.ndindex(self.layout.places)) if places is None else places
        try:
            return genetic.refine(self.source, self.layout, self.z, self._tiles, places, pool=self.pool, **options)
        finally:
            self._drawing = None

    def refine_worst(self, count, **options):
        """
        Refine the places with the largest distances, the worst first.

        Parameters
        ----------
        count : `int`
            How many; all, if there are fewer.
        **options
            As for `refine`.

        Returns
        -------
        `~sunpy_restore.granulation.stitching.genetic.Refinement`
        """
        count = at_least(1, "the number of places", count)
        order = np.argsort(-self.distances(), axis=None, kind="stable")[:count]
        return self.refine(np.stack(np.unravel_index(order, self.layout.places), axis=1), **options)

    def save(self, path):
        """Write z and how it is drawn to an ``.npz`` file; neither the source nor the pool."""
        arrays = {name: getattr(self, name) for name in ("z", "shape", "stitching", "blending")}
        arrays |= {"side": self.layout.side, "overlap": self.layout.overlap, "tile": self._tiles(0, range(1))[0]}
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
            The source that it was made from.
        pool
            As for `Mosaic`.

        Returns
        -------
        `Mosaic`

        Raises
        ------
        ValueError
            If the file is something else, or the mosaic was made from another source.
        """
        arrays = storage.read(path, _KIND)
        z, side = arrays["z"], int(arrays["side"])
        flat = z.reshape(-1, z.shape[-1])
        storage.check_source(source, side, flat, lambda tile: (arrays["tile"], tile), _KIND)
        layout = Layout(tuple(arrays["shape"].tolist()), side, int(arrays["overlap"]))
        ways = {name: str(arrays[name]) for name in ("stitching", "blending")}
        return cls(source, layout, z, pool=pool, **ways)


def check_ways(source, overlap, stitching, blending):
    """Refuse, with a `ValueError`, what can't be drawn."""
    if stitching not in STITCHINGS:
        raise ValueError(f"Unknown stitching {stitching!r}, expected one of {', '.join(map(repr, STITCHINGS))}.")
    if blending not in BLENDINGS:
        raise ValueError(f"Unknown blending {blending!r}, expected one of {', '.join(map(repr, BLENDINGS))}.")
    if stitching == "seam" and blending != "linear":
        raise ValueError(f"Found blending={blending!r} for stitching='seam', which cuts tiles. Leave it out.")
    if stitching == "latent":
        check_features(source, overlap)


class _Made:
    """What a source makes of z, place by place; that of the last three rows or so is kept."""

    def __init__(self, function, z):
        self._function = function
        self._z = z
        self._kept = OrderedDict()

    def __call__(self, row, columns):
        """Of a row and a `range` of columns, shape ``(columns, ...)``."""
        # By z and not by place, which may get another
        keys = [self._z[row, column].tobytes() for column in columns]
        missing = {key: column for key, column in zip(keys, columns, strict=True) if key not in self._kept}
        for start in range(0, len(missing), BATCH):
            part = dict(list(missing.items())[start : start + BATCH])
            self._kept |= zip(part, self._function(self._z[row, list(part.values())]), strict=True)
        found = np.stack([self._kept[key] for key in keys])
        for key in keys:
            self._kept.move_to_end(key)
        while len(self._kept) > 3 * self._z.shape[1]:
            self._kept.popitem(last=False)
        return found
