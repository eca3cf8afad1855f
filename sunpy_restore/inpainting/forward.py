"""Forward model: how the telemetry loses blocks of an image."""

import numpy as np

from sunpy_restore.inpainting.lasco.geometry import BLOCK

__all__ = ["KINDS", "draw_losses", "lose"]

KINDS = {"single": 0.3, "row": 0.25, "cluster": 0.25, "square": 0.2}
"""
Probability of each kind of loss.

A single block; consecutive blocks in the order of transmission, which are part of a row; a cluster of adjacent blocks;
a square of 2 x 2 to 8 x 8 blocks.
"""

_LONGEST_ROW = 16  # blocks
_LARGEST_SQUARE = 8  # blocks along the side
_LARGEST_CLUSTER = 24  # blocks


def lose(image, mask, fill=0):
    """
    Remove the missing pixels from an image.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``. It is not changed.
    mask : `numpy.ndarray` of `bool`
        True in missing pixels.
    fill : `float`
        Value of missing pixels.

    Returns
    -------
    `numpy.ndarray`
    """
    return np.where(mask, np.asarray(fill).astype(image.dtype), image)


def draw_losses(shape, rng, share, *, block=BLOCK, kinds=None):
    """
    Draw a random mask of missing blocks.

    Parameters
    ----------
    shape : pair of `int`
        Shape ``(ny, nx)`` of the image.
    rng : `numpy.random.Generator`
        Random number generator.
    share : `float`
        Least share of missing blocks; losses are added until it is reached.
    block : `int`
        Side of a block in pixels.
    kinds : mapping, optional
        Probabilities, by default `KINDS`.

    Returns
    -------
    `numpy.ndarray` of `bool`
        True in missing pixels.

    Raises
    ------
    ValueError
        The image is smaller than a block.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.inpainting.forward import draw_losses
    >>> mask = draw_losses((1024, 1024), np.random.default_rng(0), 0.1)
    >>> bool(0.1 <= mask.mean() < 0.2)
    True
    """
    if min(shape) < block:
        raise ValueError(f"Found an image of shape {tuple(shape)}; expected at least one block of {block} pixels.")
    kinds = KINDS if kinds is None else kinds
    names, odds = list(kinds), np.array(list(kinds.values()), dtype=float)
    grid = np.zeros([length // block for length in shape], dtype=bool)
    while not grid.any() or grid.mean() < share:
        _LOSSES[names[rng.choice(len(names), p=odds / odds.sum())]](grid, rng)
    mask = np.zeros(shape, dtype=bool)
    mask[: grid.shape[0] * block, : grid.shape[1] * block] = np.kron(grid, np.ones((block, block), dtype=bool))
    return mask


def _single(grid, rng):
    grid[tuple(rng.integers(0, grid.shape))] = True


def _row(grid, rng):
    row, first = rng.integers(0, grid.shape)
    grid[row, first : first + rng.integers(2, _LONGEST_ROW + 1)] = True


def _square(grid, rng):
    side = int(rng.integers(2, _LARGEST_SQUARE + 1))
    row, column = (rng.integers(0, max(length - side, 0) + 1) for length in grid.shape)
    grid[row : row + side, column : column + side] = True


def _cluster(grid, rng):
    row, column = rng.integers(0, grid.shape)
    for _ in range(rng.integers(3, _LARGEST_CLUSTER + 1)):
        grid[row, column] = True
        step = ((0, 1), (0, -1), (1, 0), (-1, 0))[rng.integers(4)]
        row, column = (int(np.clip(place + move, 0, n - 1)) for place, move, n in
                       zip((row, column), step, grid.shape, strict=True))  # fmt: skip


_LOSSES = {"single": _single, "row": _row, "cluster": _cluster, "square": _square}
