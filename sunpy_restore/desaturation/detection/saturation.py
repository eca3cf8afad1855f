"""Detection of saturated pixels in AIA images."""

from dataclasses import dataclass
from numbers import Real

import numpy as np

import astropy.units as u

from sunpy.map.sources import AIAMap

from sunpy_restore.core.images.maps import check_pixel_scale, check_size, valid_pixels
from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.restoration.verb import refuse_restored
from sunpy_restore.desaturation.detection.blooming import separate_blooming
from sunpy_restore.desaturation.detection.exposure import counts_per_unit, is_rate, refuse_scaled
from sunpy_restore.desaturation.detection.plateau import find_plateau, with_margin
from sunpy_restore.desaturation.fringes.psf import EUV_CHANNELS
from sunpy_restore.desaturation.task import DESATURATE

__all__ = ["Saturation", "channel_of", "check_aia", "detector_roll", "find_saturation", "is_along_detector"]

_CHANNELS = (*EUV_CHANNELS, 1600, 1700, 4500)
_LARGEST_ROLL = 2.0
"""Largest angle in degrees between the axes of an image and those of the detector."""
_LEVELS = (0.5, 1.0, 1.5)
_ROUNDING = 1e-5  # of the full well
_PIXEL = 0.6  # arcsec; 0.599 to 0.613 in the headers of level 1
_SINGLE_PIXELS = (
    "The full well and the diffraction pattern are those of single pixels: desaturate the image before it is binned or "
    "resampled."
)


@dataclass(frozen=True)
class Saturation:
    """
    Saturated pixels of an image.

    Parameters
    ----------
    mask : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``, True where values should not be trusted: saturated pixels and 2 pixels around them.
    primary : `numpy.ndarray` of `bool`
        Pixels that were saturated by incident light.
    blooming : `numpy.ndarray` of `bool`
        Pixels that were saturated by charge that bloomed along their column.
    level : `float`
        Saturation level in the unit of the Map: the value of saturated pixels, or 16383 DN per exposure if there are
        none.
    """

    mask: np.ndarray
    primary: np.ndarray
    blooming: np.ndarray
    level: float

    @property
    def saturated(self):
        """Pixels at the saturation level: those of ``primary`` and ``blooming``."""
        return self.primary | self.blooming


def check_aia(smap, *, channels=_CHANNELS):
    """
    Refuse Maps other than AIA images as observed.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.
    channels : `tuple` of `int`
        Accepted wavelengths in angstrom.

    Returns
    -------
    `int`
        Wavelength of the channel in angstrom.

    Raises
    ------
    TypeError
        Another instrument than AIA, or another channel.
    ValueError
        A unit other than DN and DN/s, a processing level other than 0.5, 1 and 1.5, a pixel scale that differs by more
        than 5 % from 0.6 arcsec, or fewer than 4 pixels along an axis.
    """
    if not isinstance(smap, AIAMap):
        instrument = getattr(smap, "instrument", "") or "an unnamed instrument"
        raise TypeError(
            f"Found a {type(smap).__name__} of {instrument}; expected an AIAMap (INSTRUME = 'AIA_...'). desaturate() "
            "restores SDO/AIA images only."
        )
    wavelength = channel_of(smap)
    if wavelength not in channels:
        found = f"WAVELNTH = {smap.meta.get('wavelnth')!r}, WAVEUNIT = {smap.meta.get('waveunit')!r}"
        raise TypeError(f"Found {found}; expected an AIA channel in angstrom: {', '.join(map(str, channels))}.")
    is_rate(smap)
    level = smap.meta.get("lvl_num")
    if level is not None and level not in _LEVELS:
        raise ValueError(
            f"Found LVL_NUM = {level!r}; expected 1 or 1.5 (0.5 for quick-look data): dark-subtracted images that were "
            "not deconvolved. Use the series aia.lev1, as it is or after aiapy.calibrate.register."
        )
    if "cdelt1" in smap.meta:
        check_pixel_scale(smap, _PIXEL, _SINGLE_PIXELS)
    check_size(smap)
    return wavelength


def channel_of(smap):
    """
    Wavelength of the channel of an image.

    Parameters
    ----------
    smap : `~sunpy.map.sources.AIAMap`
        The image. Its ``WAVELNTH`` may be a text, and ``WAVEUNIT`` any unit of length, by default angstrom.

    Returns
    -------
    `int` or `None`
        In angstrom; `None` if the header does not tell it.
    """
    try:
        wavelength = float(smap.meta.get("wavelnth")) * u.Unit(smap.meta.get("waveunit") or "angstrom")
        wavelength = wavelength.to_value(u.AA)
        return round(wavelength) if abs(wavelength - round(wavelength)) < 1e-6 else None
    except (TypeError, ValueError, OverflowError):
        return None


def detector_roll(smap):
    """
    Angle between the columns of an image and those of the detector.

    Images of level 1 have the axes of the detector, whatever the roll of the spacecraft; ``SAT_ROT`` and ``INST_ROT``
    are the angle to solar north that these have. Registered images are rotated by it.

    Parameters
    ----------
    smap : `~sunpy.map.sources.AIAMap`
        The image.

    Returns
    -------
    `float`
        Degrees from -90 to 90; a rotation by 180 degrees leaves columns as they are.
    """
    scale = [axis.to_value(smap.scale[0].unit) for axis in smap.scale]
    (_, x), (_, y) = np.diag(scale) @ np.asarray(smap.rotation_matrix)
    roll = sum(_angle(smap, name) for name in ("sat_rot", "inst_rot"))
    return float((np.degrees(np.arctan2(-x, y)) - roll + 90) % 180 - 90)


def _angle(smap, name):
    """An angle of the header in degrees, 0 if it is not there."""
    angle = smap.meta.get(name)
    if angle is None or angle == "":
        return 0.0
    if not isinstance(angle, Real) or isinstance(angle, bool) or not np.isfinite(angle):
        raise ValueError(
            f"Found {name.upper()} = {angle!r} in the header; expected an angle in degrees. Correct or remove it."
        )
    return float(angle)


def is_along_detector(smap):
    """
    Whether the columns of an image are those of the detector, along which charge blooms.

    Parameters
    ----------
    smap : `~sunpy.map.sources.AIAMap`
        The image.

    Returns
    -------
    `bool`
    """
    return abs(detector_roll(smap)) <= _LARGEST_ROLL


def find_saturation(smap, exposure=None, excess=None):
    """
    Find the saturated pixels of an AIA image.

    Parameters
    ----------
    smap : `~sunpy.map.sources.AIAMap`
        Image in DN or DN/s, shape ``(ny, nx)``. It is not changed. The full well is one of DN per exposure.
    exposure : `float`, optional
        Exposure time in seconds of an image in DN/s. By default that in the header.
    excess : ``"bloomed"`` or ``"clipped"``, optional
        What happened to the charge above the full well, see `sunpy_restore.desaturate`.

    Returns
    -------
    `Saturation`
        All False if no pixel is saturated.

    Raises
    ------
    TypeError
        See `check_aia`.
    ValueError
        See `check_aia`, `~sunpy_restore.desaturation.detection.exposure.counts_per_unit` and
        `~sunpy_restore.desaturation.detection.exposure.refuse_scaled`; also for a Map that was desaturated already.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        It is not clear whether the charge bloomed or was clipped; or isolated pixels, which are taken for spikes, show
        the value of saturated ones.

    Examples
    --------
    >>> import numpy as np
    >>> import sunpy.map
    >>> from sunpy_restore.desaturation.detection.saturation import find_saturation
    >>> rows, columns = np.indices((40, 40)) - 20
    >>> image = 100 + 30000 * np.exp(-(rows**2 + columns**2) / 18)
    >>> header = {"INSTRUME": "AIA_2", "TELESCOP": "SDO/AIA", "WAVELNTH": 193, "WAVEUNIT": "angstrom", "PIXLUNIT": "DN",
    ...           "EXPTIME": 2.0, "DATE-OBS": "2014-10-26T12:48:18", "CTYPE1": "HPLN-TAN",
    ...           "CTYPE2": "HPLT-TAN", "CUNIT1": "arcsec", "CUNIT2": "arcsec"}
    >>> saturation = find_saturation(sunpy.map.Map(np.minimum(image, 16383), header))
    >>> saturation.level, int(saturation.primary.sum()), int(saturation.blooming.sum())
    (16383.0, 37, 0)
    """
    check_aia(smap)
    refuse_restored(DESATURATE, smap)
    counts = counts_per_unit(smap, exposure)
    image = np.asarray(smap.data, dtype=np.result_type(smap.data.dtype.newbyteorder("="), np.float32)) * counts
    refuse_scaled(image, valid_pixels(smap))
    saturated, level = find_plateau(image)
    primary = separate_blooming(saturated, image, level, excess, warn=True)
    mask = with_margin(saturated) & np.isfinite(image)
    _warn_of_isolated(image, saturated, mask, counts)
    return Saturation(mask, primary, saturated & ~primary, level / counts)


def _warn_of_isolated(image, saturated, mask, counts):
    """Warn of pixels that show exactly the value of all saturated ones, but are too few and isolated for a core."""
    if not saturated.any():
        return
    least = image[saturated].min()
    isolated = np.count_nonzero(np.isfinite(image) & (image >= least) & ~mask)
    # A flat field scatters the values of saturated pixels, so that spikes can have any of them
    if isolated and image[saturated].max() <= (1 + _ROUNDING) * least:
        warn_user(
            f"{isolated} isolated pixels have the value of the {np.count_nonzero(saturated)} saturated ones or more. "
            f"They are taken for spikes and not filled. To fill them as well, pass saturated={least / counts:.6g}."
        )
