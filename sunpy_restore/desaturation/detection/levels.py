"""Saturation levels that the user tells."""

import numpy as np
from scipy import ndimage
from skimage.morphology import disk

from sunpy_restore.core.messages import warn_user
from sunpy_restore.desaturation.detection.exposure import exposure_time, is_rate
from sunpy_restore.desaturation.detection.plateau import EXCESS, MOST_EXCESS, SCATTER, find_plateau, with_margin

__all__ = [
    "at_level",
    "on_plateau",
    "refuse_low",
    "warn_of_display",
    "warn_of_few",
    "warn_of_full",
    "warn_of_high",
    "warn_of_lost",
    "warn_of_partial",
]

_ROUNDING = 1e-6  # of a saturation level, in single precision
_SPIKES = 2  # pixels that may have any value
_HIGH = 1.02  # ratio of a level to that of what looks saturated
_MOST_MISSED = 0.5  # of the pixels that look saturated
_FEW = 0.05  # of the number of masked pixels
_GAP = 2  # pixels; radius of the gaps that compression makes in a plateau
_LEAST_FULL = 4  # saturated pixels of a flare; cosmic rays have fewer


def at_level(data, candidates, level):
    """
    Find pixels that show the saturation level or more, or no number.

    Parameters
    ----------
    data : `numpy.ndarray`
        Shape ``(ny, nx)``.
    candidates : `numpy.ndarray` of `bool`
        Pixels that are searched.
    level : `float`
        The level, in the unit of the data.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    return candidates & ~(np.asarray(data) < (1 - _ROUNDING) * level)


def on_plateau(data, candidates, level):
    """
    Find pixels at the saturation level, which a flat field may have scattered.

    Parameters
    ----------
    data, candidates, level
        See `at_level`.

    Returns
    -------
    `numpy.ndarray` of `bool`
        The pixels of `at_level`, if the image was clipped at the level: most pixels that are not more than 4 % fainter
        have exactly the level or no number, or more than four have it and none has more. Pixels among them that lossy
        compression has made up to 4 % fainter are included. Otherwise all of those not more than 4 % fainter. Shape
        ``(ny, nx)``.
    """
    near = at_level(data, candidates, (1 - SCATTER) * level)
    top = at_level(data, near, level)
    scattered = near & (np.abs(np.asarray(data) - level) > _ROUNDING * level)
    if 2 * np.count_nonzero(scattered) < np.count_nonzero(near):
        return _with_gaps(top, near)
    is_highest = not (np.asarray(data)[top] > (1 + _ROUNDING) * level).any()
    return _with_gaps(top, near) if is_highest and np.count_nonzero(top) > _LEAST_FULL else near


def _with_gaps(top, near):
    """Clipped pixels and those of ``near`` between them, which compression has changed."""
    if not (near & ~top).any():
        return top
    return top | (near & ndimage.binary_closing(top, disk(_GAP)))


def refuse_low(data, valid, saturated, level):
    """
    Refuse a saturation level that many brighter pixels contradict.

    Parameters
    ----------
    data : `numpy.ndarray`
        Shape ``(ny, nx)``.
    valid : `numpy.ndarray` of `bool`
        Pixels that have a value.
    saturated : `float` or `~astropy.units.Quantity`
        The level as the user told it.
    level : `float`
        The level, in the unit of the data.

    Raises
    ------
    ValueError
        More than 5 % of the pixels with at least this value, and more than two, are more than 15 % brighter.
    """
    values = data[valid & (data >= level)]
    above = values[values > EXCESS * level]
    if len(above) > max(_SPIKES, MOST_EXCESS * len(values)):
        raise ValueError(
            f"Found saturated={saturated}, but {len(above)} pixels are more than {EXCESS - 1:.0%} brighter, up to "
            f"{above.max():.6g}; expected the value that saturated pixels have, which no other pixels exceed."
        )


def warn_of_lost(lost, saturated, level):
    """
    Warn of what is not known of the saturated pixels: neighbours without a value, and those beyond the edge.

    Parameters
    ----------
    lost, saturated : `numpy.ndarray` of `bool`
        Pixels without a value, and those at the full well, shape ``(ny, nx)``.
    level : `float`
        Saturation level, in the unit of the image.
    """
    number = np.count_nonzero(lost & with_margin(saturated))
    if number:
        warn_user(
            f"{number} pixels in and next to saturated ones have no value and are not filled. What is filled around "
            "them is wrong, possibly by a factor, because a part of the core and of the charge in its columns is not "
            "known. If earlier software has removed the values of saturated pixels, pass mask= with True in them and "
            f"in all other pixels to fill, and saturated={level:.6g}."
        )
    if saturated[[0, -1]].any() or saturated[:, [0, -1]].any():
        warn_user(
            "Saturated pixels lie at the edge of the image, so that a part of the core, of the charge that bloomed and "
            "of the diffraction pattern is not seen, and the fill can be far from the truth. Use a larger part of the "
            "image."
        )


def warn_of_display():
    """Warn of measurements in images that may show the square root or the logarithm of the light."""
    warn_user(
        "The image has the values of an 8-bit one for display. It is filled on the scale of these values, without the "
        "fringes and the charge. Unless this scale is known to be linear, sums of the values, such as those of "
        "measure(), are not proportional to a flux: Helioviewer, for example, displays logarithms and square roots. "
        "Use images of level 1 for measurements."
    )


def warn_of_full(smap, mask, exposure=None):
    """
    Warn of saturated pixels in a mask of whose pixels nothing is assumed.

    Parameters
    ----------
    smap : `~sunpy.map.sources.AIAMap`
        Image in DN or DN/s, shape ``(ny, nx)``.
    mask : `numpy.ndarray` of `bool`
        Pixels to fill.
    exposure : `float`, optional
        Exposure time in seconds of an image in DN/s. By default that in the header; without one, nothing is known.
    """
    found = _plateau_of(smap, exposure)
    if found is None:
        return
    saturated, level = found
    number = np.count_nonzero(saturated & mask)
    if number >= _LEAST_FULL and not warn_of_partial(saturated, mask, level):
        warn_user(
            f"{number} of {np.count_nonzero(mask)} masked pixels have the value of saturated ones. With mask= alone "
            "they are filled as if they were not saturated: the fill can be fainter than they are, and the charge in "
            "them is not used, so that the flux of a core can be too low by a factor. If they are a saturated core, "
            f"leave mask= out, or pass saturated={level:.6g} as well."
        )


def warn_of_partial(saturated, mask, level):
    """
    Warn of saturated cores of which a mask covers only a part.

    Parameters
    ----------
    saturated, mask : `numpy.ndarray` of `bool`
        Pixels that show the saturation level, and pixels to fill, shape ``(ny, nx)``.
    level : `float`
        Saturation level, in the unit of the image.

    Returns
    -------
    `bool`
        Whether there are such cores.
    """
    cores = ndimage.label(saturated, np.ones((3, 3)))[0]
    own = saturated & np.isin(cores, np.unique(cores[saturated & mask]))
    number, left = np.count_nonzero(own), np.count_nonzero(own & ~mask)
    if left < _LEAST_FULL:
        return False
    warn_user(
        f"The mask covers only {number - left} of the {number} pixels of saturated cores. The other {left} keep their "
        "value and are used as observed ones, although the light there is brighter; the fill next to them is therefore "
        "far too faint. Leave mask= out to fill whole cores, or extend the mask to all of these pixels and 2 pixels "
        f"around them and pass saturated={level:.6g}."
    )
    return True


def warn_of_high(smap, candidates, full, level, exposure=None):
    """
    Warn of a saturation level that most of the pixels that look saturated do not reach.

    Parameters
    ----------
    smap : `~sunpy.map.sources.AIAMap`
        Image in DN or DN/s, shape ``(ny, nx)``.
    candidates, full : `numpy.ndarray` of `bool`
        Pixels that may be saturated; those that are taken for it.
    level : `float`
        The level that the user told, in the unit of the image.
    exposure : `float`, optional
        See `warn_of_full`.
    """
    found = _plateau_of(smap, exposure)
    if found is None or level < _HIGH * found[1]:
        return
    looks = found[0] & candidates
    missed, number = np.count_nonzero(looks & ~full), np.count_nonzero(looks)
    if number >= _LEAST_FULL and missed > _MOST_MISSED * number:
        warn_user(
            f"{missed} of {number} pixels that look saturated are fainter than saturated={level:.6g}, so that they "
            f"are not taken for saturated. The flat field changes the full well: they show about {found[1]:.6g}. Pass "
            f"saturated={found[1]:.6g}, or leave it and mask= out."
        )


def warn_of_few(mask, valid):
    """
    Warn of masks that leave hardly any pixels to fill from.

    Parameters
    ----------
    mask, valid : `numpy.ndarray` of `bool`
        Pixels to fill, and pixels that have a value.
    """
    known, number = np.count_nonzero(valid & ~mask), np.count_nonzero(mask)
    if known < _FEW * number:
        warn_user(
            f"The mask covers {number} pixels and leaves only {known} valid ones, which hardly constrain the fill. Use "
            "a smaller mask or a larger part of the image."
        )


def _plateau_of(smap, exposure):
    """Pixels of an image that look saturated, and their level in its unit; `None` if the exposure time is unknown."""
    counts = 1.0
    if is_rate(smap):
        counts = exposure_time(smap) if exposure is None else exposure
        if not counts > 0:
            return None
    saturated, level = find_plateau(counts * np.asarray(smap.data, float))
    return saturated, level / counts
