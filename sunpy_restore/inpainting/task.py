"""The task of `sunpy_restore.inpaint`."""

import numpy as np

from sunpy_restore.core.task import Restoration, network_builder
from sunpy_restore.inpainting.channels import PLANES
from sunpy_restore.inpainting.classical import METHODS

__all__ = ["INPAINT"]


def _valid_pixels_as_they_were(restored, planes):
    return np.where(planes[1] > 0, restored, planes[0])


INPAINT = Restoration(
    name="inpaint",
    verb="inpaint",
    title="Missing telemetry blocks of LASCO",
    doi="10.1007/978-3-030-01252-6_6",
    unit="deviation from a smooth background in units of the noise",
    scale=1,
    planes=PLANES,
    build_network=network_builder(CoronaUNet="unet", LayeredPartialUNet="papers.partialconv"),
    classical=METHODS,
    finish=_valid_pixels_as_they_were,
    finish_reach=0,
    recipe="sunpy_restore.inpainting.recipe",
)
