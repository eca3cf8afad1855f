"""Training and evaluation of the networks of `sunpy_restore.enhance`."""

import dataclasses
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from sunpy_restore.core.datasets.imagelist import read_list
from sunpy_restore.core.datasets.manifest import MANIFEST, has_manifest, holds
from sunpy_restore.core.datasets.samples import Splitting
from sunpy_restore.core.recipes.configfile import load_configs
from sunpy_restore.core.recipes.recipe import Recipe, ScoreColumn
from sunpy_restore.enhancement.observation import Observation
from sunpy_restore.enhancement.optics.forward import CONTINUUM_NOISE, MAGNETOGRAM_NOISE
from sunpy_restore.enhancement.optics.telescope import HMI, Telescope
from sunpy_restore.enhancement.recipe import calibration, good, own, owncases, paired, patches
from sunpy_restore.enhancement.recipe.archives import ARCHIVES
from sunpy_restore.enhancement.recipe.distillation import DISTILLED, described_teacher, distilled_loss, teacher_of
from sunpy_restore.enhancement.recipe.instrument import OPTIONS, telescope_of
from sunpy_restore.enhancement.recipe.listed import LISTS, sources_of
from sunpy_restore.enhancement.recipe.losses import restoration_loss
from sunpy_restore.enhancement.recipe.pairs import PairDataset
from sunpy_restore.enhancement.recipe.scores import measure
from sunpy_restore.enhancement.recipe.truth import seen
from sunpy_restore.enhancement.task import TELESCOPE

__all__ = ["EnhancementRecipe"]

_NOISE = {"enhance-continuum": CONTINUUM_NOISE, "enhance-magnetogram": MAGNETOGRAM_NOISE}
_OTHER_LIMITS = (
    "For images of the telescope whose point spread function is in the weights, with its pixels of {:.4g} arcsec. "
    "Structure below the diffraction limit of its aperture of {:.4g} m is inferred from other images, not observed."
)

_SCORED = 100.0  # arcsec; largest side of an own image that is scored


class EnhancementRecipe(Recipe):
    """
    Training and evaluation of the networks of `sunpy_restore.enhance`.

    `~sunpy_restore.enhancement.recipe.own.sample_of` says which own images are accepted, and
    `~sunpy_restore.enhancement.recipe.paired.pair_of` which pairs of an HMI image and one of another telescope.
    `~sunpy_restore.enhancement.recipe.listed.sources_of` reads the images of the lists.
    """

    score_columns: ClassVar = {
        "psnr": ScoreColumn("PSNR [dB]", "{:.2f}", "higher"),
        "nmse": ScoreColumn("NMSE", "{:.4f}", "lower"),
        "contrast": ScoreColumn("contrast / truth", "{:.3f}"),
        "coherence_coarser": ScoreColumn("coherence at 0.8-1.0 / arcsec", "{:.3f}", "higher"),
        "coherence_finer": ScoreColumn("coherence at 1.0-1.2 / arcsec", "{:.3f}", "higher"),
        "residual": ScoreColumn("re-convolved residual [%]", "{:.2%}"),
        "mean_error": ScoreColumn("mean error", "{:+.5f}"),
        "field_free_error": ScoreColumn("field-free error [kG]", "{:.4f}", "lower"),
        "net_flux_error": ScoreColumn("net flux error [%]", "{:+.2%}"),
        "unsigned_flux_error": ScoreColumn("unsigned flux error [%]", "{:+.2%}"),
    }

    headline = "psnr"

    intended_use: ClassVar = (
        "Deconvolution and upsampling of solar images, for measurements of granules, bright points, penumbrae, network "
        "and plage, and for tracking of features. Suitable quantities are contrasts, sizes, field strengths and "
        "fluxes, with their uncertainties."
    )

    limits: ClassVar = (
        "For HMI images on the detector's pixels of 0.504 arcsec, whose point spread function the training assumes. "
        "Structure below the diffraction limit of HMI is inferred from simulations and other telescopes, not observed; "
        "do not measure sizes or numbers of structures below 0.5 arcsec on the result."
    )

    options: ClassVar = frozenset(
        {
            "band",
            "contrast",
            "correlated",
            "data",
            "margin",
            "noise",
            "patches",
            "reduced",
            "views",
            *DISTILLED,
            *OPTIONS,
        }
    )

    telescope = HMI
    """The telescope whose observations an evaluation simulates."""

    # Granules live for minutes, the structure of penumbrae for an hour
    splitting = Splitting(gap=2.0, margin=2.0)
    pairing = paired.PAIRING

    def configs(self):
        """
        Training configurations of the task.

        ``paper`` has the parameters of Diaz Baso & Asensio Ramos (2018): 50,000 pairs of patches (input 50 x 50, output
        100 x 100 pixels), batches of 32, 20 epochs, Adam with a learning rate of 1e-4, and an l2 penalty of 1e-6
        (continuum) or 1e-5 (magnetogram). ``paper-light`` differs by its network of one block with 32 kernels.
        ``compact`` is the configuration of the default weights, with data whose terms are clear
        (`~sunpy_restore.enhancement.recipe.listed.sources_of`).
        ``light`` is the configuration of the light weights: a network with a fifth of the work of ``compact``, which
        learns from its output as well.

        Returns
        -------
        `dict`
            Name to `~sunpy_restore.core.recipes.config.TrainingConfig`. Options: ``views`` is the number of views of
            the images that are made in advance, and ``patches`` of distinct patches; ``margin`` are pixels around a
            patch that the network sees in addition; ``contrast`` and ``band`` are the weights of the errors of the
            contrast and of small structure, see `~sunpy_restore.enhancement.recipe.losses.restoration_loss`; ``noise``
            are the lowest and highest noise, relative to that of `~sunpy_restore.enhancement.optics.forward`;
            ``correlated`` is the largest share of the noise that a pixel has from each of its neighbours; ``reduced``
            is whether noise is reduced as `sunpy_restore.enhance` does for continuum images; ``data`` is
            ``"clean"`` for data with clear terms; ``teacher`` are the weights of a larger network, and ``distillation``
            is the share of the loss that its output has (`~sunpy_restore.enhancement.recipe.distillation`). For another
            telescope than HMI see `~sunpy_restore.enhancement.recipe.instrument.telescope_of`.
        """
        return load_configs(Path(__file__).with_name("configs") / self.task.name, self.options)

    def prepared(self, config):
        """Put the telescope of the options into the hyperparameters of the network."""
        if TELESCOPE in config.network or not any(name in config.options for name in OPTIONS):
            return config
        network = {**config.network, TELESCOPE: telescope_of(config.options).described()}
        return dataclasses.replace(config, network=network)

    def for_networks(self, hyperparameters):
        """The recipe with the telescope that the networks were trained for."""
        telescopes = {Telescope.from_description(values.get(TELESCOPE)) for values in hyperparameters}
        if len(telescopes) > 1:
            raise ValueError(
                f"Found weights for {len(telescopes)} telescopes; expected one, whose observations are simulated. "
                "Evaluate the weights separately."
            )
        recipe = type(self)(self.task)
        recipe.telescope = telescopes.pop() if telescopes else HMI
        if recipe.telescope != HMI:
            recipe.limits = _OTHER_LIMITS.format(recipe.telescope.pixel_scale, recipe.telescope.aperture)
        return recipe

    @property
    def archive(self):
        """HMI images in archives."""
        return ARCHIVES[self.task.name]

    def training_data(self, config):
        """See `sunpy_restore.core.recipes.recipe.Recipe.training_data`."""
        return read_list(LISTS / f"{self.list_name(config)}.toml").description

    def sample_of(self, candidate):
        """See `~sunpy_restore.enhancement.recipe.own.sample_of`."""
        return own.sample_of(self.task, candidate)

    def role_of(self, candidate):
        """See `~sunpy_restore.enhancement.recipe.paired.role_of`."""
        return paired.role_of(self.task, candidate)

    def check_pair(self, observed, truth):
        """See `~sunpy_restore.enhancement.recipe.paired.check_pair`."""
        paired.check_pair(observed, truth)

    def pair_of(self, observed, truth):
        """See `~sunpy_restore.enhancement.recipe.paired.pair_of`."""
        return paired.pair_of(self.task, observed, truth)

    def _sources(self, name, directory, split, telescope):
        if has_manifest(directory):
            sources = own.own_sources(self.task, directory, split, telescope)
        else:
            sources = sources_of(name, directory, split)
        for source in sources:
            if source.pixel_scale is not None and source.pixel_scale > telescope.target_pixel:
                raise ValueError(
                    f"Found images of {source.name} with pixels of {source.pixel_scale:.3g} arcsec; expected at most "
                    f"{telescope.target_pixel:.3g} arcsec, half of those of the telescope. Use sharper images."
                )
        return sources

    def datasets(self, directory, config):
        """See `sunpy_restore.core.recipes.recipe.Recipe.datasets`."""
        if holds(directory, self.pairs_name):
            return patches.paired_datasets(self.task, directory, self.pairs_name, config)
        task = self.task.name
        options = config.options
        telescope = Telescope.from_description(config.network.get(TELESCOPE))
        # As in observations, noise is not measured in continuum images of other telescopes
        measured = telescope == HMI or task == "enhance-magnetogram"
        common = {
            "patch_size": config.patch_size, "margin": options["margin"], "told": measured or CONTINUUM_NOISE,
            "reduced": options.get("reduced", False) and measured, "telescope": telescope,
        }  # fmt: skip
        lowest, highest = options.get("noise", (1.0, 1.0))
        train = PairDataset(
            self._sources(self.list_name(config), directory, "train", telescope),
            config.steps * config.batch_size,
            noise=(lowest * _NOISE[task], highest * _NOISE[task]),
            views=options["views"],
            seed=config.seed,
            distinct=options.get("patches"),
            correlated=options.get("correlated", 0.0),
            **common,
        )
        validation = {
            source.name: PairDataset([source], 64, noise=(_NOISE[task],) * 2, views=32, seed=config.seed + 1, **common)
            for source in self._sources(self.list_name(config), directory, "validation", telescope)
        }
        return train, validation

    def evaluation_pairs(self, directory):
        """Yield HMI observations of the held-out pairs, or simulated ones of the held-out images."""
        if holds(directory, self.pairs_name):
            for source, observed, truth in patches.evaluation_images(directory, self.pairs_name):
                yield source, Observation.from_array(observed, self.task, self.telescope), truth
            return
        task, telescope = self.task.name, self.telescope
        rng = np.random.default_rng(0)
        owned = has_manifest(directory)
        for source in self._sources(task, directory, "validation", telescope):
            for image in source.images:
                image = _middle(image, source.pixel_scale or telescope.target_pixel) if owned else image
                observed, truth = seen(image, source.pixel_scale, telescope)
                observed = observed + _NOISE[task] * rng.standard_normal(observed.shape)
                yield source.name, Observation.from_array(observed, self.task, telescope), truth

    def calibration(self, directory):
        """See `~sunpy_restore.enhancement.recipe.owncases.own_cases`, and ``calibration.cases`` without a manifest."""
        if has_manifest(directory):
            return owncases.own_cases(self.task, directory, self.pairs_name, self.telescope)
        if self.telescope != HMI:
            raise ValueError(
                f"Found weights for a telescope with pixels of {self.telescope.pixel_scale:.4g} arcsec, and the folder "
                f"{directory} without {MANIFEST}; expected one that 'sunpy-restore dataset' made."
            )
        return calibration.cases(self.task.name, directory)

    def good_images(self, directory):
        """See `sunpy_restore.enhancement.recipe.good.good_images`."""
        return good.good_images(self.task, directory)

    def measure(self, observation, restored, truth):
        """See `~sunpy_restore.enhancement.recipe.scores.measure`."""
        return measure(self.task.name, observation.data, restored, truth, observation.telescope)

    def predict(self, network, observed, config):
        """Output of the network for each patch without its margin."""
        margin = config.options["margin"]
        return network(observed, trim=margin) if margin else network(observed)

    def loss(self, network, batch, config):
        """See `~sunpy_restore.enhancement.recipe.losses.restoration_loss`."""
        observed, truth = batch
        restored = self.predict(network, observed, config).float()
        options = config.options
        # Contrast that noise hides would have to be invented
        noisy = self.task.name == "enhance-continuum" and getattr(network, "noise", False)
        share = (CONTINUUM_NOISE / observed[:, 1].mean(dim=(1, 2))).clamp(max=1) if noisy else 1.0
        weights = {"contrast": options["contrast"], "band": options.get("band", 0.0)}
        loss = restoration_loss(restored, truth, **weights, share=share)
        teacher = teacher_of(self.task, config, observed.device)
        if teacher is None:
            return loss
        with torch.no_grad():
            taught = self.predict(teacher, observed, config).float()
        return distilled_loss(loss, restored, taught, options.get("distillation", 0.5))

    def metadata(self, directory, config):
        """Name and SHA-256 of the weights from which the network was distilled."""
        return described_teacher(self.task, config)


def _middle(image, pixel_scale):
    """The middle of an image, which is scored; full disks would take hours."""
    side = round(_SCORED / pixel_scale)
    top, left = (max(0, (length - side) // 2) for length in image.shape)
    return image[top : top + side, left : left + side].astype(float)
