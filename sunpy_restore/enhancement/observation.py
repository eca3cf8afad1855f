"""What `sunpy_restore.enhance` reads in a Map: which product it is, where the disk is, and how bright the Sun is."""

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

_SCALE_TOLERANCE = 0.05
_PRODUCTS = {"CONTINUUM": CONTINUUM, "MAGNETOGRAM": MAGNETOGRAM}


@dataclass(frozen=True, kw_only=True)
class Observation(observation.Observation):
    """
    A continuum image or a magnetogram of HMI.

    Parameters
    ----------
    data : `numpy.ndarray`
        Shape ``(ny, nx)``; finite, pixels without a value have that of their nearest neighbour.
    valid, on_disk : `numpy.ndarray` of `bool`
        Pixels that have a value, and those of them that lie on the disk.
    limb_darkening : `numpy.ndarray`
        Intensity of the quiet Sun relative to the centre of the disk; 1 in a magnetogram.
    level : `float`
        Intensity of the quiet Sun at the centre of the disk, or 1 kG, in the unit of the data.
    untrusted : `numpy.ndarray` of `bool`, optional
        Pixels whose restoration should not be trusted.
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
        Take a normalised image without gaps at the centre of the disk.

        Parameters
        ----------
        data : `numpy.ndarray`
            In units of the quiet Sun, or in kG.
        """
        everywhere = np.ones(data.shape, dtype=bool)
        return cls(data=data, valid=everywhere, on_disk=everywhere, limb_darkening=np.ones(data.shape, np.float32))

    def normalised(self):
        """The image in units of the quiet Sun at the same distance from the limb, or in kG."""
        return self.data / (self.level * self.limb_darkening).astype(self.data.dtype)

    @classmethod
    def check(cls, smap):
        """
        Find the task that enhances a Map.

        Parameters
        ----------
        smap : `~sunpy.map.GenericMap`
            Any Map.

        Returns
        -------
        `str`
            Name of the task.

        Raises
        ------
        TypeError
            Another instrument than HMI, or another product than continuum intensity or line-of-sight magnetogram.
        ValueError
            Another pixel scale than 0.504 arcsec within 5 %, coordinates that are not helioprojective, or a magnetogram
            without a unit of magnetic field.
        """
        if not isinstance(smap, HMIMap):
            raise TypeError(
                f"Found a {type(smap).__name__} of {smap.instrument or 'an unnamed instrument'}; expected an HMIMap "
                "(INSTRUME = 'HMI...'). enhance() restores SDO/HMI images only."
            )
        task = _task_of_product(smap)
        _check_coordinates(smap)
        if task is MAGNETOGRAM and not (smap.unit is not None and smap.unit.is_equivalent(u.G)):
            raise ValueError(
                f"Found the unit {smap.unit}; expected one of magnetic field such as Gauss. Set BUNIT in the header."
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
            No valid pixel lies on the disk.

        Warns
        -----
        ~sunpy_restore.core.exceptions.RestoreWarning
            Part of the image lies closer to the limb than mu = 0.3.
        """
        mu = heliocentric_mu(smap)
        data, valid = fill_invalid(smap.data)
        on_disk = (mu > 0) & valid
        if not on_disk.any():
            raise ValueError("Found no valid pixel on the solar disk; expected some. Check the pointing in the header.")
        if _task_of_product(smap) is CONTINUUM:
            level, darkening = quiet_sun(np.where(valid, data, np.nan), mu)
        else:
            level, darkening = smap.unit.to(u.kG) ** -1, np.ones_like
        untrusted = ~on_disk | (mu < LIMB_MU)
        if smap.mask is not None:
            untrusted |= np.broadcast_to(smap.mask, untrusted.shape)
        if np.any(on_disk & (mu < LIMB_MU)):
            warn_user(
                f"Part of the image lies closer to the limb than mu = {LIMB_MU}, where granulation is foreshortened "
                "beyond what the network was trained on. These pixels are flagged in the mask."
            )
        # The value at the limb continues off the disk, so that the normalised limb is no jump
        return cls(
            data=data, valid=valid, on_disk=on_disk, limb_darkening=darkening(mu), level=level, untrusted=untrusted
        )


def _task_of_product(smap):
    content = str(smap.meta.get("content", "")).upper()
    tasks = [task for product, task in _PRODUCTS.items() if product in content]
    if len(tasks) != 1:
        raise TypeError(
            f"Found the product CONTENT = {smap.meta.get('content')!r}; expected 'CONTINUUM INTENSITY' or "
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
