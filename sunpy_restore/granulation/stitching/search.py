"""Distances between tiles, and the search for the best matching tile."""

import numpy as np

from sunpy_restore.granulation.stitching.layout import edge_strip

__all__ = ["Search", "strip_distances"]

_COMPONENTS = 192  # principal components of a strip for the preselection of candidates
_SAMPLE = 1024  # tiles that the components are computed from
_BLOCK = 512  # tiles that are projected at a time
_COMPARED = 32  # candidates that are compared in full at a time


def across_weights(overlap):
    """
    Weights across an overlap: a Gaussian centred on its middle with a standard deviation of a quarter of its width.

    Parameters
    ----------
    overlap : `int`
        Pixels across.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(overlap,)``; the sum is 1.
    """
    offsets = np.arange(overlap) - (overlap - 1) / 2
    weights = np.exp(-0.5 * (offsets / (0.25 * overlap)) ** 2)
    return weights / weights.sum()


def distance_weights(side, edge, overlap):
    """
    Weight of each pixel of the strip at an edge.

    Parameters
    ----------
    side : `int`
        Side of a tile in pixels.
    edge : `str`
        One of `~sunpy_restore.granulation.stitching.layout.EDGES`.
    overlap : `int`
        Pixels across.

    Returns
    -------
    `numpy.ndarray` of ``float32``
        Shape of the strip; the sum is 1.
    """
    weights = across_weights(overlap) / side
    across = weights if edge in ("left", "right") else weights[:, np.newaxis]
    return np.broadcast_to(across, edge_strip(np.empty((side, side)), edge, overlap).shape).astype(np.float32)


def strip_distances(first, second, edge):
    """
    Weighted mean of the squared difference of strips.

    Parameters
    ----------
    first, second : `numpy.ndarray`
        Pixels of two tiles in their overlap, shape ``(..., side, overlap)``, or ``(..., overlap, side)`` at the top and
        the bottom.
    edge : `str`
        The edge, as seen from one of the tiles.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(...)``, in the squared unit of the tiles.
    """
    shape = first.shape[-2:]
    side, overlap = shape if edge in ("left", "right") else shape[::-1]
    return np.einsum("...yx,yx->...", (first - second) ** 2, distance_weights(side, edge, overlap))


class Search:
    """
    Finds the tiles of a pool that best match given neighbours; the largest distance to a neighbour counts.

    The search is exact. The first principal components of the strips, and the norms of the remainders, give a lower
    bound of each distance by the triangle inequality. Candidates are compared in full in the order of the bounds, until
    no other candidate can be better.

    Parameters
    ----------
    pool : `~sunpy_restore.granulation.stitching.database.TileDatabase`
        The tiles.
    overlap : `int`
        Pixels that neighbouring tiles share.
    """

    def __init__(self, pool, overlap):
        self.pool = pool
        self.overlap = overlap
        self._spaces = {}

    def best(self, strips, free, count=1):
        """
        Find the best of the free candidates.

        Parameters
        ----------
        strips : mapping of `str` to `numpy.ndarray`
            Pixels of the neighbour in the overlap at each edge.
        free : `numpy.ndarray` of `bool`
            Candidates that may be selected, shape ``(len(pool),)``.
        count : `int`
            Number of candidates to find.

        Returns
        -------
        candidates : `numpy.ndarray` of `int`
            Indices in the pool, the best first; fewer than ``count`` if no more are free.
        distances : `numpy.ndarray`
            Their distances.
        """
        bounds = np.full(len(self.pool), np.inf, dtype=np.float32)
        spaces = [self._space(edge).bounds(strip) for edge, strip in strips.items()]
        bounds[free] = np.max(spaces, axis=0)[free] if spaces else 0
        order = np.argsort(bounds, kind="stable")[: np.count_nonzero(free)]
        found = np.empty(0)
        for start in range(0, len(order), _COMPARED):
            # The distances of the following candidates are not below the bound of the first of them
            if len(found) >= count and np.partition(found, count - 1)[count - 1] < bounds[order[start]]:
                break
            found = np.append(found, self._distances(order[start : start + _COMPARED], strips))
        nearest = np.lexsort((order[: len(found)], found))[:count]
        return order[nearest], found[nearest]

    def _distances(self, candidates, strips):
        if not strips:
            return np.zeros(len(candidates))
        found = []
        for edge, strip in strips.items():
            own = self.pool.strips(candidates, edge, self.overlap)
            found.append(strip_distances(own, strip.astype(np.float32), edge))
        return np.max(found, axis=0)

    def _space(self, edge):
        if edge not in self._spaces:
            self._spaces[edge] = _StripSpace(self.pool, edge, self.overlap)
        return self._spaces[edge]


class _StripSpace:
    """Principal components of the weighted strips of a pool at an edge, and the norm of each remainder."""

    def __init__(self, pool, edge, overlap):
        self._edge = edge
        self._root = np.sqrt(distance_weights(pool.side, edge, overlap)).ravel()
        sample = self._weighted(pool.strips(slice(0, len(pool), -(-len(pool) // _SAMPLE)), edge, overlap))
        self._mean = sample.mean(axis=0)
        sample -= self._mean
        values, vectors = np.linalg.eigh(sample @ sample.T)
        kept = slice(max(0, len(sample) - _COMPONENTS), None)
        useful = values[kept] > 1e-6 * max(values[-1], 0)
        # QR decomposition, because the bounds require a basis that is orthonormal in single precision too
        self._basis = np.linalg.qr(sample.T @ vectors[:, kept][:, useful])[0]
        self._components = np.empty((len(pool), self._basis.shape[1]), dtype=np.float32)
        self._remainders = np.empty(len(pool), dtype=np.float32)
        for start in range(0, len(pool), _BLOCK):
            part = slice(start, start + _BLOCK)
            self._components[part], self._remainders[part] = self._projected(pool.strips(part, edge, overlap))
        self._squares = (self._components**2).sum(axis=1)

    def bounds(self, strip):
        """Lower bounds of the distances between a strip and all strips of the pool."""
        components, remainder = self._projected(strip[np.newaxis])
        squares = self._squares - 2 * (self._components @ components[0]) + (components**2).sum()
        # Lowered by the largest rounding error
        return (
            np.maximum(squares - 1e-5 * (self._squares + (components**2).sum()), 0)
            + (1 - 1e-3) * (self._remainders - remainder) ** 2
        )

    def _weighted(self, strips):
        return strips.reshape(len(strips), -1) * self._root

    def _projected(self, strips):
        deviations = self._weighted(strips) - self._mean
        components = deviations @ self._basis
        remainders = (deviations**2).sum(axis=1) - (components**2).sum(axis=1)
        return components, np.sqrt(np.maximum(remainders, 0))
