"""Files that are written whole or not at all."""

import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where nobody can remove a file that is open
    fcntl = None

__all__ = ["atomic_path"]

_PREFIX = ".sunpy_restore-"


@contextmanager
def atomic_path(path):
    """
    Write a file so that other programs see either the old file or the complete new one.

    The block writes to a temporary file in the same folder. At its end the file is flushed to the disk and replaces
    ``path``. After an error the old file is unchanged and the temporary file is removed. If the process is killed, the
    temporary file stays until the next use of this function for the same folder. A running process holds a lock on
    its temporary file, so that no other process removes it.

    Parameters
    ----------
    path : path-like
        The file. If it is a symbolic link, the file that it points to is replaced.

    Yields
    ------
    `pathlib.Path`
        An empty file with the suffixes of ``path``. Write into it; do not delete and create it again.

    Raises
    ------
    OSError
        The file could not be written, for example because the disk is full.

    Examples
    --------
    >>> from sunpy_restore.core.system.atomic import atomic_path
    >>> folder = getfixture("tmp_path")
    >>> with atomic_path(folder / "notes.txt") as temporary:
    ...     _ = temporary.write_text("complete")
    >>> [file.name for file in folder.iterdir()]
    ['notes.txt']
    """
    target = Path(os.path.realpath(path))
    try:
        _remove_abandoned(target.parent)
        temporary, lock = target.with_name(f"{_PREFIX}{secrets.token_hex(8)}{_suffix(target)}"), None
        # A signal may come as soon as the file is there
        try:
            lock = _create(temporary)
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            if target.exists():
                shutil.copymode(target, temporary)
            temporary.replace(target)
            _sync_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)
            if lock is not None:
                os.close(lock)
    except OSError as error:
        reason = _reason(error)
        message = f"{target} was not written: {reason.strerror or error}"
        raise (OSError(message) if reason.errno is None else OSError(reason.errno, message)) from error


def _reason(error):
    """The error of the system, which astropy replaces by one without a number."""
    reason = error
    while reason.errno is None and isinstance(reason.__context__, OSError):
        reason = reason.__context__
    return error if reason.errno is None else reason


def _suffix(target):
    """The suffix by which writers choose a format."""
    return target.suffix if target.suffix != ".gz" else Path(target.stem).suffix + target.suffix


def _create(temporary):
    """Create an empty file; returns the descriptor that locks it, `None` where there are no locks."""
    while True:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        if fcntl is None:
            os.close(descriptor)
            return None
        # Some network file systems have no locks. A file that cannot be locked is not removed either.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Another process may have taken it for abandoned before it was locked.
        if temporary.exists():
            return descriptor
        os.close(descriptor)


def _remove_abandoned(folder):
    """Remove temporary files that no process holds: the system releases a lock when its process ends."""
    for temporary in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if fcntl is None:
                temporary.unlink()
                continue
            descriptor = os.open(temporary, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                temporary.unlink()
            finally:
                os.close(descriptor)


def _sync_folder(folder):
    """Make the new name survive a power cut, where folders can be opened."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
