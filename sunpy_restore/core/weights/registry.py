"""The registry of weights: names, tasks, sources and checksums of the files."""

import re
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from sunpy_restore.core.exceptions import WeightsError

__all__ = [
    "REGISTRY",
    "WeightsEntry",
    "available",
    "default_for",
    "entries_named",
    "entry_named",
]

_KINDS = ("compact", "full", "features", "keras")

REGISTRY = Path(__file__).with_name("registry.toml")
"""The registry of the package."""


@dataclass(frozen=True, kw_only=True)
class WeightsEntry:
    """
    An entry of the registry: one file of weights.

    Parameters
    ----------
    name, task : `str`
        Name in the registry; name of the task of the network, empty for features.
    kind : ``"compact"``, ``"full"``, ``"features"`` or ``"keras"``
        Compact files are in the package. Full files are in its source repository, but not in the installed package,
        which downloads them into the user's cache on request. Features are downloaded as well: networks of other
        projects whose features of an image enter the loss of a training. Keras files are networks that others
        published in HDF5; they are downloaded and converted.
    file : `str`
        File name, which ends in ``.safetensors``, for features in ``.pth``, for Keras in ``.hdf5``.
    sha256 : `str`
        SHA-256 of the file in lower-case hexadecimal; none for Keras files.
    size : `int`
        Size of the file in bytes; 0 for Keras files, whose size is not checked.
    git_blob : `str`
        For Keras files, the id of the file in its git repository, by which it is checked.
    convert : `str`
        For Keras files, ``"module:function"`` of ``sunpy_restore.networks`` that converts the layers, see
        `sunpy_restore.core.weights.keras`.
    urls : `tuple` of `str`
        Addresses of a downloaded file, in the order in which they are tried.
    licence, doi : `str`
        SPDX identifier of the licence; DOI of the paper that the network follows.
    default : `bool`
        Whether the task uses these weights by default.
    description : `str`
        One line: the network and the input that it expects.
    trained_on : `str`
        One line: the training data, with their terms of use.
    folder : `~pathlib.Path`, optional
        Folder of the compact files in the package, or of the full files in the source repository.

    Raises
    ------
    ValueError
        A value is invalid.
    """

    name: str
    kind: str
    file: str
    licence: str
    doi: str
    description: str
    sha256: str = ""
    size: int = 0
    git_blob: str = ""
    convert: str = ""
    task: str = ""
    urls: tuple[str, ...] = ()
    default: bool = False
    trained_on: str = ""
    folder: Path | None = field(default=None, repr=False)

    def __post_init__(self):
        features, keras = self.kind == "features", self.kind == "keras"
        suffix = {"features": ".pth", "keras": ".hdf5"}.get(self.kind, ".safetensors")
        converter = r"sunpy_restore\.networks\.[\w.]+:\w+"
        rules = {
            "kind": (self.kind in _KINDS, f"one of {', '.join(_KINDS)}"),
            "file": (re.fullmatch(rf"[^/\\]+\{suffix}", self.file), f"a file name that ends in {suffix}"),
            "task": (bool(self.task) != features, "none" if features else "the name of a task"),
            "sha256": (keras or re.fullmatch("[0-9a-f]{64}", self.sha256), "64 lower-case hexadecimal digits"),
            "size": (keras or self.size > 0, "a positive number of bytes"),
            "git_blob": (not keras or re.fullmatch("[0-9a-f]{40}", self.git_blob), "40 lower-case hexadecimal digits"),
            "convert": (not keras or re.fullmatch(converter, self.convert), "a function of sunpy_restore.networks"),
        }
        for key, (holds, expected) in rules.items():
            if not holds:
                raise ValueError(
                    f"Weights {self.name!r} in the registry: found {key} = {getattr(self, key)!r}; expected {expected}."
                )

    @property
    def short_name(self):
        """Name without the task in front of it, which functions take for images of any of their tasks."""
        return self.name.removeprefix(f"{self.task}-")


def available(task=None, *, registry=None):
    """
    List the weights in the registry.

    Parameters
    ----------
    task : `str`, optional
        Name of a task, to list its weights only.
    registry : path-like, optional
        The registry; by default that of the package.

    Returns
    -------
    `tuple` of `WeightsEntry`

    Examples
    --------
    >>> from sunpy_restore.core.weights.registry import available
    >>> available("no such task")
    ()
    """
    path = Path(registry or REGISTRY)
    entries = _entries(path, path.read_text(encoding="utf-8"))
    return tuple(entry for entry in entries if task in (None, entry.task))


@lru_cache(maxsize=4)
def _entries(path, text):
    """The entries of a registry with this text."""
    data = tomllib.loads(text)
    base_url, entries = data["base_url"], []
    folders = {
        kind: (path.parent / data[key]).resolve()
        for kind, key in (("compact", "folder"), ("full", "full_folder"))
        if key in data
    }
    for name, values in data.get("weights", {}).items():
        urls = values.pop("urls", [])
        if base_url and values["kind"] == "full":
            urls = [f"{base_url.rstrip('/')}/{values['file']}", *urls]
        entries.append(WeightsEntry(name=name, urls=tuple(urls), folder=folders.get(values["kind"]), **values))
    return tuple(entries)


def entry_named(name, *, registry=None):
    """
    Find an entry of the registry by its name.

    Parameters
    ----------
    name : `str`
        Name in the registry.
    registry : path-like, optional
        The registry; by default that of the package.

    Returns
    -------
    `WeightsEntry`

    Raises
    ------
    ValueError
        The registry has no entry of that name.

    Examples
    --------
    >>> from sunpy_restore.core.weights.registry import entry_named
    >>> entry_named("vgg19").file
    'vgg19-dcbb9e9d.pth'
    """
    entries = {entry.name: entry for entry in available(registry=registry)}
    if name not in entries:
        raise ValueError(f"Unknown weights {name!r}; expected one of {', '.join(entries) or 'none'}.")
    return entries[name]


def entries_named(name, *, registry=None):
    """
    Find the entries of the registry with a name that may be without the task in front of it.

    Parameters
    ----------
    name : `str`
        Name in the registry, such as ``"enhance-continuum-light"``, or a short one, such as ``"light"``.
    registry : path-like, optional
        The registry; by default that of the package.

    Returns
    -------
    `tuple` of `WeightsEntry`
        One entry, or one of each task that has weights of that short name.

    Raises
    ------
    ValueError
        The registry has no entry of that name.

    Examples
    --------
    >>> from sunpy_restore.core.weights.registry import entries_named
    >>> [entry.name for entry in entries_named("light")]
    ['enhance-continuum-light', 'enhance-magnetogram-light']
    """
    short = tuple(entry for entry in available(registry=registry) if entry.short_name == name != entry.name)
    return short or (entry_named(name, registry=registry),)


def default_for(task, *, registry=None):
    """
    Find the default weights of a task.

    Parameters
    ----------
    task : `str`
        Name of the task.
    registry : path-like, optional
        The registry; by default that of the package.

    Returns
    -------
    `WeightsEntry`

    Raises
    ------
    WeightsError
        The registry has no default weights for the task.
    """
    entries = available(task, registry=registry)
    for entry in entries:
        if entry.default:
            return entry
    names = ", ".join(repr(entry.name) for entry in entries) or "none"
    raise WeightsError(
        f"Found no default weights for the task {task!r} in the registry; it has {names}. Pass weights= with a name in "
        "the registry or the path of a .safetensors file."
    )
