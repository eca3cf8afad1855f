"""
Light or spilled charge: which of the full pixels of a column were filled by the light that fell on them.

Charge that a pixel can't hold goes up and down its column, half and half, until it has found room. None is lost, so
that the mean of the light over a run of full pixels is the full well. For a source whose section along the column is a
Gaussian of standard deviation s, on any even background, a run of height 2 s z has come from the peak

    p = z / (sqrt(pi / 2) erf(z / sqrt(2)))

in full wells, both above the background, and the light itself exceeds the full well in the middle ``2 s sqrt(2 ln p)``
pixels of it. The width s is seen beside the patch, in the columns that hold no full pixel and no spilled charge.
"""

import numpy as np
from scipy import ndimage, signal, special

__all__ = ["separate_blooming"]

_SHARPEST = 1.0  # pixels; standard deviation of the core of AIA's point spread function
_TYPICAL = 2.25  # z of a source of 1.9 full wells, taken where the width can't be seen
_STRONGEST = 100.0  # full wells; more than any flare
_TALL = 3  # pixels of a run that tells whether charge has spilled
_CRUMB = 2  # pixels
_FWHM = np.sqrt(8 * np.log(2))


def separate_blooming(full, image, level):
    """
    The full pixels that light has filled, among all that are full.

    Charge spills only along columns, so every run of full pixels in a column holds at least one pixel that light has
    filled; it lies about the middle. If the light above and below the runs falls off as smoothly as beside them,
    nothing has spilled (the digital converter clipped a well that wasn't full), and light has filled them all.

    Parameters
    ----------
    full : `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``, the pixels at the full well; columns of the camera lie along the first axis.
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, any unit.
    level : `float`
        What full pixels show, in the unit of the image.

    Returns
    -------
    primary : `numpy.ndarray` of `bool`
        Part of ``full``. The rest was filled by charge from it.
    """
    columns = np.flatnonzero(full.any(axis=0))
    if not columns.size:
        return np.zeros_like(full)
    column, start, stop = _runs(full)
    patch = ndimage.label(full, np.ones((3, 3)))[0][start, column]
    width, base = np.empty(len(patch)), np.empty(len(patch))
    for index in np.unique(patch):
        members = patch == index
        width[members], base[members] = _section(image, full, column[members], start[members], stop[members])
    height = stop - start
    seen = np.isfinite(width)
    width = np.where(seen, np.maximum(width, _SHARPEST), height / (2 * _TYPICAL))
    z = height / (2 * width)
    peak = _peak(z)
    if not _has_spilled(image, full, (column, start, stop), z, width, np.where(seen, base, np.nan), level):
        return full.copy()
    lit = np.clip(2 * width * np.sqrt(2 * np.log(np.maximum(peak, 1))), 1, height)
    middle = (start + stop - 1) / 2
    primary = np.zeros_like(full)
    for x, first, last in zip(column, np.ceil(middle - lit / 2), np.floor(middle + lit / 2), strict=True):
        primary[int(first) : int(last) + 1, x] = True
    return _without_crumbs(primary & full, full)


def _without_crumbs(primary, full):
    """Without pieces of one or two pixels that lie apart: the registration mixes columns, and cuts them off."""
    patches = ndimage.label(full, np.ones((3, 3)))[0]
    pieces, count = ndimage.label(primary, np.ones((3, 3)))
    if not count:
        return primary
    sizes = np.bincount(pieces.ravel())[1:]
    patch = ndimage.maximum(patches, pieces, np.arange(1, count + 1)).astype(int)
    largest = np.zeros(patches.max() + 1, dtype=int)
    np.maximum.at(largest, patch, sizes)
    kept = (sizes > _CRUMB) | (sizes == largest[patch])
    return np.concatenate([[False], kept])[pieces]


def _runs(full):
    """Column, first row and row after the last of every vertical run."""
    edges = np.diff(np.pad(full.T.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    column, start = np.nonzero(edges == 1)
    return column, start, np.nonzero(edges == -1)[1]


def _peak(z):
    """Peak in full wells of the source that filled a run of half height ``z`` standard deviations."""
    return z / (np.sqrt(np.pi / 2) * special.erf(z / np.sqrt(2)))


def _section(image, full, column, start, stop):
    """Standard deviation along the columns of what a patch shows beside it, and the level that it stands on."""
    widths, bases = [], []
    tallest = (stop - start).max()
    for edge, side in ((column.min(), -1), (column.max(), 1)):
        at = column == edge
        first, last = start[at].min(), stop[at].max()
        low, high = max(first - 2 * tallest - 8, 0), last + 2 * tallest + 8
        for x in (edge + side, edge + 2 * side):
            if not 0 <= x < image.shape[1] or full[first:last, x].any():
                continue
            profile = np.nan_to_num(image[low:high, x].astype(float))
            peaks, found = signal.find_peaks(profile, prominence=0, wlen=None)
            near = (peaks + low >= first - 2) & (peaks + low < last + 2)
            if near.any():
                best = peaks[near][np.argmax(profile[peaks[near]])]
                widths.append(signal.peak_widths(profile, [best], 0.5)[0][0] / _FWHM)
                bases.append(profile[best] - found["prominences"][peaks == best][0])
    return (np.median(widths), np.median(bases)) if widths else (np.nan, np.nan)


def _has_spilled(image, full, runs, z, width, base, level):
    """Whether the light two pixels beyond the runs is what a spill would have come to, not what the slope leads to."""
    column, start, stop = runs
    beyond = 1.5 / width + z
    clipped = np.exp((z**2 - beyond**2) / 2)
    spilled = _peak(z) * np.exp(-(beyond**2) / 2)
    # A slope that leads to an impossible peak speaks against clipping whatever lies beyond
    impossible = z**2 / 2 > np.log(_STRONGEST)
    doubt = {"clipped": 0.0, "spilled": 0.0}
    for rows in (start - 2, stop + 1):
        ok = (rows >= 0) & (rows < len(image)) & (stop - start >= _TALL) & np.isfinite(base) & (base < level)
        row, x = rows[ok], column[ok]
        light = (image[row, x] - base[ok]) / (level - base[ok])
        # Tall runs tell more: at the sides of a patch the two hardly differ, and interpolation mixes columns
        weight = np.where(np.isfinite(light) & ~full[row, x], (stop - start)[ok], 0)
        light = np.where(weight > 0, light, 0)
        doubt["clipped"] += weight @ np.where(impossible[ok], 1, np.abs(light - clipped[ok]))
        doubt["spilled"] += weight @ np.abs(light - spilled[ok])
    return doubt["spilled"] < doubt["clipped"]
