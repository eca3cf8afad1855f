"""Networks with their weights, applied to images of any size."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.inference import apply_tiled, network_function
from sunpy_restore.core.task import Restoration, resolve

__all__ = ["TiledNetwork", "fit", "load_network"]

_LONGEST_REASON = 300  # characters of an error of PyTorch


@dataclass(frozen=True)
class TiledNetwork:
    """
    A network and the data consistency of its task, applied in tiles.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Restoration`
        The task.
    module : `torch.nn.Module`
        The network.
    function : callable
        Restores a batch of tiles, see `~sunpy_restore.core.inference.apply_tiled`.
    receptive_radius : `int` or `None`
        Receptive radius in input pixels; `None` if the image is not cut into tiles.
    stride : `int`
        Step of the coarsest grid on which the network samples its input.
    device : `str`, optional
        See `sunpy_restore.enhance`.
    """

    task: Restoration
    module: object
    function: Callable
    receptive_radius: int | None
    stride: int = 1
    device: str | None = None

    @classmethod
    def of(cls, task, module, device=None):
        """
        Prepare a network of a task.

        Parameters
        ----------
        task : `~sunpy_restore.core.task.Restoration`
            The task.
        module : `torch.nn.Module`
            The network.
        device : `str`, optional
            See `sunpy_restore.enhance`.
        """
        predict, consistent = network_function(module, device), _data_consistency(task)

        def function(batch):
            restored = predict(batch)
            return np.stack(
                [consistent(image, _channels(tile))[None] for image, tile in zip(restored[:, 0], batch, strict=True)]
            )

        radius = module.receptive_radius
        radius = None if radius is None else radius + resolve(task.consistency_radius)
        return cls(task, module, function, radius, getattr(module, "stride", 1), device)

    def __call__(self, channels, *, active=None, progress=False, tile=384):
        """
        Apply the network.

        Parameters
        ----------
        channels : `numpy.ndarray`
            Finite, shape ``(ny, nx)`` for a task of one channel, else ``(len(task.channels), ny, nx)``.
        active : `numpy.ndarray` of `bool`, optional
            Where a result is needed; tiles without any such pixel stay NaN.
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
            Another number of channels.
        """
        channels, names = np.asarray(channels), self.task.channels
        leading = () if len(names) == 1 else (len(names),)
        if channels.ndim != len(leading) + 2 or channels.shape[:-2] != leading:
            expected = ", ".join([*map(str, leading), "ny", "nx"])
            raise ValueError(
                f"Found an input of shape {channels.shape}; expected ({expected}) for the {self.task.name} task: "
                f"{', '.join(names)}."
            )
        return apply_tiled(
            self.function, channels, scale=self.task.scale, halo=self.receptive_radius, tile=tile, stride=self.stride,
            batch=1, active=active, progress=progress, description=self.task.name,
        )  # fmt: skip


def _data_consistency(task):
    consistent = resolve(task.data_consistency) or (lambda restored, observed: restored)
    if "mask" not in task.channels:
        return consistent
    mask = task.channels.index("mask")
    return lambda restored, observed: np.where(observed[mask] > 0, consistent(restored, observed), observed[0])


def _channels(tile):
    """The channels of a tile of shape (channels, h, w): a single one is an image."""
    return tile[0] if len(tile) == 1 else tile


def load_network(task, weights=None, *, progress=False):
    """
    Load a network of a task with its weights.

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

    Raises
    ------
    ~sunpy_restore.core.exceptions.WeightsError
        The file cannot be found or read, or no network of the task fits it.
    """
    import torch

    from sunpy_restore.core import weights as files

    local = files.resolve(weights, task=task.name, progress=progress)
    hyperparameters = files.read_metadata(local)["hyperparameters"]
    # Networks draw their first weights from the global generator, in the default precision
    with torch.random.fork_rng(devices=[]):
        network = _built(task, hyperparameters, local).float()
    fit(network, local)
    return network, local


def _built(task, hyperparameters, local):
    """The network that the metadata of a weights file describe."""
    try:
        return task.build_network(hyperparameters)
    # Networks do not check their hyperparameters, and PyTorch does not document its errors
    except Exception as error:
        reason = " ".join(str(error).split())
        raise WeightsError(
            f"The hyperparameters in {local.path} do not describe a network of the task {task.name!r} "
            f"({type(error).__name__}: {_shortened(reason)}); expected those of a trained one. Fetch or train the "
            "weights again."
        ) from error


def _shortened(text):
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]} ..."


def fit(network, local, *, convert=None):
    """
    Load the tensors of a weights file into a network.

    Parameters
    ----------
    network : `torch.nn.Module`
        The network.
    local : `~sunpy_restore.core.weights.LocalWeights`
        The file, see `sunpy_restore.core.weights.resolve`.
    convert : callable, optional
        ``convert(network, state) -> state`` that changes the tensors before they are loaded.

    Raises
    ------
    ~sunpy_restore.core.exceptions.WeightsError
        The tensors do not fit the network.
    """
    from sunpy_restore.core.weights import read

    state = read(local)[0]
    try:
        network.load_state_dict(state if convert is None else convert(network, state))
    except RuntimeError as error:
        reason = _shortened(" ".join(str(error).split()))
        raise WeightsError(
            f"The tensors in {local.path} do not fit the network of its metadata or of the configuration: "
            f"{reason}; expected those of this network. Fetch or train the weights again."
        ) from error
