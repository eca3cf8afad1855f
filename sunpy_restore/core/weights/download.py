"""Download weights of networks into the cache of the user. No other module uses the internet."""

import os
import time
from contextlib import contextmanager
from pathlib import Path

import pooch

from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.system.filecheck import file_error

__all__ = ["addresses", "cache_folder", "download", "entry_error", "listing"]

_TIMEOUT = (10, 60)
"""Longest wait for a connection and for the next bytes, in seconds."""
_WAITS = (0, 1, 4)
"""Wait before each round over the addresses, in seconds."""


def cache_folder():
    """
    Return the folder of downloaded weights: ``SUNPY_RESTORE_CACHE``, otherwise the user's cache.

    Returns
    -------
    `~pathlib.Path`
    """
    return Path(os.environ.get("SUNPY_RESTORE_CACHE") or pooch.os_cache("sunpy_restore")).expanduser()


def addresses(entry, base_url):
    """
    Addresses of the file of an entry, in the order in which they are tried.

    Parameters
    ----------
    entry : `~sunpy_restore.core.weights.registry.WeightsEntry`
        The entry of the registry.
    base_url : `str` or `None`
        See `sunpy_restore.core.weights.store.fetch`.

    Returns
    -------
    `tuple` of `str`

    Raises
    ------
    ValueError
        ``base_url`` is no ``http`` or ``https`` address.
    """
    base_url = base_url or os.environ.get("SUNPY_RESTORE_WEIGHTS_URL")
    if not base_url:
        return entry.urls
    if not base_url.startswith(("http://", "https://")):
        raise ValueError(
            f"Found the base URL {base_url!r} of the weights; expected http://... or https://... For a folder set "
            "SUNPY_RESTORE_WEIGHTS_MIRROR or mirror=."
        )
    return (f"{base_url.rstrip('/')}/{entry.file}", *entry.urls)


def entry_error(path, entry):
    """
    Describe what is wrong with the file of an entry.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    entry : `~sunpy_restore.core.weights.registry.WeightsEntry`
        The entry of the registry.

    Returns
    -------
    `str` or `None`
        End of a sentence that begins with the file; `None` for the right file.
    """
    pickled = entry.kind == "features"
    return file_error(path, size=entry.size, sha256=entry.sha256, git_blob=entry.git_blob, pickled=pickled)


def listing(errors):
    """
    List what was tried.

    Parameters
    ----------
    errors : `dict`
        Path or address to what was wrong with it.

    Returns
    -------
    `str`
        A sentence.
    """
    return "Tried: " + "; ".join(f"{source}: {error}" for source, error in errors.items()) + "."


def download(entry, urls, errors, weights, progress):
    """
    Download the file of an entry into the cache from the first address that has it.

    Parameters
    ----------
    entry : `~sunpy_restore.core.weights.registry.WeightsEntry`
        The entry of the registry.
    urls : `tuple` of `str`
        See `addresses`.
    errors : `dict`
        What was tried before, see `listing`.
    weights : `str`
        The weights in messages: the beginning of a sentence.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `~pathlib.Path`
        The file.

    Raises
    ------
    ~sunpy_restore.core.exceptions.WeightsError
        No address has the correct file, or the cache cannot be written.
    """
    from requests import RequestException

    errors, cache = dict(errors), cache_folder()
    downloader = _downloader(entry, progress)
    for wait in _WAITS:
        time.sleep(wait)
        for url in urls:
            try:
                if not entry.sha256:
                    # Without a SHA-256, pooch takes any file that is there
                    (cache / entry.file).unlink(missing_ok=True)
                with _quiet_pooch():
                    pooch.retrieve(url, entry.sha256 or None, fname=entry.file, path=cache, downloader=downloader)
            except (RequestException, WeightsError) as error:
                errors[url] = _reason(error)
            except OSError as error:
                raise WeightsError(
                    f"{weights} cannot be written to the cache {cache} ({error.strerror or error}). Set "
                    "SUNPY_RESTORE_CACHE to a writable folder on a disk with free space."
                ) from error
            else:
                return cache / entry.file
    raise WeightsError(
        f"{weights} could not be downloaded. Check the connection and try again, or put the file into a folder and set "
        f"SUNPY_RESTORE_WEIGHTS_MIRROR (or mirror=) to that folder. {listing(errors)}"
    )


@contextmanager
def _quiet_pooch():
    """Hide the advice of pooch for files without a SHA-256."""
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)


def _downloader(entry, progress):
    """Make a downloader for pooch that names what was received instead of the file."""
    http = pooch.HTTPDownloader(progressbar=bool(progress), chunk_size=2**16, timeout=_TIMEOUT)

    def download(url, path, pup):
        http(url, path, pup)
        error = entry_error(path, entry)
        if error is not None:
            raise WeightsError(f"the received file {error}")
        # Temporary files of pooch are readable by their owner only, but a cache may be shared
        Path(path).chmod(0o644)

    return download


def _reason(error):
    """Describe in a few words why a download failed."""
    import requests

    if isinstance(error, requests.HTTPError):
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if "Read timed out" in str(error):
        return f"no data for {_TIMEOUT[1]} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was cut off"
    return f"no connection ({type(error).__name__})" if isinstance(error, requests.ConnectionError) else str(error)
