"""A ledger of the frames of an archive: which are done, and why others failed."""

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

__all__ = ["Frame", "Ledger", "read_ledger"]

_TABLE = """
CREATE TABLE IF NOT EXISTS frames (
    position INTEGER PRIMARY KEY,
    target TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'failed')),
    message TEXT NOT NULL DEFAULT '',
    wanted INTEGER NOT NULL DEFAULT 1
)
"""
_PORTION = 500  # rows that are read at once


class Frame(NamedTuple):
    """
    One image of an archive.

    Parameters
    ----------
    position : `int`
        Its place in the order of the archive, from 0.
    source, target : `str`
        File or URL that is restored; name of the result within the sink.
    key : `str`
        Identifies the content of the source, the options and the weights.
    """

    position: int
    source: str
    target: str
    key: str


class Ledger:
    """
    A ledger in a file of SQLite, which survives that its process is killed.

    One process at a time has it open. Frames keep their positions; new ones are added at the end.

    Parameters
    ----------
    path : path-like
        The file. It is made if it does not exist.

    Raises
    ------
    BlockingIOError
        Another process has it open.
    PermissionError
        It cannot be written.
    ValueError
        The file is no ledger.
    """

    def __init__(self, path):
        self.path = path
        try:
            # Every statement outside of "BEGIN" is a transaction of its own
            self._database = sqlite3.connect(path, timeout=1, isolation_level=None)
        except sqlite3.OperationalError as error:
            raise _unwritable(path, error) from error
        try:
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute("BEGIN EXCLUSIVE")
            self._database.execute(_TABLE)
            self._database.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self.close()
            if "locked" not in str(error):
                raise _unwritable(path, error) from error
            raise BlockingIOError(
                f"{path}: {error}. Another run writes to this archive; wait for its end, or choose another sink."
            ) from error
        except sqlite3.DatabaseError as error:
            self.close()
            raise ValueError(
                f"Found {path}, which is no ledger ({error}); expected one of restore_archive. Remove it: results that "
                "are complete are recognised without it."
            ) from error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the file."""
        self._database.close()

    @contextmanager
    def _transaction(self):
        self._database.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def register(self, rows, state_of):
        """
        Register the frames of a run; all or none of them.

        Parameters
        ----------
        rows : iterable of `tuple` of `str`
            Source, target and key.
        state_of : callable
            ``state_of(frame, known)`` returns the state of a `Frame`: ``"waiting"``, ``"done"``, or ``"left out"`` for
            a frame that is not part of the run. ``known`` is whether the ledger has it as done with the same key.

        Returns
        -------
        `dict`
            Number of frames of the run in each state.
        """
        counts = {"waiting": 0, "done": 0, "left out": 0}
        with self._transaction():
            self._database.execute("UPDATE frames SET wanted = 0")
            (following,) = self._database.execute("SELECT COALESCE(MAX(position) + 1, 0) FROM frames").fetchone()
            for source, target, key in rows:
                found = self._database.execute(
                    "SELECT position, key, state FROM frames WHERE target = ?", (target,)
                ).fetchone()
                position = following if found is None else found[0]
                known = found is not None and found[1:] == (key, "done")
                state = state_of(Frame(position, source, target, key), known)
                counts[state] += 1
                if state == "left out":
                    continue
                following += found is None
                self._database.execute(
                    "INSERT OR REPLACE INTO frames (position, target, source, key, state) VALUES (?, ?, ?, ?, ?)",
                    (position, target, source, key, state),
                )
        return counts

    def waiting(self):
        """
        Frames of this run that are not done, in order.

        Yields
        ------
        `Frame`
        """
        last = -1
        while True:
            # Between two portions others are written
            rows = self._database.execute(
                "SELECT position, source, target, key FROM frames "
                "WHERE wanted AND state = 'waiting' AND position > ? ORDER BY position LIMIT ?", (last, _PORTION)
            ).fetchall()  # fmt: skip
            if not rows:
                return
            yield from map(Frame._make, rows)
            last = rows[-1][0]

    def record(self, frame, error=None):
        """
        Record that a frame is done, or failed.

        Parameters
        ----------
        frame : `Frame`
            The frame.
        error : `str`, optional
            Why it failed.
        """
        self._database.execute(
            "UPDATE frames SET state = ?, message = ? WHERE position = ?",
            ("done" if error is None else "failed", error or "", frame.position),
        )

    def failed(self):
        """
        Frames of this run that failed.

        Returns
        -------
        `dict`
            Source to error, in order.
        """
        rows = "SELECT source, message FROM frames WHERE wanted AND state = 'failed' ORDER BY position"
        return dict(self._database.execute(rows))

    def length(self):
        """Number of positions that are taken."""
        return self._database.execute("SELECT COALESCE(MAX(position) + 1, 0) FROM frames").fetchone()[0]


def _unwritable(path, error):
    return PermissionError(
        f"{path} cannot be written ({error}). Choose a sink on a disk that has space and that you may write to."
    )


def read_ledger(path):
    """
    Read a ledger, also one that a run has open.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    `~astropy.table.Table`
        Columns ``position``, ``source``, ``target``, ``state`` (``"done"``, ``"failed"`` or ``"waiting"``) and
        ``message``, the error of a frame that failed; in the order of the archive.
    """
    from astropy.table import Table

    names = ("position", "source", "target", "state", "message")
    uri = f"{Path(path).absolute().as_uri()}?mode=ro"
    try:
        rows = _rows(uri, names)
    except sqlite3.OperationalError:
        # A run has locked it; what it is just writing may be missing
        rows = _rows(f"{uri}&immutable=1", names)
    return Table(rows=rows or None, names=names, dtype=(int, str, str, str, str))


def _rows(uri, names):
    database = sqlite3.connect(uri, uri=True, timeout=0.1)
    try:
        return database.execute(f"SELECT {', '.join(names)} FROM frames ORDER BY position").fetchall()
    finally:
        database.close()
