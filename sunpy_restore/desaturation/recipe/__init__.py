"""Training and evaluation of the networks of `sunpy_restore.desaturate`."""

from typing import ClassVar

import torch
from torch.nn import functional

from sunpy_restore.core.config import TrainingConfig
from sunpy_restore.core.recipe import Recipe, ScoreColumn, Variant
from sunpy_restore.core.task import network_builder
from sunpy_restore.desaturation.recipe.datasets import training_pairs, validation_pairs
from sunpy_restore.desaturation.recipe.losses import weighted_l1
from sunpy_restore.desaturation.recipe.paper import adversarial_configs
from sunpy_restore.desaturation.recipe.scores import evaluation_pairs, measure
from sunpy_restore.desaturation.restore import needs_fringes
from sunpy_restore.desaturation.task import CHANNELS

__all__ = ["DesaturationRecipe"]

# As in the metadata of the weights
_DATA = (
    "56 full disks of AIA at 171 (2014-01-01, 2015-12-21, 2017-08-07 to 13), 193 (2013-06-24) and 304 angstrom "
    "(2024-04-16) in the 8-bit scaling of Helioviewer. 60 % of the pairs over-exposed as in the paper, in "
    "power-law and logarithmic scalings, threshold 0.8 of the range; 40 % with a linear scale and an injected "
    "flare of 1.1-25 full wells, through the meshes' diffraction in all seven channels, photon and read noise, and "
    "full wells that bloom (75 %) or clip (25 %). The networks of the paper and of its table saw pairs in the "
    "paper's manner alone, without other scalings. Kept back: the days 2014-02-03 and 2022-01-01, and all level-1 "
    "images."
)
_HUBER = 0.1
_MASK = CHANNELS.index("mask")


class DesaturationRecipe(Recipe):
    """
    Training and evaluation of the networks of `sunpy_restore.desaturate`.

    The folder of the training data contains full-disk images of Helioviewer in ``aia/jp2/``, and the level-1 images for
    evaluation in ``aia/``.
    """

    score_columns: ClassVar = {
        "psnr": ScoreColumn("PSNR in mask [dB]", "{:.2f}"),
        "psnr_whole": ScoreColumn("PSNR of crop [dB]", "{:.2f}"),
        "ssim": ScoreColumn("SSIM in mask", "{:.4f}"),
        "ssim_whole": ScoreColumn("SSIM of crop", "{:.4f}"),
        "log_error": ScoreColumn("RMS log error in mask", "{:.4f}"),
        "flux_error": ScoreColumn("flux error in mask [% of true flux]", "{:+.2%}"),
        "median_hidden_flux_error": ScoreColumn("hidden flux error, median [% of hidden flux]", "{:.2%}"),
        "median_peak_distance": ScoreColumn("peak offset, median [px]", "{:.2f}"),
    }

    def configs(self):
        """
        Training configurations of the task.

        ``compact`` made the weights in the package; the others are those of
        `~sunpy_restore.desaturation.recipe.paper.adversarial_configs`.

        Returns
        -------
        `dict`
            Name to `~sunpy_restore.core.config.TrainingConfig`.
        """
        compact = TrainingConfig(
            name="compact",
            network={"architecture": "FillingUNet", "widths": [48, 64, 96, 128]},
            patch_size=160,
            batch_size=8,
            steps=16_000,
            learning_rate=1e-3,
            ema_decay=0.999,
            precision="bf16-mixed",
            validation_interval=1_000,
            options={"views": 5_000, "paper_share": 0.6},
        )
        return {"compact": compact} | adversarial_configs()

    def training_data(self, config):
        """See `sunpy_restore.core.recipe.Recipe.training_data`."""
        return _DATA

    def datasets(self, directory, config):
        """See `sunpy_restore.core.recipe.Recipe.datasets`."""
        return training_pairs(directory, config), validation_pairs(directory, config)

    def loss(self, network, batch, config):
        """Huber loss of the logarithm in the mask, with equal weight for every image."""
        observed, truth = batch
        mask = _mask(observed)
        found, expected = (
            torch.log1p(image.clamp_min(0)) for image in (self.predict(network, observed, config), truth)
        )
        error = functional.smooth_l1_loss(found * mask, expected * mask, beta=_HUBER, reduction="none")
        return 10 * (error.sum(dim=(1, 2, 3)) / (mask.sum(dim=(1, 2, 3)) + 100)).mean()

    def build_adversary(self, hyperparameters):
        """See `sunpy_restore.core.recipe.Recipe.build_adversary`."""
        return network_builder(MaskDiscriminator="papers.pix2pix")(hyperparameters)

    def content_loss(self, restored, batch, config):
        """See `sunpy_restore.core.recipe.Recipe.content_loss`."""
        observed, truth = batch
        return weighted_l1(restored, truth, _mask(observed), config.options["loss"])

    def scored_pixels(self, observed, truth):
        """The pixels in the mask."""
        return _mask(observed) > 0

    def evaluation_pairs(self, directory):
        """See `~sunpy_restore.desaturation.recipe.scores.evaluation_pairs`."""
        return evaluation_pairs(directory)

    def measure(self, observation, restored, truth):
        """See `~sunpy_restore.desaturation.recipe.scores.measure`."""
        return measure(observation, restored, truth)

    def variants(self):
        """The network with and without the correction, and the classical methods."""
        return {
            "network": Variant("network", {"consistency": "none"}),
            "network+diffraction": Variant("network", {"consistency": "diffraction"}),
            "biharmonic": Variant("biharmonic"),
            "diffraction": Variant("diffraction"),
        }

    def restored(self, observation, method, options):
        """`None` if the variant needs a diffraction pattern that is not known."""
        if needs_fringes(method, options.get("consistency")) and observation.channel is None:
            return None
        return super().restored(observation, method, options)


def _mask(observed):
    """The mask, shape ``(batch, 1, h, w)``, in a batch of input channels."""
    return observed[:, _MASK : _MASK + 1]
