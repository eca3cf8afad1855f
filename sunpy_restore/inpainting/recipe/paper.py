"""The trainings of CorKit's layered network, and small ones that compare what it can be shown."""

from functools import cache

import torch

from sunpy_restore.core.task import TrainingConfig
from sunpy_restore.inpainting.recipe.losses import FINE_TUNING, PRE_TRAINING, continuity, layered_loss

__all__ = ["COMPARED_STEPS", "layered_configs", "loss_of_layers"]

COMPARED_STEPS = 1_000
"""Optimiser steps of each network that is only there to be compared."""

_COMPARED = {"layered-equalized": ("equalized", False), "layered-pixel": ("pixel", False)}
_COMPARED |= {"layered-correcting": ("pixel", True), "layered-polar": ("polar", True)}


def layered_configs():
    """
    The trainings of the layered network of partial convolutions.

    ``paper`` is the first part of the training of Enciso (2024), ``paper-fine-tuning`` the second, which begins with
    the weights of the first (``start`` of `sunpy_restore.training.train`): two layers on images with a flat histogram,
    the losses of its Table 1 on VGG-19, Adam with rates of 2e-4 and 5e-5, gradients clipped at 0.005 and 0.0005,
    batches of 4. The paper gives no number of steps. Four more are narrow, so that they train in minutes, all for
    `COMPARED_STEPS` with features that need no download: on images with a flat histogram (``layered-equalized``), on
    deviations from the background (``layered-pixel``), the same with the harmonic fill to correct
    (``layered-correcting``), and that on a log-polar grid (``layered-polar``).

    Returns
    -------
    `dict`
        Name to `~sunpy_restore.core.task.TrainingConfig`. Options are ``views``; ``loss``, the weights of the terms;
        ``features``, ``"vgg19"`` or ``"oriented"``; and ``continuity``, the weight of the physics term.
    """
    paper = {"architecture": "LayeredPartialUNet", "layers": 2, "width": 64, "depth": 7, "view": "equalized"}
    configs = {
        "paper": _paper("paper", paper, 2e-4, 0.005, 100_000, PRE_TRAINING),
        "paper-fine-tuning": _paper("paper-fine-tuning", paper, 5e-5, 0.0005, 50_000, FINE_TUNING),
    }
    for name, (view, correct) in _COMPARED.items():
        network = paper | {"width": 12, "depth": 6, "norm": "none", "view": view, "correct": correct}
        configs[name] = TrainingConfig(
            name=name,
            network=network,
            patch_size=192,
            batch_size=4,
            steps=COMPARED_STEPS,
            learning_rate=1e-3,
            ema_decay=0.99,
            precision="bf16-mixed",
            validation_interval=500,
            options={"views": 600, "loss": dict(PRE_TRAINING), "features": "oriented", "continuity": 1.0},
        )
    return configs


def _paper(name, network, rate, clip, steps, weights):
    return TrainingConfig(
        name=name,
        network=network,
        patch_size=512,
        batch_size=4,
        steps=steps,
        learning_rate=rate,
        schedule="constant",
        ema_decay=0.0,
        gradient_clip=clip,
        validation_interval=2_000,
        options={"views": 1_500, "loss": dict(weights), "features": "vgg19", "continuity": 1.0},
    )


def loss_of_layers(network, batch, config):
    """
    The paper's loss of a batch, and the continuity across the borders of the holes.

    The continuity is that along rows and columns, which on a log-polar grid are azimuth and radius.

    Parameters
    ----------
    network : `~sunpy_restore.networks.papers.partialconv.LayeredPartialUNet`
        The network.
    batch : pair of `torch.Tensor`
        Planes and truth.
    config : `~sunpy_restore.core.task.TrainingConfig`
        The configuration.

    Returns
    -------
    `torch.Tensor`
        Scalar.
    """
    planes, truth = batch
    options = config.options
    # What is not known counts neither for nor against
    truth = torch.where(torch.isfinite(truth), truth, planes[:, :1])
    outputs, masks = network.forward_layers(planes)
    # Features are made for images from 0 to 1, and a display's range of deviations
    scale = 2.0 if config.network["view"] == "equalized" else 20.0
    outputs, truth = [output / scale + 0.5 for output in outputs], truth / scale + 0.5
    total = layered_loss(outputs, masks, truth, _features(options["features"]), options["loss"])
    return total + options["continuity"] * continuity(outputs[-1], planes[:, 1:2], planes[:, 2:3])


@cache
def _features(name):
    from sunpy_restore.core.weights import entry_named, fetch, read_features
    from sunpy_restore.networks.papers.vgg import OrientedFeatures, VGG19Features

    if name == "oriented":
        return OrientedFeatures()
    if name != "vgg19":
        raise ValueError(f"Found the features {name!r}, expected 'vgg19' or 'oriented'.")
    return VGG19Features().load(read_features(fetch(entry_named("vgg19"))))
