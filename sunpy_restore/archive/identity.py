"""What makes two restorations the same: the content of the source, the function, its options and the weights."""

import hashlib
import os

import numpy as np
from dask.base import tokenize

from astropy.units import Quantity

from sunpy_restore.archive.options import of_any

__all__ = ["digest", "settings_of", "stat_identity"]

_LENGTH = 32  # hexadecimal digits of a key, which fit into a FITS card


def digest(*parts):
    """
    Hash texts.

    Parameters
    ----------
    *parts : `str`
        The texts.

    Returns
    -------
    `str`
        32 hexadecimal digits.
    """
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_LENGTH]


def stat_identity(path):
    """
    Identify the content of a file without reading it.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.

    Returns
    -------
    `str`
        Name, size and time of the last change. A file that is moved, or copied with its time, stays the same.
    """
    status = path.stat()
    return f"{path.name} {status.st_size} {status.st_mtime_ns}"


def settings_of(name, tasks, options):
    """
    Identify a function with its options and weights.

    Parameters
    ----------
    name : `str`
        Name of the function.
    tasks : iterable of `~sunpy_restore.core.task.Task`
        Its tasks, whose default weights count if the method is the network.
    options : `dict`
        Keywords. Where the function runs (``device``) does not count.

    Returns
    -------
    `str`

    Raises
    ------
    TypeError, ValueError, ~sunpy_restore.core.exceptions.WeightsError
        The weights are those of no task, or cannot be found.
    """
    counting = {key: value for key, value in options.items() if key not in ("device", "progress", "weights")}
    weights = options.get("weights")
    if tasks and options.get("method", "network") == "network":
        counting["weights"] = _hashes(tasks, weights)
    elif weights is not None:
        counting["weights"] = os.fspath(weights)
    return f"{name} {_identity(counting)}"


def _hashes(tasks, weights):
    """
    Hashes of the weights of each task that has some.

    ``"enhance-continuum-light"`` has those of ``"light"``, and so has its file: the results are the same.
    """
    from sunpy_restore.core.weights.store import available, default_for, resolve

    if weights is None:
        return [default_for(task.name).sha256 for task in tasks]
    found, kinds = {}, set()
    for name, local in of_any(tasks, lambda task: (task.name, resolve(weights, task=task.name))):
        found[name] = local.sha256
        for entry in available(name):
            if entry.name == local.name or entry.sha256 == local.sha256:
                kinds.add(entry.short_name)
                # Converted weights have the hash of what was published
                found[name] = entry.sha256 or entry.git_blob
    others = {entry.task: entry for entry in available() if entry.short_name in kinds}
    for task in tasks:
        if task.name in others:
            found.setdefault(task.name, others[task.name].sha256 or others[task.name].git_blob)
    return [found[task.name] for task in tasks if task.name in found]


def _identity(value):
    """Text that is equal for equal values, in every process."""
    if isinstance(value, dict):
        return {key: _identity(value[key]) for key in sorted(value)}.__repr__()
    if isinstance(value, list | tuple):
        return repr([_identity(member) for member in value])
    if isinstance(value, Quantity):
        return f"{_identity(value.value)} {value.unit}"
    if isinstance(value, np.ndarray):
        return f"{value.dtype.str} {value.shape} {hashlib.sha256(np.ascontiguousarray(value)).hexdigest()}"
    if value is None or isinstance(value, bool | int | float | str | np.generic | os.PathLike):
        return repr(value.item() if isinstance(value, np.generic) else value)
    if hasattr(value, "meta") and hasattr(value, "data"):
        return f"{_identity(np.asarray(value.data))} {_identity({str(k): str(v) for k, v in value.meta.items()})}"
    return tokenize(value, ensure_deterministic=True)
