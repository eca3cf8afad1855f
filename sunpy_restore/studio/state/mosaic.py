"""State of the Granulation tab: the pool of tiles, the mosaic, and what is running. No page in here."""

import numpy as np

from sunpy_restore.granulation.stitching.distances import worst_positions
from sunpy_restore.granulation.stitching.layout import Layout
from sunpy_restore.granulation.task import METHODS
from sunpy_restore.studio.jobs.jobqueue import JobQueue

__all__ = ["TILE_METHODS", "Granulation"]

TILE_METHODS = tuple(name for name, (task, kind) in METHODS.items() if task.stitchings and kind == "network")
"""Methods that make tiles."""

_JOBS = "sunpy_restore.studio.jobs.mosaic:"


class Granulation(JobQueue):
    """
    A pool of tiles and the mosaic that was made from it.

    Parameters
    ----------
    chosen, worker
        See `~sunpy_restore.studio.jobs.jobqueue.JobQueue`.

    Attributes
    ----------
    pool : `dict` or `None`
        ``path``, ``count`` and ``method`` of the pool; the count is `None` while it is not known.
    mosaic : `dict` or `None`
        What `~sunpy_restore.studio.jobs.mosaic.refine` returns.
    image : `numpy.ndarray` or `None`
        The mosaic, on disk.
    """

    def __init__(self, chosen, worker=None):
        super().__init__(chosen, worker)
        self.pool = self.mosaic = self.image = None
        self._made = {}

    def make_pool(self, method, count, seed, *, device=None, border=32):
        """Make tiles, see `~sunpy_restore.studio.jobs.mosaic.make_pool`."""

        def done(value):
            self.pool = value | {"method": method}

        self.compute(
            f"{_JOBS}make_pool", f"Making {count} tiles", done, out=str(self.new_path("tiles.npz")), method=method,
            count=count, seed=seed, device=device, border=border,
        )  # fmt: skip

    def load_pool(self, path, method):
        """
        Use tiles in a file.

        Parameters
        ----------
        path : `str`
            A file within what the user chose.
        method : `str`
            The generator that made them.

        Returns
        -------
        `bool`
            Whether there is such a file; else there is a message.
        """
        try:
            found = self.chosen.resolve(path)
        except OSError as error:
            self._say("error", str(error))
            return False
        self.pool = {"path": str(found), "count": None, "method": method}
        return True

    def make(self, shape, *, overlap=32, stitching="seam", seed=0, pool_size=None, device=None, genetic=None):
        """Make a mosaic from the pool, see `~sunpy_restore.studio.jobs.mosaic.make_mosaic`."""
        if self.pool is None:
            self._say("error", "Found no tiles; make or load a pool first.")
            return
        self._made = {"method": self.pool["method"], "device": device, "seed": seed}
        self.compute(
            f"{_JOBS}make_mosaic", f"Making {shape[0]} x {shape[1]} pixels", self._took,
            out=str(self.new_path("mosaic.npz")), pool=self.pool["path"], shape=list(shape), overlap=overlap,
            stitching=stitching, pool_size=pool_size, genetic=genetic, **self._made,
        )  # fmt: skip

    def refine(self, positions, *, replace=False, genetic=None):
        """Refine or replace tiles, see `~sunpy_restore.studio.jobs.mosaic.refine`."""
        if self.mosaic is None or not positions:
            self._say("error", "Found no tile to refine; make an image and select tiles first.")
            return
        rows, columns = np.shape(self.mosaic["distances"])
        wrong = [one for one in positions if not (0 <= one[0] < rows and 0 <= one[1] < columns)]
        if wrong:
            limits = f"rows 0 to {rows - 1} and columns 0 to {columns - 1}"
            self._say("error", f"Found the tile {wrong[0]}; expected {limits}.")
            return
        what = f"{'Replacing' if replace else 'Refining'} {len(positions)} tiles"
        self.compute(
            f"{_JOBS}refine", what, self._took, path=self.mosaic["path"], out=str(self.new_path("mosaic.npz")),
            pool=self.pool["path"], positions=[list(one) for one in positions], replace=replace, genetic=genetic,
            **self._made,
        )  # fmt: skip

    def export(self, name, then):
        """
        Write the mosaic at full size.

        Parameters
        ----------
        name : `str`
            Name of a new file in the chosen folders, ending as the ``out`` of `sunpy_restore.synthesize_granulation`.
        then : callable
            ``then(path)`` is called when it is written.
        """
        if self.mosaic is None:
            self._say("error", "Found no image; make one first.")
            return
        try:
            out = self.chosen.new(name)
        except OSError as error:
            self._say("error", str(error))
            return
        self.compute(
            f"{_JOBS}export", f"Writing {out.name}", then, path=self.mosaic["path"], out=str(out), **self._made
        )

    def _took(self, value):
        self.mosaic = value
        self.image = np.load(value["image"], mmap_mode="r")
        if value["before"]:
            before, after = (np.mean(value[name]) for name in ("before", "after"))
            self._say("info", f"Mean distance of these tiles: {before:.3g} before, {after:.3g} now.")

    @property
    def layout(self):
        """Positions of the tiles, `None` if there is no mosaic."""
        if self.mosaic is None:
            return None
        return Layout(self.image.shape, self.mosaic["side"], self.mosaic["overlap"])

    def worst(self, count):
        """Rows and columns of the tiles with the largest distances, the worst first."""
        if self.mosaic is None:
            return []
        return worst_positions(np.array(self.mosaic["distances"]), count)

    def tile_at(self, x, y):
        """Row and column of the tile at a pixel, `None` outside of the image; overlaps belong to the nearer tile."""
        layout = self.layout
        if layout is None or not (-0.5 <= x < layout.shape[1] - 0.5 and -0.5 <= y < layout.shape[0] - 0.5):
            return None
        places = [int((place + 0.5 - layout.overlap / 2) // layout.step) for place in (y, x)]
        return tuple(min(max(place, 0), count - 1) for place, count in zip(places, layout.grid, strict=True))

    @staticmethod
    def read_tiles(text):
        """
        Read rows and columns of tiles.

        Parameters
        ----------
        text : `str`
            Such as ``"0,1; 2,3"``.

        Returns
        -------
        `list` of pairs of `int`

        Raises
        ------
        ValueError
            The text is something else.
        """
        try:
            pairs = [tuple(int(one) for one in part.split(",")) for part in text.split(";") if part.strip()]
        except ValueError:
            pairs = [()]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError(f"Found the tiles {text!r}; expected rows and columns, such as '0,1; 2,3'.")
        return pairs
