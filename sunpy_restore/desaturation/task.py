"""The task of `sunpy_restore.desaturate`."""

import numpy as np

from sunpy_restore.core.task import Task
from sunpy_restore.desaturation.classical import METHODS

__all__ = ["DESATURATE"]


def _build_network(hyperparameters):
    """The network of a configuration or of a weights file."""
    from sunpy_restore.networks.pix2pix import MaskPix2Pix
    from sunpy_restore.networks.unet import FillingUNet

    options = dict(hyperparameters)
    architecture = options.pop("architecture", None)
    if architecture == "FillingUNet":
        return FillingUNet(**options)
    if architecture == "MaskPix2Pix":
        return MaskPix2Pix(**options)
    raise ValueError(f"Found the architecture {architecture!r}, expected 'FillingUNet' or 'MaskPix2Pix'.")


def _valid_pixels_as_they_were(restored, planes):
    return np.where(planes[1] > 0, restored, planes[0])


DESATURATE = Task(
    name="desaturate",
    verb="desaturate",
    title="Over-exposed flare cores of AIA",
    doi="10.1155/2019/5343254",
    unit="full well, or the mean of the harmonic fill",
    scale=1,
    planes=("image", "mask", "level"),
    build_network=_build_network,
    classical=METHODS,
    finish=_valid_pixels_as_they_were,
    finish_reach=0,
    recipe="sunpy_restore.desaturation.recipe",
)
