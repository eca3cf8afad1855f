"""Download the files of a query into a folder, and continue where an earlier download ended."""

import filecmp
import hashlib
import json
import shutil
from pathlib import Path

from tqdm import tqdm

from sunpy_restore.core.messages import warn_user
from sunpy_restore.training.dataset.query import REGISTER, attributes, parse_query, windows

__all__ = ["download"]

_RECORD = "downloads.jsonl"
_CHUNK = 10  # files that are requested together


def download(recipe, query, folder, *, progress=False):
    """
    Search an archive for the images of a query, and download the files that are not there.

    Files are complete: each is moved into the folder after its download. ``downloads.jsonl`` records what was fetched.

    Parameters
    ----------
    recipe : `~sunpy_restore.core.recipes.recipe.Recipe`
        Recipe of the task, which has an ``archive``.
    query : `str`
        See `~sunpy_restore.training.dataset.query.parse_query`.
    folder : `pathlib.Path`
        Folder for the files.
    progress : `bool`
        Show a progress bar.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        Some files could not be downloaded.

    Raises
    ------
    ValueError
        The query is invalid, nothing was found, or JSOC does not know the e-mail address.
    RuntimeError
        The packages for downloads are missing, the search failed, or no file could be downloaded.
    """
    values = parse_query(query, recipe.archive)
    fido = _fido()
    tables = _search(fido, attributes(values, recipe.archive), query)
    if not tables:
        raise ValueError(f"Found no files for the query {query!r}; expected some. Try a longer time, or other values.")
    folder.mkdir(parents=True, exist_ok=True)
    record = _Record(folder)
    total, errors = sum(map(len, tables)), []
    with tqdm(total=total, desc="Downloads", disable=not progress) as bar:
        for table in _chunks(fido, values, recipe.archive, tables):
            errors += _fetch(fido, table, record, values)
            bar.update(len(table))
    shutil.rmtree(_partial(folder), ignore_errors=True)
    missing = sum(not record.has(_key(row)) for table in tables for row in table)
    if missing:
        reason = errors[0] if errors else "the archive did not deliver them"
        text = f"{missing} of {total} files could not be downloaded (such as {reason})"
        if not record.files:
            raise RuntimeError(f"{text}. Check the network, and run the command again.")
        warn_user(f"{text}. Run the command again: files that are there are not fetched again.")


def _fido():
    try:
        from sunpy.net import Fido
    except ImportError as error:
        raise RuntimeError(f'Downloads need more packages ({error}). Run: pip install "sunpy_restore[fido]"') from error
    return Fido


def _search(fido, attrs, query):
    try:
        response = fido.search(*attrs)
    # Archives raise errors of many kinds
    except Exception as error:
        raise RuntimeError(
            f"The search for {query!r} failed ({error}). Check the query and the network, and run the command again."
        ) from error
    return [table for table in response if len(table)]


def _chunks(fido, values, archive, tables):
    """Results in parts that are requested together."""
    if values["archive"] != "jsoc":
        for table in tables:
            for first in range(0, len(table), _CHUNK):
                yield table[first : first + _CHUNK]
        return
    # JSOC delivers all results of a search, whatever part of the table it is given
    for part in windows(values, max(map(len, tables)), _CHUNK):
        yield from _search(fido, attributes(part, archive), part["time"])


def _key(row):
    """Identity of a row of a table of results: all that the archive says about the file."""
    text = json.dumps({name: str(row[name]) for name in sorted(row.colnames)})
    return hashlib.sha256(text.encode()).hexdigest()


def _fetch(fido, table, record, values):
    """Download the files of a table that are not there; returns descriptions of the errors."""
    rows = [index for index in range(len(table)) if not record.has(_key(table[index]))]
    if not rows:
        return []
    if values["archive"] == "jsoc":
        return _request(fido, table, record, values)
    errors = _request(fido, table[rows], record, values)
    if 0 < len(errors) < len(rows):
        # One by one, to know which of them failed
        errors = [error for row in rows for error in _request(fido, table[[row]], record, values)]
    return errors


def _request(fido, table, record, values):
    """Download the files of a table; returns descriptions of the errors."""
    partial = _partial(record.folder)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        found = fido.fetch(table, path=str(partial / "{file}"), progress=False, overwrite="unique")
    except Exception as error:
        refused = any(word in str(error).lower() for word in ("email", "e-mail", "registered"))
        if values["archive"] == "jsoc" and refused:
            raise ValueError(
                f"JSOC refused notify={values['notify']} ({error}); expected an e-mail address that is registered at "
                f"{REGISTER}."
            ) from error
        return [f"{type(error).__name__}: {error}"] * len(table)
    names = [record.keep(Path(path)) for path in found]
    errors = [f"{error.url}: {error.exception}" for error in found.errors]
    if names and not errors:
        record.add([_key(row) for row in table], names)
    return errors


def _partial(folder):
    """Folder of the files that are being downloaded, which is next to that of the complete ones."""
    return folder.with_name(f".{folder.name}")


class _Record:
    """Files that were fetched, by the rows of the results of searches."""

    def __init__(self, folder):
        self.folder, self.path = folder, folder / _RECORD
        self.files = {}
        for line in self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else ():
            try:
                entry = json.loads(line)
                self.files |= dict.fromkeys(entry["keys"], entry["files"])
            except (KeyError, TypeError, ValueError):
                # A line that was not written to its end
                continue

    def has(self, key):
        """Whether the files of a row are there."""
        return key in self.files and all((self.folder / name).is_file() for name in self.files[key])

    def keep(self, path):
        """Move a complete file into the folder; returns its name there."""
        target, number = self.folder / path.name, 1
        while target.exists() and not filecmp.cmp(path, target, shallow=False):
            number += 1
            target = self.folder / f"{number}-{path.name}"
        path.replace(target)
        return target.name

    def add(self, keys, files):
        """Record files of some rows."""
        self.files |= dict.fromkeys(keys, files)
        broken = self.path.exists() and not self.path.read_bytes().endswith(b"\n")
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" * broken + json.dumps({"keys": keys, "files": files}) + "\n")
