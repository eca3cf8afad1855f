"""Training configurations of the networks of `sunpy_restore.inpaint`."""

from dataclasses import replace

from torch.nn import functional

from sunpy_restore.core.config import TrainingConfig
from sunpy_restore.inpainting.recipe.losses import FINE_TUNING, PRE_TRAINING

__all__ = ["COMPARED_STEPS", "layered_configs", "staged_configs", "widened"]

COMPARED_STEPS = 1_000
"""Optimiser steps of the networks that are trained for a comparison only."""

_COMPARED = {"layered-equalized": ("equalized", False), "layered-pixel": ("pixel", False)}
_COMPARED |= {"layered-correcting": ("pixel", True), "layered-polar": ("polar", True)}


def staged_configs():
    """
    The three stages of the training of the network in the package.

    ``aimed`` starts from the weights of ``broad``, and ``compact`` from those of ``aimed`` (``start`` of
    `sunpy_restore.training.train`). The network of ``aimed`` has three more first fills, more holes of the kinds that
    are scored, and a loss relative to the best of the first fills. The network of ``compact`` has three directional
    first fills in addition and corrects the one by edge-enhancing diffusion; after training it gets its gate, and the
    errors of its fill and of the first fills in holes of the training images, by which these are averaged.

    Returns
    -------
    `dict`
        Name to `~sunpy_restore.core.config.TrainingConfig`. Options: ``aimed`` and ``rippled`` are those of
        `~sunpy_restore.inpainting.recipe.mixtures.MixtureDataset`; ``C2`` is the share of that coronagraph; ``local``
        is the weight of the error of averages over 8 x 8 pixels in the loss; ``gate`` is that of
        `~sunpy_restore.networks.unet.CoronaUNet`.
    """
    broad = TrainingConfig(
        name="broad",
        network={"architecture": "CoronaUNet", "widths": [24, 48, 64, 80, 96], "view": "polar"},
        patch_size=192,
        batch_size=8,
        steps=10_000,
        learning_rate=3e-4,
        ema_decay=0.998,
        precision="bf16-mixed",
        validation_interval=1_000,
    )
    aimed = replace(
        broad,
        name="aimed",
        network=broad.network | {"others": 4},
        steps=2_000,
        learning_rate=2e-4,
        validation_interval=500,
        options={"aimed": 0.55, "C2": 0.6, "local": 1.0},
    )
    compact = replace(
        aimed,
        name="compact",
        network=broad.network | {"others": 7, "base": 7, "blended": 9},
        steps=3_000,
        options=aimed.options | {"rippled": 0.3, "gate": 10.0},
    )
    return {config.name: config for config in (broad, aimed, compact)}


def widened(state, network):
    """
    Fit the weights of a `~sunpy_restore.networks.unet.CoronaUNet` with fewer first fills to a network with more.

    The weights of the additional fills are zero, so the outputs are those of the given network. If the fill that the
    network corrects is an additional one, the last layer is zero, so the output is that fill. Other weights are
    returned as they are.

    Parameters
    ----------
    state : mapping of `str` to `torch.Tensor`
        Weights of the network with fewer fills.
    network : `~sunpy_restore.networks.unet.CoronaUNet`
        The network that is to be trained.

    Returns
    -------
    `dict` of `str` to `torch.Tensor`
    """
    state, wanted = dict(state), network.state_dict()
    axes = {"enter.weight": 1, "leave.weight": 0, "leave.bias": 0}  # of the channels that depend on the number of fills
    if not axes.keys() <= state.keys():
        return state
    missing = {wanted[name].shape[axis] - state[name].shape[axis] for name, axis in axes.items()}
    # Each fill has 2 x 2 pixels in the channels of the U-Net
    if len(missing) != 1 or not 0 < (count := missing.pop()) <= 4 * network.others:
        return state
    for name, axis in axes.items():
        # functional.pad begins with the last axis
        state[name] = functional.pad(state[name], [0, 0] * (state[name].ndim - 1 - axis) + [0, count])
    if network.base > network.others - count // 4:
        state |= {name: state[name].new_zeros(state[name].shape) for name in ("leave.weight", "leave.bias")}
    return state


def layered_configs():
    """
    Training configurations of the layered network of partial convolutions.

    ``paper`` is the first part of the training of Enciso (2024), ``paper-fine-tuning`` the second one, which starts
    from the weights of the first (``start`` of `sunpy_restore.training.train`): two layers on images with a flat
    histogram, the losses of its Table 1 with VGG-19, Adam with rates of 2e-4 and 5e-5, gradients clipped at 0.005 and
    0.0005, and batches of 4. The paper gives no number of steps. Four narrow networks train within minutes for
    `COMPARED_STEPS` with features that need no download: on images with a flat histogram (``layered-equalized``), on
    deviations from the background (``layered-pixel``), on these as corrections of the harmonic fill
    (``layered-correcting``), and the latter on a log-polar grid (``layered-polar``).

    Returns
    -------
    `dict`
        Name to `~sunpy_restore.core.config.TrainingConfig`. Options: ``views`` is the number of views that are made in
        advance; ``loss`` are the weights of the terms; ``features`` is ``"vgg19"`` or ``"oriented"``; ``continuity`` is
        the weight of `~sunpy_restore.inpainting.recipe.losses.continuity`.
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
