"""The adversarial trainings of Zhao et al. (2019)."""

from sunpy_restore.core.config import TrainingConfig

__all__ = ["adversarial_configs"]

_ABLATION_STEPS = 6_000
_PATCHES = 5_000
_ROW_PATCHES = 2_500
_WEIGHT = 0.1
# Rows of Table 3 of the paper: normalisation, and losses that are added to that of the discriminator
_ABLATION = {
    "table3-batch-l1": ("batch", {"l1": _WEIGHT}),
    "table3-switch-l1": ("switch", {"l1": _WEIGHT}),
    "table3-switch-masked": ("switch", {"masked": _WEIGHT}),
    "table3-switch-masked-edge": ("switch", {"masked": _WEIGHT, "edge": _WEIGHT}),
}


def adversarial_configs():
    """
    Training configurations of mask-Pix2Pix.

    ``paper`` is the network of Zhao et al. (2019) with their loss and optimiser: patches of 256 pixels, batches of 16,
    Adam with betas of 0.5 and 0.999, and a learning rate of 2e-4 that is halved every 100 epochs. The training takes
    200 epochs of 5,000 patches. The four ``table3-...`` are the rows of their Table 3: batch or switchable
    normalisation with the l1 norm of the error in the whole image, in the mask, or in the mask and along its edge.
    These networks are narrow enough to be trained in minutes on a GPU, with 6,000 steps, over which the rate is halved
    twice.

    Returns
    -------
    `dict`
        Name to `~sunpy_restore.core.config.TrainingConfig`. The options are ``data``, here ``"paper"``; ``loss``, the
        weights of `~sunpy_restore.desaturation.recipe.losses.weighted_l1`; and ``patches``, the number of distinct
        patches.
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
            batch_size=16,
            steps=_ABLATION_STEPS,
            halving=_ABLATION_STEPS // 3,
            validation_interval=1_000,
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
