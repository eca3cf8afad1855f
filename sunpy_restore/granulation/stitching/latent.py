"""Features of tiles joined to one map, which is drawn as a whole."""

import numpy as np

from sunpy_restore.granulation.stitching.blending import BLENDINGS
from sunpy_restore.granulation.stitching.layout import Layout

__all__ = ["FeatureDrawing", "check_features"]

BLOCK = 512
"""Pixels that are drawn at a time along each axis."""

_NEEDED = ("features", "draw", "stride", "receptive_radius")


def check_features(source, overlap):
    """Refuse, with a `ValueError`, a source that has no features, and an overlap that is no whole number of them."""
    missing = [name for name in _NEEDED if not hasattr(source, name)]
    if missing:
        raise ValueError(
            f"The source has no {', '.join(missing)}, which stitching='latent' needs. Take another stitching."
        )
    if overlap % source.stride:
        raise ValueError(
            f"Expected an overlap that is a multiple of {source.stride} px, the pixels of a feature, found {overlap}."
        )


class FeatureDrawing:
    """
    An image drawn of one large map of features, in which those of the tiles are joined by weights.

    Parameters
    ----------
    source : object
        A source of tiles with features.
    layout : `~sunpy_restore.granulation.stitching.layout.Layout`
        Where the tiles lie, in pixels.
    features : callable
        Features of a row, given the row and a `range` of columns: shape ``(columns, channels, s, s)``.
    blending : `str`
        One of `~sunpy_restore.granulation.stitching.blending.BLENDINGS`.
    mean : `numpy.ndarray` or `None`
        Mean of each channel, shape ``(channels, 1, 1)``, where the blending needs it.
    """

    def __init__(self, source, layout, features, blending, mean):
        self.source = source
        stride = source.stride
        shape = tuple(length // stride for length in layout.canvas)
        self._assembly = BLENDINGS[blending](
            Layout(shape, layout.side // stride, layout.overlap // stride), features, mean
        )

    def window(self, rows, columns):
        """Rows and columns, each a `slice` with start and stop, of all that the tiles cover."""
        out = np.empty((rows.stop - rows.start, columns.stop - columns.start), dtype=np.float32)
        for y in _blocks(rows):
            for x in _blocks(columns):
                place = (slice(y.start - rows.start, y.stop - rows.start),)
                out[(*place, slice(x.start - columns.start, x.stop - columns.start))] = self._drawn(y, x)
        return out

    def _drawn(self, rows, columns):
        """One block, drawn with all that it depends on."""
        stride, receptive_radius = self.source.stride, self.source.receptive_radius
        halo, inner = [], []
        for part, length in zip((rows, columns), self._assembly.layout.shape, strict=True):
            start = max(0, part.start // stride - receptive_radius)
            stop = min(length, -(-part.stop // stride) + receptive_radius)
            halo.append(slice(start, stop))
            inner.append(slice(part.start - start * stride, part.stop - start * stride))
        return self.source.draw(self._assembly.window(*halo))[tuple(inner)]


def _blocks(span):
    """A `slice` in parts that begin at multiples of `BLOCK`."""
    first = span.start // BLOCK * BLOCK
    return [slice(max(span.start, start), min(span.stop, start + BLOCK)) for start in range(first, span.stop, BLOCK)]
