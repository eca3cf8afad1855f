"""Distillation: a small network learns from the output of a larger one as well as from the truth."""

from functools import lru_cache

import torch

from sunpy_restore.core.inference.network import load_network
from sunpy_restore.core.weights.store import resolve
from sunpy_restore.enhancement.task import PRODUCTS

__all__ = ["DISTILLED", "described_teacher", "distilled_loss", "teacher_of"]

DISTILLED = ("teacher", "distillation")
"""Options of a configuration: the weights of the larger network, and the share of the loss that it has."""


@lru_cache(maxsize=2)
def _network(name, weights, device):
    (task,) = (task for task in PRODUCTS.values() if task.name == name)
    network, _ = load_network(task, weights)
    return network.eval().requires_grad_(False).to(device)


def teacher_of(task, config, device):
    """
    The larger network of a configuration.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Restoration`
        The task.
    config : `~sunpy_restore.core.recipes.config.TrainingConfig`
        The configuration.
    device : `torch.device`
        Device of the network.

    Returns
    -------
    `torch.nn.Module` or `None`
        The network in evaluation mode; `None` if the configuration has no teacher.

    Raises
    ------
    ValueError
        The share of the loss is not between 0 and 1.
    ~sunpy_restore.core.exceptions.WeightsError
        The weights cannot be found or read.
    """
    name = config.options.get("teacher")
    if name is None:
        return None
    share = config.options.get("distillation", 0.5)
    if not 0 <= share <= 1:
        raise ValueError(f"Found options.distillation = {share}; expected a number between 0 and 1.")
    return _network(task.name, name, str(device))


def distilled_loss(loss, restored, taught, share):
    """
    Mix the loss with the mean squared difference from the output of the teacher.

    The teacher's output has no noise, unlike the part of the truth that the observation does not determine. It tells
    the smaller network in few steps what many pairs would.

    Parameters
    ----------
    loss : `torch.Tensor`
        Loss with respect to the truth, see `~sunpy_restore.enhancement.recipe.losses.restoration_loss`.
    restored, taught : `torch.Tensor`
        Output of the network and of its teacher.
    share : `float`
        Share of the teacher, from 0 to 1.

    Returns
    -------
    `torch.Tensor`
    """
    return (1 - share) * loss + share * 100 * torch.nn.functional.mse_loss(restored, taught)


def described_teacher(task, config):
    """
    Metadata of a weights file about its teacher.

    Parameters
    ----------
    task, config
        See `teacher_of`.

    Returns
    -------
    `dict`
        Name and SHA-256 of the weights; empty without a teacher.
    """
    name = config.options.get("teacher")
    if name is None:
        return {}
    return {"teacher": f"{name} (SHA-256 {resolve(name, task=task.name).sha256})"}
