"""Files of tiles and mosaics: ``.npz`` without pickled objects."""

import zipfile
from pathlib import Path

import numpy as np

from sunpy_restore.core.messages import text_of_numpy
from sunpy_restore.core.system.atomic import atomic_path

__all__ = ["check_source", "read", "write"]

_KEY = "sunpy_restore"


def write(path, kind, arrays):
    """
    Write arrays to a file; an existing file is replaced when the new one is complete.

    Parameters
    ----------
    path : path-like
        The file; its name ends in ``.npz``.
    kind : `str`
        Kind of content, which `read` checks.
    arrays : mapping of `str` to array-like
        Numbers or text.
    """
    with atomic_path(_checked_suffix(path)) as temporary, temporary.open("wb") as file:
        np.savez(file, **{_KEY: np.array(kind)}, **arrays)


def read(path, kind):
    """
    Read arrays that `write` wrote.

    Parameters
    ----------
    path : path-like
        The file.
    kind : `str`
        Expected kind of content.

    Returns
    -------
    `dict` of `str` to `numpy.ndarray`

    Raises
    ------
    ValueError
        The file contains something else or is damaged.
    """
    path = _checked_suffix(path)
    try:
        # Opened here, because numpy.load leaves the file open after some errors
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        found = str(arrays.pop(_KEY))
    except FileNotFoundError:
        raise
    # AttributeError: a file with a single array has no names
    except (AttributeError, EOFError, KeyError, OSError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"The file {path} is damaged or something else ({text_of_numpy(error)}); expected a {kind}."
        ) from error
    if found != kind:
        raise ValueError(f"Found a {found} in the file {path}; expected a {kind}.")
    return arrays


def check_source(source, side, z, tile, what):
    """
    Check that stored tiles were made by a source.

    Parameters
    ----------
    source : object
        A source of tiles.
    side : `int`
        Side of the stored tiles in pixels.
    z : `numpy.ndarray`
        Stored latent vectors, shape ``(n, latent)``.
    tile : callable
        ``tile(first) -> (stored, generated)``: the stored pixels of the first tile, and the same pixels of the tile
        that the source generates.
    what : `str`
        What is stored, for the error message.

    Raises
    ------
    ValueError
        The side or the length of the latent vectors differs, or the source generates another tile from the first latent
        vector.
    """
    found, expected = (side, z.shape[1]), (source.side, source.latent)
    if found != expected:
        raise ValueError(
            f"Found a {what} with tiles of {found[0]} px and latent vectors of length {found[1]}; expected "
            f"{expected[0]} px and {expected[1]} for this source. Use the source it was made from, or make another."
        )
    stored, generated = (part.astype(np.float32) for part in tile(source.tiles(z[:1])[0]))
    # Wide enough for half precision and other processors, too narrow for another network
    if not np.abs(stored - generated).max() <= 0.02 * np.ptp(stored) + 2e-3 * np.abs(stored).max():
        raise ValueError(
            f"Found a {what} made from another source: its first tile differs from the one that this source generates. "
            "Use the source that it was made from, or make another one."
        )


def _checked_suffix(path):
    path = Path(path).expanduser()
    if path.suffix != ".npz":
        raise ValueError(f"Found the file name {str(path)!r}; expected one that ends in '.npz'.")
    return path
