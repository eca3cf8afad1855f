"""Training and evaluation of the networks of `sunpy_restore.desaturate`."""

import functools
from pathlib import Path
from typing import ClassVar

import torch
from torch.nn import functional

from sunpy_restore.core.configfile import load_configs
from sunpy_restore.core.recipe import Recipe, ScoreColumn, Variant
from sunpy_restore.core.samples import Splitting
from sunpy_restore.core.task import network_builder
from sunpy_restore.desaturation.recipe.datasets import training_pairs, validation_pairs
from sunpy_restore.desaturation.recipe.export import export_samples
from sunpy_restore.desaturation.recipe.losses import weighted_l1
from sunpy_restore.desaturation.recipe.own import sample_of
from sunpy_restore.desaturation.recipe.scores import evaluation_pairs, measure
from sunpy_restore.desaturation.restore import needs_fringes
from sunpy_restore.desaturation.task import CHANNELS

__all__ = ["DesaturationRecipe"]

# As in the metadata of the weights
_DATA = (
    "Full-disk AIA images at 171 (2014-01-01, 2015-12-21, 2017-08-07 to 13), 193 (2013-06-24) and 304 angstrom "
    "(2024-04-16) in the 8-bit scaling of Helioviewer: 56, of which the second training used every second one. Kept "
    "back: the days 2014-02-03 and 2022-01-01, and all level-1 images. Two networks and a perceptron were trained one "
    "after the other. 1. For saturated pixels, 16,000 steps: 60 % of the pairs over-exposed as in the paper, 40 % "
    "flares of 1.1-25 full wells injected on a linear scale, with the diffraction fringes of all seven channels, "
    "photon and read noise, and full wells that bloom (75 %) or clip (25 %). 2. For pixels of any brightness, 3,000 "
    "steps of 6 and 6,000 steps of 32 patches from the weights of the first: 25 % injected flares; 15 % over-exposed "
    "as in the paper; 20 % other masks of the brightest pixels (thresholds of 0.5 to 0.95, varying with the place, "
    "dilated by 0 to 8 pixels, eroded, incomplete); 12 % masks of the brightest pixels of a blurred image, up to 10 "
    "pixels off; 8 % masks of other images; 15 % boxes, blobs and strokes; 5 % closed curves around bright places; in "
    "power-law, logarithmic and linear scalings. The saturation level was known in 75 % of the flares and in at most "
    "35 % of the other over-exposed images. 30 % of the pairs have spikes, dead pixels or small bright kernels around "
    "the mask. 3. The weights of the fills, fitted to 2,888 other views of the same kinds and with closed curves "
    "around bright places. The networks of the paper and of its table were trained on pairs as in the paper alone."
)
_HUBER = 0.1
_MASK = CHANNELS.index("mask")
_FEW = 20  # pixels; images with fewer masked ones count less
_SQUARES, _FLUXES = 10.0, 30.0  # weights of relative squared errors, of the pixels and of the flux


class DesaturationRecipe(Recipe):
    """
    Training and evaluation of the networks of `sunpy_restore.desaturate`.

    `~sunpy_restore.desaturation.recipe.own.sample_of` says which own images are accepted. The folder of the training
    data of the package contains full-disk images of Helioviewer in ``aia/jp2/``, and the level-1 images for evaluation
    in ``aia/``.
    """

    # Loops and active regions change in a day; the wings of the point spread function reach across the margin
    splitting = Splitting(gap=24.0, margin=20.0)

    score_columns: ClassVar = {
        "psnr": ScoreColumn("PSNR in mask [dB]", "{:.2f}"),
        "psnr_whole": ScoreColumn("PSNR of crop [dB]", "{:.2f}"),
        "ssim": ScoreColumn("SSIM in mask", "{:.4f}"),
        "ssim_whole": ScoreColumn("SSIM of crop", "{:.4f}"),
        "log_error": ScoreColumn("RMS log error in mask", "{:.4f}"),
        "flux_error": ScoreColumn("flux error in mask [% of true flux]", "{:+.2%}"),
        "median_flux_error": ScoreColumn("flux error in mask, median of the absolute value [% of true flux]", "{:.2%}"),
        "median_hidden_flux_error": ScoreColumn("hidden flux error, median [% of hidden flux]", "{:.2%}"),
        "median_peak_distance": ScoreColumn("peak offset, median [px]", "{:.2f}"),
    }

    limits: ClassVar = (
        "For AIA images. Pixels in the mask are predicted from the surroundings; without diffraction fringes or a "
        "known exposure the flux of a saturated core is an extrapolation. Do not derive the light curve or the "
        "temperature of a flare core from filled pixels alone."
    )

    options: ClassVar = frozenset({"data", "loss", "patches", "shares", "views"})

    def configs(self):
        """
        Training configurations of the task.

        ``compact`` made the weights in the package. ``paper`` is the network of Zhao et al. (2019) with their loss and
        optimiser: patches of 256 pixels, batches of 16, Adam with betas of 0.5 and 0.999, and a learning rate of 2e-4
        that is halved every 100 epochs. The training takes 200 epochs of 5,000 patches. The four ``table3-...`` are the
        rows of their Table 3: batch or switchable normalisation with the l1 norm of the error in the whole image, in
        the mask, or in the mask and along its edge. These networks are narrow enough to be trained in minutes on a GPU,
        with 6,000 steps, over which the rate is halved twice.

        Returns
        -------
        `dict`
            Name to `~sunpy_restore.core.config.TrainingConfig`. Options: ``data`` is ``"paper"`` for the pairs of the
            paper; ``loss`` are the weights of `~sunpy_restore.desaturation.recipe.losses.weighted_l1`; ``patches`` is
            the number of distinct patches, ``views`` that of views that are made in advance, and ``shares`` are the
            fractions of the kinds of pairs.
        """
        return load_configs(Path(__file__).with_name("configs") / self.task.name, self.options)

    def sample_of(self, candidate):
        """See `~sunpy_restore.desaturation.recipe.own.sample_of`."""
        return sample_of(candidate)

    def export_samples(self, directory, out):
        """See `~sunpy_restore.desaturation.recipe.export.export_samples`."""
        return export_samples(directory, out)

    def training_data(self, config):
        """See `sunpy_restore.core.recipe.Recipe.training_data`."""
        return _DATA

    def datasets(self, directory, config):
        """See `sunpy_restore.core.recipe.Recipe.datasets`."""
        return training_pairs(directory, config), validation_pairs(directory, config)

    def starting_weights(self, network, state):
        """
        Weights of a network without other fills and with one channel of levels.

        See `~sunpy_restore.core.recipe.Recipe.starting_weights`. That channel contained the known level or else the
        brightest value around the mask. The weights of the two are equal at the start, and those of other fills zero:
        the results are those of the other network.
        """
        own = {name.removeprefix("general."): part for name, part in state.items() if name.startswith("general.")}
        state = own or state  # of a mixture, the network for pixels of any brightness
        missing = network.state_dict()["enter.weight"].shape[1] - state["enter.weight"].shape[1]
        if not missing:
            return state
        outputs = network.state_dict()["leave.bias"].shape[0] - state["leave.bias"].shape[0]
        enter = state["enter.weight"]
        levels = enter[:, -4:]  # 4 pixels of the channel, which is the last one
        fills = torch.zeros_like(enter[:, :1]).expand(-1, missing - 4, -1, -1)
        return dict(state) | {
            "enter.weight": torch.cat([enter, levels, fills], dim=1),
            "leave.weight": functional.pad(state["leave.weight"], [0] * 7 + [outputs]),
            "leave.bias": functional.pad(state["leave.bias"], [0, outputs]),
        }

    def loss(self, network, batch, config):
        """
        Loss in the mask, with equal weight for every image.

        The Huber loss of the logarithm weighs the faint and the bright parts alike. The squared errors of the pixels
        and of the flux, relative to the truth, are on a linear scale; their logarithm bounds the weight of images that
        can hardly be restored.
        """
        observed, truth = batch
        mask, restored = _mask(observed), self.predict(network, observed, config).float()
        sums = functools.partial(torch.sum, dim=(1, 2, 3))
        found, expected = (torch.sign(image) * torch.log1p(image.abs()) for image in (restored, truth))
        error = functional.smooth_l1_loss(found * mask, expected * mask, beta=_HUBER, reduction="none")
        logarithm = sums(error) / (sums(mask) + 5 * _FEW)
        square = sums(mask * (restored - truth) ** 2) / (sums(mask * truth**2) + _FEW)
        flux = (sums(mask * (restored - truth)) / (sums(mask * truth).abs() + _FEW)) ** 2
        return (10 * logarithm + torch.log1p(_SQUARES * square) + torch.log1p(_FLUXES * flux)).mean()

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
