"""
Lists of training images in TOML files: which files a recipe reads, and which parts of them are for validation.

A list has entries in the order in which they are read. Each entry is in one of the splits.
"""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sunpy_restore.core.datasets.listentry import Entry
from sunpy_restore.core.datasets.listrules import check_list
from sunpy_restore.core.datasets.splits import SPLITS, find_list_leak
from sunpy_restore.core.system.filecheck import file_sha256

__all__ = ["ImageList", "described_list", "find_list", "read_list"]

_GAP = 24.0  # hours, by default


@dataclass(frozen=True)
class ImageList:
    """
    A list of training images.

    Parameters
    ----------
    path : `pathlib.Path`
        The file.
    entries : `list` of `~sunpy_restore.core.datasets.listentry.Entry`
        The entries.
    hashes : mapping
        Path of a file to its SHA-256, for those that are checked.
    gap : `float`
        Least time in hours between images of different splits.
    description : `str`
        Text about the training for model cards.
    """

    path: Path
    entries: list
    hashes: Mapping = field(default_factory=dict)
    gap: float = _GAP
    description: str = ""

    def describe(self):
        """The description, or else a text that names the sources of both splits."""
        if self.description:
            return self.description
        parts = []
        for split in SPLITS:
            entries = self.split(split)
            total = sum(entry.weight for entry in entries)
            named = (
                f"{entry.name} ({entry.weight / total:.0%})" if split == SPLITS[0] else entry.name for entry in entries
            )
            parts.append(f"for {split} " + ", ".join(named))
        terms = dict.fromkeys(text for entry in self.entries for text in (entry.licence, entry.credit) if text)
        text = f"Own list of images: {'; '.join(parts)}."
        return " ".join([text, *(["Terms and credits: " + "; ".join(terms) + "."] if terms else [])])

    def split(self, name):
        """
        Entries of a split.

        Parameters
        ----------
        name : ``"train"`` or ``"validation"``
            The split.

        Returns
        -------
        `list` of `~sunpy_restore.core.datasets.listentry.Entry`
        """
        return [entry for entry in self.entries if entry.split == name]

    def paths(self, entry, directory):
        """
        Find the files of an entry, and check them.

        Parameters
        ----------
        entry : `~sunpy_restore.core.datasets.listentry.Entry`
            The entry.
        directory : path-like
            Folder of the data.

        Returns
        -------
        `list` of `pathlib.Path`
            In the order of the list; those of a pattern are sorted.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        ValueError
            A file has another SHA-256 than in the list, or is a part of both splits.
        """
        directory, result = Path(directory), []
        for name in entry.files:
            found = _matching(name, directory)
            if not found:
                raise FileNotFoundError(
                    f"Found no file {directory / name}; expected the images that {self.path.name} lists for "
                    f"{entry.name!r}. Add it to the folder, or put a list of your own files there as {self.path.name}."
                )
            result += found
        for name in result:
            expected, found = self.hashes.get(name), file_sha256(directory / name)
            if expected not in (None, found):
                raise ValueError(
                    f"Found the SHA-256 {found} of {directory / name}; expected {expected}, as in {self.path.name}. "
                    f"Use the original file, or put a list of your own files into the folder as {self.path.name}."
                )
        self._check_others(entry, result, directory)
        return [directory / name for name in result]

    def _check_others(self, entry, names, directory):
        """Only here it is known which files a pattern stands for, and which files are copies of others."""
        entries = [dataclasses.replace(entry, files=names)]
        for other in self.entries:
            if other.split != entry.split:
                found = [match for name in other.files for match in _matching(name, directory) or [name]]
                entries.append(dataclasses.replace(other, files=found))
        files = [name for own in entries for name in own.files if (directory / name).is_file()]
        _check_leak(entries, {name: file_sha256(directory / name) for name in files}, self.gap, self.path)


def _matching(name, directory):
    if (directory / name).is_file():
        return [name]
    return sorted(path.relative_to(directory).as_posix() for path in directory.glob(name) if path.is_file())


def _check_leak(entries, hashes, gap, path):
    """Refuse entries of which a part for training and one for validation are not independent."""
    leak = find_list_leak(entries, hashes, gap)
    if leak:
        raise ValueError(f"The splits in {path} are not independent: {leak}. Correct the list.")


def find_list(name, folder, directory):
    """
    Find the list of a recipe: that in the folder of the data, or else that of the package.

    Parameters
    ----------
    name : `str`
        Name of the list, without its ending.
    folder : path-like
        Folder with the lists of the package.
    directory : path-like
        Folder of the data.

    Returns
    -------
    `pathlib.Path`

    Raises
    ------
    ValueError
        There is no list of that name.
    """
    paths = [Path(directory) / f"{name}.toml", Path(folder) / f"{name}.toml"]
    found = next((path for path in paths if path.is_file()), None)
    if found is None:
        known = ", ".join(sorted(path.stem for path in Path(folder).glob("*.toml")))
        raise ValueError(f"Unknown list of training images {name!r}; expected one of {known}, or {paths[0]}.")
    return found


def described_list(directory, name):
    """
    Describe the images of a list in the folder of the data for the metadata of weights.

    Parameters
    ----------
    directory : path-like
        Folder of the data.
    name : `str`
        Name of the list, without its ending.

    Returns
    -------
    `dict`
        ``training_data``, empty for a folder without such a list.
    """
    path = Path(directory) / f"{name}.toml"
    return {"training_data": read_list(path).describe()} if path.is_file() else {}


def read_list(path, options=None, *, unused=()):
    """
    Read and check a list of training images.

    Parameters
    ----------
    path : path-like
        A TOML file. Each table ``[[source]]`` has the parameters of `~sunpy_restore.core.datasets.listentry.Entry`.
        Other keys are ``gap``, the least time in hours between images of different splits (by default 24);
        ``description``, a text for model cards; and ``sha256``, a table with the hashes of files.
    options : mapping, optional
        Options of entries that the recipe knows, each with a function that says whether a value is valid, and a text
        that says what is expected; by default they are not checked.
    unused : collection of `str`
        Parameters of entries that the recipe does not use, such as those of parts of an image. A list with one of them
        is refused: its splits would not be those that are read.

    Returns
    -------
    `ImageList`

    Raises
    ------
    ValueError
        The file is no TOML, has an unknown key or an invalid value, or lacks a key or a split; or the splits are not
        independent: they have the same part of a file, or images closer in time than the gap.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"The list {path} is no valid TOML ({error}). Correct that line.") from error
    check_list(content, path, options, unused)
    entries = [Entry(**values) for values in content["source"]]
    hashes, gap = content.get("sha256", {}), float(content.get("gap", _GAP))
    _check_leak(entries, hashes, gap, path)
    return ImageList(path, entries, hashes, gap, " ".join(content.get("description", "").split()))
