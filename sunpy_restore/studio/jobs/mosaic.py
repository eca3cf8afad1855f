"""Jobs of the Granulation tab, for the process of a tab: arguments and results are texts and numbers."""

import functools
from pathlib import Path

import numpy as np

from sunpy_restore.core.system.unchanged import kept_while_unchanged

__all__ = ["export", "make_mosaic", "make_pool", "refine"]


@functools.lru_cache(maxsize=2)
def _source(method, device):
    """The generator of a method: its tiles and its calibration."""
    from sunpy_restore.core.inference.loaded import ready_network
    from sunpy_restore.granulation.task import METHODS
    from sunpy_restore.granulation.tiles import TileSource

    network, _ = ready_network(METHODS[method][0], None, device)
    return TileSource(network, device), network.calibration


@kept_while_unchanged(maxsize=1)
def _read_pool(path, method, device):
    from sunpy_restore.granulation.stitching.database import TileDatabase

    return TileDatabase.load(path, _source(method, device)[0])


def make_pool(out, method, count, seed, device=None, border=32):
    """
    Make tiles to select from and write them.

    Parameters
    ----------
    out : `str`
        File ``.npz``.
    method : `str`
        ``"gan"`` or ``"vae"``.
    count, seed, border : `int`
        Number of tiles, seed, and width of the border that neighbours may share in pixels.
    device : `str`, optional
        PyTorch device.

    Returns
    -------
    `dict`
        ``path`` and ``count``.
    """
    from sunpy_restore.granulation.stitching.database import TileDatabase

    pool = TileDatabase.generate(_source(method, device)[0], count, seed, border=border, progress=True)
    pool.save(out)
    return {"path": out, "count": len(pool)}


def make_mosaic(out, pool, method, shape, overlap, stitching, seed, pool_size=None, device=None, genetic=None):
    """
    Select tiles from a pool and stitch them.

    Parameters
    ----------
    out : `str`
        File ``.npz`` of the mosaic; its image is written beside it.
    pool : `str`
        File of the pool, of which ``pool_size`` tiles are drawn at random, by default ten per position.
    method, shape, overlap, stitching, seed, pool_size, device
        See `sunpy_restore.synthesize_granulation`.
    genetic : `dict`, optional
        Options of the evolutionary search.

    Returns
    -------
    `dict`
        See `refine`.
    """
    from sunpy_restore.granulation.stitching.greedy import PER_POSITION
    from sunpy_restore.granulation.stitching.layout import Layout
    from sunpy_restore.granulation.stitching.stitch import stitch

    source, _ = _source(method, device)
    count = pool_size or PER_POSITION * int(np.prod(Layout(shape, source.side, overlap).grid))
    tiles = _read_pool(pool, method, device).subset(count, seed)
    mosaic = stitch(
        source, tuple(shape), stitching=stitching, overlap=overlap, pool=tiles, seed=seed, genetic=genetic,
        progress=True,
    )  # fmt: skip
    return _written(mosaic, out, method, device)


def refine(path, out, pool, method, positions, seed, replace=False, device=None, genetic=None):
    """
    Search for better tiles at some positions, or replace the tiles there.

    Parameters
    ----------
    path, out, pool : `str`
        Files of the mosaic, of the new one, and of the pool.
    method, device, seed
        See `make_mosaic`.
    positions : `list` of pairs of `int`
        Rows and columns.
    replace : `bool`
        Replace the tiles even if the new ones match less well.
    genetic : `dict`, optional
        Options of the evolutionary search.

    Returns
    -------
    `dict`
        ``path`` and ``image`` (files), ``pixel`` in Mm, ``distances`` of the tiles by row, ``side`` and ``overlap`` in
        pixels, and ``before`` and ``after``: the distances of the tiles that were refined.
    """
    from sunpy_restore.granulation.stitching.mosaic import Mosaic

    mosaic = Mosaic.load(path, _source(method, device)[0], pool=_read_pool(pool, method, device))
    search = mosaic.replace if replace else mosaic.refine
    found = search([tuple(position) for position in positions], seed=seed, progress=True, **(genetic or {}))
    return _written(mosaic, out, method, device) | {"before": found.before.tolist(), "after": found.after.tolist()}


def _written(mosaic, out, method, device):
    from sunpy_restore.granulation.output import write_texture
    from sunpy_restore.granulation.tiles import CalibratedMosaic

    mosaic.save(out)
    texture = CalibratedMosaic(mosaic, _source(method, device)[1])
    image = str(Path(out).with_suffix(".npy"))
    np.save(image, write_texture(texture, {}, progress=True, description="Image"))
    return {
        "path": out, "image": image, "pixel": texture.pixel / 1000, "distances": mosaic.distances().tolist(),
        "side": mosaic.layout.side, "overlap": mosaic.layout.overlap, "before": [], "after": [],
    }  # fmt: skip


def export(path, out, method, seed, device=None):
    """
    Write a mosaic at full size.

    Parameters
    ----------
    path, out : `str`
        File of the mosaic, and the file to write, see the ``out`` of `sunpy_restore.synthesize_granulation`.
    method, seed, device
        See `make_mosaic`.

    Returns
    -------
    `str`
        ``out``.
    """
    from sunpy_restore.core.restoration.methods import load_method
    from sunpy_restore.granulation.output import checked_target, texture_header, write_texture
    from sunpy_restore.granulation.stitching.mosaic import Mosaic
    from sunpy_restore.granulation.task import METHODS
    from sunpy_restore.granulation.tiles import CalibratedMosaic

    source, calibration = _source(method, device)
    mosaic = Mosaic.load(path, source)
    loaded = load_method(*METHODS[method], device=device)
    texture = CalibratedMosaic(mosaic, calibration)
    header = texture_header(texture, method, f"{method}, {mosaic.stitching}", loaded, seed)
    write_texture(texture, header, checked_target(out), progress=True, description="Image")
    return out
