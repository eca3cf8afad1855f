"""How the networks of `sunpy_restore.backproj_to_clean` are trained and scored."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import ClassVar

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import TensorDataset

from sunpy_restore.backprojection.recipe import own, paired
from sunpy_restore.backprojection.recipe.calibration import calibration_cases
from sunpy_restore.backprojection.recipe.flares import compare_images, good_flares, open_flares
from sunpy_restore.backprojection.recipe.pairs import FlareDataset, SceneDataset, simulated, simulated_flare
from sunpy_restore.backprojection.recipe.scores import evaluation_pairs, measure
from sunpy_restore.core.datasets.manifest import has_manifest
from sunpy_restore.core.datasets.splits import SPLITS
from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.recipes.configfile import load_configs
from sunpy_restore.core.recipes.recipe import Recipe, ScoreColumn, Variant
from sunpy_restore.core.task import network_builder

__all__ = ["BackprojectionRecipe"]

_DATA = (
    "Simulated scenes of one to four sources, 3 to 80 arcsec wide: points, ellipses, loops, pairs of ribbons, with "
    "flux ratios to 1:10 and separations from 6 arcsec, anywhere in fields of 192 to 384 arcsec, at the (u, v) "
    "points of STIX: sub-collimators 3-10 (75 %) or other sets of 1-10, with noise of 0.5-30 % of the flux or of "
    "the amplitude. After 5,000 steps of these (configuration broad), a third of the scenes were pairs 12 to 40 "
    "arcsec apart. No observation is among them."
)
_FLARE_DATA = (
    " The last U-Net was trained with 4,500 other scenes in a field of 256 arcsec, each used many times and also "
    "turned by 180 degrees: loops with footpoints (15 %), single sources (15 %), pairs (20 %), cores with halos (15 %) "
    "and the scenes above (35 %), with noise of 0.8-32 % of the mean amplitude, estimated in three quarters of the "
    "scenes; in a quarter also calibration errors of up to 7 % of the amplitude."
)
_VALIDATION_SCENES, _VALIDATION_SIDE = 192, 64
_SIMULATED = 300
"""Number of simulated observations among those by which unusual ones are told."""
_STAGE_WEIGHT = 0.3
"""Weight of a stage in the loss, relative to the next stage."""
_SOFTENING = 1e-4
"""Added to squared relative errors, so that the gradient of their root is finite."""
_FLUX_WEIGHT = 0.3
_LINEAR_FLUX_ERROR = 0.1
"""Relative error of the total flux beyond which the loss is linear."""

_build_adversary = network_builder(CleanDiscriminator="papers.pix2pix_clean")


class BackprojectionRecipe(Recipe):
    """
    Training and evaluation of the networks of `sunpy_restore.backproj_to_clean`.

    Without a manifest of own pairs in the folder of the training data, all data are simulated.
    `~sunpy_restore.backprojection.recipe.own` says which pairs of back-projections and CLEAN images are accepted.
    """

    score_columns: ClassVar = {
        "scaled_error": ScoreColumn("RMS error at the best scale [% of the RMS of the truth]", "{:.1%}"),
        "invented": ScoreColumn("images with sources that do not exist [%]", "{:.0%}"),
        "both_found": ScoreColumn("double sources resolved [%]", "{:.0%}"),
        "median_position": ScoreColumn("median position error [arcsec]", "{:.2f}"),
        "median_chi_squared": ScoreColumn("median reduced chi squared", "{:.2f}"),
        "flux_error": ScoreColumn("mean flux error [%]", "{:+.2%}"),
        "median_flux_error": ScoreColumn("median absolute flux error [%]", "{:.2%}"),
        "median_seconds": ScoreColumn("median time [s]", "{:.3f}"),
    }

    observation_columns: ClassVar = {
        "flux": ScoreColumn("total flux / amplitude of the coarsest sub-collimators", "{:.3f}"),
        "chi_squared": ScoreColumn("reduced chi squared", "{:.2f}"),
        "spread": ScoreColumn("RMS difference from the median of the methods [% of the maximum]", "{:.1%}"),
        "sources": ScoreColumn("sources", "{:.1f}"),
    }

    no_archive: ClassVar = (
        "the training images are simulated, and the archive of Solar Orbiter has pixel data of STIX, but no "
        "back-projected images"
    )

    intended_use: ClassVar = (
        "Total flux, positions, separations and widths of X-ray sources in STIX back-projections, and images for the "
        "comparison with other instruments."
    )

    limits: ClassVar = (
        "For STIX back-projections of sub-collimators 1-10. Sources below the resolution of the finest sub-collimator, "
        "and sources of less than about a tenth of the flux of the brightest one, are not reliable; compare with a "
        "second method and the visibilities."
    )

    options: ClassVar = frozenset({"close", "curvature", "flares", "l1", "sides", "target"})

    pairing: ClassVar = own.PAIRING

    def __init__(self, task):
        super().__init__(task)
        self._seconds = None

    def configs(self):
        """
        Training configurations of the task.

        ``broad``, then ``compact``, which starts from its weights (``start`` of `sunpy_restore.training.train`), and
        then ``guided`` made the weights in the package. ``compact`` has more close pairs and adds the error of the
        curvature to the loss. ``guided`` keeps these weights and trains the U-Net that blends their image with those by
        maximum entropy and forward fit. ``paper`` is pix2pix as in Lastufka (2022): it takes the back-projection only,
        on 256 pixels, and imitates CLEAN; a conditional GAN plus 100 times the l1 norm, as in Isola et al. (2017).

        Returns
        -------
        `dict`
            Name to `~sunpy_restore.core.recipes.config.TrainingConfig`. The option ``target`` is the image to learn:
            ``"truth"``, the scene convolved with the clean beam, or ``"clean"``; ``sides`` are the sides of the fields
            in pixels of 4 arcsec with their probabilities; ``close`` is the fraction of close pairs, ``curvature``
            the weight of the error of the curvature in the loss, and ``flares`` the number of different scenes with
            classical images.
        """
        return load_configs(Path(__file__).with_name("configs") / self.task.name, self.options)

    def training_data(self, config):
        """See `sunpy_restore.core.recipes.recipe.Recipe.training_data`."""
        return _DATA + (_FLARE_DATA if config.name == "guided" else "")

    def role_of(self, candidate):
        """See `~sunpy_restore.backprojection.recipe.own.role_of`."""
        return own.role_of(candidate)

    def check_pair(self, observed, truth):
        """See `~sunpy_restore.backprojection.recipe.own.check_pair`."""
        own.check_pair(observed, truth)

    def pair_of(self, observed, truth):
        """See `~sunpy_restore.backprojection.recipe.own.pair_of`."""
        return own.pair_of(observed, truth)

    def datasets(self, directory, config):
        """Training pairs, and validation pairs that are the same in every run."""
        length = config.steps * config.batch_size
        if _has_pairs(directory):
            pairs, kept = (paired.own_pairs(directory, split) for split in SPLITS)
            validation = {"CLEAN images": paired.validation_of_pairs(kept, config)}
            return paired.PairedDataset(pairs, length, config), validation
        if "flares" in config.options:
            training = FlareDataset(length, flares=config.options["flares"], seed=config.seed)
            pairs = [simulated_flare(np.random.default_rng([99, index])) for index in range(_VALIDATION_SCENES)]
            return training, {"flares": _together(pairs)}
        training = SceneDataset(length, batch_size=config.batch_size, options=config.options, seed=config.seed)
        pairs = [simulated(np.random.default_rng([99, index]), _VALIDATION_SIDE) for index in range(_VALIDATION_SCENES)]
        return training, {"scenes": _together(pairs)}

    def loss(self, network, batch, config):
        """
        Relative RMS error of each scene plus the error of its total flux, summed over the stages of the network.

        The total flux is that of the positive values, because negative ones are set to zero in the result. Its error is
        small in each pixel and would hardly contribute to the RMS error.
        """
        observed, truth = batch
        total = 0.0
        for number, image in enumerate(reversed(_trained_images(network, observed, config))):
            image = image.float()
            flux = image.clamp_min(0).sum(dim=(1, 2, 3)) / truth.sum(dim=(1, 2, 3))
            flux = functional.smooth_l1_loss(flux, torch.ones_like(flux), beta=_LINEAR_FLUX_ERROR)
            weight = _STAGE_WEIGHT**number
            total = total + weight * (_relative_error(image, truth) + _FLUX_WEIGHT * flux)
            if config.options.get("curvature"):
                error = _relative_error(_curvature(image), _curvature(truth))
                total = total + weight * config.options["curvature"] * error
        return total

    def starting_weights(self, network, state):
        """The weights of the unrolled U-Nets, and the initial ones of a blend that they do not have."""
        return {**network.state_dict(), **state}

    def build_adversary(self, hyperparameters):
        """See `sunpy_restore.core.recipes.recipe.Recipe.build_adversary`."""
        return _build_adversary(hyperparameters)

    def content_loss(self, restored, batch, config):
        """The weighted l1 norm of the error."""
        return config.options["l1"] * (restored - batch[1]).abs().mean()

    def evaluation_pairs(self, directory):
        """
        See `~sunpy_restore.backprojection.recipe.scores.evaluation_pairs`; own pairs if the folder has them.

        See `~sunpy_restore.backprojection.recipe.paired.paired_observations` for these.
        """
        if _has_pairs(directory):
            return paired.paired_observations(directory)
        if directory is not None:
            warn_user(
                f"Found no pairs of own images in {directory}; the scores are those of simulated flares, and its files "
                "are not used. Make pairs with 'sunpy-restore dataset backproj', or compare the methods in its images "
                "with --observations."
            )
        return evaluation_pairs()

    def calibration(self, directory):
        """See `~sunpy_restore.backprojection.recipe.calibration.calibration_cases`; the folder is not used."""
        return calibration_cases()

    def good_images(self, directory):
        """
        Back-projections of real flares in the folder, with their visibilities if it has them, and simulated ones.

        Parameters
        ----------
        directory : path-like
            See `~sunpy_restore.backprojection.recipe.flares.open_flares`.

        Returns
        -------
        `list` of ``(name, make)``
        """
        found = [(source, partial(replace, flare)) for source, flare in good_flares(directory)]
        return found + [(case.name, lambda case=case: case.make()[0]) for case in calibration_cases()[:_SIMULATED]]

    def observations(self, directory):
        """See `~sunpy_restore.backprojection.recipe.flares.open_flares`."""
        return open_flares(directory)

    def compare(self, observation, images):
        """See `~sunpy_restore.backprojection.recipe.flares.compare_images`."""
        return compare_images(observation, images)

    def measure(self, observation, restored, truth):
        """See `~sunpy_restore.backprojection.recipe.scores.measure`; also the time of the last restoration."""
        compared = paired.measure_pair if isinstance(observation, paired.PairedObservation) else measure
        return compared(observation, restored, truth) | {"median_seconds": self._seconds}

    def variants(self):
        """The methods as users call them, and CLEAN with other options: with the residual map as most programs do."""
        return super().variants() | {
            "clean, beam of 17 arcsec": Variant("clean", {"fwhm": 17.0}),
            "clean, uniform weights": Variant("clean", {"clean_weighting": "uniform"}),
            "clean, residual added": Variant("clean", {"residual": True}),
        }

    def restored(self, observation, method, options):
        """
        What users get, with the options given to the method; `measure` adds the time that it took.

        `None` for CLEAN with the residual map added to an observed back-projection: the flux of that map is arbitrary,
        because the shortest baseline is not observed, and the CLEAN images of the pairs do not contain it.
        """
        if options.get("residual") and isinstance(observation, paired.PairedObservation):
            return None
        if options:
            # Not those of the task, because some are options of the method only
            method = replace(method, name="", function=partial(method.function, **options))
        start = perf_counter()
        restored = super().restored(observation, method, {})
        self._seconds = perf_counter() - start
        return restored


def _has_pairs(directory):
    return directory is not None and has_manifest(directory)


def _together(pairs):
    channels, truth = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
    return TensorDataset(channels, truth[:, np.newaxis])


def _trained_images(network, observed, config):
    """Images of the stages that are trained: the last one if that is trained alone."""
    if "flares" not in config.options:
        return network.forward_stages(observed)
    with torch.no_grad():
        image = network.forward_stages(observed)[-2]
    return [network.blended(observed, image)]


def _relative_error(image, truth):
    """RMS error over the RMS of the truth, averaged over the scenes of a batch."""
    error = (image - truth).square().sum(dim=(1, 2, 3)) / truth.square().sum(dim=(1, 2, 3))
    return (error + _SOFTENING).sqrt().mean()


def _curvature(image):
    """Laplacian, in which the dip between two close sources is as strong as the sources."""
    sides = image[..., 2:, 1:-1] + image[..., :-2, 1:-1] + image[..., 1:-1, 2:] + image[..., 1:-1, :-2]
    return sides - 4 * image[..., 1:-1, 1:-1]
