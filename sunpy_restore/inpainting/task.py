"""The task of `sunpy_restore.inpaint`."""

import numpy as np

from sunpy_restore.core.task import Task
from sunpy_restore.inpainting.classical import METHODS
from sunpy_restore.inpainting.planes import PLANES

__all__ = ["INPAINT"]


def _build_network(hyperparameters):
    """The network of a configuration or of a weights file."""
    from sunpy_restore.networks.partialconv import LayeredPartialUNet
    from sunpy_restore.networks.unet import CoronaUNet

    options = dict(hyperparameters)
    architecture = options.pop("architecture", None)
    if architecture == "CoronaUNet":
        return CoronaUNet(**options)
    if architecture == "LayeredPartialUNet":
        return LayeredPartialUNet(**options)
    raise ValueError(f"Found the architecture {architecture!r}, expected 'CoronaUNet' or 'LayeredPartialUNet'.")


def _valid_pixels_as_they_were(restored, planes):
    return np.where(planes[1] > 0, restored, planes[0])


INPAINT = Task(
    name="inpaint",
    verb="inpaint",
    title="Missing telemetry blocks of LASCO",
    doi="10.1007/978-3-030-01252-6_6",
    unit="deviation from a smooth background in units of the noise",
    scale=1,
    planes=PLANES,
    build_network=_build_network,
    classical=METHODS,
    finish=_valid_pixels_as_they_were,
    finish_reach=0,
    recipe="sunpy_restore.inpainting.recipe",
)
