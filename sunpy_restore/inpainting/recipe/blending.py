"""Errors of a network and of the first fills in holes of the training images."""

from dataclasses import replace

import numpy as np

from sunpy_restore.inpainting.filling.blending import trial
from sunpy_restore.inpainting.filling.channels import polar_part
from sunpy_restore.inpainting.filling.polar import PolarGrid
from sunpy_restore.inpainting.filling.views import VIEWS
from sunpy_restore.inpainting.recipe.pairs import flat_fields_of
from sunpy_restore.inpainting.recipe.scenes import read_exposures
from sunpy_restore.inpainting.recipe.scores import holes_of, with_hole
from sunpy_restore.inpainting.restore import POLAR_MARGIN, mirror_averaged

__all__ = ["mean_products", "trials_in_training_images"]

_MOST_IMAGES = 12
"""Images whose holes are tried; each takes up to a minute on one core."""


def mean_products(network, directory):
    """
    Mean products of the errors of the fills in holes of the training images.

    Parameters
    ----------
    network : `~sunpy_restore.core.inference.tilednetwork.TiledNetwork`
        A network whose view is ``"polar"``.
    directory : path-like
        Folder with a manifest, or with the files of the list of training images.

    Returns
    -------
    `numpy.ndarray`
        Mean of ``products`` of `~sunpy_restore.inpainting.filling.blending.Trial`, for holes of the sizes, and with the
        structure across them, of `~sunpy_restore.inpainting.recipe.scores.evaluation_pairs`.
    """
    network = mirror_averaged(network)
    return np.mean([found.products for _, found in trials_in_training_images(network, directory)], axis=0)


def trials_in_training_images(network, directory):
    """
    Errors of the fills in single holes of the training images, or of twelve of them.

    Parameters
    ----------
    network : callable
        ``network(channels)`` returns its fill.
    directory : path-like
        Folder with a manifest, or with the files of the list of training images.

    Yields
    ------
    kind : `str`
        See `~sunpy_restore.inpainting.recipe.scores.holes_of`.
    trial : `~sunpy_restore.inpainting.filling.blending.Trial`
        The errors.
    """
    exposures = read_exposures(directory)
    responses = flat_fields_of(exposures)
    for index in np.unique(np.linspace(0, len(exposures) - 1, min(len(exposures), _MOST_IMAGES)).round().astype(int)):
        seen = view = None
        for kind, exposure, place in holes_of(exposures, index):
            observation, _ = with_hole(exposure, responses.get(exposure.name), place)
            if seen is not exposure.image:
                # The background of the complete image is about that of the image with a hole
                seen, whole = exposure.image, _complete(observation, exposure.image)
                view = VIEWS["polar"](whole)
            y, x = np.nonzero(observation.mask)
            if not len(y):
                continue
            grid = PolarGrid.around(y, x, observation.mask.shape, exposure.center, POLAR_MARGIN)
            lost = grid.interpolated(observation.mask)[0] > 0
            found = trial(polar_part(whole, view, grid), lost, network)
            if found is not None:
                yield kind, found


def _complete(observation, image):
    """The observation without missing pixels, and with its outliers."""
    image = np.where(observation.unobserved, 0, image)
    return replace(observation, image=image, mask=np.zeros_like(observation.mask)).without_outliers
