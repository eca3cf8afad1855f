"""A task's method, ready to run on normalised images of any size."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.header import Provenance
from sunpy_restore.core.inference import apply_tiled
from sunpy_restore.core.task import Restoration

__all__ = ["Restorer", "fit", "load_network", "load_restorer"]


@dataclass(frozen=True)
class Restorer:
    """
    One method of one task.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Restoration`
        The task.
    function : callable
        Restores a batch of tiles, see `~sunpy_restore.core.inference.apply_tiled`.
    reach : `int` or `None`
        How far it looks, in input pixels; `None`: at all of the image, which is then not cut into tiles.
    provenance : `~sunpy_restore.core.header.Provenance`
        What restored Maps say of it.
    multiple : `int`
        Step of the grid on which it samples its input.
    view : `str`
        How the verb presents an image to it, where there are several ways.
    """

    task: Restoration
    function: Any
    reach: int | None
    provenance: Provenance
    multiple: int = 1
    view: str = ""

    def __call__(self, observed, *, active=None, progress=False, tile=384):
        """
        Restore a normalised observation without gaps.

        Parameters
        ----------
        observed : `numpy.ndarray`
            Shape ``(ny, nx)``, or ``(len(task.planes), ny, nx)`` where there are several planes.
        active : `numpy.ndarray` of `bool`, optional
            Where a result is wanted; tiles without any such pixel stay NaN.
        progress : `bool`
            Show a progress bar.
        tile : `int`
            Side of a tile in input pixels.

        Returns
        -------
        `numpy.ndarray`
            Shape ``(task.scale * ny, task.scale * nx)``.

        Raises
        ------
        ValueError
            Another number of planes.
        """
        observed, planes = np.asarray(observed), self.task.planes
        leading = () if len(planes) == 1 else (len(planes),)
        if observed.ndim != len(leading) + 2 or observed.shape[:-2] != leading:
            expected = ", ".join([*map(str, leading), "ny", "nx"])
            raise ValueError(
                f"Found an observation of shape {observed.shape}, expected ({expected}) for the {self.task.name} task: "
                f"{', '.join(planes)}."
            )
        return apply_tiled(
            self.function, observed, scale=self.task.scale, halo=self.reach, tile=tile, multiple=self.multiple, batch=1,
            active=active, progress=progress, description=self.task.name,
        )  # fmt: skip


def load_restorer(task, method="network", *, weights=None, device=None, progress=False):
    """
    Prepare a method of a task.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Restoration`
        The task.
    method : `str`
        ``"network"`` or the name of a classical method.
    weights, device
        See `sunpy_restore.enhance`; they serve the network alone.
    progress : `bool`
        Show the download of weights.

    Returns
    -------
    `Restorer`

    Raises
    ------
    ValueError
        The task has no such method, or weights are given for a classical one.
    """
    if method == "network":
        return _network_restorer(task, weights, device, progress)
    if method not in task.classical:
        known = ", ".join(["network", *task.classical])
        raise ValueError(f"Found the method {method!r}, expected one of {known}.")
    if weights is not None:
        raise ValueError(
            f"Found weights for the method {method!r}, expected them with method='network' alone. Leave them out."
        )
    chosen = task.classical[method]
    return Restorer(
        task, _each(chosen.function), chosen.reach, Provenance(task=task.name, method=method), view=chosen.view
    )


def load_network(task, weights=None, *, progress=False):
    """
    A network of a task with its numbers.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Task`
        The task.
    weights
        See `sunpy_restore.enhance`.
    progress : `bool`
        Show the download of weights.

    Returns
    -------
    network : `torch.nn.Module`
        The network.
    local : `~sunpy_restore.core.weights.LocalWeights`
        The file.
    """
    from sunpy_restore.core.weights import read_metadata, resolve

    local = resolve(weights, task=task.name, progress=progress)
    network = task.build_network(read_metadata(local)["hyperparameters"])
    fit(network, local)
    return network, local


def _network_restorer(task, weights, device, progress):
    from sunpy_restore.core.inference import network_function

    network, local = load_network(task, weights, progress=progress)
    predict = network_function(network, device)

    def function(batch):
        restored = predict(batch)
        return np.stack(
            [task.finish(image, _observation(tile))[None] for image, tile in zip(restored[:, 0], batch, strict=True)]
        )

    provenance = Provenance(task=task.name, method="network", model=local.name, sha256=local.sha256)
    reach = None if network.reach is None else network.reach + task.finish_reach
    traits = {"multiple": getattr(network, "multiple", 1), "view": getattr(network, "view", "")}
    return Restorer(task, function, reach, provenance, **traits)


def fit(network, local):
    """
    Give a network the numbers of a weights file.

    Parameters
    ----------
    network : `torch.nn.Module`
        The network.
    local : `~sunpy_restore.core.weights.LocalWeights`
        The file, as `sunpy_restore.core.weights.resolve` gives it.

    Raises
    ------
    ~sunpy_restore.core.exceptions.WeightsError
        They do not fit.
    """
    from sunpy_restore.core.weights import read

    try:
        network.load_state_dict(read(local)[0])
    except RuntimeError as error:
        raise WeightsError(
            f"The tensors in {local.path} do not fit the network, that of its metadata or of the configuration: "
            f"{' '.join(str(error).split())}. Fetch or train the weights again."
        ) from error


def _each(function):
    """A function of one observation as one of a batch of tiles."""
    return lambda batch: np.stack([function(_observation(tile))[None] for tile in batch])


def _observation(tile):
    """The observation in a tile of shape (planes, h, w): a single plane is an image."""
    return tile[0] if len(tile) == 1 else tile
