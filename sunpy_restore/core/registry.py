"""The registry of weights: which files there are, for which task, from where, and how to recognise them."""

import hashlib
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from sunpy_restore.core.exceptions import WeightsError

__all__ = ["REGISTRY", "WeightsEntry", "available", "default_for", "entry_named", "refresh"]

REGISTRY = Path(__file__).with_name("registry.toml")
"""The registry of the package."""


@dataclass(frozen=True, kw_only=True)
class WeightsEntry:
    """
    One file of weights in the registry.

    Parameters
    ----------
    name, task : `str`
        Name in the registry; name of the task that the network solves, empty for features.
    kind : ``"compact"``, ``"full"`` or ``"features"``
        In the package, or downloaded into the user's cache when asked for; features are downloaded, too: they are those
        of an image, from a network that solves no task but serves the loss of a training.
    file : `str`
        File name, ending in ``.safetensors``, or in ``.pth`` for features.
    sha256 : `str`
        SHA-256 of the file in lower-case hexadecimal.
    size : `int`
        Its size in bytes.
    urls : `tuple` of `str`
        Addresses of a file that is downloaded, in the order in which they are tried.
    licence, doi : `str`
        SPDX identifier of the licence; DOI of the paper that the network follows.
    default : `bool`
        Whether the task takes these weights when nothing is asked for.
    description : `str`
        The network and the input that it expects, in one line.
    folder : `~pathlib.Path`
        Where the compact files of the registry lie.

    Raises
    ------
    ValueError
        If a value cannot be right.
    """

    name: str
    kind: str
    file: str
    sha256: str
    size: int
    licence: str
    doi: str
    description: str
    task: str = ""
    urls: tuple[str, ...] = ()
    default: bool = False
    folder: Path = field(default=Path(), repr=False)

    def __post_init__(self):
        features = self.kind == "features"
        suffix = ".pth" if features else ".safetensors"
        rules = {
            'kind, expected "compact", "full" or "features"': self.kind in ("compact", "full", "features"),
            f"file, expected a file name ending in {suffix}": re.fullmatch(rf"[^/\\]+\{suffix}", self.file),
            f"task, expected {'none' if features else 'one'}": bool(self.task) != features,
            "sha256, expected 64 lower-case hexadecimal digits": re.fullmatch("[0-9a-f]{64}", self.sha256),
            "size, expected a positive number of bytes": self.size > 0,
        }
        for rule, holds in rules.items():
            if not holds:
                key = rule.partition(",")[0]
                raise ValueError(f"weights {self.name!r} in the registry: found {getattr(self, key)!r} as {rule}.")


def available(task=None, *, registry=None):
    """
    Weights in the registry.

    Parameters
    ----------
    task : `str`, optional
        Only those of this task.
    registry : path-like, optional
        The registry; by default that of the package.

    Returns
    -------
    `tuple` of `WeightsEntry`

    Examples
    --------
    >>> from sunpy_restore.core.registry import available
    >>> available("no such task")
    ()
    """
    path = Path(registry or REGISTRY)
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    base_url, folder = data["base_url"], (path.parent / data["folder"]).resolve()
    entries = []
    for name, values in data.get("weights", {}).items():
        urls = values.pop("urls", [])
        if base_url and values["kind"] == "full":
            urls = [f"{base_url.rstrip('/')}/{values['file']}", *urls]
        entries.append(WeightsEntry(name=name, urls=tuple(urls), folder=folder, **values))
    return tuple(entry for entry in entries if task in (None, entry.task))


def entry_named(name, *, registry=None):
    """
    The entry of the registry with a name.

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
        If the registry has no such name.

    Examples
    --------
    >>> from sunpy_restore.core.registry import entry_named
    >>> entry_named("vgg19").file
    'vgg19-dcbb9e9d.pth'
    """
    entries = {entry.name: entry for entry in available(registry=registry)}
    if name not in entries:
        raise ValueError(f"Found the weights {name!r}, expected one of: {', '.join(entries) or 'none'}.")
    return entries[name]


def default_for(task, *, registry=None):
    """
    Weights that a task takes when nothing is asked for.

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
        If the registry has no default for the task.
    """
    entries = available(task, registry=registry)
    for entry in entries:
        if entry.default:
            return entry
    names = ", ".join(repr(entry.name) for entry in entries) or "none"
    raise WeightsError(
        f"the registry has no default weights for the task {task!r} (weights of this task: {names}). "
        "Pass weights= with a registry name or the path of a .safetensors file."
    )


def refresh(file, *, registry=None):
    """
    Write the SHA-256 and the size of a file into its entry of the registry, and touch nothing else there.

    Parameters
    ----------
    file : path-like
        The file of weights; its entry is the one with this file name.
    registry : path-like, optional
        The registry; by default that of the package.

    Raises
    ------
    ValueError
        If the registry does not have exactly one entry with this file name, with both keys on lines of their own.
    """
    file, path = Path(file), Path(registry or REGISTRY)
    data = file.read_bytes()
    new = {"sha256": f'"{hashlib.sha256(data).hexdigest()}"', "size": str(len(data))}
    tables = re.split(r"(?m)^(?=\[)", path.read_text(encoding="utf-8"))
    mine = [i for i, table in enumerate(tables) if re.search(rf'(?m)^file\s*=\s*"{re.escape(file.name)}"', table)]
    if len(mine) != 1:
        raise ValueError(f"{path} has {len(mine)} entries with the file {file.name!r}, expected exactly one.")
    for key, value in new.items():
        tables[mine[0]], count = re.subn(rf"(?m)^{key}\s*=.*$", f"{key} = {value}", tables[mine[0]])
        if count != 1:
            raise ValueError(f"the entry of {file.name!r} in {path} has {count} lines '{key} = ...', expected one.")
    path.write_text("".join(tables), encoding="utf-8")
