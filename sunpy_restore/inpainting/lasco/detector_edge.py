"""
Response of the outermost rows and columns of the detector.

The outermost rows collect charge from beyond the image area: they are 2 to 5 times as bright as the corona next to
them. The first column is hardly exposed. The ratios differ between images and vary slowly along a row or column, so
they are measured in each image.
"""

import numpy as np

from sunpy_restore.inpainting.lasco.geometry import detector_pixels
from sunpy_restore.inpainting.lasco.header import FULL

__all__ = [
    "BORDER",
    "detector_sides",
    "edge_response",
    "flat_field_without_edge",
    "full_frame_sides",
    "unusual",
    "without_response",
]

BORDER = 5
"""Pixels along the border of the detector that show no undisturbed corona; the calibration to level 1 discards them."""

_INNER = ((0, 4), (8, 16))  # rows or columns from the border, from which the corona in it is extrapolated
_STEEPEST = 2.0  # ratio of their brightness
_LENGTH = 16  # pixels along the border in which a ratio is measured
_LEAST_KNOWN = 0.5  # share of these pixels
_LEAST_SIGNAL = 5.0  # standard deviations of the brightness along the border; difference images have less
_FEWEST = 4  # measured ratios of a row or column
_LARGEST = 20.0  # ratio
_DARKEST = 0.1  # ratio by which an image is divided
_UNUSUAL = 0.2  # difference of a ratio from 1


def detector_sides(shape, lasco, empty=None):
    """
    Find the sides of an image at which the border of the detector lies: all of a full frame, some of a cutout.

    Parameters
    ----------
    shape : pair of `int`
        Shape ``(ny, nx)`` of the image.
    lasco : `~sunpy_restore.inpainting.lasco.header.Lasco`
        Properties of the image.
    empty : `numpy.ndarray` of `bool`, optional
        Pixels without data, with which a cutout is placed exactly.

    Returns
    -------
    `tuple` of 4 `bool`
        The first row, the last column, the last row and the first column, in the order in which `numpy.rot90` makes
        them the first row. None if the image was rotated by an angle other than 180 degrees.
    """
    if lasco.turn % 180 != 0:
        return (False,) * 4
    x, y = detector_pixels(shape, lasco, empty)
    places = (y[0, 0], x[0, -1], y[-1, 0], x[0, 0])
    return tuple(bool(min(place, FULL - 1 - place) < BORDER) for place in places)


def full_frame_sides(shape, binning=1):
    """
    All sides of a full frame, and none of another image.

    Parameters
    ----------
    shape : pair of `int`
        Shape ``(ny, nx)`` of the image.
    binning : `int`
        Pixels of the detector along each axis of an image pixel.

    Returns
    -------
    `tuple` of 4 `bool`
        See `detector_sides`.
    """
    return (tuple(shape) == (FULL // binning,) * 2,) * 4


def edge_response(image, known, binning=1, sides=None):
    """
    Measure the response of the outermost rows and columns to the corona that is extrapolated from those next to them.

    Parameters
    ----------
    image : `numpy.ndarray`
        Image of level 0.5 above the bias, shape ``(ny, nx)``.
    known : `numpy.ndarray` of `bool`
        Observed pixels.
    binning : `int`
        Pixels of the detector along each axis of an image pixel.
    sides : `tuple` of 4 `bool`, optional
        See `detector_sides`; by default all sides of a full frame, and none of another image.

    Returns
    -------
    `numpy.ndarray` or `None`
        Shape ``(ny, nx)``; 1 except in the outermost pixels. `None` if the image does not reach the border of the
        detector, or has no measurable response.
    """
    sides = full_frame_sides(image.shape, binning) if sides is None else sides
    if not any(sides):
        return None
    width, response = -(-BORDER // binning), np.ones(image.shape)
    for turn in np.flatnonzero(sides):
        turned, seen, result = (np.rot90(part, turn) for part in (image, known, response))
        bands = [slice(width + low, width + high) for low, high in _INNER]
        levels = [
            np.where(seen[band], turned[band], 0).sum(axis=0) / np.maximum(seen[band].sum(axis=0), 1) for band in bands
        ]
        usable = np.logical_and.reduce([seen[band].any(axis=0) for band in bands])
        for line in range(width):
            near, far = ((band.start + band.stop - 1) / 2 - line for band in bands)
            result[line] *= _ratio(turned[line], levels, near / (far - near), seen[line] & usable)
    return None if (response == 1).all() else response


def unusual(response):
    """
    Find pixels whose response is too unusual to tell the brightness of the corona.

    Parameters
    ----------
    response : `numpy.ndarray`
        See `edge_response`.

    Returns
    -------
    `numpy.ndarray` of `bool`
    """
    return np.abs(response - 1) > _UNUSUAL


def without_response(image, response, bias=0.0):
    """
    Divide an image by the response of the outermost rows and columns.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    response : `numpy.ndarray` or `None`
        See `edge_response`; `None` changes nothing.
    bias : `float`
        Bias of the detector in the unit of the image.

    Returns
    -------
    `numpy.ndarray`
    """
    if response is None:
        return image
    return np.where(response == 1, image, bias + (image - bias) / np.maximum(response, _DARKEST))


def flat_field_without_edge(flat_field, response, binning=1, sides=None):
    """
    Remove the mean response of the outermost rows and columns from the flat field.

    `without_response` has already divided the image by its own response there.

    Parameters
    ----------
    flat_field : `numpy.ndarray` or `None`
        Logarithm of the response of the detector to a smooth corona, shape ``(ny, nx)``; NaN where it is unknown.
    response : `numpy.ndarray` or `None`
        See `edge_response`; `None` changes nothing.
    binning : `int`
        Pixels of the detector along each axis of an image pixel.
    sides : `tuple` of 4 `bool`, optional
        See `detector_sides`; by default all sides.

    Returns
    -------
    `numpy.ndarray` or `None`
        In pixels with a response, the flat field of the nearest pixel inside of the border of the detector.
    """
    if flat_field is None or response is None:
        return flat_field
    width = -(-BORDER // binning)
    first_row, last_column, last_row, first_column = (True,) * 4 if sides is None else sides
    inside = [
        np.clip(np.arange(n), width * first, n - 1 - width * last)
        for n, first, last in zip(flat_field.shape, (first_row, first_column), (last_row, last_column), strict=True)
    ]
    return np.where(response == 1, flat_field, flat_field[np.ix_(*inside)])


def _ratio(line, levels, extrapolation, seen):
    """Smooth ratio of a row or column to the extrapolated brightness, 1 if there are too few measurements."""
    places, ratios = [], []
    for start in range(0, len(line), _LENGTH):
        part = slice(start, start + _LENGTH)
        own = seen[part]
        if own.sum() < _LEAST_KNOWN * _LENGTH:
            continue
        near, far = (level[part][own] for level in levels)
        middle, beyond = np.median(near), np.median(far)
        scatter = _LEAST_SIGNAL * 1.4826 * np.median(np.abs(near - middle))
        if min(middle, beyond) <= scatter:
            continue
        expected = middle * np.clip(middle / beyond, 1 / _STEEPEST, _STEEPEST) ** extrapolation
        places.append(start + (_LENGTH - 1) / 2)
        ratios.append(np.median(line[part][own]) / expected)
    if len(places) < _FEWEST:
        return np.ones(len(line))
    return np.interp(np.arange(len(line)), places, np.clip(ratios, 0, _LARGEST))
