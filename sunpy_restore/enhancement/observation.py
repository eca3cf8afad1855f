"""Which Maps `sunpy_restore.enhance` takes, and as what."""

import numpy as np

import astropy.units as u

from sunpy.map.sources import HMIMap

from sunpy_restore.enhancement.forward import HMI_PIXEL
from sunpy_restore.enhancement.task import CONTINUUM, MAGNETOGRAM

__all__ = ["task_of"]

_SCALE_TOLERANCE = 0.05
_PRODUCTS = {"CONTINUUM": CONTINUUM, "MAGNETOGRAM": MAGNETOGRAM}


def task_of(smap):
    """
    The task that enhances a Map.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        Any Map.

    Returns
    -------
    `~sunpy_restore.core.task.Task`

    Raises
    ------
    TypeError
        Another instrument than HMI, or another product than continuum intensity or line-of-sight magnetogram.
    ValueError
        Enhanced already, another pixel scale than 0.504 arcsec within 5 %, coordinates that are not helioprojective,
        or a magnetogram without a unit of magnetic field.
    """
    if not isinstance(smap, HMIMap):
        raise TypeError(
            f"Found a {type(smap).__name__} of {smap.instrument or 'an unnamed instrument'}, expected an HMIMap "
            "(INSTRUME = 'HMI...'). enhance() undoes the optics of SDO/HMI alone."
        )
    if str(smap.meta.get("rsttask", "")).startswith("enhance"):
        raise ValueError(
            f"Found RSTTASK = {smap.meta['rsttask']!r}: the Map has been enhanced already, expected an observed one. "
            "Use the original file."
        )
    task = _task_of_product(smap)
    _check_coordinates(smap)
    if task is MAGNETOGRAM and not (smap.unit is not None and smap.unit.is_equivalent(u.G)):
        raise ValueError(
            f"Found the unit {smap.unit}, expected one of magnetic field such as Gauss. Set BUNIT in the header."
        )
    return task


def _task_of_product(smap):
    content = str(smap.meta.get("content", "")).upper()
    tasks = [task for product, task in _PRODUCTS.items() if product in content]
    if len(tasks) != 1:
        raise TypeError(
            f"Found the product CONTENT = {smap.meta.get('content')!r}, expected 'CONTINUUM INTENSITY' or "
            "'MAGNETOGRAM'. Vector components, Dopplergrams and derived quantities are not linear images of the Sun "
            "and can't be deconvolved on their own."
        )
    return tasks[0]


def _check_coordinates(smap):
    kinds = [kind[:4].upper() for kind in smap.coordinate_system]
    if kinds != ["HPLN", "HPLT"]:
        raise ValueError(
            f"Found the coordinates {', '.join(smap.coordinate_system)}, expected HPLN, HPLT. A remapped image has "
            "lost the shape of HMI's point spread function; use the original one."
        )
    scale = np.array([axis.to_value(u.arcsec / u.pix) for axis in smap.scale])
    if np.any(np.abs(np.abs(scale) / HMI_PIXEL - 1) > _SCALE_TOLERANCE):
        raise ValueError(
            f"Found pixels of {scale[0]:.4g} x {scale[1]:.4g} arcsec, expected {HMI_PIXEL} arcsec within "
            f"{100 * _SCALE_TOLERANCE:.0f} %. Use the image at HMI's own scale, not a resampled one."
        )
