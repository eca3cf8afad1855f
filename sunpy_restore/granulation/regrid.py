"""A texture on pixels of another size, row by row."""

import numpy as np
from scipy import sparse

__all__ = ["Regridded"]


_MARGIN = 2  # pixels of the texture before the first one wanted, which its interpolation sees


class Regridded:
    """
    A texture on pixels of another size, that begins in the same corner.

    The texture is interpolated by a cubic convolution (Keys 1981). A pixel holds the mean of as many points across it
    as it is wide in pixels of the texture, so that one of a whole number of them holds their mean.

    Parameters
    ----------
    draw : callable
        ``draw(shape)`` gives the texture of that shape, with ``window(rows, columns)``.
    shape : `tuple` of `int`
        Pixels of the result.
    ratio : `float`
        Side of a pixel of the result in pixels of the texture.

    References
    ----------
    * Keys 1981, https://doi.org/10.1109/TASSP.1981.1163711
    """

    def __init__(self, draw, shape, ratio):
        self.shape, self.ratio = tuple(shape), ratio
        self.texture = draw(tuple(int(np.ceil(round(ratio * length, 6))) + 2 * _MARGIN for length in shape))

    def window(self, rows, columns):
        """
        A part of the texture.

        Parameters
        ----------
        rows, columns : `slice`
            Pixels, with a start and a stop.
        """
        parts, weights = zip(*(self._weights(part) for part in (rows, columns)), strict=True)
        image = self.texture.window(*parts)
        return np.asarray(weights[0] @ image @ weights[1].T, dtype=np.float32)

    def _weights(self, part):
        """Which pixels of the texture a slice of pixels is made of, and how much each of them counts."""
        count = max(1, int(np.ceil(round(self.ratio, 6))))
        points = self.ratio * (np.arange(part.start * count, part.stop * count) + 0.5) / count - 0.5
        matrix = _means(count, part.stop - part.start) @ _cubic(np.round(points, 9))
        used = np.unique(matrix.tocoo().col)
        return slice(int(used[0]), int(used[-1]) + 1), matrix.tocsc()[:, used[0] : used[-1] + 1].tocsr()


def _means(count, pixels):
    """Means of so many points for each pixel."""
    return sparse.kron(sparse.identity(pixels), np.full((1, count), 1 / count), format="csr")


def _cubic(places):
    """Cubic convolution at places in pixels of the texture."""
    first = np.floor(places).astype(int)
    rows, columns, values = [], [], []
    for offset in range(-1, 3):
        away = np.abs(places - first - offset)
        near = 1 - 2.5 * away**2 + 1.5 * away**3
        far = 2 - 4 * away + 2.5 * away**2 - 0.5 * away**3
        rows.append(np.arange(len(places)))
        columns.append(first + offset + _MARGIN)
        values.append(np.where(away <= 1, near, far))
    rows, columns, values = map(np.concatenate, (rows, columns, values))
    return sparse.csr_matrix((values, (rows, columns)), shape=(len(places), int(columns.max()) + 1))
