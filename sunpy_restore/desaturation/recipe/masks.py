"""Masks for training: pixels that are to be filled for many reasons, saturation being one of them."""

import numpy as np
from scipy import ndimage
from skimage.morphology import disk

__all__ = [
    "add_outliers",
    "blobs",
    "boxes",
    "displaced_mask",
    "foreign_mask",
    "outlines",
    "strips",
    "strokes",
    "threshold_mask",
]

_REFERENCE = 0.999  # quantile of an image that thresholds refer to
_OUTLIER_DISTANCES = (1.5, 40.0)  # pixels from the mask


def threshold_mask(image, rng):
    """
    Mask of the brightest pixels, whose threshold and shape vary.

    Thresholds are 0.5 to 0.95 of the bright end of the image and may vary with the place. The mask is dilated by up to
    8 pixels or eroded by up to 2, and may leave out some of its parts.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    rng : `numpy.random.Generator`
        Random number generator.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    threshold = rng.uniform(0.5, 0.95) * np.quantile(image, _REFERENCE)
    if rng.random() < 0.4:
        noise = ndimage.gaussian_filter(rng.standard_normal(image.shape), rng.uniform(8, 40))
        threshold = threshold * np.exp(rng.uniform(0.05, 0.25) * noise / noise.std())
    mask = image > threshold
    kind = rng.random()
    if kind < 0.7:
        mask = ndimage.binary_dilation(mask, disk(rng.integers(0, 9)))
    elif kind < 0.85:
        mask = ndimage.binary_erosion(mask, disk(rng.integers(1, 3)))
    if rng.random() < 0.4:
        mask = _without_some_parts(mask, rng)
    return mask


def _without_some_parts(mask, rng):
    """A mask without its small parts, or without parts at random."""
    labels, number = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=number + 1)
    kept = sizes >= rng.uniform(0.02, 0.5) * sizes[1:].max(initial=1)
    if rng.random() < 0.5:
        kept = rng.random(number + 1) < 0.6
    kept[0] = False
    return kept[labels]


def displaced_mask(image, rng):
    """
    Mask of the brightest pixels of a blurred image, up to 10 pixels off, as from another time or instrument.

    Parameters
    ----------
    image, rng
        See `threshold_mask`.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    blurred = ndimage.gaussian_filter(image, np.exp(rng.uniform(np.log(0.7), np.log(8))))
    moved = ndimage.shift(blurred, rng.uniform(-10, 10, size=2) * rng.random(), order=1, mode="nearest")
    if rng.random() < 0.5:
        return threshold_mask(moved, rng)
    return moved > np.quantile(moved, rng.uniform(0.8, 0.99))


def foreign_mask(image, rng):
    """
    Mask of the brightest pixels of another image, turned, mirrored and shifted.

    Parameters
    ----------
    image : `numpy.ndarray`
        The other image, of a square shape.
    rng : `numpy.random.Generator`
        Random number generator.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape of the image.
    """
    mask = np.rot90(threshold_mask(image, rng), rng.integers(4))
    mask = mask[:: rng.choice([1, -1]), :: rng.choice([1, -1])]
    return np.roll(mask, rng.integers(-image.shape[0] // 3, image.shape[0] // 3 + 1, size=2), axis=(0, 1))


def boxes(image, rng):
    """
    Boxes of 3 to 48 pixels over dark, medium or bright parts of an image.

    Parameters
    ----------
    image, rng
        See `threshold_mask`.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    mask = np.zeros(image.shape, dtype=bool)
    count = rng.integers(1, 8)
    for row, column in _places(image, rng, count):
        sides = np.exp(rng.uniform(np.log(3), np.log(48 if count < 4 else 24), size=2)).astype(int)
        first = [max(place - side // 2, 0) for place, side in zip((row, column), sides, strict=True)]
        mask[first[0] : first[0] + sides[0], first[1] : first[1] + sides[1]] = True
    return mask


def blobs(image, rng):
    """
    Patches with smooth random borders.

    Parameters
    ----------
    image, rng
        See `threshold_mask`.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    noise = ndimage.gaussian_filter(rng.standard_normal(image.shape), np.exp(rng.uniform(np.log(2), np.log(14))))
    return noise > np.quantile(noise, 1 - np.exp(rng.uniform(np.log(0.01), np.log(0.2))))


def outlines(image, rng):
    """
    Closed curves around bright places, as drawn by hand.

    Parameters
    ----------
    image, rng
        See `threshold_mask`.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    smooth = ndimage.gaussian_filter(np.asarray(image, dtype=float), rng.uniform(1.5, 4))
    mask = np.zeros(image.shape, dtype=bool)
    rows, columns = np.indices(image.shape)
    for _ in range(rng.integers(1, 5)):
        place = np.unravel_index(np.argmax(np.where(mask, -np.inf, smooth)), mask.shape)
        row, column = place + rng.normal(0, 2, size=2)
        angle = np.arctan2(rows - row, columns - column)
        radius = np.exp(rng.uniform(np.log(3), np.log(28)))
        factor = 1.0
        for order in range(1, 6):
            factor = factor + rng.normal(0, 0.25 / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
        mask |= np.hypot(rows - row, columns - column) < radius * np.maximum(factor, 0.3)
    return mask


def strips(image, rng):
    """
    Strips of 2 to 40 rows or columns, which cross the image or end in it.

    Parameters
    ----------
    image, rng
        See `threshold_mask`.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``. Every second mask contains the first rows or columns.
    """
    mask = np.zeros(image.shape, dtype=bool)
    lines = mask.T if rng.integers(2) else mask
    for index in range(rng.integers(1, 4)):
        width = int(np.exp(rng.uniform(np.log(2), np.log(40))))
        at_edge = index == 0 and rng.integers(2)
        first = 0 if at_edge else rng.integers(len(lines) - width)
        end = rng.integers(width, lines.shape[1]) if rng.random() < 0.3 else lines.shape[1]
        lines[first : first + width, :end] = True
    return mask


def strokes(image, rng):
    """
    Lines of 1 to 11 pixels along random walks, and along rows and columns.

    Parameters
    ----------
    image, rng
        See `threshold_mask`.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(ny, nx)``.
    """
    mask = np.zeros(image.shape, dtype=bool)
    for place in _places(image, rng, rng.integers(1, 5)):
        steps = int(rng.integers(15, 120))
        turns = rng.normal(0, rng.uniform(0, 0.25), steps)
        angles = (rng.integers(4) * np.pi / 2 if rng.random() < 0.2 else rng.uniform(0, 2 * np.pi)) + np.cumsum(turns)
        points = np.round(place + np.cumsum(np.stack([np.sin(angles), np.cos(angles)], axis=1), axis=0)).astype(int)
        inside = ((points >= 0) & (points < image.shape)).all(axis=1)
        line = np.zeros(image.shape, dtype=bool)
        line[tuple(points[inside].T)] = True
        mask |= ndimage.binary_dilation(line, disk(rng.integers(0, 6)))
    return mask


def _places(image, rng, count):
    """Random pixels of the dark, the medium or the bright part of an image, shape ``(count, 2)``."""
    low = rng.choice([0.0, 0.33, 0.67, 0.95])
    values = ndimage.uniform_filter(np.asarray(image, dtype=float), 5)
    first, last = np.quantile(values, [low, 1.0 if low > 0.5 else low + 0.34])
    chosen = np.argwhere((values >= first) & (values <= last))
    return chosen[rng.integers(len(chosen), size=count)]


def add_outliers(image, mask, rng):
    """
    Put spikes, dead pixels and small bright kernels into valid pixels near a mask.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``. It is not changed.
    mask : `numpy.ndarray` of `bool`
        True for the pixels to fill.
    rng : `numpy.random.Generator`
        Random number generator.

    Returns
    -------
    `numpy.ndarray`
        The image with 1 to 8 outliers.
    """
    distance = ndimage.distance_transform_edt(~mask)
    near = np.argwhere((distance >= _OUTLIER_DISTANCES[0]) & (distance <= _OUTLIER_DISTANCES[1]))
    result = np.array(image, dtype=float)
    if not len(near):
        return result
    typical = np.median(np.abs(image))
    for row, column in near[rng.integers(len(near), size=rng.integers(1, 9))]:
        height = np.exp(rng.uniform(np.log(0.5), np.log(20))) * max(abs(image[row, column]), typical)
        kind = rng.random()
        if kind < 0.5:
            result[row, column] += height
        elif kind < 0.7:
            result[row, column] *= rng.uniform(0, 0.4)
        else:
            rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
            width = rng.uniform(0.6, 1.6)
            result += height * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * width**2))
    return result
