"""How the generators of `sunpy_restore.synthesize_granulation` are trained: tiles, losses and the configurations."""

from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import Subset

from sunpy_restore.core.task import TrainingConfig, network_builder
from sunpy_restore.granulation.fields import CELL
from sunpy_restore.granulation.recipe.calibration import calibrate, radial_power
from sunpy_restore.granulation.recipe.losses import histogram_loss, spectrum_loss
from sunpy_restore.granulation.recipe.scores import evaluation_pairs, measure, restorers
from sunpy_restore.granulation.recipe.textures import SIDE, TileDataset, read_texture
from sunpy_restore.networks.granulation_vae import kl_divergence

__all__ = [
    "build_adversary",
    "calibrated",
    "configs",
    "content_loss",
    "datasets",
    "evaluation_pairs",
    "loss",
    "measure",
    "predict",
    "restorers",
    "training_data",
    "validated",
]

_MURAM = (
    "Emergent intensity of a snapshot of a MURaM simulation of the quiet Sun, pixels of 48 km: columns 0-509 of 680, "
    "tiles of 128 x 128 pixels at any place, mirrored and turned by multiples of 45 degrees. Columns 510-679 were kept "
    "back."
)

DATA = {f"synthesize-{kind}": _MURAM for kind in ("convolutional", "gan", "vae")}
"""What the weights of each task were trained on."""

_CALIBRATION = {"synthesize-convolutional": 24, "synthesize-gan": 1536, "synthesize-vae": 1536}
"""How many images each calibration is measured on; those of the convolutional generator are 512 pixels wide."""

_WIDE = 64  # cells
_BATCH = 16

build_adversary = network_builder(SpatialDiscriminator="spatial", TileDiscriminator="granulation_gan")


def configs(task):
    """
    The training configurations of a task.

    ``paper`` has the networks and numbers of Sierra Acosta (2020), ``compact`` made the weights in the package.

    Returns
    -------
    `dict`
        Name to `~sunpy_restore.core.task.TrainingConfig`. Of the options, ``files`` are the images to learn, as
        `~sunpy_restore.granulation.recipe.textures.read_texture` takes them, ``spectrum`` and ``histogram`` the weights
        of `~sunpy_restore.granulation.recipe.losses`, ``gradient_penalty`` and ``adversary_rate`` those of the
        adversarial training, and ``kl`` that of the divergence of a VAE.
    """
    return {config.name: config for config in _CONFIGS[task]}


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
    # Weights of unit variance change by as much as those of a usual start do at a thirtieth of this rate
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
    network={"architecture": "TileVAE", "hidden": 512, "latent": 256},
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
    # A longer memory of squared gradients keeps steps small for long after the first, large ones
    betas=(0.5, 0.99),
    schedule="one-cycle",
    ema_decay=0.998,
    precision="bf16-mixed",
    validation_interval=1_000,
    options={"kl": 0.1},
)

_CONFIGS = {
    "synthesize-convolutional": (_CONVOLUTIONAL,),
    "synthesize-gan": (_GAN, _PAPER_GAN),
    "synthesize-vae": (_VAE, _PAPER_VAE),
}


def datasets(task, directory, config):
    """
    Training tiles, each with the noise that an image is made of, and validation sets.

    Parameters
    ----------
    task : `str`
        Name of the task.
    directory : path-like
        Folder of the training data.
    config : `~sunpy_restore.core.task.TrainingConfig`
        The configuration.

    Returns
    -------
    training : `~sunpy_restore.granulation.recipe.textures.TileDataset`
    validation : `dict`
        Name of the source to tiles that are the same in every run.
    """
    noise = _noise(task, config)
    files = config.options.get("files")
    training = TileDataset(
        read_texture(directory, "train", files), config.steps * config.batch_size, seed=config.seed, noise=noise
    )
    kept = TileDataset(read_texture(directory, "validation", files), 64, seed=1, noise=noise)
    # Iterated over, the drawn tiles have no end
    return training, {"kept back": Subset(kept, range(64))}


def training_data(task, config):
    """What a configuration learns, in words for its model card."""
    files = config.options.get("files")
    if files is None:
        return DATA[task]
    named = ", ".join(f"{name} (pixels of {pixel:g} km)" for name, pixel in files)
    return f"{named}: the first three quarters of the columns of each image; the others were kept back."


def _noise(task, config):
    """Shape of the noise that a tile is made of; none for an autoencoder."""
    if task == "synthesize-vae":
        return None
    latent = config.network.get("latent", 128)
    return (latent, SIDE // CELL, SIDE // CELL) if task == "synthesize-convolutional" else (latent,)


def predict(network, observed, config):
    """
    The tiles that a generator makes of noise, or an autoencoder of tiles.

    Parameters
    ----------
    network : `torch.nn.Module`
        The network.
    observed : `torch.Tensor`
        Noise, or tiles, as of `datasets`.
    config : `~sunpy_restore.core.task.TrainingConfig`
        The configuration.
    """
    made = network(observed)
    return made[0] if isinstance(made, tuple) else made


def loss(network, batch, config):
    """Of an autoencoder: squared error of a tile and the divergence of its latent numbers from the normal law."""
    tiles = batch[0]
    made, mean, log_variance = network(tiles)
    error = functional.mse_loss(made.float(), tiles, reduction="sum")
    divergence = kl_divergence(mean.float(), log_variance.float()).sum()
    return (error + config.options["kl"] * divergence) / tiles.numel()


def content_loss(restored, batch, config):
    """Of a generator besides the discriminator's: distances of the power spectrum and of the histogram of a batch."""
    weights, true = config.options, batch[1]
    result = restored.new_zeros(())
    if weights.get("spectrum"):
        result = result + weights["spectrum"] * spectrum_loss(restored, true)
    if weights.get("histogram"):
        result = result + weights["histogram"] * histogram_loss(restored, true)
    return result


def validated(restored, truth):
    """
    What a validation reports.

    Returns
    -------
    `dict` of `float`
        ``contrast`` over that of the truth, ``histogram``: mean distance of sorted values over the standard deviation,
        ``spectrum``: mean size of the logarithm of the ratio of the power spectra.
    """
    made, true = radial_power(restored[:, 0].cpu().numpy()), radial_power(truth[:, 0].cpu().numpy())
    return {
        "contrast": float(restored.std() / truth.std()),
        "histogram": float(histogram_loss(restored, truth) / truth.std()),
        "spectrum": float(np.abs(np.log(made[1:] / true[1:])).mean()),
    }


def calibrated(task, network, directory, config):
    """
    Calibrate a trained generator, in place.

    Parameters
    ----------
    task : `str`
        Name of the task.
    network : `torch.nn.Module`
        The generator, with a `~sunpy_restore.networks.calibration.Calibration` as ``calibration``.
    directory : path-like
        Folder of the training data.
    config : `~sunpy_restore.core.task.TrainingConfig`
        The configuration.
    """
    texture = read_texture(directory, "train", config.options.get("files"))
    generator = torch.Generator().manual_seed(config.seed + 1)
    latent, count = network.latent, _CALIBRATION[task]
    wide = task == "synthesize-convolutional"
    shape, batch = ((latent, _WIDE, _WIDE), 1) if wide else ((latent,), _BATCH)
    draw = getattr(network, "draw_tiles", network)
    device = next(network.parameters()).device
    network.eval()
    with torch.no_grad():
        made = [
            draw(torch.randn((batch, *shape), generator=generator).to(device)).cpu() for _ in range(-(-count // batch))
        ]
    calibrate(network.calibration, torch.cat(made), texture)
