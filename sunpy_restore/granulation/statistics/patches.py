"""Whether a texture is new: nearest neighbours of its patches in the training image and in other textures."""

from itertools import combinations

import numpy as np
from scipy import ndimage

from sunpy_restore.granulation.statistics.intensities import relative

__all__ = ["diversity", "novelty"]

_CELLS = 8  # along each side of a patch; the nearest positions are preselected by the means of the cells
_CANDIDATES = 24  # preselected positions that are compared pixel by pixel


def novelty(image, training, held_back, *, side=32, number=200, seed=0):
    """
    Distance from patches of an image to the training image, compared with that of data that were kept back.

    The distance between two patches is the RMS of their difference divided by the contrast of the training image. It is
    0 for a copy and 1.4 for unrelated patches. The nearest patch is searched at all positions and in all 8
    orientations.

    Parameters
    ----------
    image, training, held_back : `~numpy.ndarray`
        Intensities, each of any shape ``(ny, nx)``.
    side : `int`
        Side of the patches in pixels, a multiple of 8.
    number : `int`
        Number of patches, at random positions of the image and of the data kept back.
    seed : `int`
        Seed of the positions.

    Returns
    -------
    `dict`
        ``smallest`` and ``median`` distance of the patches to the training image; ``held_back_smallest`` and
        ``held_back_median`` for the data kept back; and ``ratio``, the ratio of the two smallest distances, which is
        close to 0 if any patch is a copy.

    Raises
    ------
    ValueError
        ``side`` is not a multiple of 8 or larger than an image, ``number`` is not positive, or an image is not 2-D, not
        finite, constant, or its mean is not positive.
    """
    image, training, held_back = (relative(each) for each in (image, training, held_back))
    _check(side, number, image, training, held_back)
    index = _PatchIndex(training, side)
    own, others = (_patches(each, side, number, np.random.default_rng(seed)) for each in (image, held_back))
    own, others = (index.nearest(each) / training.std(dtype=float) for each in (own, others))
    return _compared(own, others)


def diversity(images, held_back, *, side=32, number=200, seed=0):
    """
    How much textures with different seeds differ.

    Parameters
    ----------
    images : sequence of `~numpy.ndarray`
        Two or more intensities of the same shape ``(ny, nx)``.
    held_back : `~numpy.ndarray`
        Intensity of shape ``(my, mx)``, observed or simulated, that was not used for training.
    side, number, seed
        See `novelty`.

    Returns
    -------
    `dict`
        ``correlation``, the mean correlation coefficient of two images, and ``largest_correlation``; distances as in
        `novelty`, from the patches of an image to the next image and from one half of the data kept back to the other,
        in areas of the same shape. Equal images have a correlation of 1 and distances of 0. The distances are much
        smaller than those of the data kept back if a generator makes few different textures.

    Raises
    ------
    ValueError
        There are fewer than two images, their shapes differ, or as for `novelty`.
    """
    images = [relative(each) for each in images]
    if len(images) < 2 or len({each.shape for each in images}) > 1:
        raise ValueError(
            f"Found images of the shapes {[each.shape for each in images]}; expected two or more of the same shape."
        )
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
        _PatchIndex(target[area], side).nearest(_patches(each[area], side, share, rng))
        for each, target in zip(images, following, strict=False)
    ]
    others = _PatchIndex(halves[1][area], side).nearest(_patches(halves[0][area], side, number, rng))
    correlations = [np.corrcoef(one.ravel(), two.ravel())[0, 1] for one, two in combinations(images, 2)]
    return {
        "correlation": float(np.mean(correlations)),
        "largest_correlation": float(np.max(correlations)),
    } | _compared(np.concatenate(own) / contrast, others / contrast)


def _check(side, number, *images):
    if side < _CELLS or side % _CELLS or any(side > min(image.shape) for image in images):
        shapes = ", ".join(str(image.shape) for image in images)
        raise ValueError(
            f"Found patches of {side} pixels; expected a side that is a multiple of {_CELLS} within {shapes}."
        )
    if number < 1:
        raise ValueError(f"Found {number} patches; expected one or more.")


def _compared(own, others):
    return {
        "smallest": float(own.min()),
        "median": float(np.median(own)),
        "held_back_smallest": float(others.min()),
        "held_back_median": float(np.median(others)),
        "ratio": float(own.min() / others.min()) if others.min() > 0 else float("nan"),
    }


def _patches(image, side, number, rng):
    """Patches at random positions, shape ``(number, side, side)``."""
    top, left = (rng.integers(0, length - side + 1, number) for length in image.shape)
    return np.stack([image[y : y + side, x : x + side] for y, x in zip(top, left, strict=True)]).astype(np.float32)


class _PatchIndex:
    """All patches of an image, preselected by the means of 8 x 8 cells and then compared pixel by pixel."""

    def __init__(self, image, side):
        self.image, self.side = image.astype(np.float32), side
        cell = side // _CELLS
        self.step = max(cell // 2, 1)
        # Mean of the cell that starts at each pixel
        means = ndimage.uniform_filter(self.image, cell, origin=-(cell // 2), mode="nearest")
        self.positions = [range(0, length - side + 1, self.step) for length in image.shape]
        rows, columns = (np.add.outer(np.array(each), cell * np.arange(_CELLS)) for each in self.positions)
        features = means[rows[:, None, :, None], columns[None, :, None, :]]
        # One column per position
        self.features = np.ascontiguousarray(features.reshape(-1, _CELLS**2).T)
        self.squares = (self.features**2).sum(axis=0)

    def nearest(self, patches):
        """RMS difference between each patch, in its best orientation, and the nearest patch of the image."""
        return np.array([self._nearest(patch) for patch in patches])

    def _nearest(self, patch):
        oriented = np.stack([np.rot90(each, turns) for each in (patch, patch.T) for turns in range(4)])
        cell = self.side // _CELLS
        coarse = oriented.reshape(8, _CELLS, cell, _CELLS, cell).mean(axis=(2, 4)).reshape(8, -1)
        # Without the squares of the patch, which are the same for all
        distances = self.squares - 2 * coarse @ self.features
        best = np.inf
        for flat in np.argpartition(distances, _CANDIDATES, axis=None)[:_CANDIDATES]:
            orientation, position = divmod(int(flat), distances.shape[1])
            row, column = divmod(position, len(self.positions[1]))
            best = min(best, self._refined(oriented[orientation], row * self.step, column * self.step))
        return np.sqrt(best)

    def _refined(self, patch, row, column):
        """Smallest mean squared difference within one step of a position."""
        best = np.inf
        for y in range(max(row - self.step, 0), min(row + self.step, self.image.shape[0] - self.side) + 1):
            for x in range(max(column - self.step, 0), min(column + self.step, self.image.shape[1] - self.side) + 1):
                difference = self.image[y : y + self.side, x : x + self.side] - patch
                best = min(best, float(np.mean(difference**2)))
        return best
