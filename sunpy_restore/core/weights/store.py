"""Find and verify weights of networks, and download those that are not on this machine."""

import os
from dataclasses import dataclass
from pathlib import Path

from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.system.filecheck import file_sha256
from sunpy_restore.core.system.unchanged import kept_while_unchanged
from sunpy_restore.core.weights.download import addresses, cache_folder, download, entry_error, listing
from sunpy_restore.core.weights.keras import converted
from sunpy_restore.core.weights.registry import WeightsEntry, available, default_for, entries_named, entry_named
from sunpy_restore.core.weights.weightsfile import PICKLES, read, read_features, read_metadata, write

__all__ = [
    "LocalWeights",
    "WeightsEntry",
    "available",
    "cache_folder",
    "default_for",
    "entries_named",
    "entry_named",
    "fetch",
    "locate",
    "read",
    "read_features",
    "read_metadata",
    "resolve",
    "verify",
    "write",
]


@dataclass(frozen=True)
class LocalWeights:
    """
    A file of weights on this machine.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    name : `str`
        Name in the registry, otherwise the file name.
    sha256 : `str`
        SHA-256 of the file in lower-case hexadecimal.
    """

    path: Path
    name: str
    sha256: str


def resolve(weights=None, *, task, base_url=None, mirror=None, progress=False, registry=None):
    """
    Find weights for a task, and download them if necessary.

    Parameters
    ----------
    weights : `str` or path-like, optional
        Name in the registry, which may be without the task in front of it, or path of a ``.safetensors`` file; by
        default the weights of the task.
    task : `str`
        Name of the task.
    base_url, mirror, progress
        See `fetch`.
    registry : path-like, optional
        The registry; by default that of the package.

    Returns
    -------
    `LocalWeights`

    Raises
    ------
    TypeError, ValueError
        ``weights`` is neither a name in the registry nor the path of a ``.safetensors`` file, or is for another task.
    ~sunpy_restore.core.exceptions.WeightsError
        The weights cannot be found or downloaded, or are damaged.
    """
    if not isinstance(weights, str | os.PathLike | None):
        raise TypeError(
            f"Found weights of type {type(weights).__name__}; expected a name in the registry, a path or None."
        )
    entries = {entry.name: entry for entry in available(registry=registry)}
    if weights is None:
        entry = default_for(task, registry=registry)
    else:
        entry = entries.get(weights) or entries.get(f"{task}-{weights}")
    if entry is not None:
        _check_task(repr(entry.name), entry.task, task, _instead(entry, task, entries))
        local = fetch(entry, base_url=base_url, mirror=mirror, progress=progress)
        if entry.kind == "keras":
            path = converted(local.path, entry, cache_folder())
            local = LocalWeights(path, entry.name, file_sha256(path))
        _check_task(local.path, _task_of(local.path), task)
        return local
    path = Path(weights).expanduser()
    if path.suffix not in (".safetensors", *PICKLES):
        raise ValueError(
            f"Unknown weights {str(weights)!r}; expected a name in the registry ({_names(task, entries)} for the "
            f"{task} task) or the path of a .safetensors file."
        )
    found = read_metadata(path)["task"]
    sha256 = file_sha256(path)
    entry = next((entry for entry in entries.values() if entry.sha256 == sha256), None)
    _check_task(path, found, task, _instead(entry, task, entries))
    return LocalWeights(path, path.name, sha256)


def _names(task, entries):
    return ", ".join(repr(entry.name) for entry in entries.values() if entry.task == task) or "none"


def _instead(entry, task, entries):
    """Which weights of the registry are for a task, as a sentence: the same kind of weights if there are any."""
    own = None if entry is None else entries.get(f"{task}-{entry.short_name}")
    if own is not None:
        return f" Use {own.name!r}, or {own.short_name!r} for the weights of this kind of whichever image is given."
    names = _names(task, entries)
    return "" if names == "none" else f" The registry has {names} for this task."


@kept_while_unchanged(16)
def _task_of(path):
    """Name of the task in the metadata of a file, which exists."""
    return read_metadata(path)["task"]


def fetch(entry, *, base_url=None, mirror=None, progress=False):
    """
    Find the file of an entry in the package, the mirror folder, a clone of the repository or the cache, or download it.

    The cache never has a part of a file, even if a download is interrupted or several processes download at once.

    Parameters
    ----------
    entry : `WeightsEntry`
        The entry of the registry.
    base_url : `str`, optional
        Address that is tried first, as ``base_url/file``; by default the environment variable
        ``SUNPY_RESTORE_WEIGHTS_URL``.
    mirror : path-like, optional
        Folder with weights files, which are used without a copy; by default the environment variable
        ``SUNPY_RESTORE_WEIGHTS_MIRROR``.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `LocalWeights`

    Raises
    ------
    ValueError
        ``base_url`` is no ``http`` or ``https`` address.
    ~sunpy_restore.core.exceptions.WeightsError
        No source has the correct file, or the cache cannot be written.
    """
    errors = {}
    for path in _places(entry, mirror):
        error = entry_error(path, entry)
        if error is None:
            return LocalWeights(path, entry.name, entry.sha256)
        errors[path] = error
    size = f", {entry.size / 1e6:.1f} MB" if entry.size else ""
    weights = f"The weights {entry.name!r} ({entry.file}{size})"
    if entry.kind == "compact":
        raise WeightsError(f"{weights} of the package are damaged: {path} {error}. Install sunpy_restore again.")
    urls = addresses(entry, base_url)
    if urls:
        return LocalWeights(download(entry, urls, errors, weights, progress), entry.name, entry.sha256)
    hint = "" if entry.folder is None else f" The file is in the folder {entry.folder.name!r} of the source repository."
    raise WeightsError(
        f"{weights} are not on this machine and have no address.{hint} Set SUNPY_RESTORE_WEIGHTS_URL (or base_url=) to "
        f"an address, or SUNPY_RESTORE_WEIGHTS_MIRROR (or mirror=) to a folder that has the file. {listing(errors)}"
    )


def locate(entry, *, mirror=None):
    """
    Find the file of an entry on this machine, without verifying it.

    Parameters
    ----------
    entry : `WeightsEntry`
        The entry of the registry.
    mirror : path-like, optional
        See `fetch`.

    Returns
    -------
    `~pathlib.Path` or `None`
        `None` if there is no such file.
    """
    return next((path for path in _places(entry, mirror) if path.is_file()), None)


def verify(entry, *, mirror=None):
    """
    Verify the size, SHA-256 and metadata of the file of an entry on this machine. Nothing is downloaded.

    Parameters
    ----------
    entry : `WeightsEntry`
        The entry of the registry.
    mirror : path-like, optional
        See `fetch`.

    Returns
    -------
    `LocalWeights`

    Raises
    ------
    ValueError
        The file is for another task than in the registry.
    ~sunpy_restore.core.exceptions.WeightsError
        The file is missing or damaged.
    """
    path = locate(entry, mirror=mirror)
    error = "is not on this machine" if path is None else entry_error(path, entry)
    if error is not None:
        remedy = f"sunpy-restore weights fetch {entry.name}"
        raise WeightsError(f"Weights {entry.name!r}: {path or entry.file} {error}. Run '{remedy}'.")
    if entry.kind not in ("features", "keras"):
        _check_task(path, read_metadata(path)["task"], entry.task)
    return LocalWeights(path, entry.name, entry.sha256)


def _places(entry, mirror):
    """Paths on this machine where the file of an entry may be, in the order in which they are tried."""
    if entry.kind == "compact":
        return [entry.folder / entry.file]
    mirror = mirror or os.environ.get("SUNPY_RESTORE_WEIGHTS_MIRROR")
    folders = [Path(mirror).expanduser()] if mirror else []
    # Next to an installed package, a folder of that name would be someone else's
    if entry.folder is not None and entry.folder.is_dir() and (entry.folder.parent / "pyproject.toml").is_file():
        folders.append(entry.folder)
    folders.append(cache_folder())
    return [folder / entry.file for folder in folders]


def _check_task(name, found, expected, instead=""):
    if found != expected:
        kind = f"weights for the task {found!r}" if found else "features for training"
        raise ValueError(f"Found {kind} ({name}); expected weights for the task {expected!r}.{instead}")
