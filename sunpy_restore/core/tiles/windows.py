"""Windows around the damaged parts of an image, so that the work depends on the damage and not on the image size."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

__all__ = ["Window", "damaged_windows"]

_BLOCK = 16  # pixels; side of a cell of the coarse grid on which damage is joined


@dataclass(frozen=True)
class Window:
    """
    A rectangular part of an image with some of the damaged pixels.

    Parameters
    ----------
    rows, columns : `slice`
        Position of the window in the image.
    own : `numpy.ndarray` of `bool`
        Damaged pixels that belong to this window, in its shape; other damaged pixels belong to other windows.
    """

    rows: slice
    columns: slice
    own: np.ndarray

    @property
    def place(self):
        """Index of the window in the image."""
        return self.rows, self.columns


def damaged_windows(mask, margin, gap=None):
    """
    Find windows that together own each damaged pixel once, with a margin around the damage.

    Parameters
    ----------
    mask : `numpy.ndarray` of `bool`
        True where a pixel is damaged, shape ``(ny, nx)``.
    margin : `int`
        Pixels around the damage in a window; fewer at the edges of the image.
    gap : `int`, optional
        Damaged pixels that are closer than this, rounded up to 16 pixels, share a window; by default ``margin``.

    Returns
    -------
    `list` of `Window`
        Sorted by the number of damaged pixels, the largest first.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.core.tiles.windows import damaged_windows
    >>> mask = np.zeros((400, 600), dtype=bool)
    >>> mask[50, 60] = mask[300, 500] = True
    >>> [window.place for window in damaged_windows(mask, 20)]
    [(slice(30, 71, None), slice(40, 81, None)), (slice(280, 321, None), slice(480, 521, None))]
    """
    gap = margin if gap is None else gap
    # On a coarse grid a dilation by the gap is cheap
    padded = np.pad(mask, [(0, -n % _BLOCK) for n in mask.shape])
    coarse = padded.reshape(padded.shape[0] // _BLOCK, _BLOCK, -1, _BLOCK).any(axis=(1, 3))
    steps = -(-gap // (2 * _BLOCK))
    grown = ndimage.binary_dilation(coarse, np.ones((3, 3)), iterations=steps) if steps else coarse
    labels, _ = ndimage.label(grown, np.ones((3, 3)))
    windows = []
    for number, blocks in enumerate(ndimage.find_objects(labels), start=1):
        # First around the cells of the coarse grid, then around the damaged pixels in them
        around = _grown([slice(part.start * _BLOCK, part.stop * _BLOCK) for part in blocks], 0, mask.shape)
        where = np.argwhere(mask[around] & _of(labels, around, number)) + [part.start for part in around]
        tight = [slice(int(low), int(high) + 1) for low, high in zip(where.min(axis=0), where.max(axis=0), strict=True)]
        place = _grown(tight, margin, mask.shape)
        windows.append(Window(*place, mask[place] & _of(labels, place, number)))
    return sorted(windows, key=lambda window: -np.count_nonzero(window.own))


def _grown(place, margin, shape):
    """A place enlarged on all sides, cut at the edges of the image."""
    return tuple(
        slice(max(part.start - margin, 0), min(part.stop + margin, length))
        for part, length in zip(place, shape, strict=True)
    )


def _of(labels, place, number):
    """Which pixels of a place lie in cells with that label."""
    rows, columns = (np.arange(part.start, part.stop) // _BLOCK for part in place)
    return labels[rows[:, np.newaxis], columns] == number
