"""What was read from a file, kept as long as the file stays the same."""

from functools import lru_cache, wraps
from pathlib import Path

__all__ = ["kept_while_unchanged"]


def kept_while_unchanged(maxsize):
    """
    Make a function of a file read it once, unless the file changes.

    Parameters
    ----------
    maxsize : `int`
        Number of results that are kept.

    Returns
    -------
    callable
        Decorator of ``read(path, *arguments)``, whose path becomes an absolute `~pathlib.Path`.
    """

    def decorate(read):
        @lru_cache(maxsize=maxsize)
        def kept(path, status, arguments):
            return read(path, *arguments)

        @wraps(read)
        def reader(path, *arguments):
            path = Path(path).absolute()
            status = path.stat()
            return kept(path, (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns), arguments)

        return reader

    return decorate
