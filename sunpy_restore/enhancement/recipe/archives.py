"""HMI images in archives, for training data of `sunpy_restore.enhance`."""

from sunpy_restore.core.datasets.archive import Archive
from sunpy_restore.enhancement.task import CONTINUUM, MAGNETOGRAM

__all__ = ["ARCHIVES"]

ARCHIVES = {
    CONTINUUM.name: Archive(instrument="HMI", vso={"Physobs": "intensity"}, series="hmi.Ic_720s", segment="continuum"),
    MAGNETOGRAM.name: Archive(
        instrument="HMI", vso={"Physobs": "LOS_magnetic_field"}, series="hmi.M_720s", segment="magnetogram"
    ),
}
"""What archives have, by task."""
