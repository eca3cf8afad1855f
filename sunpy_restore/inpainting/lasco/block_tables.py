"""Telemetry blocks that SOHO/LASCO sets to zero on board."""

from functools import cache

import numpy as np

__all__ = ["middle_blocks", "zeroed_blocks"]

# The same in the frames of 2000 to 2010: 61 blocks of C2 and 99 of C3. The 4 and 7 in the middle of the occulter are
# sent in most of these frames. One word for each row of blocks, the lowest row first, the leftmost block in the highest
# bit.
_BLOCKS = {
    "C2": """
        c0000003 80000001 00000000 00000000 00000000 00000000 00000000 00000000
        00000000 00000000 00000000 00000000 0007c000 0007e000 000ff000 000ff000
        000ff000 000ff000 0007e000 0003c000 00000000 00000000 00000000 00000000
        00000000 00000000 00000000 00000000 00000000 00000000 80000001 c0000003""",
    "C3": """
        ff0000ff fc00003f f800001f f8000007 f8000003 c0000003 80000001 80000000
        00000000 00000000 00000000 00000000 00000000 00000000 00000000 00018000
        0001c000 00018000 00000000 00000000 00000000 00000000 00000000 00000000
        00000000 80000000 80000001 c0000001 e0000003 f0000007 f800000f fc00003f""",
}

_MIDDLE = {"C2": slice(15, 17), "C3": slice(15, 18)}
"""Rows and columns of the blocks in the middle of the occulter."""


def zeroed_blocks(detector, binning=1):
    """
    Tabulate the blocks that are set to zero on board, including those in the middle of the occulter.

    Parameters
    ----------
    detector : ``"C2"`` or ``"C3"``
        The coronagraph.
    binning : `int`
        Pixels of the detector along each axis of an image pixel.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape ``(32, 32)`` without binning, the lowest row first; in a binned image True if all blocks of the detector
        in a block of the image are. It is read-only.
    """
    return _binned(detector, binning)[0]


def middle_blocks(detector, binning=1):
    """
    Tabulate the blocks in the middle of the occulter, which are either sent together or set to zero together.

    Parameters
    ----------
    detector, binning
        See `zeroed_blocks`.

    Returns
    -------
    `numpy.ndarray` of `bool`
        As `zeroed_blocks`, some of which they are.
    """
    return _binned(detector, binning)[1]


@cache
def _binned(detector, binning):
    words = [int(word, 16) for word in _BLOCKS[detector].split()]
    zeroed = np.array([[bool(word >> (31 - column) & 1) for column in range(32)] for word in words])
    middle, place = np.zeros_like(zeroed), (_MIDDLE[detector],) * 2
    middle[place] = zeroed[place]
    tables, number = np.stack([zeroed, middle]), len(words) // binning
    tables = tables.reshape(2, number, binning, number, binning).all(axis=(2, 4))
    tables.setflags(write=False)
    return tables
