"""Coordinates and pixels of HMI images: the original ones, to which the point spread function applies."""

import numpy as np

import astropy.units as u

from sunpy_restore.core.images.maps import check_pixel_scale, roll_angle
from sunpy_restore.core.messages import warn_user
from sunpy_restore.enhancement.optics.psf import HMI_PIXEL

__all__ = ["check_coordinates", "warn_of_interpolation"]

_LARGEST_ROLL = 1.0
"""Largest difference in degrees of the roll angle of HMI images from 0 or 180 degrees, or from 90 after a transpose."""

_SCALE_TOLERANCE = 0.006
"""Largest relative difference of original pixels from 0.504 arcsec; that of the samples is 0.0005."""


def check_coordinates(smap, telescope):
    """
    Refuse a Map whose pixels are not those of a telescope.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.
    telescope : `~sunpy_restore.enhancement.optics.telescope.Telescope`
        The telescope.

    Raises
    ------
    ValueError
        The coordinates are not helioprojective, or the pixel scale differs by more than 5 %.
    """
    kinds = [kind[:4].upper() for kind in smap.coordinate_system]
    if kinds != ["HPLN", "HPLT"]:
        raise ValueError(
            f"Found the coordinates {', '.join(smap.coordinate_system)}; expected HPLN, HPLT. The point spread "
            "function does not apply to a remapped image. Use the original one."
        )
    check_pixel_scale(smap, telescope.pixel_scale, "Use the original image, not a resampled one.")


def warn_of_interpolation(smap):
    """
    Warn of an HMI image that was rotated or resampled, if the header shows it.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        A Map that `check_coordinates` has accepted.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        The roll angle is not close to a multiple of 90 degrees, or the pixels are not close to 0.504 arcsec.
    """
    found = {}
    roll = roll_angle(smap)
    if abs(roll - 90 * round(roll / 90)) > _LARGEST_ROLL:
        found["rotate"] = f"a roll angle of {roll:.4g} degrees; expected one close to 0 or 180 degrees"
    scale = np.abs([axis.to_value(u.arcsec / u.pix) for axis in smap.scale])
    if np.any(np.abs(scale / HMI_PIXEL - 1) > _SCALE_TOLERANCE):
        found["resample"] = f"pixels of {scale[0]:.4g} x {scale[1]:.4g} arcsec; expected {HMI_PIXEL} arcsec"
    for done, what in found.items():
        warn_user(
            f"Found {what}. If the image was {done}d, interpolation has widened the point spread function, which the "
            f"restoration does not correct. Enhance the original image and {done} the result."
        )
