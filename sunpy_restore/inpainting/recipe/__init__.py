"""How the networks of `sunpy_restore.inpaint` are trained and scored."""

from pathlib import Path
from typing import ClassVar

import torch

from sunpy_restore.core.datasets.archive import Archive
from sunpy_restore.core.datasets.imagelist import read_list
from sunpy_restore.core.datasets.samples import Splitting
from sunpy_restore.core.inference.tilednetwork import TiledNetwork
from sunpy_restore.core.recipes.configfile import load_configs
from sunpy_restore.core.recipes.recipe import Recipe, ScoreColumn
from sunpy_restore.inpainting.recipe.blending import mean_products
from sunpy_restore.inpainting.recipe.calibration import calibration_cases
from sunpy_restore.inpainting.recipe.correction import error_in_holes, scored_pixels, weighted_error_in_holes
from sunpy_restore.inpainting.recipe.datasets import training_and_validation
from sunpy_restore.inpainting.recipe.good import good_images
from sunpy_restore.inpainting.recipe.own import sample_of
from sunpy_restore.inpainting.recipe.paper import loss_of_layers
from sunpy_restore.inpainting.recipe.scenes import LISTS
from sunpy_restore.inpainting.recipe.scores import evaluation_pairs, measure
from sunpy_restore.inpainting.recipe.stages import widened
from sunpy_restore.networks.unet import CoronaUNet

__all__ = ["InpaintingRecipe"]


class InpaintingRecipe(Recipe):
    """
    Training and evaluation of the networks of `sunpy_restore.inpaint`.

    `~sunpy_restore.inpainting.recipe.own.sample_of` says which own images are accepted;
    `~sunpy_restore.inpainting.recipe.scenes.read_exposures` reads those of the package.
    """

    archive: ClassVar = Archive(
        instrument="LASCO", vso={"Physobs": "intensity"}, needed=("detector",), keys=("detector", "level")
    )

    score_columns: ClassVar = {
        "hole_error": ScoreColumn("RMS error in holes [% of median coronal brightness]", "{:.2%}", "lower"),
        "median_hole_error": ScoreColumn(
            "median RMS error in holes [% of median coronal brightness]", "{:.2%}", "lower"
        ),
        "noise_floor": ScoreColumn("noise in holes [% of median coronal brightness]", "{:.2%}"),
        "profile_error": ScoreColumn("RMS error of radial profile [noise per pixel]", "{:.2f}", "lower"),
        "median_profile_error": ScoreColumn("median RMS error of radial profile [noise per pixel]", "{:.2f}", "lower"),
        "border_jump": ScoreColumn("mean error at border [noise per pixel]", "{:+.3f}"),
        "border_step": ScoreColumn("mean clipped error at border [noise per pixel]", "{:+.3f}"),
    }

    headline = "hole_error"

    intended_use: ClassVar = (
        "Filling of missing blocks in LASCO C2 and C3 images before calibration, background subtraction and the making "
        "of movies, and brightness over areas larger than the blocks."
    )

    limits: ClassVar = (
        "For LASCO C2 and C3 images. Filled pixels are predicted, not observed: a mass ejection or comet that lies "
        "only in a hole is not restored. Do not measure fronts, masses or fluxes inside of holes."
    )

    options: ClassVar = frozenset(
        {"C2", "aimed", "continuity", "features", "gate", "local", "loss", "rippled", "views"}
    )

    # There are few images that were kept back, and longer fits follow each of their holes
    calibration_steps = 600

    # Telemetry blocks are those of full frames; streamers change in a day
    splitting = Splitting(gap=24.0, regions=False)

    def configs(self):
        """
        Training configurations of the task.

        ``broad``, ``aimed`` and ``compact`` are the three stages of the training of the network in the package.
        ``aimed`` starts from the weights of ``broad``, and ``compact`` from those of ``aimed`` (``start`` of
        `sunpy_restore.training.train`). The network of ``aimed`` has three more first fills, more holes of the kinds
        that are scored, and a loss relative to the best of the first fills. The network of ``compact`` has three
        directional first fills in addition and corrects the one by edge-enhancing diffusion; after training it gets its
        gate.

        The others are of the layered network of partial convolutions. ``paper`` is the first part of the training of
        Enciso (2024), ``paper-fine-tuning`` the second one, which starts from the weights of the first: two layers on
        images with a flat histogram, the losses of its Table 1 with VGG-19, Adam with rates of 2e-4 and 5e-5, gradients
        clipped at 0.005 and 0.0005, and batches of 4. The paper gives no number of steps. Four narrow networks train
        within minutes, with features that need no download: on images with a flat histogram (``layered-equalized``),
        on deviations from the background (``layered-pixel``), on these as corrections of the harmonic fill
        (``layered-correcting``), and the latter on a log-polar grid (``layered-polar``).

        Returns
        -------
        `dict`
            Name to `~sunpy_restore.core.recipes.config.TrainingConfig`. Options: ``aimed`` and ``rippled`` are those of
            `~sunpy_restore.inpainting.recipe.mixtures.MixtureDataset`; ``C2`` is the share of that coronagraph;
            ``local`` is the weight of the error of averages over 8 x 8 pixels in the loss; ``gate`` is that of
            `~sunpy_restore.networks.unet.CoronaUNet`; ``views`` is the number of views that are made in advance;
            ``loss`` are the weights of the terms; ``features`` is ``"vgg19"`` or ``"oriented"``; ``continuity`` is the
            weight of `~sunpy_restore.inpainting.recipe.losses.continuity`.
        """
        return load_configs(Path(__file__).with_name("configs") / self.task.name, self.options)

    def sample_of(self, candidate):
        """See `~sunpy_restore.inpainting.recipe.own.sample_of`."""
        return sample_of(candidate)

    def training_data(self, config):
        """See `~sunpy_restore.core.recipes.recipe.Recipe.training_data`."""
        return read_list(LISTS / f"{self.task.name}.toml").description

    def datasets(self, directory, config):
        """See `~sunpy_restore.inpainting.recipe.datasets.training_and_validation`."""
        return training_and_validation(directory, config)

    def starting_weights(self, network, state):
        """Weights of another network as the start of a training; the gate is zero while training."""
        if not isinstance(network, CoronaUNet):
            return state
        state = widened(state, network) | {"gate": torch.zeros_like(network.gate)}
        state.pop("products", None)
        return state if network.products is None else state | {"products": network.products}

    def loss(self, network, batch, config):
        """
        Huber loss in the holes, relative to that of the first fill; for the layered network the loss of its paper.

        Data sets with the unit of the brightness have the loss
        `~sunpy_restore.inpainting.recipe.correction.weighted_error_in_holes`.
        """
        if "loss" in config.options:
            return loss_of_layers(network, batch, config)
        observed, truth, *unit = batch
        restored = self.predict(network, observed, config).float()
        if "local" in config.options:
            return weighted_error_in_holes(restored, observed, truth, *unit, local=config.options["local"])
        return error_in_holes(restored, observed, truth)

    def scored_pixels(self, observed, truth):
        """Pixels to fill whose truth is known; see `~sunpy_restore.core.recipes.recipe.Recipe.scored_pixels`."""
        return scored_pixels(observed, truth)

    def calibrate(self, network, directory, config):
        """Set the gate of the network to the option of the configuration, and the products to those in its errors."""
        if "gate" in config.options:
            network.gate.fill_(config.options["gate"])
        if getattr(network, "products", None) is not None:
            products = mean_products(TiledNetwork.of(self.task, network), directory)
            network.products.copy_(torch.from_numpy(products))

    def evaluation_pairs(self, directory):
        """See `~sunpy_restore.inpainting.recipe.scores.evaluation_pairs`."""
        return evaluation_pairs(directory)

    def measure(self, observation, restored, truth):
        """See `~sunpy_restore.inpainting.recipe.scores.measure`."""
        return measure(observation, restored, truth)

    def calibration(self, directory):
        """See `~sunpy_restore.inpainting.recipe.calibration.calibration_cases`."""
        return calibration_cases(directory)

    def good_images(self, directory):
        """See `~sunpy_restore.inpainting.recipe.good.good_images`."""
        return good_images(directory)

    def applies(self, observation, method, options):
        """The prediction from neighbours needs some."""
        return method.name != "temporal" or observation.neighbours is not None

    def variants(self):
        """All methods that need no neighbours; the images that are kept back have none."""
        return {name: variant for name, variant in super().variants().items() if name != "temporal"}
