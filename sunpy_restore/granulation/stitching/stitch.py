"""Stitch tiles to a mosaic."""

import numpy as np

from sunpy_restore.core.tiles.tiling import at_least
from sunpy_restore.granulation.stitching.database import TileDatabase
from sunpy_restore.granulation.stitching.greedy import PER_POSITION, check_enough, select_tiles
from sunpy_restore.granulation.stitching.layout import Layout
from sunpy_restore.granulation.stitching.mosaic import Mosaic, check_ways

__all__ = ["stitch"]


def stitch(
    source, shape, *, stitching="greedy", blending="linear", overlap=32, pool=None, seed=None, genetic=None,
    progress=False,
):  # fmt: skip
    """
    Make a mosaic of generated tiles that match each other.

    Parameters
    ----------
    source : object
        Generator of tiles, see `~sunpy_restore.granulation.stitching.mosaic.Mosaic`.
    shape : `tuple` of `int`
        Shape ``(ny, nx)`` of the image.
    stitching : ``"greedy"``, ``"seam"``, ``"latent"`` or ``"genetic"``
        How tiles are combined, see `~sunpy_restore.granulation.task.STITCHINGS`.
    blending : ``"linear"`` or ``"variance"``
        Linear weights, or weights that preserve the variance.
    overlap : `int`
        Pixels that neighbouring tiles share, from 1 to half the side of a tile; for ``"latent"`` a multiple of the
        stride of the source.
    pool : `~sunpy_restore.granulation.stitching.database.TileDatabase` or `int`, optional
        Tiles to select from, each of which is used once, or their number. By default ten per position.
    seed : `int`, optional
        Seed of the random numbers; the same seed gives the same mosaic.
    genetic : `dict`, optional
        Options of the evolutionary search of ``"genetic"``, see
        `~sunpy_restore.granulation.stitching.mosaic.Mosaic.refine`.
    progress : `bool`
        Show progress bars.

    Returns
    -------
    `~sunpy_restore.granulation.stitching.mosaic.Mosaic`

    Raises
    ------
    ValueError
        Unknown stitching or blending; a shape that is not two positive integers; an overlap out of range; a pool that
        is too small, from another source or for another overlap; or a source without features for ``"latent"``.

    References
    ----------
    * Sierra Acosta 2020, thesis
    * Efros & Freeman 2001, https://doi.org/10.1145/383259.383296
    """
    layout = Layout(shape, source.side, overlap)
    check_ways(source, layout.overlap, stitching, blending)
    seeds = np.random.SeedSequence(seed).spawn(3)
    if isinstance(pool, TileDatabase):
        pool.check(source, layout.overlap)
    else:
        count = PER_POSITION * int(np.prod(layout.grid)) if pool is None else at_least(1, "the number of tiles", pool)
        check_enough(count, layout)
        pool = TileDatabase.generate(source, count, seeds[0], border=layout.overlap, progress=progress)
    selected = select_tiles(pool, layout, seed=seeds[1], progress=progress)
    mosaic = Mosaic(source, layout, pool.z[selected], stitching=stitching, blending=blending, pool=pool)
    if stitching == "genetic":
        mosaic.refine(seed=seeds[2], progress=progress, **(genetic or {}))
    return mosaic
