"""Filling the saturated pixels of one exposure: a first fill, then what the fringes and the charge say."""

from dataclasses import dataclass

import numpy as np

from sunpy_restore.core.windows import damaged_windows
from sunpy_restore.desaturation.channels import planes_of
from sunpy_restore.desaturation.charge import column_charge, conserve_charge
from sunpy_restore.desaturation.diffraction import REACH, fit_core
from sunpy_restore.desaturation.forward import fringes_of_others

__all__ = ["MARGIN", "Exposure", "agreeing", "fill", "first_fill"]

MARGIN = 128
"""Pixels around the damage that a first fill may look at."""

_GAP = 64  # cores that are closer than this are fitted together
_SPILT = 0.03  # share of bloomed pixels from which on a core counts as spilt
_LOST = 1.6  # if the fringes ask for so much more light than there is charge, charge was lost


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """
    One image with saturated pixels.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, finite outside of the mask.
    mask : `numpy.ndarray` of `bool`
        Pixels to fill.
    full, primary : `numpy.ndarray` of `bool`, optional
        Pixels at the full well, and those of them that the light that fell on them filled.
    level : `float`, optional
        The full well, in the unit of the image.
    channel : `int`, optional
        Wavelength in angstrom, if its diffraction pattern is known.
    """

    image: np.ndarray
    mask: np.ndarray
    full: np.ndarray | None = None
    primary: np.ndarray | None = None
    level: float | None = None
    channel: int | None = None


def fill(exposure, restorer, *, correct, progress=False):
    """
    Fill the damaged pixels from their surroundings, and correct that with the fringes and the charge if asked to.

    Parameters
    ----------
    exposure : `Exposure`
        The exposure.
    restorer : `~sunpy_restore.core.restorer.Restorer`
        Network or classical method.
    correct : `bool`
        Whether to correct the first fill; the channel's diffraction pattern is known then.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `numpy.ndarray`
        The image; other pixels keep their values.
    """
    filled, start = first_fill(exposure, restorer, progress=progress)
    if not correct:
        return filled
    # Fills without any knowledge of the corona are no better guess than its structure
    return agreeing(exposure, filled, start, sceptical=restorer.provenance.method == "network")


def first_fill(exposure, restorer, *, progress=False):
    """
    Fill the damaged pixels from their surroundings.

    Parameters
    ----------
    exposure : `Exposure`
        The exposure.
    restorer : `~sunpy_restore.core.restorer.Restorer`
        Network or classical method.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    filled : `numpy.ndarray`
        The image; other pixels keep their values.
    start : `numpy.ndarray`
        The image with the harmonic fill instead.
    """
    filled, start = (np.array(exposure.image, dtype=float) for _ in range(2))
    for window in damaged_windows(exposure.mask, MARGIN):
        place = window.place
        full = None if exposure.full is None else exposure.full[place]
        planes, scale = planes_of(exposure.image[place], exposure.mask[place], full, exposure.level)
        restored = scale * _restored(restorer, planes, window.own, progress)
        filled[place][window.own] = restored[window.own]
        start[place][window.own] = scale * planes[0][window.own]
    return at_least_full(exposure, filled), start


def _restored(restorer, planes, own, progress):
    """
    What a method puts into the damage of a window.

    A network that pools depends a little on where its grid begins, and on what is up and what is left. The grid begins
    at a fixed distance from the damage, so that cutouts agree with the whole, and mirror images are averaged.
    """
    if restorer.reach is None:
        return restorer(planes, active=own, progress=progress)
    where = np.argwhere(own)
    pads = [
        (max(MARGIN - low, 0), max(MARGIN - (length - 1 - high), 0))
        for low, high, length in zip(where.min(axis=0), where.max(axis=0), own.shape, strict=True)
    ]
    planes, own = (np.pad(image, [(0, 0)] * (image.ndim - 2) + pads, mode="symmetric") for image in (planes, own))
    mirrored = [np.s_[..., ::up, ::left] for up in (1, -1) for left in (1, -1)]
    images = [restorer(planes[view], active=own[view], progress=progress)[view] for view in mirrored]
    inner = tuple(slice(before, length - after) for (before, after), length in zip(pads, own.shape, strict=True))
    return np.mean(images, axis=0)[inner]


def at_least_full(exposure, filled):
    """The fill, where light saturated a pixel at least the level at which it did."""
    if exposure.level is None:
        return filled
    return np.where(exposure.primary, np.maximum(filled, exposure.level), filled)


def agreeing(exposure, filled, start, *, sceptical=True):
    """
    Correct a fill until it agrees with the fringes and, where wells have spilt, with the charge in the columns.

    Parameters
    ----------
    exposure : `Exposure`
        The exposure, of a channel whose diffraction pattern is known.
    filled, start : `numpy.ndarray`
        As `first_fill` gives them.
    sceptical : `bool`
        Whether ``filled`` is the better guess where the corona hides the fringes.

    Returns
    -------
    `numpy.ndarray`
        The image.
    """
    result = filled.copy()
    clusters = damaged_windows(exposure.mask, 0, gap=_GAP)
    # Each in the fringes of the others, which are only known once those are fitted
    for _ in range(min(len(clusters), 2)):
        for cluster in clusters:
            fitted = _fitted(exposure, filled, start, result, cluster, sceptical)
            result[cluster.place][cluster.own] = fitted[cluster.own]
    return at_least_full(exposure, result)


def _fitted(exposure, filled, start, result, cluster, sceptical):
    """The fill of one cluster, corrected; ``result`` is what is known of the others by now."""
    box = cluster.place
    image, valid = _surroundings(exposure, result, cluster)
    arguments = image, valid, filled[box], start[box], cluster.own, exposure.channel
    fitted = fit_core(*arguments, sceptical=sceptical)
    if not _has_spilt(exposure, cluster, fitted):
        return fitted
    charge = column_charge(exposure.image[box], cluster.own, exposure.full[box])
    fitted = fit_core(*arguments, charge=charge, sceptical=sceptical)
    least = np.where(exposure.primary[box], exposure.level, np.minimum(start[box], fitted))
    return conserve_charge(charge, least, fitted)


def _surroundings(exposure, result, cluster):
    """
    The exposure within `REACH` of a cluster, without the fringes of all else; and which of its pixels are valid.

    The rest of the flare, just beyond the mask, is as bright as what is next to it within, and its fringes would count
    against those of the core.
    """
    outer, before = [], []
    for part, length in zip(cluster.place, exposure.mask.shape, strict=True):
        first, last = part.start - 2 * REACH, part.stop + 2 * REACH
        outer.append(slice(max(first, 0), min(last, length)))
        before.append((max(-first, 0), max(last - length, 0)))
    outer = tuple(outer)
    valid = ~exposure.mask[outer]
    scene = result[outer]
    scene = np.pad(scene, before, constant_values=np.median(scene[valid]))
    image = np.pad(np.where(valid, exposure.image[outer], 0), before)
    valid = np.pad(valid, before)
    own = np.zeros(scene.shape, dtype=bool)
    own[2 * REACH : -2 * REACH, 2 * REACH : -2 * REACH] = cluster.own
    image = image - fringes_of_others(scene, own, valid, exposure.channel, REACH)
    inner = np.s_[REACH:-REACH, REACH:-REACH]
    return image[inner], valid[inner]


def _has_spilt(exposure, cluster, fitted):
    """Whether the charge above the full well is still there, in other pixels of its column."""
    if exposure.level is None:
        return False
    full, primary = exposure.full[cluster.place] & cluster.own, exposure.primary[cluster.place]
    spilt = np.count_nonzero(full & ~primary) > _SPILT * np.count_nonzero(full)
    held = exposure.image[cluster.place][cluster.own].sum()
    return spilt and fitted[cluster.own].sum() < _LOST * held
