"""Noise fields without limits, any part of which can be computed by itself."""

import numpy as np

__all__ = ["noise_field"]

_BLOCK = 32


def noise_field(seed, rows, columns, channels):
    """
    Compute a part of a field of standard normal noise.

    The field consists of blocks of 32 x 32 cells, each with its own random number generator. Parts of the same field
    agree where they overlap.

    Parameters
    ----------
    seed : `int`
        Seed of the field, not negative.
    rows, columns : pair of `int`
        First and last cell (exclusive); they may be negative.
    channels : `int`
        Values per cell.

    Returns
    -------
    `numpy.ndarray` of ``float32``
        Shape ``(channels, rows[1] - rows[0], columns[1] - columns[0])``.

    Examples
    --------
    >>> from sunpy_restore.granulation.noise import noise_field
    >>> field = noise_field(1, (0, 50), (0, 40), 2)
    >>> bool((noise_field(1, (20, 40), (30, 35), 2) == field[:, 20:40, 30:35]).all())
    True
    """
    result = np.empty((channels, rows[1] - rows[0], columns[1] - columns[0]), np.float32)
    for row in range(rows[0] // _BLOCK, -(-rows[1] // _BLOCK)):
        for column in range(columns[0] // _BLOCK, -(-columns[1] // _BLOCK)):
            block = _block(seed, row, column, channels)
            top, left = row * _BLOCK, column * _BLOCK
            (above, below), (before, after) = (
                (max(part[0], first), min(part[1], first + _BLOCK)) for part, first in ((rows, top), (columns, left))
            )
            result[:, above - rows[0] : below - rows[0], before - columns[0] : after - columns[0]] = block[
                :, above - top : below - top, before - left : after - left
            ]
    return result


def _block(seed, row, column, channels):
    # Seeds of NumPy are not negative, positions may be
    folded = [2 * abs(position) + (position < 0) for position in (row, column)]
    return np.random.default_rng([seed, *folded]).standard_normal((channels, _BLOCK, _BLOCK), dtype=np.float32)
