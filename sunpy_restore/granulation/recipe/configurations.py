"""Training configurations of the generators."""

from dataclasses import replace

from sunpy_restore.core.config import TrainingConfig
from sunpy_restore.granulation.recipe.textures import SIDE
from sunpy_restore.granulation.task import CONVOLUTIONAL, GAN, VAE

__all__ = ["CONFIGURATIONS"]

_CONVOLUTIONAL = TrainingConfig(
    name="compact",
    network={"architecture": "SpatialGenerator", "latent": 64, "widths": [128, 64, 32, 16], "blocks": 3},
    patch_size=SIDE,
    batch_size=4,
    steps=11_000,
    learning_rate=5e-4,
    betas=(0.0, 0.99),
    schedule="halving",
    halving=3_500,
    ema_decay=0.998,
    gradient_clip=10.0,
    precision="bf16-mixed",
    validation_interval=1_000,
    adversary={"architecture": "SpatialDiscriminator", "widths": [16, 32, 64, 128, 192]},
    options={"gradient_penalty": 0.25, "spectrum": 0.3, "histogram": 1.0},
)

# Pixels of 0.055 arcsec; the edges of the image are apodised
_IMAX = (("photosphere/imax_focus.fits.gz", 39.9, 90),)

_CLEAN = replace(_CONVOLUTIONAL, name="clean", options={**_CONVOLUTIONAL.options, "files": _IMAX})

_PAPER_GAN = TrainingConfig(
    name="paper",
    network={"architecture": "TileGenerator", "latent": 128},
    patch_size=SIDE,
    batch_size=8,
    steps=100_000,
    learning_rate=1e-3,
    betas=(0.0, 0.99),
    schedule="constant",
    ema_decay=0.0,
    gradient_clip=0.0,
    validation_interval=1_000,
    adversary={"architecture": "TileDiscriminator"},
)

_GAN = replace(
    _PAPER_GAN,
    name="compact",
    network={"architecture": "TileGenerator", "latent": 64, "widths": [160, 128, 128, 64, 32, 16]},
    batch_size=4,
    steps=5_000,
    # Weights of unit variance change as much as weights of the usual initialization do at a thirtieth of this rate
    learning_rate=8e-3,
    schedule="halving",
    halving=1_000,
    ema_decay=0.998,
    gradient_clip=10.0,
    precision="bf16-mixed",
    validation_interval=1_000,
    adversary=_CONVOLUTIONAL.adversary,
    options={**_CONVOLUTIONAL.options, "adversary_rate": 5e-4},
)

_PAPER_VAE = TrainingConfig(
    name="paper",
    network={"architecture": "ThesisVAE", "latent": 256, "flattened": 512, "width": 256},
    patch_size=SIDE,
    batch_size=8,
    steps=100_000,
    learning_rate=1e-3,
    betas=(0.5, 0.999),
    schedule="constant",
    ema_decay=0.0,
    gradient_clip=0.0,
    validation_interval=1_000,
    options={"kl": 1.0},
)

_VAE = replace(
    _PAPER_VAE,
    name="compact",
    network={"architecture": "TileVAE", "hidden": 192, "latent": 128, "widths": [64, 64, 64, 64, 48, 32]},
    steps=16_000,
    learning_rate=3e-3,
    # With the longer memory of 0.999, the large gradients of the first steps keep the steps small for too long
    betas=(0.5, 0.99),
    schedule="one-cycle",
    ema_decay=0.998,
    precision="bf16-mixed",
    validation_interval=1_000,
    options={"kl": 0.1},
)

CONFIGURATIONS = {
    CONVOLUTIONAL.name: (_CONVOLUTIONAL, _CLEAN),
    GAN.name: (_GAN, _PAPER_GAN),
    VAE.name: (_VAE, _PAPER_VAE),
}
"""Configurations of each task."""
