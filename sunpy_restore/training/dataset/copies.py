"""Find images that are parts, mirrored or transposed copies of other ones, by their pixels."""

from collections import defaultdict

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from sunpy_restore.training.dataset.placement import ORIENTATIONS, Placement

__all__ = ["find_copies", "points_of"]

_RINGS = ((2, 0), (2, 2), (3, 1), (4, 0), (4, 3), (5, 2), (6, 0), (6, 5), (7, 3))
_EDGE = 8  # pixels, within which the rings around a point are not complete
_RADII = (8, 40)  # pixels; a maximum within the larger one is one within the smaller one as well
_PER_SIDE = 50  # radii along the side of an image
_CONTRAST = 0.05  # least contrast of a point, relative to the standard deviation of the image
_TOLERANCE = 1e-4  # of the profiles of points, which have unit norm
_LEAST = 3  # points in common at one offset
_SHARE = 0.3  # of the points in the overlap, which are in common


def points_of(image):
    """
    Find the brightest points of their surroundings, with profiles that neither orientation nor scaling change.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        Row, column and profile of each point, shape ``(n, 11)``.
    """
    image = np.asarray(image, dtype=float)
    finite = np.isfinite(image)
    empty = np.zeros((0, 2 + len(_RINGS)), np.float64)
    if min(image.shape) <= 2 * _EDGE + 1 or not finite.any():
        return empty
    image = ndimage.gaussian_filter(np.where(finite, image, np.median(image[finite])), 1.0)
    radius = int(np.clip(np.sqrt(image.size) / _PER_SIDE, *_RADII))
    highest = image == ndimage.maximum_filter(image, 2 * radius + 1)
    inner = (slice(_EDGE, -_EDGE), slice(_EDGE, -_EDGE))
    rows, columns = (index + _EDGE for index in np.nonzero(highest[inner]))
    if not rows.size:
        return empty
    drops = np.stack([image[rows, columns] - _ring(image, rows, columns, ring) for ring in _RINGS], axis=1)
    size = np.linalg.norm(drops, axis=1)
    good = size > _CONTRAST * image.std()
    return np.concatenate([rows[good, None], columns[good, None], drops[good] / size[good, None]], axis=1)


def _ring(image, rows, columns, ring):
    """Mean over the pixels that are at one distance in all eight orientations."""
    places = {tuple(matrix @ ring) for matrix in ORIENTATIONS}
    return np.mean([image[rows + dy, columns + dx] for dy, dx in sorted(places)], axis=0)


def find_copies(points):
    """
    Find pairs of images that have pixels in common, shifted, mirrored, transposed or scaled in brightness.

    Parameters
    ----------
    points : `list` of `numpy.ndarray`
        Those of each image, see `points_of`.

    Returns
    -------
    `dict`
        Pairs of indices to the `~sunpy_restore.training.dataset.placement.Placement` of the first image in the second.
    """
    points = [_unique(own) for own in points]
    owner = np.repeat(np.arange(len(points)), [len(own) for own in points])
    if len(np.unique(owner)) < 2:
        return {}
    known = np.concatenate(points)
    matches = cKDTree(known[:, 2:]).query_pairs(_TOLERANCE, output_type="ndarray")
    matches = matches[owner[matches[:, 0]] != owner[matches[:, 1]]]
    by_pair = defaultdict(list)
    for one, other in np.sort(matches, axis=1):
        by_pair[int(owner[one]), int(owner[other])].append((known[one, :2], known[other, :2]))
    found = {}
    for (one, other), places in by_pair.items():
        if len(places) < _LEAST:
            continue
        first, second = (np.array(side) for side in zip(*places, strict=True))
        votes = [np.unique(np.round(second - first @ matrix.T), axis=0, return_counts=True) for matrix in ORIENTATIONS]
        best = int(np.argmax([counts.max() for _, counts in votes]))
        offsets, counts = votes[best]
        matrix, offset = ORIENTATIONS[best], offsets[counts.argmax()]
        moved, fixed = points[one][:, :2] @ matrix.T + offset, points[other][:, :2]
        # A smaller image has more points in the same area
        expected = min(_count_inside(moved, fixed), _count_inside(fixed, moved))
        if counts.max() >= max(_LEAST, _SHARE * expected):
            found[one, other] = Placement.of_pixels(matrix, offset)
    return found


def _unique(points):
    """The points whose profile no other one of the image has, as flat or compressed parts of an image have many."""
    if len(points) < 2:
        return points
    distances, _ = cKDTree(points[:, 2:]).query(points[:, 2:], k=2)
    return points[distances[:, 1] > _TOLERANCE]


def _count_inside(places, others):
    """Number of places in the rectangle around other ones."""
    return int(((places >= others.min(axis=0)) & (places <= others.max(axis=0))).all(axis=1).sum())
