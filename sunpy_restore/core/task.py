"""The record that ties a forward model, a network, its weights and its checks together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

__all__ = ["Method", "Restoration", "Task", "TrainingConfig", "network_builder"]


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """
    How one network of a task is trained.

    Parameters
    ----------
    name : `str`
        Name of the configuration, such as ``"paper"`` or ``"compact"``.
    network : mapping
        ``{"architecture": str, **hyperparameters}`` as `Task.build_network` takes it.
    patch_size : `int`
        Side of a training patch in input pixels.
    batch_size, steps : `int`
        Patches in a batch; number of optimiser steps.
    learning_rate : `float`
        Peak learning rate of Adam.
    betas : pair of `float`
        Decay of Adam's averages of the gradient and of its square. One cycle of the rate is also one of the first,
        between 0.95 and 0.85.
    schedule : ``"constant"``, ``"one-cycle"`` or ``"halving"``
        Course of the learning rate.
    halving : `int`
        Steps from one halving of the learning rate to the next, for the schedule of that name.
    weight_decay : `float`
        l2 penalty of the weights.
    ema_decay : `float`
        Decay of the exponential moving average of the weights; 0 switches it off.
    gradient_clip : `float`
        Largest norm of the gradient; 0 switches clipping off.
    precision : `str`
        Precision of the training, in Lightning's spelling.
    seed : `int`
        Seed of everything that is random.
    validation_interval : `int`
        Steps between two validations, each of which also leaves a checkpoint.
    adversary : mapping, optional
        Hyperparameters of the discriminator of an adversarial training, as the recipe's ``build_adversary`` takes them.
        It is trained in turn with the network, with the same optimiser, rate and clipping.
    options : mapping
        What else the task's recipe needs (loss weights, mixture of the data).
    """

    name: str
    network: Mapping[str, Any]
    patch_size: int
    batch_size: int
    steps: int
    learning_rate: float
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: str = "one-cycle"
    halving: int = 0
    weight_decay: float = 0.0
    ema_decay: float = 0.999
    gradient_clip: float = 1.0
    precision: str = "32-true"
    seed: int = 0
    validation_interval: int = 500
    adversary: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """
    A restoration that needs no network.

    Parameters
    ----------
    function : callable
        ``function(observed) -> restored`` for a normalised observation, see `Restoration`.
    reach : `int` or `None`
        How far, in input pixels, a pixel of the result looks; `None` if at all of the image, which is then not cut into
        tiles.
    view : `str`
        How the verb presents an image to it, where there are several ways.
    """

    function: Callable
    reach: int | None
    view: str = ""


@dataclass(frozen=True, kw_only=True)
class Task:
    """
    A problem that has networks with weights of their own.

    Parameters
    ----------
    name : `str`
        Name in the registry of weights and on the command line.
    verb : `str`
        Name of the public function that solves it.
    title : `str`
        One line for listings and model cards.
    doi : `str`
        DOI of the paper that the network follows.
    unit : `str`
        Unit of the normalised images that the network sees or makes.
    build_network : callable
        ``build_network(hyperparameters) -> torch.nn.Module``.
    recipe : `str`
        Module with ``configs(task)``, ``datasets(task, directory, config)``, ``predict(network, observed, config)``,
        ``loss(network, batch, config)``, ``evaluation_pairs(task, directory)``, ``measure(task, observed, restored,
        truth)`` and ``DATA``, where ``task`` is the name; named and not imported, because it needs torch. See
        `sunpy_restore.training.evaluate` for what the last two doors give. A recipe may have ``calibrated(task,
        network, directory, config)``, which is called with the trained network before its weights are written, and
        ``training_data(task, config)``, which says what a configuration learns where that is not what ``DATA`` says.
    """

    name: str
    verb: str
    title: str
    doi: str
    unit: str
    build_network: Callable[[Mapping[str, Any]], Any]
    recipe: str


@dataclass(frozen=True, kw_only=True)
class Restoration(Task):
    """
    A task that makes an image of an observation.

    An observation is a `numpy.ndarray` of shape ``(ny, nx)``, or ``(len(planes), ny, nx)`` where a method sees more
    than the image; what it gives has shape ``(scale * ny, scale * nx)``. ``build_network`` gives a network from
    ``(batch, len(planes), ny, nx)`` to ``(batch, 1, scale * ny, scale * nx)``. Its attribute ``reach`` is its reach in
    input pixels, `None` if it looks at all of the image. One that samples its input on a coarser grid, by pooling for
    instance, tells that grid's step as ``multiple``; its reach is then that of windows which begin at a multiple of the
    step, the farthest of all pixels. Where the verb can present images in several ways, its attribute ``view`` names
    one.

    Parameters
    ----------
    name, verb, title, doi, unit, build_network, recipe
        See `Task`.
    scale : `int`
        Output pixels per input pixel along each axis.
    classical : mapping
        Name to `Method`.
    finish : callable
        ``finish(restored, observed) -> restored``: the physics that every network's answer goes through, on a
        normalised 2-D array and the observation that it was made from.
    finish_reach : `int`
        Its reach in input pixels.
    planes : tuple of `str`
        Names of the planes of an observation, the image first. A plane ``"mask"`` is 1 where a pixel is to be filled
        and 0 elsewhere; every method then leaves pixels outside of it as they are.
    """

    scale: int
    classical: Mapping[str, Method]
    finish: Callable
    finish_reach: int
    planes: tuple[str, ...] = ("image",)


def network_builder(**modules):
    """
    What makes networks from their hyperparameters, see `Task`.

    Parameters
    ----------
    **modules : `str`
        For each architecture, which is the name of its class, the module of ``sunpy_restore.networks`` that has it. It
        is imported when it is wanted, because it needs torch.

    Returns
    -------
    callable
        ``build_network(hyperparameters) -> torch.nn.Module``, which refuses other architectures with a `ValueError`.
    """

    def build_network(hyperparameters):
        options = dict(hyperparameters)
        architecture = options.pop("architecture", None)
        if architecture not in modules:
            raise ValueError(f"Found the architecture {architecture!r}, expected {' or '.join(map(repr, modules))}.")
        return getattr(import_module(f"sunpy_restore.networks.{modules[architecture]}"), architecture)(**options)

    return build_network
