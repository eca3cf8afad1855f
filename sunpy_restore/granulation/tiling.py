"""How the tiles of a texture are chosen: overlap, pool and evolutionary search."""

import os
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path

import numpy as np

from sunpy_restore.core.messages import shown

__all__ = ["GENETIC", "Tiling", "pool_for"]

GENETIC = ("population", "generations", "mutation_rate", "goal")
"""Options of the evolutionary search."""

_BORDER = 32  # pixels, of the tiles in a pool file


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """
    Options of generators of tiles.

    Parameters
    ----------
    overlap : `int`, optional
        Pixels that neighbouring tiles share.
    pool : `~pathlib.Path`, optional
        File of tiles.
    pool_size : `int`, optional
        Number of tiles to select from.
    replace : `tuple` of pairs of `int`
        Rows and columns of tiles that are replaced.
    genetic : `dict`
        Those of `GENETIC` that were given.
    """

    overlap: int | None = None
    pool: Path | None = None
    pool_size: int | None = None
    replace: tuple = ()
    genetic: dict = field(default_factory=dict)

    @classmethod
    def from_arguments(cls, *, overlap=None, pool=None, pool_size=None, replace=None, **genetic):
        """
        Check the arguments of `sunpy_restore.synthesize_granulation`; `None` is the default of each.

        Parameters
        ----------
        overlap, pool, pool_size, replace, **genetic
            See `sunpy_restore.synthesize_granulation`.

        Returns
        -------
        Tiling

        Raises
        ------
        TypeError
            The pool is no name of a file.
        ValueError
            A value is out of range.
        """
        least = {"overlap": 1, "pool_size": 1, "population": 10, "generations": 0}
        given = {"overlap": overlap, "pool_size": pool_size, **genetic}
        for name, low in least.items():
            value = given.get(name)
            if value is not None and not (_is_integer(value) and value >= low):
                raise ValueError(f"Found {name}={shown(value)}; expected an integer, {low} or more.")
        for name, high in (("mutation_rate", 1.0), ("goal", np.inf)):
            value = given.get(name)
            if value is not None and not (isinstance(value, Real) and 0 <= value <= high):
                limit = "0 to 1" if high == 1 else "0 or more"
                raise ValueError(f"Found {name}={shown(value)}; expected a number, {limit}.")
        if pool is not None and not isinstance(pool, str | os.PathLike):
            raise TypeError(f"Found the pool {shown(pool)}; expected the name of a file ending in .npz.")
        if pool is not None and Path(pool).suffix != ".npz":
            raise ValueError(f"Found the pool {str(pool)!r}; expected the name of a file ending in .npz.")
        return cls(
            overlap=overlap,
            pool=None if pool is None else Path(pool).expanduser(),
            pool_size=pool_size,
            replace=_positions(replace),
            genetic={name: value for name, value in genetic.items() if value is not None},
        )


def _is_integer(value):
    return isinstance(value, Integral) and not isinstance(value, bool | np.bool_)


def _positions(replace):
    try:
        pairs = tuple((row, column) for row, column in (() if replace is None else replace))
    except (TypeError, ValueError):
        pairs = None
    if pairs is None or not all(_is_integer(part) and part >= 0 for pair in pairs for part in pair):
        raise ValueError(f"Found replace={shown(replace)}; expected rows and columns of tiles, such as [(0, 2)].")
    return pairs


def pool_for(source, shape, tiling, seed, *, progress=False):
    """
    Make or read the tiles to select from.

    Parameters
    ----------
    source : object
        A source of tiles, see `~sunpy_restore.granulation.stitching.mosaic.Mosaic`.
    shape : `tuple` of `int`
        Shape of the image.
    tiling : `Tiling`
        The options. A pool file that does not exist is made.
    seed : `int`
        Seed of the texture.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `~sunpy_restore.granulation.stitching.database.TileDatabase`, `int` or `None`
        As `~sunpy_restore.granulation.stitching.stitch.stitch` takes it: ten tiles per position unless another number
        is asked for, drawn at random from the file if it has more.
    """
    from sunpy_restore.granulation.stitching.database import TileDatabase
    from sunpy_restore.granulation.stitching.greedy import PER_POSITION
    from sunpy_restore.granulation.stitching.layout import Layout

    if tiling.pool is None:
        return tiling.pool_size
    overlap = tiling.overlap or min(_BORDER, source.side // 2)
    count = tiling.pool_size or PER_POSITION * int(np.prod(Layout(shape, source.side, overlap).grid))
    making, drawing = np.random.SeedSequence(seed).spawn(5)[3:]
    if not tiling.pool.is_file():
        border = max(overlap, min(_BORDER, source.side // 2))
        pool = TileDatabase.generate(source, count, making, border=border, progress=progress)
        pool.save(tiling.pool)
        return pool
    pool = TileDatabase.load(tiling.pool, source)
    if tiling.pool_size is not None and len(pool) < tiling.pool_size:
        raise ValueError(
            f"Found {len(pool)} tiles in {tiling.pool}; expected at least pool_size={tiling.pool_size}. Leave "
            "pool_size out to use all of them, or give a new file, which is then made with that number of tiles."
        )
    return pool.subset(count, drawing)
