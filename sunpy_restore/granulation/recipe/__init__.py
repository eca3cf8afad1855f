"""How the generators of `sunpy_restore.synthesize_granulation` are trained and scored."""

import math
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import Subset

from sunpy_restore.core.datasets.imagelist import read_list
from sunpy_restore.core.datasets.manifest import has_manifest, read_manifest
from sunpy_restore.core.datasets.samples import Splitting
from sunpy_restore.core.recipes.configfile import load_configs
from sunpy_restore.core.recipes.recipe import Recipe, Variant
from sunpy_restore.core.task import network_builder
from sunpy_restore.granulation.fields import CELL
from sunpy_restore.granulation.recipe import scores
from sunpy_restore.granulation.recipe.calibration import calibrate, radial_power
from sunpy_restore.granulation.recipe.losses import histogram_loss, spectrum_loss
from sunpy_restore.granulation.recipe.own import sample_of
from sunpy_restore.granulation.recipe.textures import (
    DATA,
    LISTS,
    SIDE,
    listed_images,
    read_texture,
)
from sunpy_restore.granulation.recipe.tiledata import TileDataset
from sunpy_restore.granulation.statistics import measure_reference
from sunpy_restore.granulation.task import CONVOLUTIONAL, GAN, VAE
from sunpy_restore.networks.granulation_vae import kl_divergence

__all__ = ["GranulationRecipe"]

# Images that a calibration is measured on; those of the convolutional generator are larger
_CALIBRATION_IMAGES = {CONVOLUTIONAL.name: 24, GAN.name: 1536, VAE.name: 1536}
_CALIBRATION_CELLS = 64  # along each side of the images of the convolutional generator
_CALIBRATION_BATCH = 16  # tiles

_PAPER_LATENT = 128  # of the GAN, where a configuration does not set it
_build_discriminator = network_builder(SpatialDiscriminator="spatial", TileDiscriminator="granulation_gan")


class GranulationRecipe(Recipe):
    """
    Training and evaluation of the generators of `sunpy_restore.synthesize_granulation`.

    `~sunpy_restore.granulation.recipe.own.sample_of` says which own images are accepted;
    `~sunpy_restore.granulation.recipe.textures.listed_images` reads the list of the images of the package.
    """

    score_columns: ClassVar = scores.COLUMNS

    intended_use: ClassVar = (
        "Large images with the statistics of the training image, for simulations of wavefront sensors and adaptive "
        "optics, and as training and test data of codes that track, segment or restore granules."
    )

    limits: ClassVar = (
        "The textures have the statistics of the training image; they show no observed place or time, and have no "
        "magnetic field and no evolution."
    )

    options: ClassVar = frozenset(
        {"adversary_rate", "data", "files", "gradient_penalty", "histogram", "kl", "spectrum"}
    )

    no_archive: ClassVar = (
        "images of granulation with pixels of at most 200 km are in the archives of single telescopes. Give a folder "
        "with such images"
    )

    # Granules live for ten minutes
    splitting = Splitting(gap=1.0, share=0.25, margin=2.0)
    data_name = DATA

    def configs(self):
        """
        Training configurations of the task.

        ``paper`` has the networks and hyperparameters of Sierra Acosta (2020), ``compact`` made the weights in the
        package. ``clean`` of the convolutional generator is ``compact`` with an image whose terms of use are clear,
        granulation observed by SUNRISE/IMaX and deconvolved.

        Returns
        -------
        `dict`
            Name to `~sunpy_restore.core.recipes.config.TrainingConfig`. Options: ``data``, ``"clean"`` for an image
            with clear terms; ``files``, other training images as
            `~sunpy_restore.granulation.recipe.textures.read_texture` takes them; ``spectrum`` and ``histogram``, the
            weights of the losses in `~sunpy_restore.granulation.recipe.losses`; ``gradient_penalty`` and
            ``adversary_rate``, see `~sunpy_restore.training.adversarial.AdversarialModule`; ``kl``, the weight of the
            divergence in the loss of an autoencoder.
        """
        return load_configs(Path(__file__).with_name("configs") / self.task.name, self.options)

    def sample_of(self, candidate):
        """See `~sunpy_restore.granulation.recipe.own.sample_of`."""
        return sample_of(candidate)

    def training_data(self, config):
        """See `sunpy_restore.core.recipes.recipe.Recipe.training_data`."""
        files = config.options.get("files")
        if files is None:
            return read_list(LISTS / f"{self.list_name(config)}.toml").description
        named = ", ".join(f"{name} (pixels of {pixel:g} km)" for name, pixel, *_ in files)
        return f"{named}: the first three quarters of the columns of each image; the others were kept back."

    def datasets(self, directory, config):
        """
        Training tiles, each with the noise that the generator starts from, and validation tiles.

        Parameters
        ----------
        directory : path-like
            Folder of the training data.
        config : `~sunpy_restore.core.recipes.config.TrainingConfig`
            The configuration.

        Returns
        -------
        training : `~sunpy_restore.granulation.recipe.tiledata.TileDataset`
            Pairs ``(noise, tile)``; for an autoencoder, ``(tile, tile)``.
        validation : `dict`
            Name of the source to pairs that are the same in every training.
        """
        noise, length = self._noise_shape(config), config.steps * config.batch_size
        training = TileDataset(self._texture(directory, "train", config), length, seed=config.seed, noise=noise)
        validation = TileDataset(self._texture(directory, "validation", config), 64, seed=1, noise=noise)
        # TileDataset raises no IndexError at its end, which ends an iteration
        return training, {"kept back": Subset(validation, range(64))}

    def _texture(self, directory, split, config):
        return read_texture(directory, split, config.options.get("files"), self.list_name(config))

    def _noise_shape(self, config):
        """Shape of the noise of a tile, `None` for an autoencoder."""
        if self.task.name == VAE.name:
            return None
        latent = config.network.get("latent", _PAPER_LATENT)
        cells = SIDE // CELL
        return (latent, cells, cells) if self.task.name == CONVOLUTIONAL.name else (latent,)

    def predict(self, network, observed, config):
        """Tiles that a generator makes from noise, or an autoencoder from tiles."""
        tiles = network(observed)
        return tiles[0] if isinstance(tiles, tuple) else tiles

    def loss(self, network, batch, config):
        """
        Loss of an autoencoder per pixel: squared error and weighted divergence.

        The divergence is that of the distribution of the latent vectors from the standard normal distribution. The
        generators have an adversarial loss, see `content_loss`.
        """
        tiles = batch[0]
        reconstruction, mean, log_variance = network(tiles)
        error = functional.mse_loss(reconstruction.float(), tiles, reduction="sum")
        divergence = kl_divergence(mean.float(), log_variance.float()).sum()
        return (error + config.options["kl"] * divergence) / tiles.numel()

    def build_adversary(self, hyperparameters):
        """See `sunpy_restore.core.recipes.recipe.Recipe.build_adversary`."""
        return _build_discriminator(hyperparameters)

    def content_loss(self, restored, batch, config):
        """
        Differences of power spectrum and histogram between generated and true tiles.

        Both are added to the adversarial loss of a generator.
        """
        weights, truth = config.options, batch[1]
        result = restored.new_zeros(())
        if weights.get("spectrum"):
            result = result + weights["spectrum"] * spectrum_loss(restored, truth)
        if weights.get("histogram"):
            result = result + weights["histogram"] * histogram_loss(restored, truth)
        return result

    def validation_scores(self, restored, truth):
        """
        Statistics of a batch compared with those of the truth, because generated tiles have no true counterpart.

        Parameters
        ----------
        restored, truth : `torch.Tensor`
            Tiles, shape ``(batch, 1, 128, 128)``.

        Returns
        -------
        `dict` of `float`
            ``contrast``, the ratio of the standard deviations; ``histogram``, the Wasserstein distance of the
            intensities in standard deviations of the truth; ``spectrum``, the mean absolute logarithm of the ratio of
            the power spectra.
        """
        power, expected = (radial_power(tiles[:, 0].cpu().numpy()) for tiles in (restored, truth))
        return {
            "contrast": float(restored.std() / truth.std()),
            "histogram": float(histogram_loss(restored, truth) / truth.std()),
            "spectrum": float(np.abs(np.log(power[1:] / expected[1:])).mean()),
        }

    def validation_score(self, scores):
        """Sum of the distances of the contrast (absolute logarithm of the ratio), histogram and power spectrum."""
        contrast = abs(math.log(max(scores["contrast"], 1e-6)))
        return contrast + scores["histogram"] + scores["spectrum"]

    def calibrate(self, network, directory, config):
        """
        Measure and set the calibration of a trained generator.

        Parameters
        ----------
        network : `torch.nn.Module`
            The generator. Its `~sunpy_restore.networks.calibration.Calibration` ``calibration`` is changed.
        directory, config
            As for `datasets`.
        """
        texture = self._texture(directory, "train", config)
        generator = torch.Generator().manual_seed(config.seed + 1)
        count = _CALIBRATION_IMAGES[self.task.name]
        if self.task.name == CONVOLUTIONAL.name:
            draw, shape, batch = network, (network.latent, _CALIBRATION_CELLS, _CALIBRATION_CELLS), 1
        else:
            draw, shape, batch = network.draw_tiles, (network.latent,), _CALIBRATION_BATCH
        device = next(network.parameters()).device
        network.eval()
        with torch.no_grad():
            images = [
                draw(torch.randn((batch, *shape), generator=generator).to(device)).cpu()
                for _ in range(-(-count // batch))
            ]
        calibrate(network.calibration, torch.cat(images), texture)

    def metadata(self, directory, config):
        """
        Statistics of the part of the first image that was kept back, under ``"reference"``.

        `~sunpy_restore.granulation.statistics.reference_statistics` reads them. See also
        `sunpy_restore.core.recipes.recipe.Recipe.metadata`.
        """
        files, texture = config.options.get("files"), self._texture(directory, "validation", config)
        if has_manifest(directory):
            item = read_manifest(directory).split("validation")[0]
            source = f"{item.group}: {item.origin}" + (f", columns {item.columns}" if item.columns else "")
        elif files is None:
            entry = listed_images(directory, self.list_name(config)).split("validation")[0]
            source = entry.name + (f", columns {entry.columns[0]}-{entry.columns[1] - 1}" if entry.columns else "")
        else:
            source = f"{files[0][0]}, the last quarter of the columns"
        return {"reference": measure_reference(texture.images[0], texture.pixel, source).as_dict()}

    def evaluation_pairs(self, directory):
        """See `~sunpy_restore.granulation.recipe.scores.evaluation_pairs`."""
        return scores.evaluation_pairs(directory)

    def variants(self):
        """
        Rows of the table of scores: all methods, all ways of stitching tiles, and the simulation.

        The row ``"physics"`` is the part of the simulation that the generator was trained on. It shows how much two
        parts of one simulation differ.
        """
        stitched = {f"network, {stitching}": stitching for stitching in self.task.stitchings[1:]}
        return {
            "network": Variant("network"),
            **{label: Variant("network", {"stitching": stitching}) for label, stitching in stitched.items()},
            "spectrum": Variant("spectrum"),
            "physics": Variant(None),
        }

    def restored(self, observation, method, options):
        """
        Generate what `measure` scores, by the function that users call.

        It is more than users get from one call, because the scores also need a texture with another seed and the
        positions of the seams; see `~sunpy_restore.granulation.recipe.scores.synthesize`.
        """
        return scores.synthesize(observation, method, options)

    def measure(self, observation, restored, truth):
        """See `~sunpy_restore.granulation.recipe.scores.measure`."""
        return scores.measure(observation, restored, truth)
