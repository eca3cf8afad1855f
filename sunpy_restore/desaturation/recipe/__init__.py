"""Training and evaluation of the networks of `sunpy_restore.desaturate`."""

import functools
from pathlib import Path
from typing import ClassVar

import torch
from torch.nn import functional

from sunpy_restore.core.datasets.archive import Archive
from sunpy_restore.core.datasets.imagelist import read_list
from sunpy_restore.core.datasets.samples import Splitting
from sunpy_restore.core.recipes.configfile import load_configs
from sunpy_restore.core.recipes.recipe import Recipe, ScoreColumn, Variant
from sunpy_restore.core.task import network_builder
from sunpy_restore.desaturation.recipe.calibration import calibration_cases
from sunpy_restore.desaturation.recipe.datasets import training_pairs, validation_pairs
from sunpy_restore.desaturation.recipe.export import export_samples
from sunpy_restore.desaturation.recipe.good import good_images
from sunpy_restore.desaturation.recipe.losses import weighted_l1
from sunpy_restore.desaturation.recipe.own import sample_of
from sunpy_restore.desaturation.recipe.scenes import LISTS
from sunpy_restore.desaturation.recipe.scores import evaluation_pairs, measure
from sunpy_restore.desaturation.restore import needs_fringes
from sunpy_restore.desaturation.task import CHANNELS

__all__ = ["DesaturationRecipe"]

_HUBER = 0.1
_MASK = CHANNELS.index("mask")
_FEW = 20  # pixels; images with fewer masked ones count less
_SQUARES, _FLUXES = 10.0, 30.0  # weights of relative squared errors, of the pixels and of the flux


class DesaturationRecipe(Recipe):
    """
    Training and evaluation of the networks of `sunpy_restore.desaturate`.

    `~sunpy_restore.desaturation.recipe.own.sample_of` says which own images are accepted;
    `~sunpy_restore.desaturation.recipe.scenes.read_images` reads the list of the images of the package.
    """

    # Loops and active regions change in a day; the wings of the point spread function reach across the margin
    splitting = Splitting(gap=24.0, margin=20.0)

    # Without a wavelength, the VSO also returns the UV channels and white light
    archive: ClassVar = Archive(
        instrument="AIA", vso={"Physobs": "intensity"}, series="aia.lev1_euv_12s", segment="image",
        needed=("wavelength",), keys=("wavelength",),
    )  # fmt: skip

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

    intended_use: ClassVar = (
        "Flux, centroid and extent of saturated flare cores in AIA images, light curves of whole cores, and images "
        "for display, for further deconvolution and for the comparison with other instruments."
    )

    limits: ClassVar = (
        "For AIA images. Pixels in the mask are predicted from the surroundings; without diffraction fringes or a "
        "known exposure the flux of a saturated core is an extrapolation. Do not derive the light curve or the "
        "temperature of a flare core from filled pixels alone."
    )

    calibration_steps: ClassVar = 600

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
            Name to `~sunpy_restore.core.recipes.config.TrainingConfig`. Options: ``data`` is ``"paper"`` for the pairs
            of the paper; ``loss`` are the weights of `~sunpy_restore.desaturation.recipe.losses.weighted_l1`;
            ``patches`` is the number of distinct patches, ``views`` that of views that are made in advance, and
            ``shares`` are the fractions of the kinds of pairs.
        """
        return load_configs(Path(__file__).with_name("configs") / self.task.name, self.options)

    def sample_of(self, candidate):
        """See `~sunpy_restore.desaturation.recipe.own.sample_of`."""
        return sample_of(candidate)

    def export_samples(self, directory, out):
        """See `~sunpy_restore.desaturation.recipe.export.export_samples`."""
        return export_samples(directory, out)

    def training_data(self, config):
        """See `sunpy_restore.core.recipes.recipe.Recipe.training_data`."""
        return read_list(LISTS / f"{self.task.name}.toml").description

    def list_name(self, config):
        """See `sunpy_restore.core.datasets.ownimages.OwnImages.list_name`; the option ``data`` is about pairs."""
        return self.data_name

    def datasets(self, directory, config):
        """See `sunpy_restore.core.recipes.recipe.Recipe.datasets`."""
        return training_pairs(directory, config), validation_pairs(directory, config)

    def starting_weights(self, network, state):
        """
        Weights of a network without other fills and with one channel of levels.

        See `~sunpy_restore.core.recipes.recipe.Recipe.starting_weights`. That channel contained the known level or else
        the brightest value around the mask. The weights of the two are equal at the start, and those of other fills
        zero: the results are those of the other network.
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
        """See `sunpy_restore.core.recipes.recipe.Recipe.build_adversary`."""
        return network_builder(MaskDiscriminator="papers.pix2pix")(hyperparameters)

    def content_loss(self, restored, batch, config):
        """See `sunpy_restore.core.recipes.recipe.Recipe.content_loss`."""
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

    def calibration(self, directory):
        """See `~sunpy_restore.desaturation.recipe.calibration.calibration_cases`."""
        return calibration_cases(directory)

    def good_images(self, directory):
        """See `~sunpy_restore.desaturation.recipe.good.good_images`."""
        return good_images(directory)

    def calibrated(self):
        """The fills of all methods, with and without the correction."""
        return self.variants() | {"biharmonic+diffraction": Variant("biharmonic", {"consistency": "diffraction"})}

    def applies(self, observation, method, options):
        """Whether the diffraction pattern is known if the method needs it."""
        return observation.channel is not None or not needs_fringes(method, options.get("consistency"))

    def restored(self, observation, method, options):
        """`None` if the variant needs a diffraction pattern that is not known."""
        if not self.applies(observation, method, options):
            return None
        return super().restored(observation, method, options)


def _mask(observed):
    """The mask, shape ``(batch, 1, h, w)``, in a batch of input channels."""
    return observed[:, _MASK : _MASK + 1]
