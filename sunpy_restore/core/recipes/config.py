"""Training configurations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["TrainingConfig"]


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """
    How one network of a task is trained.

    Parameters
    ----------
    name : `str`
        Name of the configuration, such as ``"paper"`` or ``"compact"``.
    network : mapping
        ``{"architecture": str, **hyperparameters}`` as ``build_network`` of `~sunpy_restore.core.task.Task` takes it.
    patch_size : `int`
        Side of a training patch in input pixels.
    batch_size, steps : `int`
        Patches of an optimiser step, over all devices; number of optimiser steps.
    accumulate : `int`
        Parts in which each device computes its share of a batch, one after the other. More parts need less memory; the
        result is the same, except for networks with batch normalisation, which normalise each part by itself.
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
    patience : `int`
        Validations without a better score (``validation_score`` of the recipe) after which the training stops; 0 for
        never.
    export : ``"last"`` or ``"best"``
        Whether the weights file has the weights after the last step, or those of the best validation.
    adversary : mapping, optional
        Hyperparameters of the discriminator of an adversarial training, see ``build_adversary`` of the recipe. It is
        trained in turn with the network, with the same optimiser, rate and clipping.
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
    accumulate: int = 1
    patience: int = 0
    export: str = "last"
    adversary: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
