"""Tiles, or their features, blended to one image with weights across the overlaps."""

from abc import ABC, abstractmethod

import numpy as np

__all__ = ["BLENDINGS", "Assembly"]

_LEAST_CORRELATION = -0.5


def ramp(overlap):
    """
    Weights of the second of two tiles across their overlap; the weights of both tiles sum to 1.

    Parameters
    ----------
    overlap : `int`
        Pixels across.

    Returns
    -------
    `numpy.ndarray` of ``float32``
        Shape ``(overlap,)``, linear, between 0 and 1.
    """
    return ((np.arange(overlap) + 0.5) / overlap).astype(np.float32)


class Assembly(ABC):
    """
    Tiles joined to rows, and rows to an image; subclasses define how overlaps are joined.

    Parameters
    ----------
    layout : `~sunpy_restore.granulation.stitching.layout.Layout`
        Positions of the tiles.
    tiles : callable
        ``tiles(row, columns)`` returns the tiles in a row for a `range` of columns, shape
        ``(columns, ..., side, side)``.
    """

    def __init__(self, layout, tiles):
        self.layout = layout
        self.tiles = tiles

    @abstractmethod
    def joined_across(self, row, columns, left, right):
        """
        Join the overlaps between the tiles of a row.

        Parameters
        ----------
        row : `int`
            The row.
        columns : `range`
            The columns.
        left, right : `numpy.ndarray`
            Overlaps of the left and the right tiles, shape ``(columns - 1, ..., side, overlap)``.

        Returns
        -------
        `numpy.ndarray`
            Same shape.
        """

    @abstractmethod
    def joined_down(self, row, columns, above, below):
        """
        Join the overlap between a row and the row above.

        Parameters
        ----------
        row : `int`
            The row.
        columns : `range`
            The columns.
        above, below : `numpy.ndarray`
            Overlaps of the row above and the row, shape ``(..., overlap, width)``.

        Returns
        -------
        `numpy.ndarray`
            Same shape.
        """

    def canvas(self, rows, columns):
        """The tiles of a `range` of rows and one of columns as one array, shape ``(..., height, width)``."""
        step, overlap = self.layout.step, self.layout.overlap
        canvas = None
        for index, row in enumerate(rows):
            band = self.band(row, columns)
            if canvas is None:
                shape = (*band.shape[:-2], len(rows) * step + overlap, band.shape[-1])
                canvas = np.empty(shape, dtype=band.dtype)
            start = index * step
            if index:
                above = canvas[..., start : start + overlap, :]
                band[..., :overlap, :] = self.joined_down(row, columns, above, band[..., :overlap, :])
            canvas[..., start : start + band.shape[-2], :] = band
        return canvas

    def band(self, row, columns):
        """The tiles of a row and a `range` of columns as one array, shape ``(..., side, width)``."""
        step, overlap = self.layout.step, self.layout.overlap
        tiles = self.tiles(row, columns)
        band = np.empty((*tiles.shape[1:-1], len(columns) * step + overlap), dtype=tiles.dtype)
        strips = self.joined_across(row, columns, tiles[:-1, ..., -overlap:], tiles[1:, ..., :overlap])
        for index, tile in enumerate(tiles):
            band[..., index * step : index * step + self.layout.side] = tile
        for index, strip in enumerate(strips, start=1):
            band[..., index * step : index * step + overlap] = strip
        return band

    def window(self, rows, columns):
        """Rows and columns, each a `slice` with start and stop, of the area that the tiles cover."""
        touching = [self.layout.touching(part, axis) for axis, part in enumerate((rows, columns))]
        starts = [part[0] * self.layout.step for part in touching]
        inner = [slice(part.start - at, part.stop - at) for part, at in zip((rows, columns), starts, strict=True)]
        return self.canvas(*touching)[..., inner[0], inner[1]]


class LinearBlend(Assembly):
    """
    Tiles blended with weights that are linear across an overlap and sum to 1, also where four tiles meet.

    Parameters
    ----------
    layout, tiles
        See `Assembly`.
    mean
        Not used.
    """

    def __init__(self, layout, tiles, mean=None):
        super().__init__(layout, tiles)
        self._ramp = ramp(layout.overlap)

    def joined_across(self, row, columns, left, right):
        """See `~sunpy_restore.granulation.stitching.blending.Assembly.joined_across`."""
        return left + self._ramp * (right - left)

    def joined_down(self, row, columns, above, below):
        """See `~sunpy_restore.granulation.stitching.blending.Assembly.joined_down`."""
        return above + self._ramp[:, np.newaxis] * (below - above)


class VarianceBlend(LinearBlend):
    """
    Deviations from the mean blended linearly and divided by the resulting loss of standard deviation.

    The sum of two deviations of equal variance and correlation ρ, with weights 1 - t and t, has the fraction
    (1 - t)² + t² + 2 t (1 - t) ρ of their variance. The correlation is measured in each overlap.

    Parameters
    ----------
    layout, tiles
        See `Assembly`.
    mean : `float` or `numpy.ndarray`
        Mean of all tiles; for features that of each channel, shape ``(channels, 1, 1)``.
    """

    def __init__(self, layout, tiles, mean):
        super().__init__(layout, tiles)
        self._mean = np.float32(mean)

    def joined_across(self, row, columns, left, right):
        """See `~sunpy_restore.granulation.stitching.blending.Assembly.joined_across`."""
        correlations = self._correlations(left, right, self._ramp)
        return self._blended(left, right, self._ramp, correlations.reshape(-1, *[1] * (left.ndim - 1)))

    def joined_down(self, row, columns, above, below):
        """Join rows; correlations are interpolated across the overlaps of columns."""
        step, overlap = self.layout.step, self.layout.overlap
        ramp = self._ramp[:, np.newaxis]
        upper, lower = (self.tiles(index, columns) for index in (row - 1, row))
        correlations = self._correlations(upper[..., -overlap:, :], lower[..., :overlap, :], ramp)
        along = np.repeat(correlations, step)
        along = np.concatenate([along, np.full(overlap, correlations[-1], dtype=along.dtype)])
        for index in range(1, len(correlations)):
            before, after = correlations[index - 1 : index + 1]
            along[index * step : index * step + overlap] = before + self._ramp * (after - before)
        return self._blended(above, below, ramp, along)

    def _blended(self, first, second, weight, correlation):
        variance = (1 - weight) ** 2 + weight**2 + 2 * weight * (1 - weight) * correlation
        deviations = first + weight * (second - first) - self._mean
        return self._mean + deviations / np.sqrt(variance)

    def _correlations(self, first, second, weight):
        """Correlation of the deviations in each overlap, weighted by the contribution of both tiles."""
        first, second = (part - self._mean for part in (first, second))
        axes = tuple(range(1, first.ndim))
        weight = weight * (1 - weight)
        product, *squares = (
            np.sum(weight * pair[0] * pair[1], axis=axes)
            for pair in ((first, second), (first, first), (second, second))
        )
        norm = np.sqrt(squares[0] * squares[1])
        correlations = np.divide(product, norm, out=np.ones_like(norm), where=norm > 0)
        return np.clip(correlations, _LEAST_CORRELATION, 1)


BLENDINGS = {"linear": LinearBlend, "variance": VarianceBlend}
"""Ways of blending by name."""
