"""Training pairs and validation sets of the networks of `sunpy_restore.inpaint`."""

from collections import Counter

import numpy as np
import torch
from torch.utils.data import TensorDataset

from sunpy_restore.inpainting.recipe.mixtures import MixtureDataset, polar_exposure
from sunpy_restore.inpainting.recipe.pairs import PatchDataset, flat_fields_of, patches_of, simulate_pair
from sunpy_restore.inpainting.recipe.scenes import read_exposures

__all__ = ["training_and_validation"]

_SIDE = 256  # pixels; smallest side of the patches that are made in advance
_PATCHES_PER_PAIR = 20
_VALIDATION_PAIRS = 2  # simulated pairs for each image that is kept back
_VALIDATION_PATCHES = 96
_SHARE_OF_C2 = 0.45  # by default


def training_and_validation(directory, config):
    """
    Training pairs and validation sets.

    Parameters
    ----------
    directory : path-like
        Folder with a manifest, or with the files of the list of training images.
    config : `~sunpy_restore.core.recipes.config.TrainingConfig`
        The configuration. Its option ``views`` is the number of patches that are made in advance; without it coronas
        are mixed during the training. ``without`` are names of images to leave out.

    Returns
    -------
    training : `torch.utils.data.Dataset`
        Pairs of channels and truth: a `~sunpy_restore.inpainting.recipe.mixtures.MixtureDataset` or a
        `~sunpy_restore.inpainting.recipe.pairs.PatchDataset`.
    validation : `dict`
        Name of the coronagraph to pairs, which are the same in every run.
    """
    view = config.network.get("view", "polar")
    without = config.options.get("without", ())
    exposures = [exposure for exposure in read_exposures(directory) if exposure.name not in without]
    kept = read_exposures(directory, "validation")
    # The shape of the mask of level 1, and nothing else of that image
    hidden = next((exposure.unobserved for exposure in kept if exposure.level >= 1), None)
    flat_fields, odds = flat_fields_of(exposures), _odds(exposures, config.options.get("C2", _SHARE_OF_C2))
    make = _patches if "views" in config.options else _mixtures
    training = make(exposures, flat_fields, odds, hidden, config)
    flat_fields = flat_fields_of(exposures + [exposure for exposure in kept if exposure.level < 1])
    validation = {name: [exposure for exposure in kept if exposure.detector == name] for name in ("C2", "C3")}
    return training, {name: _validation(group, flat_fields, view) for name, group in validation.items() if group}


def _mixtures(exposures, flat_fields, odds, hidden, config):
    """Mixtures of coronas on log-polar grids; those of C3 with and without the flat field, and as at level 1."""
    polars, weights = [], []
    for exposure, weight in zip(exposures, odds, strict=True):
        flat_field = flat_fields.get(exposure.name)
        kinds = [(exposure, flat_field, None, 1.0)]
        if flat_field is not None:
            flat = (exposure.image - exposure.bias) / np.exp(np.clip(np.nan_to_num(flat_field), -3, 3))
            as_level_1 = exposure._replace(image=flat, bias=0.0)
            kinds = [(exposure, flat_field, None, 0.55), (exposure, None, None, 0.2), (as_level_1, None, hidden, 0.25)]
        for kind, known, covered, share in kinds:
            polars.append(polar_exposure(kind, known, hidden=covered))
            weights.append(weight * share)
    length = config.steps * config.batch_size
    return MixtureDataset(
        polars, np.array(weights) / sum(weights), length, side=config.patch_size, seed=config.seed,
        aimed=config.options.get("aimed", 0.0), rippled=config.options.get("rippled", 1.0),
        weighted="local" in config.options,
    )  # fmt: skip


def _patches(exposures, flat_fields, odds, hidden, config):
    """Patches, made in advance, of simulated pairs."""
    rng = np.random.default_rng(config.seed)
    view, side = config.network["view"], max(_SIDE, config.patch_size)
    patches = []
    while len(patches) < config.options["views"]:
        exposure = exposures[rng.choice(len(exposures), p=odds)]
        pair = simulate_pair(exposure, flat_fields.get(exposure.name), rng, hidden=hidden)
        patches += patches_of(pair, rng, count=_PATCHES_PER_PAIR, side=side, view=view)
    return PatchDataset(
        patches, config.steps * config.batch_size, patch_size=config.patch_size, seed=config.seed,
        turnable=view != "polar",
    )  # fmt: skip


def _odds(exposures, share):
    """Probability of each image: the share of its detector, by the weights of the sources of that detector."""
    detectors = {exposure.detector for exposure in exposures}
    shares = {"C2": share, "C3": 1 - share} if len(detectors) > 1 else dict.fromkeys(detectors, 1.0)
    counts = Counter((exposure.detector, exposure.source) for exposure in exposures)
    weights = {(exposure.detector, exposure.source): exposure.weight for exposure in exposures}
    totals = {name: sum(w for key, w in weights.items() if key[0] == name) for name in detectors}
    odds = np.array(
        [
            shares[exposure.detector]
            * (exposure.weight / totals[exposure.detector])
            / counts[exposure.detector, exposure.source]
            for exposure in exposures
        ]
    )
    return odds / odds.sum()


def _validation(exposures, flat_fields, view):
    rng = np.random.default_rng(1)
    patches = []
    for exposure in _VALIDATION_PAIRS * exposures:
        # With many images the later ones are not needed
        if len(patches) >= _VALIDATION_PATCHES:
            break
        pair = simulate_pair(exposure, flat_fields.get(exposure.name), rng)
        patches += patches_of(pair, rng, count=8, side=192, view=view)
    parts = zip(*patches[:_VALIDATION_PATCHES], strict=True)
    return TensorDataset(*(torch.from_numpy(np.stack(part).astype(np.float32)) for part in parts))
