"""The task of `sunpy_restore.backproj_to_clean`."""

import numpy as np

from sunpy_restore.cleaning.clean import METHODS
from sunpy_restore.cleaning.planes import PLANES
from sunpy_restore.core.task import Task

__all__ = ["BACKPROJ"]


def _build_network(hyperparameters):
    """The network of a configuration or of a weights file."""
    from sunpy_restore.networks.pix2pix_clean import CleanPix2Pix
    from sunpy_restore.networks.unrolled import UnrolledUNet

    options = dict(hyperparameters)
    architecture = options.pop("architecture", None)
    if architecture == "UnrolledUNet":
        return UnrolledUNet(**options)
    if architecture == "CleanPix2Pix":
        return CleanPix2Pix(**options)
    raise ValueError(f"Found the architecture {architecture!r}, expected 'UnrolledUNet' or 'CleanPix2Pix'.")


def _not_negative(restored, planes):
    return np.maximum(restored, 0)


BACKPROJ = Task(
    name="backproj",
    verb="backproj_to_clean",
    title="CLEAN-like images from back-projections of STIX",
    doi="10.1007/s11207-023-02205-7",
    unit="maximum of the back-projection with natural weights, per clean beam",
    scale=1,
    planes=PLANES,
    build_network=_build_network,
    classical=METHODS,
    finish=_not_negative,
    finish_reach=0,
    recipe="sunpy_restore.cleaning.recipe",
)
