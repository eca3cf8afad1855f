"""Thin plates through the known cells of images, by which holes are filled."""

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu

__all__ = ["thin_plate"]

_TENSION = 0.1  # per cell; without it a plate diverges in holes wider than about 1 / tension cells
_REGULARIZATION = 1e-9  # stiffness of a plate towards zero, which fixes parts without any connection to a valid cell


def thin_plate(values, used, hole):
    """
    Fill holes with the values that minimise the squared Laplacian plus the squared gradient times the squared tension.

    Terms whose stencil leaves the used cells are dropped (free boundary).

    Parameters
    ----------
    values : `numpy.ndarray`
        Images, shape ``(count, ny, nx)``, finite in the used cells.
    used, hole : `numpy.ndarray` of `bool`
        Cells that are known or filled; cells that are filled.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(count, ny, nx)``.
    """
    number = np.full(used.shape, -1)
    number[used] = np.arange(used.sum())
    around = np.pad(number, 1, constant_values=-1)
    here, near = number[used], ndimage.binary_dilation(hole, iterations=2)[used]
    left, right, above, below = (
        around[1 + row : 1 + row + used.shape[0], 1 + column : 1 + column + used.shape[1]][used]
        for row, column in ((0, -1), (0, 1), (-1, 0), (1, 0))
    )
    whole = near & (np.minimum(np.minimum(left, right), np.minimum(above, below)) >= 0)
    laplacian = _rows([here, left, right, above, below], [-4, 1, 1, 1, 1], whole, here.size)
    energy = laplacian.T @ laplacian
    for other in (right, below):
        slope = _rows([here, other], [-_TENSION, _TENSION], near & (other >= 0), here.size)
        energy = energy + slope.T @ slope
    inside = hole[used]
    energy = energy.tocsr()[inside]
    stiffness = (energy[:, inside] + _REGULARIZATION * sparse.eye(inside.sum())).tocsc()
    load = -(energy[:, ~inside] @ values[:, used][:, ~inside].T)
    solved = splu(stiffness, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(load)
    values = values.copy()
    values[:, hole] = solved.T
    return values


def _rows(columns, weights, chosen, size):
    """A sparse matrix with one row of these weights for each chosen cell."""
    count = np.count_nonzero(chosen)
    entries = np.repeat(np.array(weights, dtype=float), count)
    places = np.tile(np.arange(count), len(weights)), np.concatenate([column[chosen] for column in columns])
    return sparse.coo_matrix((entries, places), shape=(count, size)).tocsr()
