"""Which pixels of an AIA image are saturated: by the light that fell on them, or by charge of their column."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.morphology import disk

import astropy.units as u

from sunpy.map.sources import AIAMap

from sunpy_restore.desaturation.blooming import separate_blooming
from sunpy_restore.desaturation.forward import FULL_WELL
from sunpy_restore.desaturation.psf import CHANNELS

__all__ = ["Saturation", "check_aia", "find_saturation", "margin", "plateau"]

MARGIN = 2
"""Pixels around the full ones that aren't trusted: interpolation of a registered image mixes them with full ones."""

_ALL_CHANNELS = (*CHANNELS, 1600, 1700, 4500)
_LEVELS = (0.5, 1.0, 1.5)

# In real frames (2014-10-26, level 1.5) the plateaus lie at 15050 DN (193) and 15500 DN (304), the brightest of what
# isn't flat at 14450 DN: the flat field lowers and scatters the full well, interpolation overshoots.
_BRIGHT = 0.75  # of the full well; enough around a plateau to tell it from a peak
_LOWEST = 0.85  # of the full well; no plateau is lower
_CERTAIN = 15000 / 16383  # of the full well
_SCATTER = 0.04  # of the plateau, on either side
_ROUNDING = 1e-5  # of the plateau, for one that nothing has scattered
_FEWEST = 3  # pixels; fewer are a spike
_PILE = 10  # pixels of a plateau that is known by its pile-up alone


@dataclass(frozen=True)
class Saturation:
    """
    Where an image is saturated.

    Parameters
    ----------
    mask : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``, True where a value is not to be trusted: the full pixels and 2 pixels around them.
    primary : `numpy.ndarray` of `bool`
        Pixels that the light that fell on them has filled.
    bleed : `numpy.ndarray` of `bool`
        Pixels that charge spilled along their column has filled.
    level : `float`
        Full well in the unit of the Map: what full pixels show, or 16383 DN of the exposure if there are none.
    """

    mask: np.ndarray
    primary: np.ndarray
    bleed: np.ndarray
    level: float

    @property
    def full(self):
        """Pixels at the full well: those of ``primary`` and ``bleed``."""
        return self.primary | self.bleed


def check_aia(smap, *, channels=_ALL_CHANNELS):
    """
    Refuse what is not an image of AIA as it was observed.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.
    channels : `tuple` of `int`
        Wavelengths in angstrom that will do.

    Returns
    -------
    `int`
        Wavelength of the channel in angstrom.

    Raises
    ------
    TypeError
        If it is no Map of SDO/AIA, or of another channel.
    ValueError
        If its unit is neither DN nor DN/s, its level none of 0.5, 1 and 1.5, or it was desaturated already.
    """
    if not isinstance(smap, AIAMap):
        instrument = getattr(smap, "instrument", "") or "an unnamed instrument"
        raise TypeError(
            f"Found a {type(smap).__name__} of {instrument}, expected an AIAMap (INSTRUME = 'AIA_...'). desaturate() "
            "undoes what the cameras and meshes of SDO/AIA do."
        )
    wavelength = smap.meta.get("wavelnth")
    if wavelength not in channels:
        raise TypeError(f"Found WAVELNTH = {wavelength!r}, expected a channel of AIA: {', '.join(map(str, channels))}.")
    _is_rate(smap)
    level = smap.meta.get("lvl_num")
    if level is not None and level not in _LEVELS:
        raise ValueError(
            f"Found LVL_NUM = {level!r}, expected 1 or 1.5 (0.5 for quick looks): images without dark current, not "
            "deconvolved. Use the series aia.lev1, as it is or after aiapy.calibrate.register."
        )
    if str(smap.meta.get("rsttask", "")).startswith("desaturate"):
        raise ValueError(
            f"Found RSTTASK = {smap.meta['rsttask']!r}: the Map has been desaturated already, expected an observed one."
        )
    return int(wavelength)


def find_saturation(smap):
    """
    Find the saturated pixels of an AIA image.

    Parameters
    ----------
    smap : `~sunpy.map.sources.AIAMap`
        Image in DN or DN/s, shape ``(ny, nx)``; the full well is one of DN per exposure. It is not changed.

    Returns
    -------
    `Saturation`
        All False if nothing is saturated.

    Raises
    ------
    TypeError
        See `check_aia`.
    ValueError
        See `check_aia`; also for 8-bit display images, and for DN/s without an exposure time.

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
    >>> found = find_saturation(sunpy.map.Map(np.minimum(image, 16383), header))
    >>> found.level, int(found.primary.sum()), int(found.bleed.sum())
    (16383.0, 37, 0)
    """
    check_aia(smap)
    if smap.data.dtype.kind in "iu" and smap.data.dtype.itemsize == 1:
        raise ValueError(
            f"Found 8-bit data ({smap.data.dtype}): an image for display, in which no value is a full well. Pass mask= "
            "with True where it is saturated, or use the FITS file of level 1."
        )
    exposure = _exposure(smap) if _is_rate(smap) else 1.0
    image = np.asarray(smap.data, dtype=np.result_type(smap.data.dtype.newbyteorder("="), np.float32)) * exposure
    full, level = plateau(image)
    primary = separate_blooming(full, image, level)
    return Saturation(margin(full) & np.isfinite(image), primary, full & ~primary, level / exposure)


def _is_rate(smap):
    """True for DN/s, False for DN, which is also the unit of a header that names none."""
    unit = smap.unit
    if unit in (None, u.DN, u.ct):
        return False
    if unit in (u.DN / u.s, u.ct / u.s):
        return True
    raise ValueError(
        f"Found the unit {unit.to_string() or 'dimensionless'!r}, expected DN or DN / s. Calibrated or scaled values "
        "have no full well: use the image of level 1 or 1.5."
    )


def _exposure(smap):
    exposure = smap.exposure_time
    seconds = np.nan if exposure is None else exposure.to_value(u.s)
    if not (np.isfinite(seconds) and seconds > 0):
        raise ValueError(
            f"Found an image in {smap.unit} with the exposure time {exposure}, expected EXPTIME in seconds: the full "
            "well is one of DN per exposure. Put the exposure time into the header, or pass mask=."
        )
    return seconds


def margin(full, width=MARGIN):
    """
    The pixels within ``width`` of a full one, which are among them; shape ``(ny, nx)``, `bool`.
    """
    grown = np.zeros_like(full)
    box = _box(full, width)
    grown[box] = ndimage.binary_dilation(full[box], disk(width))
    return grown


def _box(full, width):
    """Slices around all that is True, which make work on an image of 4096 x 4096 pixels short."""
    slices = []
    for axis in (1, 0):
        places = np.flatnonzero(full.any(axis=axis))
        slices.append(slice(max(places[0] - width, 0), places[-1] + width + 1) if places.size else slice(0))
    return tuple(slices)


def plateau(image, well=FULL_WELL):
    """
    The pixels of an image that lie at the full well, and the value that they show.

    Values that are clipped exactly are told by many equal ones on top of all others. Else each bright patch is looked
    at: the mode of its values is its plateau if some of them are high enough, or if they pile up there; what is less
    than 4 % below it is full. Patches of one or two pixels are spikes.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, in DN per exposure. What is not finite is not full.
    well : `float`
        Full well of a pixel before flat field and interpolation, in the unit of the image.

    Returns
    -------
    full : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    level : `float`
        The plateau in the unit of the image; ``well`` if no pixel is full.
    """
    full = np.zeros(image.shape, dtype=bool)
    bright = np.isfinite(image) & (image >= _BRIGHT * well)
    box = _box(bright, MARGIN)
    part, bright = image[box], bright[box]
    if not (part[bright] >= _LOWEST * well).any():
        return full, float(well)
    ceiling = part[bright].max() * (1 - _ROUNDING)
    on_top = (part[bright] >= ceiling).sum()
    if on_top >= _FEWEST and on_top > ((part[bright] > 0.995 * ceiling) & (part[bright] < ceiling)).sum():
        patches, _ = _patches(bright & (part >= ceiling))
        flat = patches > 0
    else:
        patches, number = _patches(bright)
        flat = np.zeros_like(bright)
        for index, where in enumerate(ndimage.find_objects(patches, number), start=1):
            values = part[where]
            inside = patches[where] == index
            if (values[inside] >= _LOWEST * well).any():
                flat[where] |= inside & (values >= _lower_edge(values[inside], well))
        # Interpolation rings next to the edges of a plateau, so that single values within lie too low
        flat = ndimage.binary_fill_holes(_patches(flat)[0] > 0) & bright
    full[box] = flat
    return full, float(np.median(part[flat])) if flat.any() else float(well)


def _patches(full):
    """Labels of the patches; gaps of up to two pixels don't part them, fewer than three pixels make none."""
    labels, number = ndimage.label(ndimage.binary_dilation(full, np.ones((3, 3))), np.ones((3, 3)))
    labels[~full] = 0
    size = np.bincount(labels.ravel(), minlength=number + 1)
    return np.where(size[labels] >= _FEWEST, labels, 0), number


def _lower_edge(values, well):
    """Lowest value of the plateau among the values of a bright patch; infinite where there is none."""
    mode = _half_sample_mode(np.sort(values[values >= _LOWEST * well]))
    edge = (1 - _SCATTER) * mode
    within = ((values >= edge) & (values <= (1 + _SCATTER) * mode)).sum()
    below = ((values < edge) & (values >= (1 - 3 * _SCATTER) * mode)).sum()
    certain = (values >= _CERTAIN * well).sum() >= _FEWEST
    return edge if certain or (within >= _PILE and within >= 3 * below) else np.inf


def _half_sample_mode(values):
    """Mode of sorted values after Bickel & Fruehwirth (2006): the densest half of the densest half, and so on."""
    while values.size > 2:
        half = (values.size + 1) // 2
        start = np.argmin(values[half - 1 :] - values[: values.size - half + 1])
        values = values[start : start + half]
    return values.mean()
