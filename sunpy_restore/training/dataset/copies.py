"""Find images that are parts, mirrored or transposed copies of other ones, by their pixels."""

from collections import defaultdict

import numpy as np
from safetensors import safe_open
from scipy import ndimage
from scipy.spatial import cKDTree

from sunpy_restore.core.datasets.fields import hours_between

__all__ = ["find_copies", "points_of", "without_copies"]

_RINGS = ((2, 0), (2, 2), (3, 1), (4, 0), (4, 3), (5, 2), (6, 0), (6, 5), (7, 3))
_EDGE = 8  # pixels, within which the rings around a point are not complete
_RADII = (8, 40)  # pixels; a maximum within the larger one is one within the smaller one as well
_PER_SIDE = 50  # radii along the side of an image
_CONTRAST = 0.05  # least contrast of a point, relative to the standard deviation of the image
_TOLERANCE = 1e-4  # of the profiles of points, which have unit norm
_LEAST = 3  # points in common at one offset
_SHARE = 0.3  # of the points in the overlap, which are in common
_ORIENTATIONS = [
    np.array(matrix)
    for a in (1, -1)
    for b in (1, -1)
    for matrix in ([[a, 0], [0, b]], [[0, a], [b, 0]])
]  # fmt: skip
_STILL = 2  # pixels of an offset that the margin between regions covers


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
    places = {tuple(matrix @ ring) for matrix in _ORIENTATIONS}
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
        Pairs of indices to whether the images have the same orientation and no offset.
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
        votes = [np.unique(np.round(second - first @ matrix.T), axis=0, return_counts=True) for matrix in _ORIENTATIONS]
        best = int(np.argmax([counts.max() for _, counts in votes]))
        offsets, counts = votes[best]
        matrix, offset = _ORIENTATIONS[best], offsets[counts.argmax()]
        moved, fixed = points[one][:, :2] @ matrix.T + offset, points[other][:, :2]
        # A smaller image has more points in the same area
        expected = min(_count_inside(moved, fixed), _count_inside(fixed, moved))
        if counts.max() >= max(_LEAST, _SHARE * expected):
            found[one, other] = bool(np.abs(offset).max() <= _STILL and (matrix == np.eye(2)).all())
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


def without_copies(items, fixed, folder, gap):
    """
    Leave out images that have pixels in common with larger or earlier ones, and might come into another split.

    Parameters
    ----------
    items : `list` of `~sunpy_restore.core.datasets.manifest.Item`
        Images without a split.
    fixed : `list` of `~sunpy_restore.core.datasets.manifest.Item`
        Images, or regions of them, that have one.
    folder : `pathlib.Path`
        Folder of the data set.
    gap : `float`
        Least time in hours between images of different splits.

    Returns
    -------
    kept : `list` of `~sunpy_restore.core.datasets.manifest.Item`
        The other images of ``items``.
    refused : `list` of pairs
        Images that were left out, and the reasons.

    Raises
    ------
    ValueError
        Images in ``fixed`` have pixels in common and are in different splits.
    """
    every = list({item.sha256: item for item in fixed}.values())
    earlier = len(every)
    every += sorted(items, key=lambda item: (-item.shape[0] * item.shape[1], -item.shape[1]))
    if len(every) < 2:
        return items, []
    found = find_copies([_points(item, folder) for item in every])
    links = defaultdict(dict)
    for (one, other), still in found.items():
        if not _together(every[one], every[other], still, gap):
            links[max(one, other)][min(one, other)] = None
    refused, kept = [], set()
    for index, item in enumerate(every):
        clash = next((other for other in links[index] if other in kept), None)
        if index < earlier and clash is not None:
            _check_fixed([entry for entry in fixed if entry.sha256 in (item.sha256, every[clash].sha256)], folder)
        if index < earlier or clash is None:
            kept.add(index)
        else:
            refused.append((item, f"It has pixels in common with {every[clash].origin}, perhaps mirrored or shifted."))
    left = {item.sha256 for item, _ in refused}
    return [item for item in items if item.sha256 not in left], refused


def _together(one, other, still, gap):
    """Whether the times of two images keep them in one split, or in equal regions of both."""
    if one.time is None or other.time is None:
        return False
    placed = one.corners is not None and other.corners is not None
    return abs(hours_between(one, other)) < gap and (still or placed or one.shape != other.shape)


def _check_fixed(entries, folder):
    if len({entry.split for entry in entries}) > 1:
        names = " and ".join(sorted({entry.origin for entry in entries}))
        raise ValueError(
            f"The splits in {folder} are not independent: {names} have pixels in common. Use a new folder."
        )


def _points(item, folder):
    with safe_open(folder / item.shard, "np") as file:
        return file.get_tensor("points") if "points" in file.keys() else points_of(file.get_tensor("image"))
