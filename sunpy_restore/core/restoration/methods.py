"""Methods of a task, ready to restore observations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from sunpy_restore.core.images.header import Provenance
from sunpy_restore.core.inference.loaded import ready_network
from sunpy_restore.core.task import resolve
from sunpy_restore.core.weights.registry import available

__all__ = ["Method", "Restored", "check_method", "load_method", "restore", "restore_observation"]


@dataclass(frozen=True)
class Method:
    """
    One method of one task.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Task`
        The task.
    name : `str`
        ``"network"`` or the name of a classical method.
    function : callable
        ``function(observation, progress=False) -> numpy.ndarray``.
    model, sha256 : `str`, optional
        Name of the weights and SHA-256 of their file.
    path : `~pathlib.Path`, optional
        The file.
    """

    task: Any
    name: str
    function: Callable
    model: str | None = None
    sha256: str | None = None
    path: Any = None

    @property
    def is_network(self):
        """Whether the method is the network."""
        return self.name == "network"

    @property
    def is_default(self):
        """Whether the method is classical, or the network with the weights that come with the package."""
        if not self.is_network:
            return True
        return any(entry.task == self.task.name and entry.sha256 == self.sha256 for entry in available())

    def __call__(self, observation, *, progress=False):
        """Restore an observation, see `Restored` for the shape and unit of the result."""
        return self.function(observation, progress=progress)

    def provenance(self, name=None):
        """
        Provenance of what the method restores.

        Parameters
        ----------
        name : `str`, optional
            Name of the method in the header, if it is another one.
        """
        return Provenance(task=self.task.name, method=name or self.name, model=self.model, sha256=self.sha256)


@dataclass(frozen=True, kw_only=True)
class Restored:
    """
    A restored image, still as an array.

    Parameters
    ----------
    data : `numpy.ndarray`
        Shape ``(scale * ny, scale * nx)`` for an observation of shape ``(ny, nx)``, in the unit of the observation
        unless ``unit`` is given.
    filled : `numpy.ndarray` of `bool`, optional
        True where pixels were filled, which `sunpy_restore.filled` finds; all other pixels of the Map then keep their
        values.
    mask : `numpy.ndarray` of `bool`, optional
        True where values should not be trusted, in the shape of ``data``; `None` for the mask of the Map, without
        filled pixels.
    unit : `~astropy.units.Unit`, optional
        Unit of the data, if it is not that of the Map.
    method : `str`, optional
        Name of the method in the header, if it is not that of the method asked for.
    cards : mapping
        Header keywords that are added.
    added : `numpy.ndarray`, optional
        Random noise in ``data`` that was added for display, in its shape.
    """

    data: np.ndarray
    filled: np.ndarray | None = None
    mask: np.ndarray | None = None
    unit: Any = None
    method: str | None = None
    cards: Mapping[str, Any] = field(default_factory=dict)
    added: np.ndarray | None = None


def restore(observation, method, *, progress=False):
    """
    Restore an observation by a method, and no more than that.

    Parameters
    ----------
    observation : `~sunpy_restore.core.restoration.observation.Observation`
        The observation.
    method : `Method`
        The method.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `Restored`
    """
    return Restored(data=method(observation, progress=progress))


def restore_observation(observation, method, *, progress=False, **options):
    """
    Restore an observation as the function of its task does.

    Parameters
    ----------
    observation : `~sunpy_restore.core.restoration.observation.Observation`
        The observation.
    method : `Method`
        The method, see `load_method`.
    progress : `bool`
        Show a progress bar.
    **options
        Keywords of the function that concern the restoration.

    Returns
    -------
    `Restored`
    """
    return resolve(method.task.restore)(observation, method, progress=progress, **options)


def load_method(task, name="network", *, weights=None, device=None, progress=False):
    """
    Prepare a method of a task.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Task`
        The task.
    name : `str`
        ``"network"`` or the name of a classical method.
    weights, device
        See `sunpy_restore.enhance`; only the network uses them.
    progress : `bool`
        Show the download of weights.

    Returns
    -------
    `Method`

    Raises
    ------
    ValueError
        The task has no such method, or weights are given for a classical one.
    """
    check_method(task, name, weights)
    if name == "network":
        network, local = ready_network(task, weights, device, progress=progress)
        function = partial(_with_network, resolve(task.network_method), network)
        return Method(task, name, function, local.name, local.sha256, local.path)
    return Method(task, name, resolve(task.classical[name]))


def check_method(task, name, weights=None):
    """
    Refuse a method that a task does not have, and weights for a classical one.

    Parameters
    ----------
    task, name, weights
        See `load_method`.

    Raises
    ------
    ValueError
        The task has no such method, or weights are given for a classical one.
    """
    if name not in task.methods:
        raise ValueError(f"Unknown method {name!r}; expected one of {', '.join(task.methods)}.")
    if name != "network" and weights is not None:
        raise ValueError(
            f"Found weights for method={name!r}; only method='network' uses weights, expected none. Leave them out."
        )


def _with_network(function, network, observation, *, progress=False):
    return function(observation, network, progress=progress)
