"""Correction of a fill with the diffraction fringes around the saturated core and the charge in bloomed columns."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.tiles.windows import damaged_windows
from sunpy_restore.desaturation.charge import column_charge, conserve_charge
from sunpy_restore.desaturation.forward import fringes_of_others
from sunpy_restore.desaturation.fringes.differences import (
    BLUR,
    comparable,
    differences,
    local_variance,
    misfit,
    strength,
)
from sunpy_restore.desaturation.fringes.diffraction import RADIUS, Fringes, fit_core, outside

__all__ = ["GAP", "bloomed_charge", "conserved_runs", "correct_fill", "has_bloomed", "surroundings"]

GAP = 64
"""Pixels; cores closer than this are fitted together."""
_BLOOMED = 0.03  # share of bloomed pixels above which the charge of a core is used
_CONSERVED = 1e-3  # of the charge of a column, to which a fill conserves it
_LOST = 1.6  # ratio of the light that the fringes imply to the charge, above which charge may have been lost
_BETTER = 0.015  # by which the residual of the fringes has to be smaller without the charge
_STRENGTH = 1.25  # largest strength of the fringes of a core, and largest inverse, that agrees with the observation
_WARNING = (
    "The fringes around {} bloomed cores require more light than the charge in their columns, by a factor of {:.2g}. "
    "The charge is taken for partly lost and not used for these cores; their flux can be far from the truth."
)


def correct_fill(observation, filled, *, where=None, damping=True):
    """
    Correct a fill until it agrees with the fringes and, where charge bloomed, with the charge in the columns.

    Parameters
    ----------
    observation : `~sunpy_restore.desaturation.observation.Observation`
        The observation, of a channel whose diffraction pattern is known.
    filled : `numpy.ndarray`
        Filled image, shape ``(ny, nx)``. It is not changed.
    where : `numpy.ndarray` of `bool`, optional
        Pixels of the mask to correct. By default all of them.
    damping : `bool`
        Whether to reduce the correction where coronal structure hides the fringes, see
        `~sunpy_restore.desaturation.fringes.diffraction.fit_core`.

    Returns
    -------
    `numpy.ndarray`
        Corrected image, shape ``(ny, nx)``; pixels outside of the mask keep their values.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        The fringes require so much more light than the charge that this is not used.
    """
    result = filled.copy()
    clusters = damaged_windows(observation.mask if where is None else where, 0, gap=GAP)
    lost = []
    # Each core lies in the fringes of the others, which are only known after those were fitted
    for _ in range(min(len(clusters), 2)):
        lost = []
        for cluster in clusters:
            fitted, factor = _fit_cluster(observation, filled, result, cluster, damping)
            result[cluster.place][cluster.own] = fitted[cluster.own]
            if factor is not None:
                lost.append(factor)
    if lost:
        warn_user(_WARNING.format(len(lost), np.median(lost)))
    return observation.raised_to_level(result)


def _fit_cluster(observation, filled, result, cluster, damping):
    """
    The corrected fill of one cluster of cores; ``result`` is the current estimate of the whole image.

    Also by which factor the fill exceeds the charge of its columns, if the fringes show that charge was lost.
    """
    box, base = cluster.place, observation.harmonic_fill[cluster.place]
    image, valid = surroundings(observation, result, cluster)
    arguments = image, valid, filled[box], base, cluster.own, observation.channel
    free = fit_core(*arguments, damping=damping)
    if not has_bloomed(observation, cluster):
        return free, None
    charge = column_charge(observation.image[box], cluster.own, observation.enclosed[box])
    fitted = fit_core(*arguments, charge=charge, damping=damping)
    least = np.where(observation.primary[box], observation.level, np.minimum(base, fitted))
    fitted = conserve_charge(charge, least, fitted)
    factor = free[cluster.own].sum() / observation.image[box][cluster.own].sum()
    if factor >= _LOST and _require_more(image, valid, free, fitted, cluster.own, observation.channel):
        return free, factor
    return fitted, None


def _require_more(image, valid, free, fitted, own, channel):
    """
    Whether the fringes require the light of a fill that ignores the charge, and exclude that of one that conserves it.

    The fringes of a core that is too extended are faint, and allow much more light than it has.
    """
    smoothed, pairs = comparable(image, outside(valid, own))
    observed = differences(smoothed)
    variance = np.maximum(local_variance(observed, pairs)[pairs], np.finfo(float).tiny)
    observed = observed[pairs]
    model = Fringes(own.shape, channel, RADIUS, BLUR)
    without, conserved = (differences(model.of(np.where(own, core, 0)))[pairs] for core in (free, fitted))
    gain = misfit(observed - conserved, variance) - misfit(observed - without, variance)
    return (
        gain > _BETTER * misfit(observed, variance)
        and 1 / _STRENGTH < strength(observed, without, variance) < _STRENGTH
        and strength(observed, conserved, variance) > _STRENGTH
    )


def surroundings(observation, result, cluster):
    """
    Cut out the image around a cluster of cores, and subtract the fringes of all other sources.

    The rest of the flare, just outside of the mask, is nearly as bright as the core, and its fringes would be taken for
    those of the core.

    Parameters
    ----------
    observation : `~sunpy_restore.desaturation.observation.Observation`
        The observation.
    result : `numpy.ndarray`
        Current estimate of the whole image, shape ``(ny, nx)``.
    cluster : `~sunpy_restore.core.tiles.windows.Window`
        Window around the cores.

    Returns
    -------
    image : `numpy.ndarray`
        Finite; zero beyond the edges of the observation.
    valid : `numpy.ndarray` of `bool`
        Pixels that were observed.
    """
    outer, before = [], []
    for part, length in zip(cluster.place, observation.mask.shape, strict=True):
        first, last = part.start - 2 * RADIUS, part.stop + 2 * RADIUS
        outer.append(slice(max(first, 0), min(last, length)))
        before.append((max(-first, 0), max(last - length, 0)))
    outer = tuple(outer)
    valid = ~observation.mask[outer]
    scene = result[outer]
    scene = np.pad(scene, before, constant_values=np.median(scene[valid]))
    image = np.pad(np.where(valid, observation.image[outer], 0), before)
    valid = np.pad(valid, before)
    own = np.zeros(scene.shape, dtype=bool)
    own[2 * RADIUS : -2 * RADIUS, 2 * RADIUS : -2 * RADIUS] = cluster.own
    image = image - fringes_of_others(scene, own, valid, observation.channel, RADIUS)
    inner = np.s_[RADIUS:-RADIUS, RADIUS:-RADIUS]
    return image[inner], valid[inner]


def bloomed_charge(observation):
    """
    Find the charge of all cores that bloomed.

    Parameters
    ----------
    observation : `~sunpy_restore.desaturation.observation.Observation`
        The observation.

    Yields
    ------
    cluster : `~sunpy_restore.core.tiles.windows.Window`
        Window around a core.
    charge : `~sunpy_restore.desaturation.charge.Charge`
        The charge in its columns.
    """
    for cluster in damaged_windows(observation.mask, 0, gap=GAP):
        if has_bloomed(observation, cluster):
            box = cluster.place
            yield cluster, column_charge(observation.image[box], cluster.own, observation.enclosed[box])


def conserved_runs(observation, filled):
    """
    Find the columns of a fill that contain the charge that was read out in them.

    Parameters
    ----------
    observation : `~sunpy_restore.desaturation.observation.Observation`
        The observation.
    filled : `numpy.ndarray`
        Filled image, shape ``(ny, nx)``.

    Returns
    -------
    `list` of `tuple` of `int`
        Column, first row, and row after the last.
    """
    runs = []
    for cluster, charge in bloomed_charge(observation):
        segments, box = charge.segments, cluster.place
        held = np.bincount(segments.ravel(), filled[box].ravel(), minlength=len(charge.totals) + 1)[1:]
        kept = np.abs(held - charge.totals) <= _CONSERVED * charge.totals
        for (rows, columns), is_kept in zip(ndimage.find_objects(segments), kept, strict=True):
            if is_kept:
                top = box[0].start + rows.start
                runs.append((box[1].start + columns.start, top, top + rows.stop - rows.start))
    return sorted(runs)


def has_bloomed(observation, cluster):
    """
    Whether charge above the full well bloomed into other pixels of its column.

    Parameters
    ----------
    observation : `~sunpy_restore.desaturation.observation.Observation`
        The observation.
    cluster : `~sunpy_restore.core.tiles.windows.Window`
        Window around a core.

    Returns
    -------
    `bool`
    """
    if observation.level is None:
        return False
    box = cluster.place
    saturated, primary = observation.saturated[box] & cluster.own, observation.primary[box]
    return bool(np.count_nonzero(saturated & ~primary) > _BLOOMED * np.count_nonzero(saturated))
