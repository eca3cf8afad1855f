"""The task of `sunpy_restore.backproj_to_clean`."""

import numpy as np

from sunpy_restore.backprojection.channels import PLANES
from sunpy_restore.backprojection.clean import METHODS
from sunpy_restore.core.task import Restoration, network_builder

__all__ = ["BACKPROJ"]


def _not_negative(restored, planes):
    return np.maximum(restored, 0)


BACKPROJ = Restoration(
    name="backproj",
    verb="backproj_to_clean",
    title="CLEAN-like images from back-projections of STIX",
    doi="10.1007/s11207-023-02205-7",
    unit="maximum of the back-projection with natural weights, per clean beam",
    scale=1,
    planes=PLANES,
    build_network=network_builder(UnrolledUNet="unrolled", CleanPix2Pix="papers.pix2pix_clean"),
    classical=METHODS,
    finish=_not_negative,
    finish_reach=0,
    recipe="sunpy_restore.backprojection.recipe",
)
