"""HMI observations: the checks of a Map, and its image, solar disk and quiet-Sun intensity as arrays."""

from dataclasses import dataclass

import numpy as np

import astropy.units as u

from sunpy.map.sources import HMIMap

from sunpy_restore.core import observation
from sunpy_restore.core.inference import fill_invalid
from sunpy_restore.core.messages import warn_user
from sunpy_restore.enhancement.forward import HMI_PIXEL
from sunpy_restore.enhancement.photosphere import LIMB_MU, heliocentric_mu, quiet_sun
from sunpy_restore.enhancement.task import CONTINUUM, MAGNETOGRAM

__all__ = ["Observation"]

_SCALE_TOLERANCE = 0.05  # relative deviation from the pixel of HMI
_PRODUCTS = {"CONTINUUM": CONTINUUM, "MAGNETOGRAM": MAGNETOGRAM}


@dataclass(frozen=True, kw_only=True)
class Observation(observation.Observation):
    """
    An HMI continuum image or line-of-sight magnetogram.

    Parameters
    ----------
    data : `numpy.ndarray`
        Image of shape ``(ny, nx)``. It is finite: pixels without data have the value of the nearest valid pixel.
    valid, on_disk : `numpy.ndarray` of `bool`
        Pixels with data, and those of them on the solar disk.
    limb_darkening : `numpy.ndarray`
        Quiet-Sun intensity relative to disk centre; 1 for magnetograms.
    level : `float`
        Quiet-Sun intensity at disk centre, or 1 kG, in the unit of ``data``.
    untrusted : `numpy.ndarray` of `bool`, optional
        Pixels whose restored values should not be trusted.
    """

    data: np.ndarray
    valid: np.ndarray
    on_disk: np.ndarray
    limb_darkening: np.ndarray
    level: float = 1.0
    untrusted: np.ndarray | None = None

    @classmethod
    def from_array(cls, data):
        """
        Make an observation of a normalised image: at disk centre, with all pixels valid.

        Parameters
        ----------
        data : `numpy.ndarray`
            Image in units of the quiet-Sun intensity, or in kG.

        Returns
        -------
        Observation
        """
        everywhere = np.ones(data.shape, dtype=bool)
        return cls(data=data, valid=everywhere, on_disk=everywhere, limb_darkening=np.ones(data.shape, np.float32))

    def normalised(self):
        """
        Divide the image by the quiet-Sun intensity at the same distance from disk centre, or convert it to kG.

        Returns
        -------
        `numpy.ndarray`
            Shape ``(ny, nx)``.
        """
        return self.data / (self.level * self.limb_darkening).astype(self.data.dtype)

    @classmethod
    def check(cls, smap):
        """
        Refuse a Map that cannot be enhanced.

        Parameters
        ----------
        smap : `~sunpy.map.GenericMap`
            The Map.

        Returns
        -------
        `str`
            Name of the task that enhances it.

        Raises
        ------
        TypeError
            The instrument is not HMI, or the product is neither continuum intensity nor line-of-sight magnetogram.
        ValueError
            The pixel scale differs by more than 5 % from 0.504 arcsec, the coordinates are not helioprojective, or the
            unit of a magnetogram is not one of magnetic field.
        """
        if not isinstance(smap, HMIMap):
            raise TypeError(
                f"Found a Map of class {type(smap).__name__} with INSTRUME = {smap.instrument!r}; expected an HMIMap "
                "(INSTRUME = 'HMI...'). enhance() restores SDO/HMI images only."
            )
        task = _task_of_product(smap)
        _check_coordinates(smap)
        if task is MAGNETOGRAM and not (smap.unit is not None and smap.unit.is_equivalent(u.G)):
            raise ValueError(
                f"Found a magnetogram with the unit {smap.unit}; expected a unit of magnetic field, such as Gauss. "
                "Set BUNIT in the header."
            )
        return task.name

    @classmethod
    def from_map(cls, smap):
        """
        Read the observation in a Map.

        Parameters
        ----------
        smap : `~sunpy.map.GenericMap`
            A Map that `check` has accepted.

        Returns
        -------
        Observation

        Raises
        ------
        ValueError
            No valid pixel lies on the solar disk, or the quiet-Sun intensity is not positive.

        Warns
        -----
        ~sunpy_restore.core.exceptions.RestoreWarning
            Part of the image lies closer to the limb than mu = 0.3.
        """
        mu = heliocentric_mu(smap)
        data, valid = fill_invalid(smap.data)
        on_disk = (mu > 0) & valid
        if not on_disk.any():
            raise ValueError(
                "Found no valid pixel on the solar disk; expected at least one. Check the pointing in the header."
            )
        if _task_of_product(smap) is CONTINUUM:
            level, darkening = quiet_sun(np.where(valid, data, np.nan), mu)
        else:
            level, darkening = smap.unit.to(u.kG) ** -1, np.ones_like
        untrusted = ~on_disk | (mu < LIMB_MU)
        if smap.mask is not None:
            untrusted |= np.broadcast_to(smap.mask, untrusted.shape)
        if np.any(on_disk & (mu < LIMB_MU)):
            warn_user(
                f"Part of the image lies closer to the limb than mu = {LIMB_MU}, where foreshortening is stronger than "
                "in the training data. These pixels are flagged in the mask of the result."
            )
        # Limb darkening is constant off the disk, so that the normalised image has no step at the limb
        return cls(
            data=data, valid=valid, on_disk=on_disk, limb_darkening=darkening(mu), level=level, untrusted=untrusted
        )


def _task_of_product(smap):
    content = str(smap.meta.get("content", "")).upper()
    tasks = [task for product, task in _PRODUCTS.items() if product in content]
    if len(tasks) != 1:
        raise TypeError(
            f"Found CONTENT = {smap.meta.get('content')!r}; expected 'CONTINUUM INTENSITY' or 'MAGNETOGRAM'. "
            "Dopplergrams, components of the vector field and derived quantities are not linear in the observed "
            "intensity and cannot be deconvolved on their own."
        )
    return tasks[0]


def _check_coordinates(smap):
    kinds = [kind[:4].upper() for kind in smap.coordinate_system]
    if kinds != ["HPLN", "HPLT"]:
        raise ValueError(
            f"Found the coordinates {', '.join(smap.coordinate_system)}; expected HPLN, HPLT. The point spread "
            "function of HMI does not apply to a remapped image. Use the original one."
        )
    scale = np.array([axis.to_value(u.arcsec / u.pix) for axis in smap.scale])
    if np.any(np.abs(np.abs(scale) / HMI_PIXEL - 1) > _SCALE_TOLERANCE):
        raise ValueError(
            f"Found pixels of {scale[0]:.4g} x {scale[1]:.4g} arcsec; expected {HMI_PIXEL} arcsec within "
            f"{100 * _SCALE_TOLERANCE:.0f} %. Use the original image, not a resampled one."
        )
