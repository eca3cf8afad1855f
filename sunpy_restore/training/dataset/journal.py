"""The record of the files that were considered for a data set, by which a second run resumes."""

import json
from dataclasses import asdict

from sunpy_restore.core.datasets.item import item_of

__all__ = ["Journal"]

_NAME = "files.jsonl"


class Journal:
    """
    The files that were considered, one per line of ``files.jsonl``.

    A file is considered again if its size or its time of modification changes, if its TOML file does, or if one of its
    shards is missing. A line that was not written to its end is ignored.

    Parameters
    ----------
    folder : `pathlib.Path`
        Folder of the data set.
    data : `str`
        What the images are for, see ``data_name`` of `~sunpy_restore.core.recipes.recipe.Recipe`.

    Raises
    ------
    ValueError
        The folder has images for other tasks.
    """

    def __init__(self, folder, data):
        self.folder, self.data, self.path = folder, data, folder / _NAME
        self._entries, self._broken = {}, False
        for line in self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else ():
            try:
                entry = json.loads(line)
                items = [item_of(values) for values in entry["items"]]
            except (KeyError, TypeError, ValueError):
                self._broken = True
                continue
            if entry["data"] != data:
                raise ValueError(f"Found images for {entry['data']} in {folder}; expected some for {data}.")
            self._entries[entry["name"]] = (entry["stamp"], items, [tuple(pair) for pair in entry["refused"]])

    @property
    def items(self):
        """Images that the recipe has taken, in the order of the names of their files."""
        return [item for name in sorted(self._entries) for item in self._entries[name][1]]

    @property
    def refused(self):
        """Names of images and files that the recipe has refused, and the reasons."""
        return [pair for name in sorted(self._entries) for pair in self._entries[name][2]]

    def knows(self, name, *paths):
        """
        Whether a file need not be considered again.

        Parameters
        ----------
        name : `str`
            Its name, relative to its folder.
        *paths : `pathlib.Path`
            The file, or the files of a pair.
        """
        stamp, items, _ = self._entries.get(name, (None, [], []))
        return stamp == _stamp(*paths) and all((self.folder / item.shard).is_file() for item in items)

    def outcome(self, name):
        """
        What was found in a file or a pair that is known.

        Parameters
        ----------
        name : `str`
            As for `knows`.

        Returns
        -------
        items, refused
            As for `add`.
        """
        return self._entries[name][1:]

    def add(self, name, paths, items, refused):
        """
        Record a file.

        Parameters
        ----------
        name : `str`
            As for `knows`.
        paths : `list` of `pathlib.Path`
            The file, or the files of a pair.
        items : `list` of `~sunpy_restore.core.datasets.item.Item`
            Its images that the recipe takes.
        refused : `list` of pairs of `str`
            Names of others, and the reasons.
        """
        self._entries[name] = (_stamp(*paths), items, refused)
        entry = {"name": name, "data": self.data, "stamp": _stamp(*paths), "refused": refused}
        entry["items"] = [asdict(item) for item in items]
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" * self._broken + json.dumps(entry) + "\n")
        self._broken = False


def _stamp(*paths):
    """Size and time of modification of files and of the TOML files beside them."""
    files = []
    for path in paths:
        stem = path.name.partition(".")[0]
        files += [path, *sorted(path.parent.glob(f"{_escaped(stem)}*.toml"))]
    return [[file.stat().st_size, file.stat().st_mtime_ns] for file in files]


def _escaped(stem):
    return "".join(f"[{character}]" if character in "*?[" else character for character in stem)
