"""Files of tiles and mosaics: .npz without pickled objects."""

import os
import zipfile
from pathlib import Path

import numpy as np

__all__ = ["check_source", "read", "write"]

_KEY = "sunpy_restore"


def write(path, kind, arrays):
    """
    Write arrays; an existing file is replaced once the new one is complete.

    Parameters
    ----------
    path : path-like
        Where to; it must end in ``.npz``.
    kind : `str`
        What the file holds, which `read` asks for.
    arrays : mapping of `str` to array-like
        Numbers or text.
    """
    path = _checked_suffix(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            np.savez(file, **{_KEY: np.array(kind)}, **arrays)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read(path, kind):
    """
    Read what `write` wrote.

    Parameters
    ----------
    path : path-like
        The file.
    kind : `str`
        What it must hold.

    Returns
    -------
    `dict` of `str` to `numpy.ndarray`

    Raises
    ------
    ValueError
        If the file is something else, or damaged.
    """
    path = _checked_suffix(path)
    try:
        # Opened here, so that it is closed whatever numpy makes of it
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        found = str(arrays.pop(_KEY))
    except FileNotFoundError:
        raise
    # A lone array has no names to be asked for
    except (AttributeError, EOFError, KeyError, OSError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"The file {path} is damaged or something else ({error}), expected a {kind}.") from error
    if found != kind:
        raise ValueError(f"The file {path} holds a {found}, expected a {kind}.")
    return arrays


def check_source(source, side, z, tile, what):
    """
    Refuse tiles of another source.

    Parameters
    ----------
    source : object
        A source of tiles.
    side : `int`
        Side of the stored tiles in pixels.
    z : `numpy.ndarray`
        Stored z, shape ``(n, latent)``.
    tile : callable
        What of the first tile is stored, given the whole tile: a pair of the stored and of the found pixels.
    what : `str`
        What is stored, for the message.

    Raises
    ------
    ValueError
        If the side or the length of z differs, or the source makes another tile of the first z.
    """
    found, expected = (side, z.shape[1]), (source.side, source.latent)
    if found != expected:
        raise ValueError(
            f"The {what} has tiles of side {found[0]} px and z of length {found[1]}, the source {expected[0]} and "
            f"{expected[1]}. Take the source that it was made from, or make another."
        )
    stored, made = (part.astype(np.float32) for part in tile(source.tiles(z[:1])[0]))
    # Wide enough for half precision and for another processor, too narrow for another network
    if not np.abs(stored - made).max() <= 0.02 * np.ptp(stored) + 2e-3 * np.abs(stored).max():
        raise ValueError(
            f"The {what} was made from another source: its first tile is not what this source makes of its z. "
            "Take the source that it was made from, or make another."
        )


def _checked_suffix(path):
    path = Path(path).expanduser()
    if path.suffix != ".npz":
        raise ValueError(f"The file {str(path)!r} ends in {path.suffix!r}, expected '.npz'.")
    return path
