"""The task of `sunpy_restore.desaturate`."""

import numpy as np

from sunpy_restore.core.task import Restoration, network_builder
from sunpy_restore.desaturation.classical import METHODS

__all__ = ["DESATURATE"]


def _valid_pixels_as_they_were(restored, planes):
    return np.where(planes[1] > 0, restored, planes[0])


DESATURATE = Restoration(
    name="desaturate",
    verb="desaturate",
    title="Over-exposed flare cores of AIA",
    doi="10.1155/2019/5343254",
    unit="full well, or the mean of the harmonic fill",
    scale=1,
    planes=("image", "mask", "level"),
    build_network=network_builder(FillingUNet="unet", MaskPix2Pix="papers.pix2pix"),
    classical=METHODS,
    finish=_valid_pixels_as_they_were,
    finish_reach=0,
    recipe="sunpy_restore.desaturation.recipe",
)
