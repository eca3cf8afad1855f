"""Find images of one scene, with noise or pixels of their own, by the correlation of thumbnails."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage

from sunpy_restore.core.numerics.cells import cell_sums
from sunpy_restore.training.dataset.placement import ORIENTATIONS, Placement

__all__ = ["Scenes", "thumbnail_of"]

_SIDE = 96  # pixels of a thumbnail, at most
_PADDED = 2 * _SIDE  # pixels, so that all offsets of two thumbnails are possible
_FINE, _COARSE = 1.0, 6.0  # pixels; structure of sizes between them is compared
_BRIGHTEST = 3.0  # standard deviations, so that no single pixels decide
_LEAST_OVERLAP = 300  # pixels
_LEAST_CORRELATION = 0.5
_LEAST_SIGMA = 5.5  # of the correlation of independent images
_HIGHEST = 0.999  # correlation that is told from 1
_LARGEST_RATIO = 8.0  # of the fields; a smaller part is too small on the pixels of the larger image
_ERROR = 1.0  # pixels of a thumbnail, of the offset that is found
_KEPT = 200  # thumbnails whose Fourier transforms are kept, of 0.5 MB each


class _Transformed(NamedTuple):
    """Fourier transforms of the structure in a thumbnail, its square and its mask, on the last two axes."""

    structure: np.ndarray
    square: np.ndarray
    mask: np.ndarray
    correlated: float  # pixels that are not independent of one


def thumbnail_of(image):
    """
    Average an image over squares of pixels.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        Of no more than 96 x 96 pixels; NaN where no pixel is finite. Rows and columns that fill no square are left out.
    """
    image = np.asarray(image, dtype=np.float32)
    size = _side_of_squares(image.shape)
    whole = image[tuple(slice(length // size * size) for length in image.shape)]
    finite = np.isfinite(whole)
    with np.errstate(invalid="ignore"):
        mean = cell_sums(np.where(finite, whole, 0), size) / cell_sums(finite, size)
    return mean.astype(np.float32)


def _side_of_squares(shape):
    """Pixels of an image along the side of one of its thumbnail."""
    return -(-max(shape) // _SIDE)


class Scenes:
    """
    Small copies of images that are compared.

    Parameters
    ----------
    thumbnails : `list` of `numpy.ndarray`
        See `thumbnail_of`.
    shapes : `list` of pairs of `int`
        Shapes of the images.
    scales : `list` of `float`
        Their pixel sizes in one unit.
    """

    def __init__(self, thumbnails, shapes, scales):
        self.thumbnails, self.scales = thumbnails, scales
        self.sizes = [scale * _side_of_squares(shape) for scale, shape in zip(scales, shapes, strict=True)]
        self._plain = lru_cache(_KEPT)(lambda *which: _transformed(self._structure(*which)))
        # The images are compared with one image after another
        self._oriented = lru_cache(1)(lambda *which: _transformed(*_in_all_orientations(*self._structure(*which))))

    def _structure(self, index, size):
        return _structure(self.thumbnails[index], self.sizes[index] / size)

    def place(self, one, other):
        """
        Find an image in another one, whatever its orientation.

        Parameters
        ----------
        one, other : `int`
            Numbers of the images.

        Returns
        -------
        `~sunpy_restore.training.dataset.placement.Placement` or `None`
            Coordinates of ``other`` in ``one``; `None` if they have no scene in common.
        """
        size = max(self.sizes[one], self.sizes[other])
        if size > _LARGEST_RATIO * min(self.sizes[one], self.sizes[other]):
            return None
        first, second = self._plain(one, size), self._oriented(other, size)
        found = _best_offset(first, second)
        if found is None:
            return None
        orientation, offset = ORIENTATIONS[found[0]], np.array(found[1:], float)
        shape = [int(length * self.sizes[other] / size) for length in self.thumbnails[other].shape]
        turned = np.minimum(orientation, 0) @ shape
        unit = size / self.scales[one]
        return Placement(orientation * (self.scales[other] / self.scales[one]), unit * (offset - turned), unit * _ERROR)


def _structure(thumbnail, zoom):
    """Structure of the sizes that are compared, on larger pixels, and where it is known."""
    known = np.isfinite(thumbnail)
    image = np.where(known, thumbnail, 0)
    known = known.astype(np.float32)
    if zoom < 1:
        # The width of a pixel that is larger by the root of the sum of the squares
        blur = 0.3 * np.sqrt(1 / zoom**2 - 1)
        places = [(np.arange(int(length * zoom)) + 0.5) / zoom - 0.5 for length in image.shape]
        grid = np.meshgrid(*places, indexing="ij")
        image, known = (
            ndimage.map_coordinates(ndimage.gaussian_filter(array, blur), grid, order=1, mode="nearest")
            for array in (image, known)
        )
    inside = known > 0.5
    fine, coarse = (_smoothed(image, known, sigma) for sigma in (_FINE, _COARSE))
    structure = np.where(inside, fine - coarse, 0)
    deviation = structure[inside].std() if inside.any() else 0
    if not deviation > 0:
        return np.zeros_like(structure), np.zeros_like(structure)
    return np.clip(structure / deviation, -_BRIGHTEST, _BRIGHTEST), inside.astype(np.float32)


def _smoothed(image, known, sigma):
    weight = ndimage.gaussian_filter(known, sigma, mode="constant")
    return ndimage.gaussian_filter(image, sigma, mode="constant") / np.maximum(weight, 1e-6)


def _in_all_orientations(*arrays):
    """Each array in all orientations, padded."""
    result = [np.zeros((len(ORIENTATIONS), _PADDED, _PADDED), np.float32) for _ in arrays]
    for array, padded in zip(arrays, result, strict=True):
        for matrix, target in zip(ORIENTATIONS, padded, strict=True):
            turned = array if matrix[0, 0] else array.T
            turned = turned[tuple(slice(None, None, int(sign)) for sign in matrix.sum(axis=1))]
            target[: turned.shape[0], : turned.shape[1]] = turned
    return result


def _transformed(structure, mask=None):
    if mask is None:
        structure, mask = structure
    transforms = [fft.rfft2(array, (_PADDED, _PADDED)) for array in (structure, structure**2, mask)]
    # Of all orientations one is enough
    one = transforms[0] if structure.ndim == 2 else transforms[0][0]
    own = fft.irfft2(np.abs(one) ** 2)
    return _Transformed(*transforms, float((own**2).sum() / max(own[0, 0] ** 2, 1e-12)))


def _best_offset(first, second):
    """Number of the orientation, and the rows and columns by which the second image is shifted; `None` if by none."""

    def correlated(one, other):
        return fft.irfft2(one * other.conj())

    area = correlated(first.mask, second.mask)
    usable = area > _LEAST_OVERLAP
    if not usable.any():
        return None
    product = correlated(first.structure, second.structure)
    energy = np.maximum(correlated(first.square, second.mask) * correlated(first.mask, second.square), 1e-6)
    correlation = np.where(usable, product / np.sqrt(energy), 0)
    dependent = np.sqrt(first.correlated * second.correlated)
    # Fisher's transformation, whose standard deviation depends on the number of independent pixels only
    sigmas = np.arctanh(np.clip(correlation, -_HIGHEST, _HIGHEST)) * np.sqrt(np.maximum(area, 0) / dependent)
    best = np.unravel_index(sigmas.argmax(), sigmas.shape)
    if correlation[best] < _LEAST_CORRELATION or sigmas[best] < _LEAST_SIGMA:
        return None
    # Offsets in the second half are negative
    return best[0], *((int(place) + _SIDE) % _PADDED - _SIDE for place in best[1:])
