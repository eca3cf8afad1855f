"""Detection of saturated pixels in AIA images."""

from dataclasses import dataclass

import numpy as np

import astropy.units as u

from sunpy.map.sources import AIAMap

from sunpy_restore.core.verb import refuse_restored
from sunpy_restore.desaturation.blooming import separate_blooming
from sunpy_restore.desaturation.plateau import find_plateau, with_margin
from sunpy_restore.desaturation.psf import EUV_CHANNELS
from sunpy_restore.desaturation.task import DESATURATE

__all__ = ["Saturation", "check_aia", "counts_per_unit", "find_saturation"]

_CHANNELS = (*EUV_CHANNELS, 1600, 1700, 4500)
_LEVELS = (0.5, 1.0, 1.5)


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
        A unit other than DN and DN/s, or a processing level other than 0.5, 1 and 1.5.
    """
    if not isinstance(smap, AIAMap):
        instrument = getattr(smap, "instrument", "") or "an unnamed instrument"
        raise TypeError(
            f"Found a {type(smap).__name__} of {instrument}; expected an AIAMap (INSTRUME = 'AIA_...'). desaturate() "
            "restores SDO/AIA images only."
        )
    wavelength = smap.meta.get("wavelnth")
    if wavelength not in channels:
        raise TypeError(f"Found WAVELNTH = {wavelength!r}; expected an AIA channel: {', '.join(map(str, channels))}.")
    _is_rate(smap)
    level = smap.meta.get("lvl_num")
    if level is not None and level not in _LEVELS:
        raise ValueError(
            f"Found LVL_NUM = {level!r}; expected 1 or 1.5 (0.5 for quick-look data): dark-subtracted images that were "
            "not deconvolved. Use the series aia.lev1, as it is or after aiapy.calibrate.register."
        )
    return int(wavelength)


def find_saturation(smap):
    """
    Find the saturated pixels of an AIA image.

    Parameters
    ----------
    smap : `~sunpy.map.sources.AIAMap`
        Image in DN or DN/s, shape ``(ny, nx)``. It is not changed. The full well is one of DN per exposure.

    Returns
    -------
    `Saturation`
        All False if no pixel is saturated.

    Raises
    ------
    TypeError
        See `check_aia`.
    ValueError
        See `check_aia` and `counts_per_unit`; also for a Map that was desaturated already.

    Examples
    --------
    >>> import numpy as np
    >>> import sunpy.map
    >>> from sunpy_restore.desaturation.saturation import find_saturation
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
    counts = counts_per_unit(smap)
    image = np.asarray(smap.data, dtype=np.result_type(smap.data.dtype.newbyteorder("="), np.float32)) * counts
    saturated, level = find_plateau(image)
    primary = separate_blooming(saturated, image, level)
    return Saturation(with_margin(saturated) & np.isfinite(image), primary, saturated & ~primary, level / counts)


def counts_per_unit(smap):
    """
    Factor that converts the data of an AIA image to DN per exposure, the unit of the full well.

    Parameters
    ----------
    smap : `~sunpy.map.sources.AIAMap`
        A Map that `check_aia` has accepted.

    Returns
    -------
    `float`
        1 for DN, the exposure time in seconds for DN/s.

    Raises
    ------
    ValueError
        An 8-bit display image, or DN/s without an exposure time.
    """
    if smap.data.dtype.kind in "iu" and smap.data.dtype.itemsize == 1:
        raise ValueError(
            f"Found 8-bit data ({smap.data.dtype}); expected counts, because a display image has no full well. Pass "
            "mask= with True for the saturated pixels, or use the level-1 FITS file."
        )
    if not _is_rate(smap):
        return 1.0
    exposure = smap.exposure_time
    seconds = np.nan if exposure is None else exposure.to_value(u.s)
    if not (np.isfinite(seconds) and seconds > 0):
        raise ValueError(
            f"Found an image in {smap.unit} with the exposure time {exposure}; expected EXPTIME in seconds, because "
            "the full well is one of DN per exposure. Set EXPTIME in the header, or pass mask=."
        )
    return seconds


def _is_rate(smap):
    """True for DN/s, False for DN, which is assumed if the header has no unit; refuses other units."""
    unit = smap.unit
    if unit in (None, u.DN, u.ct):
        return False
    if unit in (u.DN / u.s, u.ct / u.s):
        return True
    raise ValueError(
        f"Found the unit {unit.to_string() or 'dimensionless'!r}; expected DN or DN / s, because calibrated or scaled "
        "values have no full well. Use the image of level 1 or 1.5."
    )
