"""Features of tiles blended to one feature map, from which the whole image is drawn."""

import numpy as np

from sunpy_restore.granulation.stitching.blending import BLENDINGS
from sunpy_restore.granulation.stitching.layout import Layout

__all__ = ["FeatureDrawing", "check_features"]

_BLOCK = 512  # pixels that are drawn at a time along each axis
_REQUIRED = ("features", "draw", "stride", "receptive_radius")


def check_features(source, overlap):
    """Raise a `ValueError` if a source has no features, or the overlap is not a multiple of its stride."""
    missing = [name for name in _REQUIRED if not hasattr(source, name)]
    if missing:
        raise ValueError(
            f"Found a source without {', '.join(missing)}; stitching='latent' requires them. Choose another stitching."
        )
    if overlap % source.stride:
        raise ValueError(
            f"Found an overlap of {overlap} px; expected a multiple of {source.stride} px, the stride of the features."
        )


class FeatureDrawing:
    """
    An image drawn from one feature map, in which the features of the tiles are blended.

    Parameters
    ----------
    source : object
        A source of tiles with features.
    layout : `~sunpy_restore.granulation.stitching.layout.Layout`
        Positions of the tiles in pixels.
    features : callable
        ``features(row, columns)`` returns the features in a row for a `range` of columns, shape
        ``(columns, channels, s, s)``.
    blending : `str`
        One of `~sunpy_restore.granulation.stitching.blending.BLENDINGS`.
    mean : `numpy.ndarray` or `None`
        Mean of each channel, shape ``(channels, 1, 1)``, if the blending requires it.
    """

    def __init__(self, source, layout, features, blending, mean):
        self.source = source
        stride = source.stride
        shape = tuple(length // stride for length in layout.canvas)
        self._assembly = BLENDINGS[blending](
            Layout(shape, layout.side // stride, layout.overlap // stride), features, mean
        )

    def window(self, rows, columns):
        """Draw rows and columns, each a `slice` with start and stop, of the area that the tiles cover."""
        out = np.empty((rows.stop - rows.start, columns.stop - columns.start), dtype=np.float32)
        for y in _blocks(rows):
            for x in _blocks(columns):
                position = (slice(y.start - rows.start, y.stop - rows.start),)
                out[(*position, slice(x.start - columns.start, x.stop - columns.start))] = self._draw(y, x)
        return out

    def _draw(self, rows, columns):
        """Draw one block from all features within the receptive radius."""
        stride, radius = self.source.stride, self.source.receptive_radius
        halo, inner = [], []
        for part, length in zip((rows, columns), self._assembly.layout.shape, strict=True):
            start = max(0, part.start // stride - radius)
            stop = min(length, -(-part.stop // stride) + radius)
            halo.append(slice(start, stop))
            inner.append(slice(part.start - start * stride, part.stop - start * stride))
        return self.source.draw(self._assembly.window(*halo))[tuple(inner)]


def _blocks(span):
    """Parts of a `slice` that begin at multiples of the block size."""
    first = span.start // _BLOCK * _BLOCK
    return [slice(max(span.start, start), min(span.stop, start + _BLOCK)) for start in range(first, span.stop, _BLOCK)]
