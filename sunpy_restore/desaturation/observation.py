"""AIA images with saturated pixels, as arrays."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sunpy_restore.core.images.maps import valid_pixels
from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.numerics.filling import checked_hole
from sunpy_restore.core.numerics.nearest import fill_invalid
from sunpy_restore.core.restoration import observation
from sunpy_restore.desaturation.charge import column_runs
from sunpy_restore.desaturation.detection import levels
from sunpy_restore.desaturation.detection.blooming import separate_blooming
from sunpy_restore.desaturation.detection.exposure import counts_per_unit, level_in_unit_of, refuse_scaled
from sunpy_restore.desaturation.detection.negative import refuse_negative
from sunpy_restore.desaturation.detection.padding import find_padding
from sunpy_restore.desaturation.detection.plateau import find_plateau, with_margin
from sunpy_restore.desaturation.detection.saturation import (
    channel_of,
    check_aia,
    detector_roll,
    find_saturation,
    is_along_detector,
)
from sunpy_restore.desaturation.display import is_display
from sunpy_restore.desaturation.filling.channels import input_windows
from sunpy_restore.desaturation.fringes.psf import EUV_CHANNELS

__all__ = ["Observation"]

_ROTATED = (
    "The image is rotated by {:.3g} degrees with respect to the detector. Charge blooms along the columns of the "
    "detector, and the diffraction pattern has its orientation: saturated and bloomed pixels may not be told apart, "
    "and the fill is not corrected with the fringes. Desaturate the image before it is rotated."
)


@dataclass(frozen=True, kw_only=True)
class Observation(observation.Observation):
    """
    An AIA image with saturated pixels.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, finite outside of the mask.
    mask : `numpy.ndarray` of `bool`
        Pixels to fill.
    saturated, primary : `numpy.ndarray` of `bool`, optional
        Pixels at the saturation level, and those of them that were saturated by incident light and not by blooming.
    level : `float`, optional
        Saturation level (full well), in the unit of the image.
    channel : `int`, optional
        Wavelength of the AIA channel in angstrom, if its diffraction pattern is known in the orientation of the image.
    lost : `numpy.ndarray` of `bool`, optional
        Pixels without a value, which are not filled, and borders of zeros.
    """

    image: np.ndarray
    mask: np.ndarray
    saturated: np.ndarray | None = None
    primary: np.ndarray | None = None
    level: float | None = None
    channel: int | None = None
    lost: np.ndarray | None = None

    @classmethod
    def check(cls, smap, *, mask=None, saturated=None, exposure=None, excess=None):
        """
        Refuse a Map that cannot be desaturated.

        Parameters
        ----------
        smap : `~sunpy.map.GenericMap`
            Any Map.
        mask : `numpy.ndarray` of `bool`, optional
            See `sunpy_restore.desaturate`.
        saturated : `float` or `~astropy.units.Quantity`, optional
            See `sunpy_restore.desaturate`.
        exposure : `float`, optional
            Exposure time in seconds. It is not used if ``mask`` or ``saturated`` is given.
        excess : `str`, optional
            See `sunpy_restore.desaturate`.

        Raises
        ------
        TypeError
            Another instrument or channel, a mask that is not boolean, or a saturation level that is not a number.
        ValueError
            Wrong unit, processing level, pixel scale or exposure time, values far above the full well or below zero, a
            mask of another shape or without valid pixels outside of it, an image without a mask in which no saturation
            level is known, or a saturation level that is not positive, has another unit or that no masked pixel has.
        """
        check_aia(smap)
        if excess is not None and mask is not None and saturated is None:
            raise ValueError(
                f"Found excess={excess!r} with a mask, of whose pixels nothing is assumed; expected it for saturated "
                "pixels. Pass saturated= as well, or leave it out."
            )
        level = level_in_unit_of(smap, saturated)
        if level is None and mask is None:
            counts = counts_per_unit(smap, exposure)
            image, valid = _valid_data(smap)
            refuse_scaled(counts * image, valid)
        if mask is not None:
            checked_hole(_valid_data(smap)[0], mask)
            if level is not None and not levels.at_level(smap.data, mask, level).any():
                raise ValueError(
                    f"Found saturated={saturated}, but all masked pixels are fainter, at most "
                    f"{np.nanmax(smap.data[np.broadcast_to(mask, smap.data.shape)]):.6g}; expected the value that "
                    "saturated pixels have in this image, which the flat field changes. Leave it out if none of the "
                    "masked pixels is saturated."
                )
        valid = valid_pixels(smap)
        if mask is None and level is not None:
            levels.refuse_low(smap.data, valid, saturated, level)
        refuse_negative(smap, valid if mask is None else valid & ~np.asarray(mask))

    @classmethod
    def from_map(cls, smap, *, mask=None, saturated=None, exposure=None, excess=None):
        """
        Read the observation in a Map.

        Parameters
        ----------
        smap : `~sunpy.map.GenericMap`
            A Map that `check` has accepted.
        mask : `numpy.ndarray` of `bool`, optional
            See `sunpy_restore.desaturate`. By default the saturated pixels are found.
        saturated : `float` or `~astropy.units.Quantity`, optional
            See `sunpy_restore.desaturate`. By default a mask does not imply that its pixels are saturated.
        exposure : `float`, optional
            See `check`.
        excess : `str`, optional
            See `sunpy_restore.desaturate`.

        Returns
        -------
        Observation

        Raises
        ------
        ValueError
            No valid pixel lies outside of the saturated ones.

        Warns
        -----
        ~sunpy_restore.core.exceptions.RestoreWarning
            The image is rotated by more than 2 degrees with respect to the detector, or it is not clear whether the
            charge bloomed or was clipped.
        """
        valid = valid_pixels(smap) & ~find_padding(smap.data)
        image = np.where(valid, smap.data, np.nan)
        given, saturation = mask is not None, {}
        level = level_in_unit_of(smap, saturated)
        if level is not None:
            full = levels.on_plateau(smap.data, valid if mask is None else np.asarray(mask), level)
            if given:
                levels.warn_of_partial(levels.on_plateau(smap.data, valid, level), np.asarray(mask), level)
            mask = with_margin(full) & valid if mask is None else mask
            saturation = {"saturated": full, "level": level}
        elif mask is None:
            found = find_saturation(smap, exposure, excess)
            mask = found.mask
            saturation = {"saturated": found.saturated, "primary": found.primary, "level": found.level}
        if not (given or (valid & ~mask).any()):
            raise ValueError(
                f"Found no unsaturated pixel among the {np.count_nonzero(valid)} valid ones; expected some to fill "
                "from, more than 2 pixels away from saturated ones. Use a larger part of the image."
            )
        mask = checked_hole(image, mask)
        data = smap.data
        if not valid.all():
            data = np.where(valid, data, fill_invalid(data, valid & ~mask)[0])
        # A saturation level that was found implies a linear scale
        linear = "primary" in saturation or not is_display(smap.data, valid & ~mask, level)
        if level is not None:
            data = np.where(full & ~valid, level, data)
            primary = full
            if not linear:
                levels.warn_of_display()
            else:
                levels.warn_of_high(smap, mask & valid if given else valid, full, level, exposure)
                primary = separate_blooming(full, np.where(full, level, data), level, excess, warn=True)
            saturation["primary"] = primary
        elif given and linear:
            levels.warn_of_full(smap, mask, exposure)
        if not given:
            # The mask of a Map tells on purpose which pixels have no value
            lost = ~np.isfinite(smap.data) if smap.mask is None else ~np.isfinite(smap.data) & ~np.asarray(smap.mask)
            levels.warn_of_lost(lost, saturation["saturated"], saturation["level"])
        if mask.any():
            levels.warn_of_few(mask, valid)
        wavelength = channel_of(smap)
        along = is_along_detector(smap)
        if not along and mask.any():
            warn_user(_ROTATED.format(abs(detector_roll(smap))))
        channel = wavelength if linear and along and wavelength in EUV_CHANNELS else None
        lost = ~valid & ~mask
        return cls(image=data, mask=mask, channel=channel, lost=lost if lost.any() else None, **saturation)

    @classmethod
    def from_pair(cls, smap, filled, **options):
        """See `sunpy_restore.core.restoration.observation.Observation.with_filled`."""
        return cls.with_filled(smap, filled, **options)

    @classmethod
    def from_exposure(cls, image, channel):
        """
        Find the saturated pixels in a simulated exposure.

        Parameters
        ----------
        image : `numpy.ndarray`
            Shape ``(ny, nx)``, in DN per exposure.
        channel : `int`
            Wavelength of the AIA channel in angstrom.

        Returns
        -------
        Observation
        """
        saturated, level = find_plateau(image)
        primary = separate_blooming(saturated, image, level)
        return cls(
            image=image,
            mask=with_margin(saturated),
            saturated=saturated,
            primary=primary,
            level=level,
            channel=channel,
        )

    @property
    def nothing_to_do(self):
        """Why there is nothing to restore, as a sentence for the user; `None` if there is."""
        if self.mask.any():
            return None
        return "Found no saturated pixels; the image is returned unchanged. Pass mask= to fill pixels of your choice."

    @cached_property
    def enclosed(self):
        """Saturated pixels in column runs that end within the image, at valid pixels, in which charge is conserved."""
        runs = column_runs(self.mask)
        cut = [runs[0], runs[-1]]
        if self.lost is not None:
            # A part of the charge is in pixels without a value
            cut += [runs[1:][self.lost[:-1]], runs[:-1][self.lost[1:]]]
        return self.saturated & ~np.isin(runs, np.concatenate(cut))

    @cached_property
    def windows(self):
        """Input channels around the damage, a `list` of `~sunpy_restore.desaturation.filling.channels.InputWindow`."""
        return input_windows(self.image, self.mask, self.saturated, self.level)

    @cached_property
    def harmonic_fill(self):
        """The image with the harmonic fill in the mask, shape ``(ny, nx)``, ``float64``."""
        return self._with_windows(lambda window: window["image"])

    def fill(self, method):
        """
        Fill the damaged pixels window by window.

        Parameters
        ----------
        method : callable
            ``method(window) -> numpy.ndarray``: the filled image in an
            `~sunpy_restore.desaturation.filling.channels.InputWindow`, in units of its scale.

        Returns
        -------
        `numpy.ndarray` of ``float64``
            Shape ``(ny, nx)``; pixels outside of the mask keep their values.
        """
        return self.raised_to_level(self._with_windows(method))

    def raised_to_level(self, filled):
        """
        Raise a fill to the saturation level in pixels that were saturated by incident light.

        Parameters
        ----------
        filled : `numpy.ndarray`
            Filled image, shape ``(ny, nx)``.

        Returns
        -------
        `numpy.ndarray`
            Shape ``(ny, nx)``.
        """
        if self.level is None:
            return filled
        return np.where(self.primary, np.maximum(filled, self.level), filled)

    def _with_windows(self, method):
        filled = np.array(self.image, dtype=float)
        for window in self.windows:
            # All fills are in single precision, as those of networks
            values = window.scale * np.asarray(method(window), dtype=np.float32)
            filled[window.place][window.own] = values[window.own]
        return filled


def _valid_data(smap):
    """The data of a Map with NaN in invalid pixels, and which pixels are valid: finite and not masked."""
    valid = valid_pixels(smap)
    return np.where(valid, smap.data, np.nan), valid
