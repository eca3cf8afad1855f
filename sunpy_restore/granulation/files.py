"""Files that are written whole or not at all."""

import os
from contextlib import contextmanager

__all__ = ["complete_file"]


@contextmanager
def complete_file(path):
    """
    Write a file that takes its name when it is complete.

    Parameters
    ----------
    path : `pathlib.Path`
        The file; an existing one is replaced at the end.

    Yields
    ------
    `pathlib.Path`
        Temporary file in the same folder. It is removed if the block ends with an error.
    """
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
