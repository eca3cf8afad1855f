"""Whether a texture is new: nearest neighbours of its patches in the training image, and in other textures."""

from itertools import combinations

import numpy as np
from scipy import ndimage

from sunpy_restore.granulation.statistics.intensities import relative

__all__ = ["diversity", "novelty"]

COARSE = 8
"""Cells along a side by whose means the nearest places are looked up."""

CANDIDATES = 24
"""Places that are looked at pixel by pixel."""


def novelty(image, training, held_back, *, side=32, number=200, seed=0):
    """
    How near patches of an image come to the training image, beside how near those of data held back come.

    The distance of two patches is the rms of their difference over the contrast of the training image: 0 of a copy, 1.4
    of patches that have nothing in common. The nearest one is looked for at all places and in all 8 orientations.

    Parameters
    ----------
    image, training, held_back : `~numpy.ndarray`
        Intensities, each of any shape (ny, nx).
    side : `int`
        Side of the patches in pixels, a multiple of 8.
    number : `int`
        Number of patches, drawn at random places of the image and of the data held back.
    seed : `int`
        Seed of the places.

    Returns
    -------
    `dict`
        ``smallest``, ``median`` of the patches' distances to the training image, ``held_back_smallest`` and
        ``held_back_median`` of those of the data held back; and ``ratio``, that of the two smallest: about 0 if
        anything is a copy.

    Raises
    ------
    ValueError
        If ``side`` is no multiple of 8 or larger than an image, ``number`` is not positive, or an image is not 2-D,
        finite, of positive mean and with structure.
    """
    image, training, held_back = (relative(each) for each in (image, training, held_back))
    _check(side, number, image, training, held_back)
    index = _Index(training, side)
    own, others = (_patches(each, side, number, np.random.default_rng(seed)) for each in (image, held_back))
    own, others = (index.nearest(each) / training.std(dtype=float) for each in (own, others))
    return _compared(own, others)


def diversity(images, held_back, *, side=32, number=200, seed=0):
    """
    How much textures of several seeds differ.

    Parameters
    ----------
    images : sequence of `~numpy.ndarray`
        Two or more intensities of one shape (ny, nx).
    held_back : `~numpy.ndarray`
        Intensity of shape (my, mx), observed or simulated and not trained on.
    side, number, seed
        As in `novelty`.

    Returns
    -------
    `dict`
        ``correlation``, the mean correlation of two images at the same place, and ``largest_correlation``; then as in
        `novelty` distances of patches: those of an image to the next one, and those of one half of the data held back
        to the other half, both in areas of one shape. The same images have a correlation of 1 and distances of 0; a
        generator that knows few textures has distances far below those of the data held back.

    Raises
    ------
    ValueError
        If there are less than two images, of different shapes, or as `novelty`.
    """
    images = [relative(each) for each in images]
    if len(images) < 2 or len({each.shape for each in images}) > 1:
        raise ValueError(f"expected two or more images of one shape, found {[each.shape for each in images]}")
    held_back = relative(held_back)
    if held_back.shape[0] < held_back.shape[1]:
        held_back = held_back.T
    middle = held_back.shape[0] // 2
    halves = held_back[:middle], held_back[-middle:]
    area = tuple(slice(length) for length in np.minimum(images[0].shape, halves[0].shape))
    _check(side, number, images[0][area])
    contrast = held_back.std(dtype=float)
    following = [*images[1:], images[0]] if len(images) > 2 else images[1:]
    share = -(-number // len(following))
    rng = np.random.default_rng(seed)
    own = [
        _Index(target[area], side).nearest(_patches(each[area], side, share, rng))
        for each, target in zip(images, following, strict=False)
    ]
    others = _Index(halves[1][area], side).nearest(_patches(halves[0][area], side, number, rng))
    correlations = [np.corrcoef(one.ravel(), two.ravel())[0, 1] for one, two in combinations(images, 2)]
    return {
        "correlation": float(np.mean(correlations)),
        "largest_correlation": float(np.max(correlations)),
    } | _compared(np.concatenate(own) / contrast, others / contrast)


def _check(side, number, *images):
    if side < COARSE or side % COARSE or any(side > min(image.shape) for image in images):
        shapes = ", ".join(str(image.shape) for image in images)
        raise ValueError(f"expected patches with a side that is a multiple of {COARSE} within {shapes}, found {side}")
    if number < 1:
        raise ValueError(f"expected one or more patches, found {number}")


def _compared(own, others):
    return {
        "smallest": float(own.min()),
        "median": float(np.median(own)),
        "held_back_smallest": float(others.min()),
        "held_back_median": float(np.median(others)),
        "ratio": float(own.min() / others.min()) if others.min() > 0 else float("nan"),
    }


def _patches(image, side, number, rng):
    """Patches from random places, shape (number, side, side)."""
    top, left = (rng.integers(0, length - side + 1, number) for length in image.shape)
    return np.stack([image[y : y + side, x : x + side] for y, x in zip(top, left, strict=True)]).astype(np.float32)


class _Index:
    """All patches of an image, found by the means of 8 x 8 cells and then compared pixel by pixel."""

    def __init__(self, image, side):
        self.image, self.side = image.astype(np.float32), side
        cell = side // COARSE
        self.step = max(cell // 2, 1)
        # Mean over the cell that begins at each pixel
        means = ndimage.uniform_filter(self.image, cell, origin=-(cell // 2), mode="nearest")
        self.places = [range(0, length - side + 1, self.step) for length in image.shape]
        rows, columns = (np.add.outer(np.array(each), cell * np.arange(COARSE)) for each in self.places)
        features = means[rows[:, None, :, None], columns[None, :, None, :]]
        # One column per place
        self.features = np.ascontiguousarray(features.reshape(-1, COARSE**2).T)
        self.squares = (self.features**2).sum(axis=0)

    def nearest(self, patches):
        """Rms difference of each patch, in its best orientation, from the nearest patch of the image."""
        return np.array([self._nearest(patch) for patch in patches])

    def _nearest(self, patch):
        turned = np.stack([np.rot90(each, turns) for each in (patch, patch.T) for turns in range(4)])
        cell = self.side // COARSE
        coarse = turned.reshape(8, COARSE, cell, COARSE, cell).mean(axis=(2, 4)).reshape(8, -1)
        # Up to the patch's own squares, the same for all
        distances = self.squares - 2 * coarse @ self.features
        best = np.inf
        for flat in np.argpartition(distances, CANDIDATES, axis=None)[:CANDIDATES]:
            orientation, place = divmod(int(flat), distances.shape[1])
            row, column = divmod(place, len(self.places[1]))
            best = min(best, self._refined(turned[orientation], row * self.step, column * self.step))
        return np.sqrt(best)

    def _refined(self, patch, row, column):
        """Smallest mean square difference within a step of a place."""
        best = np.inf
        for y in range(max(row - self.step, 0), min(row + self.step, self.image.shape[0] - self.side) + 1):
            for x in range(max(column - self.step, 0), min(column + self.step, self.image.shape[1] - self.side) + 1):
                difference = self.image[y : y + self.side, x : x + self.side] - patch
                best = min(best, float(np.mean(difference**2)))
        return best
