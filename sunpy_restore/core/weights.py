"""Find, download and check the weights of the networks: the only place that touches the internet."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pooch

from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.registry import WeightsEntry, available, default_for, entry_named
from sunpy_restore.core.weightsfile import PICKLES, fault_of, read, read_features, read_metadata, write

__all__ = [
    "LocalWeights",
    "WeightsEntry",
    "available",
    "cache_folder",
    "default_for",
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

TIMEOUT = (10, 60)
"""Seconds to wait for a connection, and for the next bytes."""
WAITS = (0, 1, 4)
"""Seconds to wait before each round over the addresses."""


@dataclass(frozen=True)
class LocalWeights:
    """
    A file of weights on this machine.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    name : `str`
        Name in the registry, or else the file name.
    sha256 : `str`
        SHA-256 of the file in lower-case hexadecimal.
    """

    path: Path
    name: str
    sha256: str


def resolve(weights=None, *, task, base_url=None, mirror=None, progress=False, registry=None):
    """
    Weights for a task, downloaded when they are not here yet.

    Parameters
    ----------
    weights : `str` or path-like, optional
        Name in the registry, or path of a ``.safetensors`` file; by default the task's default in the registry.
    task : `str`
        Name of the task.
    base_url, mirror, progress
        As in `fetch`.
    registry : path-like, optional
        The registry; by default that of the package.

    Returns
    -------
    `LocalWeights`

    Raises
    ------
    TypeError, ValueError
        If ``weights`` is neither a known name nor a ``.safetensors`` path, or belongs to another task.
    WeightsError
        If the weights cannot be had, or are damaged.
    """
    if not isinstance(weights, str | os.PathLike | None):
        raise TypeError(f"weights is a {type(weights).__name__}, expected a registry name, a path or None.")
    entries = {entry.name: entry for entry in available(registry=registry)}
    entry = default_for(task, registry=registry) if weights is None else entries.get(weights)
    if entry is not None:
        _check_task(repr(entry.name), entry.task, task)
        local = fetch(entry, base_url=base_url, mirror=mirror, progress=progress)
        _check_task(local.path, read_metadata(local)["task"], task)
        return local
    path = Path(weights).expanduser()
    if path.suffix not in (".safetensors", *PICKLES):
        names = ", ".join(repr(entry.name) for entry in entries.values() if entry.task == task) or "none"
        raise ValueError(
            f"weights {str(weights)!r} is neither in the registry (it has for this task: {names}) nor the path of a "
            ".safetensors file."
        )
    _check_task(path, read_metadata(path)["task"], task)
    return LocalWeights(path, path.name, pooch.file_hash(str(path)))


def fetch(entry, *, base_url=None, mirror=None, progress=False):
    """
    The file of a registry entry: from the package, the mirror folder, the cache or the internet, in this order.

    The cache has the whole file or none, also when a download is interrupted or several processes download at once.

    Parameters
    ----------
    entry : `WeightsEntry`
        What to fetch.
    base_url : `str`, optional
        ``base_url/file`` is the first address tried; by default the environment variable ``SUNPY_RESTORE_WEIGHTS_URL``.
    mirror : path-like, optional
        Folder with weights files, used where they lie; by default the environment variable
        ``SUNPY_RESTORE_WEIGHTS_MIRROR``.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `LocalWeights`

    Raises
    ------
    ValueError
        If ``base_url`` is not an ``http`` or ``https`` address.
    WeightsError
        If no source has the right file, or the cache cannot be written.
    """
    faults = {}
    for path in _places(entry, mirror):
        fault = _fault(path, entry)
        if fault is None:
            return LocalWeights(path, entry.name, entry.sha256)
        faults[path] = fault
    what = f"the weights {entry.name!r} ({entry.file}, {entry.size / 1e6:.1f} MB)"
    if entry.kind == "compact":
        raise WeightsError(f"{what} of the package are damaged: {path} {fault}. Install sunpy_restore again.")
    urls = _addresses(entry, base_url)
    if urls:
        return _download(entry, urls, faults, what, progress)
    raise WeightsError(
        f"{what} are not here and have no address to come from. Set SUNPY_RESTORE_WEIGHTS_URL (or base_url=) "
        f"to an address, or SUNPY_RESTORE_WEIGHTS_MIRROR (or mirror=) to a local folder with them. {_listing(faults)}"
    )


def locate(entry, *, mirror=None):
    """
    Where the file of a registry entry is on this machine, unchecked.

    Parameters
    ----------
    entry : `WeightsEntry`
        What to look for.
    mirror : path-like, optional
        As in `fetch`.

    Returns
    -------
    `~pathlib.Path` or `None`
    """
    return next((path for path in _places(entry, mirror) if path.is_file()), None)


def verify(entry, *, mirror=None):
    """
    Check the file of a registry entry on this machine: size, SHA-256, a network's metadata. Nothing is downloaded.

    Parameters
    ----------
    entry : `WeightsEntry`
        What to check.
    mirror : path-like, optional
        As in `fetch`.

    Returns
    -------
    `LocalWeights`

    Raises
    ------
    ValueError
        If the file was made for another task than the registry says.
    WeightsError
        If the file is missing or damaged.
    """
    path = locate(entry, mirror=mirror)
    fault = "is not on this machine" if path is None else _fault(path, entry)
    if fault is not None:
        remedy = f"sunpy-restore weights fetch {entry.name}"
        raise WeightsError(f"the weights {entry.name!r}: {path or entry.file} {fault}. Run '{remedy}'.")
    if entry.kind != "features":
        _check_task(path, read_metadata(path)["task"], entry.task)
    return LocalWeights(path, entry.name, entry.sha256)


def cache_folder():
    """
    Folder of the downloaded weights: ``SUNPY_RESTORE_CACHE``, or else the user's cache.

    Returns
    -------
    `~pathlib.Path`
    """
    return Path(os.environ.get("SUNPY_RESTORE_CACHE") or pooch.os_cache("sunpy_restore")).expanduser()


def _places(entry, mirror):
    """Paths on this machine where the file of an entry may be, in the order in which they are looked at."""
    mirror = mirror or os.environ.get("SUNPY_RESTORE_WEIGHTS_MIRROR")
    own = [Path(mirror).expanduser()] if mirror else []
    folders = [entry.folder] if entry.kind == "compact" else [*own, cache_folder()]
    return [folder / entry.file for folder in folders]


def _addresses(entry, base_url):
    """Addresses of a file that is downloaded, in the order in which they are tried."""
    base_url = base_url or os.environ.get("SUNPY_RESTORE_WEIGHTS_URL")
    if not base_url:
        return entry.urls
    if not base_url.startswith(("http://", "https://")):
        raise ValueError(
            f"the base URL of the weights is {base_url!r}, expected http://... or https://... (set a local folder with "
            "SUNPY_RESTORE_WEIGHTS_MIRROR or mirror=)."
        )
    return (f"{base_url.rstrip('/')}/{entry.file}", *entry.urls)


def _fault(path, entry):
    return fault_of(path, size=entry.size, sha256=entry.sha256, pickled=entry.kind == "features")


def _check_task(name, found, expected):
    if found != expected:
        made = f"for the task {found!r}" if found else "features that serve trainings"
        raise ValueError(f"the weights {name} are {made}, expected weights for {expected!r}.")


def _listing(faults):
    return "Tried: " + "; ".join(f"{source}: {fault}" for source, fault in faults.items()) + "."


def _download(entry, urls, faults, what, progress):
    """The file of an entry in the cache, from the first address that has it."""
    from requests import RequestException

    cache = cache_folder()
    downloader = _downloader(entry, progress)
    for wait in WAITS:
        time.sleep(wait)
        for url in urls:
            try:
                pooch.retrieve(url, entry.sha256, fname=entry.file, path=cache, downloader=downloader)
            except (RequestException, WeightsError) as error:
                faults[url] = _reason(error)
            except OSError as error:
                raise WeightsError(
                    f"{what} cannot be kept in the cache {cache} ({error.strerror or error}). Set SUNPY_RESTORE_CACHE "
                    "to a folder that can be written and has room."
                ) from error
            else:
                return LocalWeights(cache / entry.file, entry.name, entry.sha256)
    raise WeightsError(
        f"{what} could not be downloaded. Check the connection and try again, or put the file into a folder and set "
        f"SUNPY_RESTORE_WEIGHTS_MIRROR (or mirror=) to that. {_listing(faults)}"
    )


def _downloader(entry, progress):
    """A downloader for pooch that says what came instead of the file."""
    http = pooch.HTTPDownloader(progressbar=bool(progress), chunk_size=2**16, timeout=TIMEOUT)

    def download(url, path, pup):
        http(url, path, pup)
        fault = _fault(path, entry)
        if fault is not None:
            raise WeightsError(f"what came {fault}")
        # pooch's temporary files are readable by their owner alone, but a cache may be shared.
        Path(path).chmod(0o644)

    return download


def _reason(error):
    """Why a download failed, in a few words."""
    import requests

    if isinstance(error, requests.HTTPError):
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if "Read timed out" in str(error):
        return f"nothing came for {TIMEOUT[1]} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was cut off"
    return f"no connection ({type(error).__name__})" if isinstance(error, requests.ConnectionError) else str(error)
