"""Fill the missing pixels of an observation by any method."""

from dataclasses import replace

import numpy as np

from sunpy_restore.core.restoration.methods import Restored
from sunpy_restore.inpainting.filling.blending import blended
from sunpy_restore.inpainting.filling.channels import pixel_channels, polar_part
from sunpy_restore.inpainting.filling.holes import fill_holes
from sunpy_restore.inpainting.filling.polar import PolarGrid
from sunpy_restore.inpainting.filling.texture import with_texture
from sunpy_restore.inpainting.filling.views import VIEWS
from sunpy_restore.inpainting.task import CHANNELS
from sunpy_restore.inpainting.temporal.detail import with_detail

__all__ = ["POLAR_MARGIN", "mirror_averaged", "restore", "with_network"]

POLAR_MARGIN = 64
"""Rows and columns of the log-polar grid around a hole."""

_MARGIN = 128  # pixels around a hole
_UNOBSERVED = CHANNELS.index("unobserved")


def restore(observation, method, *, texture=False, progress=False):
    """
    Fill the missing pixels of an observation.

    Parameters
    ----------
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The observation, shape ``(ny, nx)``.
    method : `~sunpy_restore.core.restoration.methods.Method`
        The method.
    texture : `bool`
        Add noise to the filled pixels like that of their surroundings.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `~sunpy_restore.core.restoration.methods.Restored`
        In the unit of the observation, with the header keyword ``RSTGUESS``.
    """
    original, observation = observation, observation.without_outliers
    filled = method(observation, progress=progress)
    added = None
    if texture:
        textured = with_texture(filled, observation)
        filled, added = textured, textured - filled
    if (response := original.edge_response) is not None:
        filled = np.where(original.mask, original.bias + (filled - original.bias) * response, original.image)
        added = None if added is None else added * response
    if observation.never_sent is not None:
        filled = np.where(observation.never_sent, observation.empty_value, filled)
    return Restored(data=filled, filled=observation.filled, cards={"rstguess": observation.guessed}, added=added)


def with_network(observation, network, *, progress=False):
    """
    Fill the missing pixels by a network.

    Parameters
    ----------
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The observation.
    network : `~sunpy_restore.core.inference.tilednetwork.TiledNetwork`
        The network; ``view`` of its module is a name in `~sunpy_restore.inpainting.filling.views.VIEWS`.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        The filled image, shape ``(ny, nx)``.
    """
    view = VIEWS[network.module.view](observation)
    if network.module.view == "polar":
        return _on_polar_grid(observation, view, network, progress)
    return _on_pixels(observation, view, network, progress)


def _on_pixels(observation, view, network, progress):
    """The image filled on its own pixels."""

    def fill(window, y, x):
        restored = network(pixel_channels(observation, view, window.place), active=window.own, progress=progress)
        return view.back(restored[window.own], y, x)

    return fill_holes(observation, fill, margin=_MARGIN)


def _on_polar_grid(observation, view, network, progress):
    """The image filled on a log-polar grid, with the detail that the resampling has removed."""
    network = mirror_averaged(network)
    products = getattr(network.module, "products", None)

    def fill(window, y, x):
        grid = PolarGrid.around(y, x, observation.mask.shape, observation.center, POLAR_MARGIN)
        channels = polar_part(observation, view, grid).channels()
        restored = network(channels, progress=progress)
        if products is not None:
            own = np.zeros(observation.mask.shape, dtype=bool)
            own[y, x] = True
            restored = blended(observation, view, grid, channels, restored, own, network, products.cpu().numpy())
        values = grid.at_pixels(restored, channels[_UNOBSERVED] == 0, y, x)
        # Without any observed pixel around, the fill is the background
        return view.back(np.nan_to_num(values), y, x)

    filled = fill_holes(observation, fill, margin=0)
    return filled if observation.neighbours is None else with_detail(filled, observation)


def mirror_averaged(network):
    """
    The mean of the results of a network for an image and for its mirror image.

    Parameters
    ----------
    network : `~sunpy_restore.core.inference.tilednetwork.TiledNetwork`
        The network.

    Returns
    -------
    `~sunpy_restore.core.inference.tilednetwork.TiledNetwork`
    """

    def mean(batch):
        straight, mirrored = np.split(network.function(np.concatenate([batch, batch[..., ::-1]])), 2)
        return (straight + mirrored[..., ::-1]) / 2

    return replace(network, function=mean)
