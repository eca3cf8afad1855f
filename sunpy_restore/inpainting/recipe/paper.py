"""The loss of CorKit's layered network (Enciso 2024)."""

from functools import cache

import torch

from sunpy_restore.inpainting.recipe.losses import continuity, layered_loss
from sunpy_restore.inpainting.task import CHANNELS

__all__ = ["loss_of_layers"]

_IMAGE, _MASK, _UNOBSERVED = map(CHANNELS.index, ("image", "mask", "unobserved"))
_RANGES = {"equalized": 2.0}  # width of the range of values that is shown from 0 to 1
_RANGE_OF_DEVIATIONS = 20.0  # units of the noise


def loss_of_layers(network, batch, config):
    """
    The loss of the paper, and the continuity across the borders of the holes.

    The continuity is that along rows and columns; on a log-polar grid these are azimuth and radius.

    Parameters
    ----------
    network : `~sunpy_restore.networks.papers.partialconv.LayeredPartialUNet`
        The network.
    batch : pair of `torch.Tensor`
        Channels and truth.
    config : `~sunpy_restore.core.recipes.config.TrainingConfig`
        The configuration.

    Returns
    -------
    `torch.Tensor`
        Scalar.
    """
    observed, truth = batch
    image, mask, unobserved = (observed[:, index : index + 1] for index in (_IMAGE, _MASK, _UNOBSERVED))
    # Pixels of unknown truth have no error
    truth = torch.where(torch.isfinite(truth), truth, image)
    outputs, masks = network.forward_layers(observed)
    # Features are made for images from 0 to 1
    scale = _RANGES.get(config.network["view"], _RANGE_OF_DEVIATIONS)
    outputs, truth = [output / scale + 0.5 for output in outputs], truth / scale + 0.5
    options = config.options
    total = layered_loss(outputs, masks, truth, _features(options["features"], truth.device), options["loss"])
    return total + options["continuity"] * continuity(outputs[-1], mask, unobserved)


@cache
def _features(name, device):
    from sunpy_restore.core.weights.store import entry_named, fetch, read_features
    from sunpy_restore.networks.papers.vgg import OrientedFeatures, VGG19Features

    if name == "oriented":
        return OrientedFeatures().to(device)
    if name != "vgg19":
        raise ValueError(f"Unknown features {name!r}; expected 'vgg19' or 'oriented'.")
    return VGG19Features().load(read_features(fetch(entry_named("vgg19")))).to(device)
