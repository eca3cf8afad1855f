"""HMI observations: the checks of a Map, and its image, solar disk and quiet-Sun intensity as arrays."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

import astropy.units as u

from sunpy.map.sources import HMIMap

from sunpy_restore.core.images.maps import check_size, valid_pixels
from sunpy_restore.core.images.prepared import refuse_unknown_unit
from sunpy_restore.core.numerics.nearest import fill_invalid
from sunpy_restore.core.restoration import observation
from sunpy_restore.enhancement.detector.bad_pixels import find_bad_pixels
from sunpy_restore.enhancement.detector.denoising import reduce_noise, white_noise
from sunpy_restore.enhancement.detector.gaps import fill_gaps
from sunpy_restore.enhancement.detector.noise import NOISE_RANGE, estimate_noise
from sunpy_restore.enhancement.detector.outliers import find_outliers, sharpest_of
from sunpy_restore.enhancement.hmi.photosphere import LIMB_MU, heliocentric_mu, quiet_sun
from sunpy_restore.enhancement.hmi.product import check_unit, task_of_product
from sunpy_restore.enhancement.hmi.requirements import (
    check_noise,
    check_on_disk,
    check_positive,
    noise_within_range,
    warn_of_limb,
    warn_of_outliers,
)
from sunpy_restore.enhancement.hmi.sampling import check_coordinates, warn_of_interpolation
from sunpy_restore.enhancement.hmi.scaling import raise_incredible, refuse_display_scale
from sunpy_restore.enhancement.optics.forward import CONTINUUM_NOISE, LEAST_NOISE
from sunpy_restore.enhancement.optics.telescope import HMI, Telescope
from sunpy_restore.enhancement.task import CONTINUUM, MAGNETOGRAM, PRODUCTS

__all__ = ["Observation"]

_CONTINUUM_OUTLIERS = {"excess": 0.1, "limits": (0.0, 3.0)}
_MAGNETOGRAM_OUTLIERS = {"excess": 0.2, "limits": (-8.0, 8.0)}
"""See `find_outliers`; in units of the quiet-Sun intensity, and in kG."""

_FAINTEST = {CONTINUUM.name: 1e-2, MAGNETOGRAM.name: 5e-2}
"""Smallest difference of a bad pixel from what its neighbours predict, in the same units."""

_OUTLYING = 12.0
"""
Multiple of the noise that is added in quadrature to the least excess of an outlier over its surroundings.

Steep structure can nearly have that excess without noise, so that the larger of the two is too low a limit.
"""


@dataclass(frozen=True, kw_only=True)
class Observation(observation.Observation):
    """
    An HMI continuum image or line-of-sight magnetogram.

    Parameters
    ----------
    data : `numpy.ndarray`
        Image of shape ``(ny, nx)``. It is finite: pixels without data are interpolated.
    valid, on_disk : `numpy.ndarray` of `bool`
        Pixels with data, and those of them on the solar disk. Masked pixels and outliers have none.
    limb_darkening : `numpy.ndarray`
        Quiet-Sun intensity relative to disk centre; 1 for magnetograms.
    level : `float`
        Quiet-Sun intensity at disk centre, or 1 kG, in the unit of ``data``.
    untrusted : `numpy.ndarray` of `bool`, optional
        Pixels whose restored values should not be trusted.
    gaps : `numpy.ndarray` of `bool`, optional
        Pixels without a value in the input that are not masked; they have none in the result.
    noise : `float`, optional
        1-sigma noise of a magnetogram in kG.
    telescope : `~sunpy_restore.enhancement.optics.telescope.Telescope`
        The telescope.
    """

    data: np.ndarray
    valid: np.ndarray
    on_disk: np.ndarray
    limb_darkening: np.ndarray
    level: float = 1.0
    untrusted: np.ndarray | None = None
    gaps: np.ndarray | None = None
    noise: float | None = None
    telescope: Telescope = HMI

    @classmethod
    def from_array(cls, data, task=None, telescope=HMI):
        """
        Make an observation of a normalised image: at disk centre, with all pixels valid.

        Parameters
        ----------
        data : `numpy.ndarray`
            Image in units of the quiet-Sun intensity, or in kG.
        task : `~sunpy_restore.core.task.Restoration`, optional
            `~sunpy_restore.enhancement.task.MAGNETOGRAM`, whose noise is measured; by default
            `~sunpy_restore.enhancement.task.CONTINUUM`.
        telescope : `~sunpy_restore.enhancement.optics.telescope.Telescope`
            The telescope.

        Returns
        -------
        Observation
        """
        everywhere = np.ones(data.shape, dtype=bool)
        return cls(
            data=data, valid=everywhere, on_disk=everywhere, limb_darkening=np.ones(data.shape, np.float32),
            noise=estimate_noise(data) if task is MAGNETOGRAM else None, telescope=telescope,
        )  # fmt: skip

    def normalised(self):
        """
        Divide the image by the quiet-Sun intensity at the same distance from disk centre, or convert it to kG.

        Returns
        -------
        `numpy.ndarray`
            Shape ``(ny, nx)``.
        """
        return self.data / (self.level * self.limb_darkening).astype(self.data.dtype)

    @cached_property
    def white_noise(self):
        """1-sigma white noise of an HMI continuum image in units of the quiet-Sun intensity; 0 for other telescopes."""
        # The optics of another telescope may transmit the frequencies at which noise is measured
        return white_noise(self.normalised(), self.valid & self.on_disk) if self.telescope == HMI else 0.0

    @property
    def assumed_noise(self):
        """
        1-sigma noise of the normalised image that methods assume.

        For continuum images it is the measured noise, but at least 0.03 % of the quiet-Sun intensity, and 0.1 % where
        noise cannot be measured.
        """
        if self.noise is not None:
            return self.noise
        return max(self.white_noise, LEAST_NOISE) if self.white_noise > 0 else CONTINUUM_NOISE

    def denoised(self):
        """
        Normalise a continuum image, and reduce white noise to that of the training images.

        Returns
        -------
        `numpy.ndarray`
            Shape ``(ny, nx)``.
        """
        image, beyond = self.normalised(), self.valid & ~self.on_disk
        # The limb is a step that the filter would smear
        known = fill_invalid(image, ~beyond)[0] if beyond.any() else image
        return np.where(beyond, image, reduce_noise(known, self.valid & self.on_disk, self.white_noise))

    def channels(self):
        """
        Input of a network.

        Returns
        -------
        `numpy.ndarray`
            The normalised image and `assumed_noise`, shape ``(2, ny, nx)``. High noise of a continuum image is reduced;
            the second channel is the noise before that.
        """
        image = self.denoised() if self.noise is None else self.normalised()
        return np.stack([image, np.full_like(image, self.assumed_noise)])

    @classmethod
    def check(cls, smap, *, product=None, noise=None, telescope=HMI):
        """
        Refuse a Map that cannot be enhanced.

        Parameters
        ----------
        smap : `~sunpy.map.GenericMap`
            The Map.
        product, noise : optional
            See `sunpy_restore.enhance`.
        telescope : `~sunpy_restore.enhancement.optics.telescope.Telescope`
            The telescope that the network was trained for.

        Returns
        -------
        `str`
            Name of the task that enhances it.

        Raises
        ------
        TypeError
            The instrument is not HMI, or the product is neither continuum intensity nor line-of-sight magnetogram.
        ValueError
            The pixel scale differs by more than 5 % from 0.504 arcsec, the coordinates are not helioprojective, the
            unit is not one of the product, ``product`` contradicts ``CONTENT``, the noise does not fit, or the image
            has fewer than 4 pixels along an axis.
        """
        if telescope == HMI and not isinstance(smap, HMIMap):
            raise TypeError(
                f"Found a Map of class {type(smap).__name__} with INSTRUME = {smap.instrument!r}; expected an HMIMap "
                "(INSTRUME = 'HMI...'). enhance() restores SDO/HMI images only, unless weights were trained for "
                "another telescope."
            )
        task = _task_of(smap, product, telescope)
        check_coordinates(smap, telescope)
        refuse_unknown_unit(smap, "Gauss" if task is MAGNETOGRAM else "a unit of intensity, such as DN / s")
        check_unit(smap.unit, task)
        check_noise(noise, task)
        check_size(smap)
        return task.name

    @classmethod
    def from_map(cls, smap, *, product=None, noise=None, telescope=HMI):
        """
        Read the observation in a Map.

        Parameters
        ----------
        smap : `~sunpy.map.GenericMap`
            A Map that `check` has accepted.
        product, noise, telescope : optional
            As for `check`.

        Returns
        -------
        Observation

        Raises
        ------
        ValueError
            No valid pixel lies on the solar disk; a continuum image has negative values or a quiet-Sun intensity that
            is not positive; or the values of a magnetogram are no field strengths, see
            `~sunpy_restore.enhancement.hmi.scaling.refuse_display_scale`.

        Warns
        -----
        ~sunpy_restore.core.exceptions.RestoreWarning
            Part of the image lies closer to the limb than mu = 0.3, some pixels are outliers, or the image was
            rotated or resampled.
        """
        if telescope == HMI:
            warn_of_interpolation(smap)
        task, mu = _task_of(smap, product, telescope), heliocentric_mu(smap)
        data, valid = fill_gaps(smap.data, valid_pixels(smap))
        on_disk = (mu > 0) & valid
        check_on_disk(on_disk)
        # The steep edge of the Sun is neither noise nor an outlier
        inner = on_disk & (mu > LIMB_MU)
        # Limb darkening is constant off the disk, so that the normalised image has no step at the limb
        if task is CONTINUUM:
            level, darkening = _continuum_level(data, valid, on_disk, mu)
            found = white_noise(data / (level * darkening), inner) if telescope == HMI else 0.0
        else:
            level, darkening = _magnetogram_level(data[inner], smap.unit, telescope), np.ones_like(mu)
            found = estimate_noise(data / level, inner, (NOISE_RANGE[0], np.inf))
            noise = noise_within_range(found) if noise is None else noise.to_value(u.kG)
        limits = _outlier_limits(task, found)
        normalised = data / (level * darkening)
        outliers = find_outliers(normalised, inner, sharpest=sharpest_of(telescope), **limits)
        if telescope == HMI:
            least = LEAST_NOISE if task is CONTINUUM else NOISE_RANGE[0]
            outliers |= find_bad_pixels(
                normalised, inner & ~outliers, noise=max(found, least), excess=_FAINTEST[task.name]
            )
        if outliers[on_disk].all():
            raise_incredible(data[on_disk], [level * limit for limit in limits["limits"]], smap)
        if outliers.any():
            warn_of_outliers(outliers)
            data, valid = fill_gaps(data, valid & ~outliers)
            on_disk &= valid
        masked = np.zeros_like(valid) if smap.mask is None else np.broadcast_to(smap.mask, valid.shape)
        untrusted = ~on_disk | (mu < LIMB_MU)
        warn_of_limb(on_disk, untrusted)
        return cls(
            data=data, valid=valid, on_disk=on_disk, limb_darkening=darkening, level=level,
            untrusted=untrusted, gaps=~(valid | masked | outliers), noise=noise, telescope=telescope,
        )  # fmt: skip


def _outlier_limits(task, noise):
    """Limits of outliers for an image with noise; outliers hardly change the measured noise, because it is a median."""
    limits = _CONTINUUM_OUTLIERS if task is CONTINUUM else _MAGNETOGRAM_OUTLIERS
    return limits | {"excess": math.hypot(limits["excess"], _OUTLYING * noise)}


def _continuum_level(data, valid, on_disk, mu):
    """Quiet-Sun intensity at disk centre, and that of each pixel relative to it."""
    check_positive(data[on_disk])
    level, darkening = quiet_sun(np.where(valid, data, np.nan), mu)
    return level, darkening(mu)


def _magnetogram_level(values, unit, telescope):
    """1 kG in the unit of a magnetogram; its values have to be field strengths."""
    level = unit.to(u.kG) ** -1
    if telescope == HMI:
        refuse_display_scale(1000 / level * values.astype(float))
    return level


def _task_of(smap, product, telescope):
    """The task of a Map; other telescopes than HMI do not name the product as HMI does."""
    return task_of_product(smap, product) if telescope == HMI else PRODUCTS[product]
