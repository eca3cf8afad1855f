"""The adversarial trainings of Zhao et al. (2019)."""

from sunpy_restore.core.task import TrainingConfig

__all__ = ["ABLATION_STEPS", "adversarial_configs"]

ABLATION_STEPS = 3_000
"""Optimiser steps of each row of the ablation."""

_PATCHES = 5_000
_ROW_PATCHES = 2_500
_WEIGHT = 0.1
# Rows of the paper's Table 3: normalisation and losses besides the discriminator's
_ABLATION = {
    "table3-batch-l1": ("batch", {"l1": _WEIGHT}),
    "table3-switch-l1": ("switch", {"l1": _WEIGHT}),
    "table3-switch-masked": ("switch", {"masked": _WEIGHT}),
    "table3-switch-masked-edge": ("switch", {"masked": _WEIGHT, "edge": _WEIGHT}),
}


def adversarial_configs():
    """
    The trainings of mask-Pix2Pix.

    ``paper`` is the network to the tables of Zhao et al. (2019), with their loss and optimiser: patches of 256 pixels,
    batches of 16, Adam with 0.5 and 0.999, and a rate of 2e-4 that is halved every 100 epochs. An epoch are the
    ``patches`` of its options, 5,000, after which the patches repeat; the training is 200 of them. The four
    ``table3-...`` are the rows of their Table 3, batch or switchable normalisation with the l1 norm of the error of the
    whole image, under the mask, or under the mask and along its edge, for networks that are narrow enough to train in
    minutes: all for `ABLATION_STEPS`, over which the rate is halved twice.

    Returns
    -------
    `dict`
        Name to `~sunpy_restore.core.task.TrainingConfig`. Options are ``data``, here ``"paper"``; ``loss``, as
        `~sunpy_restore.desaturation.recipe.losses.weighted_l1` takes it; and ``patches``.
    """
    epoch = _PATCHES // 16
    paper = _config(
        "paper",
        "switch",
        {"masked": _WEIGHT, "edge": _WEIGHT},
        width=64,
        batch_size=16,
        steps=200 * epoch,
        halving=100 * epoch,
        validation_interval=10 * epoch,
        options={"patches": _PATCHES},
    )
    rows = {
        name: _config(
            name,
            norm,
            loss,
            width=8,
            batch_size=8,
            steps=ABLATION_STEPS,
            halving=ABLATION_STEPS // 3,
            validation_interval=500,
            precision="bf16-mixed",
            options={"patches": _ROW_PATCHES},
        )
        for name, (norm, loss) in _ABLATION.items()
    }
    return {"paper": paper} | rows


def _config(name, norm, loss, *, width, options=(), **changes):
    network = {"width": width, "norm": norm, "ceiling": 2.0}
    return TrainingConfig(
        name=name,
        network={"architecture": "MaskPix2Pix"} | network,
        adversary={"architecture": "MaskDiscriminator"} | network,
        patch_size=256,
        learning_rate=2e-4,
        betas=(0.5, 0.999),
        schedule="halving",
        ema_decay=0.0,
        gradient_clip=0.0,
        options={"data": "paper", "loss": loss, **dict(options)},
        **changes,
    )
