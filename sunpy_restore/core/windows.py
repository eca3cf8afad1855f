"""Windows around the damaged parts of an image, so that work grows with the damage and not with the image."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

__all__ = ["Window", "damaged_windows"]

_BLOCK = 16


@dataclass(frozen=True)
class Window:
    """
    A part of an image with some of its damage.

    Parameters
    ----------
    rows, columns : `slice`
        Its place.
    own : `numpy.ndarray` of `bool`
        Damaged pixels, in the window's shape, that belong to it; others in it belong to another window.
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
    Windows that hold each damaged pixel once, with valid pixels about it.

    Parameters
    ----------
    mask : `numpy.ndarray` of `bool`
        True where a pixel is damaged, shape ``(ny, nx)``.
    margin : `int`
        Pixels around the damage in a window; fewer at the edges of the image.
    gap : `int`, optional
        Damage that is closer than this, rounded up to 16 pixels, shares a window; by default ``margin``.

    Returns
    -------
    `list` of `Window`
        The one with most damage first.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.core.windows import damaged_windows
    >>> mask = np.zeros((400, 600), dtype=bool)
    >>> mask[50, 60] = mask[300, 500] = True
    >>> [window.place for window in damaged_windows(mask, 20)]
    [(slice(30, 71, None), slice(40, 81, None)), (slice(280, 321, None), slice(480, 521, None))]
    """
    gap = margin if gap is None else gap
    # Joined on a coarse grid, where a dilation by the gap costs nothing
    padded = np.pad(mask, [(0, -n % _BLOCK) for n in mask.shape])
    coarse = padded.reshape(padded.shape[0] // _BLOCK, _BLOCK, -1, _BLOCK).any(axis=(1, 3))
    steps = -(-gap // (2 * _BLOCK))
    grown = ndimage.binary_dilation(coarse, np.ones((3, 3)), iterations=steps) if steps else coarse
    labels, _ = ndimage.label(grown, np.ones((3, 3)))
    windows = []
    for number, blocks in enumerate(ndimage.find_objects(labels), start=1):
        # Around the blocks first, then around the damage in them
        around = _grown([slice(part.start * _BLOCK, part.stop * _BLOCK) for part in blocks], 0, mask.shape)
        where = np.argwhere(mask[around] & _of(labels, around, number)) + [part.start for part in around]
        tight = [slice(int(low), int(high) + 1) for low, high in zip(where.min(axis=0), where.max(axis=0), strict=True)]
        place = _grown(tight, margin, mask.shape)
        windows.append(Window(*place, mask[place] & _of(labels, place, number)))
    return sorted(windows, key=lambda window: -np.count_nonzero(window.own))


def _grown(place, margin, shape):
    """A place and pixels around it, as far as there are any."""
    return tuple(
        slice(max(part.start - margin, 0), min(part.stop + margin, length))
        for part, length in zip(place, shape, strict=True)
    )


def _of(labels, place, number):
    """Pixels of a place in blocks of that label."""
    rows, columns = (np.arange(part.start, part.stop) // _BLOCK for part in place)
    return labels[rows[:, np.newaxis], columns] == number
