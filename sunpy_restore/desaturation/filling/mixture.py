"""Average of several fills of one image, weighted by region."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from sunpy_restore.desaturation.filling.kriging import kriging

__all__ = ["FEATURES", "FILLS", "OF_REGION", "Region", "feature_count", "limited", "mixed", "regions", "with_kriging"]

_GAP = 2  # pixels of a margin that joins damaged pixels to one region
_AROUND = 64  # pixels around a region that are compared with its rim
_RINGS = ((0, 2), (3, 6), (8, 14))  # pixels from a region
_FEWEST = 4  # pixels of a ring
_FLOOR = 0.05  # units of the scale, added to brightness before its logarithm
_RADII = (8, 16, 32, 64)  # pixels, classes of the distance from valid pixels
_BEYOND = 4  # pixels
_SLOPE, _FACTOR = 0.25, 2.5  # growth in a pixel and largest value of the ratio of a fill to the brightness around
_SHARE = 1e-3  # added to shares before their logarithm

OF_REGION = (
    "rim over middle ring",
    "middle over outer ring",
    "spread of rim",
    "lower quartile of rim over bright part of outer ring",
    "faint part of rim over middle ring",
    "rim over bright part of middle ring",
    "brightest pixels around over rim",
    "share around above faint part of rim",
    "share around above lower quartile of rim",
    "share around above median of rim",
    "share around above bright part of rim",
    "relative scatter of rim",
    "area",
    "border squared over area",
    "depth",
    "other damage over area",
    "share around far above bright part of rim",
    "brightest near mask over rim",
)
"""Names of the first features of a region, which do not depend on a fill; most are logarithms."""

_OF_FILL = 3


def feature_count(fills):
    """
    Count the features of a region.

    Parameters
    ----------
    fills : `int`
        Number of fills beside the biharmonic one.

    Returns
    -------
    `int`
    """
    return len(OF_REGION) + _OF_FILL * fills


FILLS = 2
"""Number of fills that are averaged with the biharmonic one: that of a network, and kriging."""

FEATURES = feature_count(FILLS)
"""Number of features of a region."""


@dataclass(frozen=True)
class Region:
    """
    Connected damaged pixels.

    Parameters
    ----------
    place : pair of `slice`
        Rows and columns of a box around them.
    own : `numpy.ndarray` of `bool`
        The damaged pixels of the region in the box.
    features : `numpy.ndarray`
        Shape ``(feature_count(fills),)``.
    """

    place: tuple[slice, slice]
    own: np.ndarray
    features: np.ndarray


def regions(channels, fills):
    """
    Find the damaged regions of a window and what tells whether they hide bright cores.

    If a mask contains the brightest pixels of an image, then its rim is brighter than what lies farther out, is about
    equally bright everywhere, and hardly any pixel in the neighbourhood is brighter.

    Parameters
    ----------
    channels : mapping
        The input channels ``"image"``, ``"mask"``, ``"brightest"`` and ``"biharmonic"``, shape ``(h, w)``.
    fills : `list` of `numpy.ndarray`
        The window filled by one or more other methods, shape ``(h, w)``.

    Yields
    ------
    Region
    """
    mask = channels["mask"] > 0
    for place, own in _places(mask):
        valid = ~mask[place]
        image, brightest, plate = (channels[name][place] for name in ("image", "brightest", "biharmonic"))
        rings = _rings(image, own, valid)
        rim = rings[0]
        features = [*_of_region(image[valid], own, rings), _level(brightest.max()) - _level(np.median(rim))]
        for fill in fills:
            features += _of_fill(fill[place][own], plate[own], np.median(rim))
        yield Region(place, own, np.array(features))


def _places(mask):
    """Rows and columns of a box around each damaged region, and its pixels in the box."""
    labels, _ = ndimage.label(ndimage.binary_dilation(mask, iterations=_GAP), np.ones((3, 3)))
    labels *= mask
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            place = tuple(slice(max(part.start - _AROUND, 0), part.stop + _AROUND) for part in box)
            yield place, labels[place] == index


def limited(channels, fill):
    """
    Limit a fill by the brightest valid pixels around each damaged one.

    In the training views, damaged pixels exceed the valid ones around them by more than 25 % per pixel of distance, or
    by a factor of more than 2.5, in 5 % of the views only.

    Parameters
    ----------
    channels
        See `regions`.
    fill : `numpy.ndarray`
        The window filled by another method, shape ``(h, w)``.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(h, w)``.
    """
    # The harmonic fill of the image does not exceed the valid pixels
    image, distance = channels["image"], ndimage.distance_transform_edt(channels["mask"] > 0)
    brightest = np.zeros_like(image)
    for radius, least in zip(_RADII, (-1, *_RADII), strict=False):
        size = 2 * (radius + _BEYOND) + 1
        brightest = np.where(distance > least, ndimage.maximum_filter(image, size), brightest)
    return np.minimum(fill, np.minimum(1 + _SLOPE * distance, _FACTOR) * np.maximum(brightest, 0))


def with_kriging(channels, fills):
    """
    Append the fill by `~sunpy_restore.desaturation.filling.kriging.kriging`.

    Parameters
    ----------
    channels, fills
        See `regions`.

    Returns
    -------
    `list` of `numpy.ndarray`
    """
    mask = channels["mask"] > 0
    return [*fills, kriging(channels["image"], mask, _places(mask))]


def mixed(channels, fills, weights):
    """
    Average the biharmonic fill and others, with weights for each region.

    Parameters
    ----------
    channels, fills
        See `regions`.
    weights : callable
        ``weights(features)`` gives those of the fills, the biharmonic one first, shape ``(regions, 1 + len(fills))``.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(h, w)``.
    """
    found = list(regions(channels, fills))
    result = np.array(channels["biharmonic"])
    for region, shares in zip(found, weights(np.stack([region.features for region in found])), strict=True):
        parts = [fill[region.place][region.own] for fill in (channels["biharmonic"], *fills)]
        result[region.place][region.own] = np.tensordot(shares, parts, axes=1)
    return result


def _rings(image, own, valid):
    """Valid values at three distances; those of the next nearer ring where there are too few."""
    distance = ndimage.distance_transform_edt(~own)
    rings = []
    for low, high in _RINGS:
        values = image[(distance > low) & (distance <= high) & valid]
        if values.size < _FEWEST:
            values = rings[-1] if rings else image[valid]
        rings.append(values)
    return rings


def _of_region(around, own, rings):
    """Features of a region, given all valid values in its box and those of the rings."""
    rim, middle, outer = rings
    low, median, high = (_level(np.quantile(rim, share)) for share in (0.1, 0.5, 0.9))
    area, border = own.sum(), np.count_nonzero(ndimage.binary_dilation(own) & ~own)
    return [
        median - _level(np.median(middle)),
        _level(np.median(middle)) - _level(np.median(outer)),
        high - low,
        _level(np.quantile(rim, 0.25)) - _level(np.quantile(outer, 0.9)),
        low - _level(np.median(middle)),
        median - _level(np.quantile(middle, 0.9)),
        _level(np.quantile(around, 0.999)) - median,
        *(np.log(np.mean(around > np.quantile(rim, share)) + _SHARE) for share in (0.1, 0.25, 0.5, 0.9)),
        np.std(rim) / (abs(np.median(rim)) + _FLOOR),
        np.log(area),
        np.log(border**2 / area),
        np.log(ndimage.distance_transform_edt(np.pad(own, 1)).max()),
        np.log((own.size - around.size) / area),
        np.log(np.mean(around > 1.5 * np.quantile(rim, 0.9)) + _SHARE),
    ]


def _of_fill(values, plate, rim):
    found, smooth = _signed_log(values), _signed_log(plate)
    difference = found - smooth
    return [difference.mean(), np.sqrt(np.mean(difference**2)), smooth.mean() - _signed_log(rim)]


def _level(value):
    return np.log(max(value, 0) + _FLOOR)


def _signed_log(values):
    return np.sign(values) * np.log1p(np.abs(values))
