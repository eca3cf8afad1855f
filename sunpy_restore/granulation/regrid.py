"""Textures resampled to another pixel size."""

import numpy as np
from scipy import sparse

from sunpy_restore.granulation.texture import Texture

__all__ = ["Regridded", "at_pixel_size"]

_FINEST, _COARSEST = 0.1, 100.0  # pixels of the result in those of the texture


def at_pixel_size(generate, request, pixel):
    """
    Generate a texture and resample it if another pixel size is requested.

    Parameters
    ----------
    generate : callable
        ``generate(shape)`` returns the `~sunpy_restore.granulation.texture.Texture` of that shape.
    request : `~sunpy_restore.granulation.request.Request`
        The request.
    pixel : `float`
        Side of a pixel of the generated textures in km.

    Returns
    -------
    `~sunpy_restore.granulation.texture.Texture`

    Raises
    ------
    ValueError
        The requested pixels are smaller than a tenth, or larger than a hundred pixels of the generated texture.
    """
    ratio = 1.0 if request.pixel is None else request.pixel / pixel
    if not _FINEST <= ratio <= _COARSEST:
        raise ValueError(
            f"Found a scale of {request.pixel:.4g} km; expected {_FINEST * pixel:.4g} to {_COARSEST * pixel:.4g} km "
            f"for a generator trained at {pixel:.4g} km."
        )
    return generate(request.shape) if ratio == 1 else Regridded(generate, request.shape, ratio)


class Regridded(Texture):
    """
    A texture with another pixel size; the outer corner of the first pixel stays the same.

    It covers the area of the texture that the seed gives without another pixel size, which is interpolated by cubic
    convolution (Keys 1981) and continued by reflection beyond its edges. A pixel of the result is the mean of n points
    along each axis, where n is its side in pixels of the texture, rounded up. If that side is an integer, the result is
    the mean of the covered pixels.

    Parameters
    ----------
    generate : callable
        ``generate(shape)`` returns the texture of that shape, see `~sunpy_restore.granulation.texture.Texture`.
    shape : `tuple` of `int`
        Pixels of the result.
    ratio : `float`
        Side of a pixel of the result in pixels of the texture.

    References
    ----------
    * Keys 1981, https://doi.org/10.1109/TASSP.1981.1163711
    """

    def __init__(self, generate, shape, ratio):
        self.ratio = ratio
        self.texture = generate(tuple(int(np.ceil(round(ratio * length, 6))) for length in shape))
        super().__init__(shape, ratio * self.texture.pixel)
        self.refinements = self.texture.refinements

    def window(self, rows, columns):
        """See `~sunpy_restore.granulation.texture.Texture.window`."""
        wanted = zip((rows, columns), self.texture.shape, strict=True)
        parts, weights = zip(*(self._weights(part, length) for part, length in wanted), strict=True)
        image = self.texture.window(*parts)
        return np.asarray(weights[0] @ image @ weights[1].T, dtype=np.float32)

    def _weights(self, part, length):
        """The pixels of the texture, which has ``length`` ones, that a slice depends on, and the weight of each."""
        count = max(1, int(np.ceil(round(self.ratio, 6))))
        points = self.ratio * (np.arange(part.start * count, part.stop * count) + 0.5) / count - 0.5
        matrix = _means(count, part.stop - part.start) @ _cubic(np.round(points, 9), length)
        used = np.unique(matrix.tocoo().col)
        return slice(int(used[0]), int(used[-1]) + 1), matrix.tocsc()[:, used[0] : used[-1] + 1].tocsr()


def _means(count, pixels):
    """Matrix of the mean over ``count`` points for each pixel."""
    return sparse.kron(sparse.identity(pixels), np.full((1, count), 1 / count), format="csr")


def _cubic(positions, length):
    """Matrix of the cubic convolution at positions in a row of ``length`` pixels (eq. 15 of Keys 1981)."""
    first = np.floor(positions).astype(int)
    rows, columns, values = [], [], []
    for offset in range(-1, 3):
        distance = np.abs(positions - first - offset)
        near = 1 - 2.5 * distance**2 + 1.5 * distance**3
        far = 2 - 4 * distance + 2.5 * distance**2 - 0.5 * distance**3
        rows.append(np.arange(len(positions)))
        # Half-sample symmetric: ..., 1, 0, 0, 1, ..., n - 1, n - 1, n - 2, ...
        place = (first + offset) % (2 * length)
        columns.append(np.minimum(place, 2 * length - 1 - place))
        values.append(np.where(distance <= 1, near, far))
    rows, columns, values = map(np.concatenate, (rows, columns, values))
    return sparse.csr_matrix((values, (rows, columns)), shape=(len(positions), length))
