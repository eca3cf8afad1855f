"""Detection of the plateau at the full well, the value of saturated pixels."""

import numpy as np
from scipy import ndimage
from skimage.morphology import disk

from sunpy_restore.desaturation.forward import FULL_WELL

__all__ = ["EXCESS", "MOST_EXCESS", "SCATTER", "find_overshoots", "find_plateau", "with_margin"]

SCATTER = 0.04
"""Scatter of a plateau relative to its value, in either direction."""

EXCESS = 1.15
"""Largest value relative to that of a plateau; interpolation overshoots less."""

MOST_EXCESS = 0.05
"""Largest share of pixels that exceed it: spikes."""

_MARGIN = 2  # pixels around saturated ones, with which the interpolation of registered images mixes them

# In level-1.5 images of 2014-10-26 the plateaus lie at 15050 DN (193) and 15500 DN (304), and the brightest pixel that
# is not part of a plateau at 14450 DN: the flat field lowers and scatters the full well, and interpolation overshoots.
_BRIGHT = 0.75  # of the full well; enough around a plateau to distinguish it from a peak
_LOWEST = 0.85  # of the full well; lowest plateau
_CERTAIN = 15000 / 16383  # of the full well
_ROUNDING = 1e-5  # of the plateau, if nothing scattered it
_FEWEST = 3  # pixels; a smaller patch is a spike
_MIXED = 0.1  # of the pixels at the maximum, that lie below it between them if the plateau is scattered
_PILED = 2.5  # ratio of the pixels of a scattered plateau to those in the next 4 % below, more than in bright plages
_MANY = 5  # pixels of exactly the same highest value; fewer isolated ones are spikes
_OVERSHOOT = 1.25  # largest value at the corner of a plateau after cubic interpolation, relative to the plateau
_OVERSHOOTS = 0.25  # largest number of pixels that overshoot, relative to those of the plateau
_PILE = 10  # pixels of a plateau that is recognised by its pile-up alone


def with_margin(saturated, width=_MARGIN):
    """
    Dilate a mask by a disk.

    Parameters
    ----------
    saturated : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    width : `int`
        Radius of the disk in pixels.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    grown = np.zeros_like(saturated)
    box = _box(saturated, width)
    grown[box] = ndimage.binary_dilation(saturated[box], disk(width))
    return grown


def _box(mask, width):
    """Slices around all True pixels, which save time in images of 4096 x 4096 pixels."""
    slices = []
    for axis in (1, 0):
        places = np.flatnonzero(mask.any(axis=axis))
        slices.append(slice(max(places[0] - width, 0), places[-1] + width + 1) if places.size else slice(0))
    return tuple(slices)


def find_plateau(image, well=FULL_WELL):
    """
    Find the pixels of an image at the full well, and their value.

    Values that are clipped exactly are recognised by many equal values at the maximum: all of these are saturated.
    Otherwise each bright patch is examined: the mode of its values is a plateau if some values are high enough, or if
    they pile up at the mode. Pixels less than 4 % below the plateau are saturated. Patches of one or two pixels are
    spikes, unless at least five of them have exactly the highest value.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, in DN per exposure. Pixels that are not finite are not saturated.
    well : `float`
        Full well of a pixel before flat fielding and interpolation, in the unit of the image.

    Returns
    -------
    saturated : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    level : `float`
        The plateau in the unit of the image; ``well`` if no pixel is saturated.
    """
    saturated = np.zeros(image.shape, dtype=bool)
    bright = np.isfinite(image) & (image >= _BRIGHT * well)
    box = _box(bright, _MARGIN)
    part, bright = image[box], bright[box]
    if not (part[bright] >= _LOWEST * well).any():
        return saturated, float(well)
    flat = _scattered(part, bright, well)
    ceiling = part[bright].max() * (1 - _ROUNDING)
    top = bright & (part >= ceiling)
    on_top = np.count_nonzero(top)
    is_clip = on_top >= _FEWEST and on_top > ((part[bright] > 0.995 * ceiling) & (part[bright] < ceiling)).sum()
    if is_clip:
        clipped = _patches(top)[0] > 0
        if np.count_nonzero(top & ~clipped) >= _MANY:
            clipped = top
        flat = clipped if _is_exact(clipped, flat, part) else flat | clipped
    saturated[box] = flat
    return saturated, float(np.median(part[flat])) if flat.any() else float(well)


def find_overshoots(image, high, well=FULL_WELL):
    """
    Find pixels to which cubic interpolation gave more than the full well, at the rim of a plateau.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, in DN per exposure.
    high : `numpy.ndarray` of `bool`
        Pixels above the full well, shape ``(ny, nx)``.
    well : `float`
        Full well in the unit of the image.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Those of ``high`` that lie within 2 pixels of a steep edge, in patches most pixels of which lie within 4 % of a
        plateau that is not above the full well.
    """
    found = np.zeros_like(high)
    bright = np.isfinite(image) & (image >= _BRIGHT * well)
    box = _box(bright, _MARGIN)
    part, high = image[box], high[box]
    near_edge = high & with_margin(np.isfinite(part) & ~bright[box])
    patches, number = _patches(bright[box])
    for index, where in enumerate(ndimage.find_objects(patches, number), start=1):
        inside = patches[where] == index
        if (inside & high[where]).any() and _overshoots(part[where], inside, near_edge[where], high[where], well):
            found[box][where] |= inside & high[where]
    return found


def _overshoots(part, inside, near_edge, high, well):
    """Whether the high pixels of a patch are few, lie at its rim, and are not much above its plateau."""
    values = part[inside]
    mode = _half_sample_mode(np.sort(values[values >= _LOWEST * well]))
    within = (np.abs(values - mode) <= SCATTER * mode).sum()
    over = inside & high
    return (
        mode <= well * (1 + SCATTER / 2)
        and within >= _PILE
        and np.count_nonzero(over) <= _OVERSHOOTS * within
        and part[over].max() <= _OVERSHOOT * mode
        and near_edge[over].all()
    )


def _scattered(part, bright, well):
    """Pixels of plateaus whose values are scattered."""
    patches, number = _patches(bright)
    flat = np.zeros_like(bright)
    for index, where in enumerate(ndimage.find_objects(patches, number), start=1):
        values = part[where]
        inside = patches[where] == index
        if (values[inside] >= _LOWEST * well).any():
            flat[where] |= inside & (values >= _lower_edge(values[inside], well))
    # Interpolation rings next to the edges of a plateau, so that single values inside are too low
    return ndimage.binary_fill_holes(_patches(flat)[0] > 0) & bright


def _is_exact(clipped, flat, part):
    """Whether all saturated pixels are those at the maximum, and not some of a scattered plateau."""
    number = np.count_nonzero(clipped)
    # A rotation clips what its interpolation overshoots, a few pixels above the plateau
    if 2 * number < np.count_nonzero(flat):
        return number >= _MANY and not _is_piled(part[flat & ~clipped], part)
    # After a flat field, pixels of a plateau that it has lowered lie between those at the largest value of the file
    between = ndimage.binary_closing(np.pad(clipped, 1), np.ones((3, 3)))[1:-1, 1:-1] & flat & ~clipped
    return np.count_nonzero(between) < max(_FEWEST, _MIXED * number)


def _is_piled(values, part):
    """Whether the values of a plateau are more frequent than those just below it, unlike in a bright plage."""
    edge = (1 - SCATTER) * _half_sample_mode(np.sort(values))
    below = (part < edge) & (part >= edge * (1 - SCATTER))
    return np.count_nonzero(values >= edge) >= _PILED * np.count_nonzero(below)


def _patches(mask):
    """Labels of patches of at least three pixels; gaps of up to two pixels do not separate them."""
    labels, number = ndimage.label(ndimage.binary_dilation(mask, np.ones((3, 3))), np.ones((3, 3)))
    labels[~mask] = 0
    size = np.bincount(labels.ravel(), minlength=number + 1)
    return np.where(size[labels] >= _FEWEST, labels, 0), number


def _lower_edge(values, well):
    """Lowest value of the plateau among the values of a bright patch; infinite if there is no plateau."""
    values = values[values >= (1 - 3 * SCATTER) * _LOWEST * well]
    high = np.sort(values[values >= _LOWEST * well])
    while high.size:
        mode = _half_sample_mode(high)
        edge = (1 - SCATTER) * mode
        within = ((values >= edge) & (values <= (1 + SCATTER) * mode)).sum()
        below = ((values < edge) & (values >= (1 - 3 * SCATTER) * mode)).sum()
        above = values > EXCESS * mode
        if above.sum() <= max(1, MOST_EXCESS * within):
            break
        # The mode is that of a bright plage around a core
        high = high[high > EXCESS * mode]
    else:
        return np.inf
    certain = values[values >= _CERTAIN * well]
    if within >= _PILE and within >= (_PILED / 2 if certain.size >= _FEWEST else 3) * below:
        return edge
    # Without a pile-up the mode can be that of a plage, which has lower values than any plateau that is certain
    return (1 - SCATTER) * max(mode, _half_sample_mode(np.sort(certain))) if certain.size >= _FEWEST else np.inf


def _half_sample_mode(values):
    """Half-sample mode of sorted values (Bickel & Fruehwirth 2006): repeatedly take the densest half."""
    while values.size > 2:
        half = (values.size + 1) // 2
        start = np.argmin(values[half - 1 :] - values[: values.size - half + 1])
        values = values[start : start + half]
    return values.mean()
