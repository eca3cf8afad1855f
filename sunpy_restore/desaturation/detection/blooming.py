"""
Separation of saturated pixels into primary saturation, by incident light, and blooming.

Charge that a pixel can't hold moves up and down its column in equal parts until it finds room. Charge is conserved, so
the mean of the light over a run of saturated pixels is the full well. For a source whose profile along the column is a
Gaussian of standard deviation s, on any uniform background, a run of height 2 s z comes from a peak of

    p = z / (sqrt(pi / 2) erf(z / sqrt(2)))

in full wells, both above the background. The light itself exceeds the full well in the central ``2 s sqrt(2 ln p)``
pixels of the run. The width s is measured next to the patch, in columns without saturated pixels or bloomed charge.
"""

import numpy as np
from scipy import ndimage, signal, special

from sunpy_restore.core.messages import warn_user
from sunpy_restore.desaturation.detection.evidence import (
    column_and_row_profiles,
    is_bloomed,
    is_doubtful,
    vertical_runs,
)
from sunpy_restore.desaturation.detection.plateau import with_margin

__all__ = ["MATTERS", "OUTCOMES", "evidence_of_blooming", "separate_blooming"]

OUTCOMES = ("bloomed", "clipped")
"""What can happen to the charge above the full well: it moves along the column, or is lost."""

MATTERS = 5
"""Pixels; shortest of the longest runs for which it makes a difference. Runs of a few pixels hold little charge."""

_SHARPEST = 1.0  # pixels; standard deviation of the core of AIA's point spread function
_TYPICAL = 2.25  # z of a source of 1.9 full wells, used where the width can't be measured
_STRONGEST = 100.0  # full wells; brighter than any flare
_TALL = 3  # pixels; shortest run that shows whether charge bloomed
_FRAGMENT = 2  # pixels
_FWHM = np.sqrt(8 * np.log(2))


def separate_blooming(saturated, image, level, excess=None, *, warn=False):
    """
    Find the saturated pixels that were saturated by incident light.

    Charge blooms along columns only, so every run of saturated pixels in a column contains at least one pixel that was
    saturated by incident light, near the middle of the run. If the light above and below the runs falls off as smoothly
    as next to them, no charge bloomed (the analog-to-digital converter clipped below the full well), and all pixels
    were saturated by incident light.

    Parameters
    ----------
    saturated : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``, the saturated pixels; columns of the camera lie along the first axis.
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, any unit.
    level : `float`
        Saturation level, in the unit of the image.
    excess : ``"bloomed"`` or ``"clipped"``, optional
        What happened to the charge above the full well. By default the light above and below the runs decides.
    warn : `bool`
        Whether to warn if it does not.

    Returns
    -------
    primary : `numpy.ndarray` of `bool`
        Subset of ``saturated``, shape ``(ny, nx)``. The other saturated pixels bloomed.

    Raises
    ------
    ValueError
        Another excess.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        Both explain the light nearly as well.
    """
    if excess not in (None, *OUTCOMES):
        raise ValueError(f"Unknown excess {excess!r}; expected {' or '.join(map(repr, OUTCOMES))}, or None.")
    columns = np.flatnonzero(saturated.any(axis=0))
    if not columns.size:
        return np.zeros_like(saturated)
    if excess == "clipped":
        return saturated.copy()
    (column, start, stop), width, base = _measured_runs(saturated, image)
    height = stop - start
    if excess is None:
        known = _evidence(saturated, image, level, ((column, start, stop), width, base))
        excess = "bloomed" if is_bloomed(*known) else "clipped"
        if warn and excess == "clipped" and height.max() >= MATTERS and is_doubtful(*known):
            warn_user(_DOUBT.format(np.count_nonzero(saturated)))
    if excess == "clipped":
        return saturated.copy()
    peak = _peak(height / (2 * width))
    lit = np.clip(2 * width * np.sqrt(2 * np.log(np.maximum(peak, 1))), 1, height)
    middle = (start + stop - 1) / 2
    primary = np.zeros_like(saturated)
    for x, first, last in zip(column, np.ceil(middle - lit / 2), np.floor(middle + lit / 2), strict=True):
        primary[int(first) : int(last) + 1, x] = True
    return _without_fragments(primary & saturated, saturated)


def evidence_of_blooming(saturated, image, level):
    """
    Quantities by which bloomed and clipped charge are told apart.

    Parameters
    ----------
    saturated, image, level
        See `separate_blooming`; at least one pixel is saturated.

    Returns
    -------
    light, length : `numpy.ndarray`
        See `~sunpy_restore.desaturation.detection.evidence.column_and_row_profiles`.
    misfit : `float`
        Misfit of the light beyond the runs to a bloomed source, relative to that to the slope of a clipped one.
    """
    return _evidence(saturated, image, level, _measured_runs(saturated, image))


def _evidence(saturated, image, level, measured):
    """The same, of runs that were measured."""
    return (*column_and_row_profiles(image, saturated, level), _misfit(image, saturated, *measured, level))


def _measured_runs(saturated, image):
    """Runs of saturated pixels, standard deviation of their light along the columns, and its background if measured."""
    column, start, stop = vertical_runs(saturated)
    patch = ndimage.label(saturated, np.ones((3, 3)))[0][start, column]
    width, base = np.empty(len(patch)), np.empty(len(patch))
    for index in np.unique(patch):
        members = patch == index
        width[members], base[members] = _profile(image, saturated, column[members], start[members], stop[members])
    measured = np.isfinite(width)
    width = np.where(measured, np.maximum(width, _SHARPEST), (stop - start) / (2 * _TYPICAL))
    return (column, start, stop), width, np.where(measured, base, np.nan)


def _without_fragments(primary, saturated):
    """Drop isolated pieces of one or two pixels, which registration cuts off because it mixes columns."""
    patches = ndimage.label(saturated, np.ones((3, 3)))[0]
    pieces, count = ndimage.label(primary, np.ones((3, 3)))
    if not count:
        return primary
    sizes = np.bincount(pieces.ravel())[1:]
    patch = ndimage.maximum(patches, pieces, np.arange(1, count + 1)).astype(int)
    largest = np.zeros(patches.max() + 1, dtype=int)
    np.maximum.at(largest, patch, sizes)
    kept = (sizes > _FRAGMENT) | (sizes == largest[patch])
    return np.concatenate([[False], kept])[pieces]


def _peak(z):
    """Peak in full wells of the source that saturated a run of half height ``z`` standard deviations."""
    return z / (np.sqrt(np.pi / 2) * special.erf(z / np.sqrt(2)))


def _profile(image, saturated, column, start, stop):
    """Standard deviation along the columns of the light next to a patch, and the background level under it."""
    widths, bases = [], []
    tallest = (stop - start).max()
    for edge, side in ((column.min(), -1), (column.max(), 1)):
        at = column == edge
        first, last = start[at].min(), stop[at].max()
        low, high = max(first - 2 * tallest - 8, 0), last + 2 * tallest + 8
        for x in (edge + side, edge + 2 * side):
            if not 0 <= x < image.shape[1] or saturated[first:last, x].any():
                continue
            profile = np.nan_to_num(image[low:high, x].astype(float))
            peaks, properties = signal.find_peaks(profile, prominence=0, wlen=None)
            near = (peaks + low >= first - 2) & (peaks + low < last + 2)
            if near.any():
                best = peaks[near][np.argmax(profile[peaks[near]])]
                widths.append(signal.peak_widths(profile, [best], 0.5)[0][0] / _FWHM)
                bases.append(profile[best] - properties["prominences"][peaks == best][0])
    return (np.median(widths), np.median(bases)) if widths else (np.nan, np.nan)


_DOUBT = (
    "The light around the {} saturated pixels does not show clearly whether their charge bloomed along the columns or "
    "was clipped. It is assumed to have been clipped: all of them are filled with at least the full well, and the "
    "charge is not used. If it bloomed, as usual in AIA images, pass excess='bloomed'; if you know that it was "
    "clipped, pass excess='clipped'."
)


def _misfit(image, saturated, runs, width, base, level):
    """
    Misfit of the light beyond the runs to a bloomed source, relative to that to the slope of a clipped one.

    It is 1 if nothing is known.
    """
    column, start, stop = runs
    z = (stop - start) / (2 * width)
    # Interpolation in both axes mixes the pixels next to a patch with taller columns, which looks like a slope
    mixed = with_margin(saturated)
    # A slope that implies an impossible peak excludes clipping, whatever the light beyond the run
    impossible = z**2 / 2 > np.log(_STRONGEST)
    misfit = {"clipped": 0.0, "bloomed": 0.0}
    for edge, step in ((start, -1), (stop - 1, 1)):
        distance = _distance_to_clear(mixed, column, edge, step)
        rows = edge + step * distance
        beyond = (distance - 0.5) / width + z
        clipped = np.exp((z**2 - beyond**2) / 2)
        bloomed = _peak(z) * np.exp(-(beyond**2) / 2)
        ok = (rows >= 0) & (rows < len(image)) & (stop - start >= _TALL) & np.isfinite(base) & (base < level)
        row, x = rows[ok], column[ok]
        light = (image[row, x] - base[ok]) / (level - base[ok])
        # Tall runs have more weight: at the sides of a patch the two hardly differ
        weight = np.where(np.isfinite(light), (stop - start)[ok], 0)
        light = np.where(weight > 0, light, 0)
        misfit["clipped"] += weight @ np.where(impossible[ok], 1, np.abs(light - clipped[ok]))
        misfit["bloomed"] += weight @ np.abs(light - bloomed[ok])
    return misfit["bloomed"] / misfit["clipped"] if misfit["clipped"] > 0 else 1.0


def _distance_to_clear(mixed, column, edge, step):
    """Pixels from the end of each run to the first one beyond it that is clear of the interpolation."""
    distance = np.ones(len(edge), dtype=int)
    for _ in range(len(mixed)):
        row = edge + step * distance
        inside = (row >= 0) & (row < len(mixed))
        blocked = inside & mixed[np.where(inside, row, 0), column]
        if not blocked.any():
            break
        distance += blocked
    return distance
