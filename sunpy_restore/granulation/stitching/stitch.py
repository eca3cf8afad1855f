"""The one door to mosaics of tiles."""

import numpy as np

from sunpy_restore.core.tiling import at_least
from sunpy_restore.granulation.stitching.database import TileDatabase
from sunpy_restore.granulation.stitching.greedy import PER_PLACE, check_enough, choose
from sunpy_restore.granulation.stitching.layout import Layout
from sunpy_restore.granulation.stitching.mosaic import Mosaic, check_ways

__all__ = ["stitch"]


def stitch(source, shape, *, stitching="greedy", blending="linear", overlap=32, pool=None, seed=None, progress=False):
    """
    Make a mosaic of generated tiles that fit each other.

    Parameters
    ----------
    source : object
        What makes tiles of z, see `~sunpy_restore.granulation.stitching.mosaic.Mosaic`.
    shape : tuple of `int`
        Shape (ny, nx) of the image.
    stitching : ``"greedy"``, ``"seam"``, ``"latent"`` or ``"genetic"``
        Tiles blended, cut where they differ least, blended by their features, or refined by evolution and blended.
    blending : ``"linear"`` or ``"variance"``
        Linear weights, or such that preserve the variance.
    overlap : `int`
        Pixels that neighbours share, from 1 to half of the side of a tile; for ``"latent"`` whole features.
    pool : `~sunpy_restore.granulation.stitching.database.TileDatabase` or `int`, optional
        Tiles to choose from, each of which is used once, or their number. By default ten for each place.
    seed : `int`, optional
        Seed of the random numbers; the same one gives the same mosaic.
    progress : `bool`
        Show progress bars.

    Returns
    -------
    `~sunpy_restore.granulation.stitching.mosaic.Mosaic`

    Raises
    ------
    ValueError
        Unknown stitching or blending; a shape that is not two positive integers; an overlap that is out of range; a
        pool that is too small, of another source or for another overlap; a source without features for ``"latent"``.

    References
    ----------
    * Sierra Acosta 2020
    * Efros & Freeman 2001, https://doi.org/10.1145/383259.383296
    """
    layout = Layout(shape, source.side, overlap)
    check_ways(source, layout.overlap, stitching, blending)
    seeds = np.random.SeedSequence(seed).spawn(3)
    if isinstance(pool, TileDatabase):
        pool.check(source, layout.overlap)
    else:
        count = PER_PLACE * int(np.prod(layout.places)) if pool is None else at_least(1, "the number of tiles", pool)
        check_enough(count, layout)
        pool = TileDatabase.made(source, count, seeds[0], border=layout.overlap, progress=progress)
    chosen = choose(pool, layout, seed=seeds[1], progress=progress)
    mosaic = Mosaic(source, layout, pool.z[chosen], stitching=stitching, blending=blending, pool=pool)
    if stitching == "genetic":
        mosaic.refine(seed=seeds[2], progress=progress)
    return mosaic
