"""First fills of holes, of which a network makes a better one."""

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu

from sunpy_restore.core.cells import between_cells, cell_sums
from sunpy_restore.core.diffusion import coherent
from sunpy_restore.core.filling import harmonic
from sunpy_restore.core.inference import fill_invalid
from sunpy_restore.inpainting.views import BRIGHTEST

__all__ = ["FILLS", "first_fills"]

FILLS = ("image", "plain", "radial", "plate", "radial_plate", "rings", "rays", "coherent")
"""Names of the first fills, which are planes of an observation; see `~sunpy_restore.inpainting.channels.PLANES`."""

_CELL = 3  # pixels along the side; slopes are those of averages, for a plate goes on with the noise of its border
_TENSION = 0.1  # of a plate, per cell: what bends freely flies off where a hole is wider than some 1 / _TENSION cells
_ACROSS = {"rings": 0.04, "rays": 0.01}  # tension of films with a direction, across it; fronts are no exact circles
_FARTHEST = 120.0  # noises, from the fill without lines; a comet at the border of a hole is no line that goes on
_SLACK = 1e-9  # of a plate towards zero, where parts of it may hang on nothing


def first_fills(image, mask, blind, unit=None, contrast=None, profile=None, *, polar=False):
    """
    An image with each of the first fills.

    Parameters
    ----------
    image : `numpy.ndarray`
        The image in the units of a view, shape ``(ny, nx)``.
    mask, blind : `numpy.ndarray` of `bool`
        Pixels to fill, and pixels of which nothing is known.
    unit, contrast, profile : `numpy.ndarray`, optional
        See `~sunpy_restore.inpainting.views.View`. Without them the view is not of deviations, and has one fill.
    polar : `bool`
        Whether rows are rings about the Sun, and columns rays from it. Elsewhere films have no direction.

    Returns
    -------
    `dict`
        Name in `FILLS` to an image, zero where blind; and ``coherence``, see
        `~sunpy_restore.core.diffusion.coherent`, zero on another grid.
    """
    empty = mask | blind
    image = np.where(empty, 0, image)
    if not mask.any() or empty.all() or unit is None:
        image = image if empty.all() else harmonic(image, mask, blind)
        return dict.fromkeys(FILLS, image) | {"coherence": np.zeros(mask.shape)}
    unit, profile = (np.where(scale > 0, scale, 1) for scale in (unit, profile))
    brightness = np.where(empty, 0, (image + contrast) * unit)
    scaled = np.stack([brightness, brightness / profile])
    plates = _plates(scaled, mask, blind)
    # What a plate of averages leaves of the border is small and rough
    rest = np.where(empty, 0, scaled - plates)
    film = harmonic(np.concatenate([image[np.newaxis], scaled, rest]), mask, blind)
    low, high = (limit(scaled[:, ~empty], axis=1)[:, np.newaxis, np.newaxis] for limit in (np.min, np.max))
    plates = np.clip(plates + film[3:], low, high)
    (rings, rays), along, coherence = film[1:3], film[0], np.zeros(mask.shape)
    if polar:
        along, coherence = coherent(image, mask, blind)
        along = film[0] + np.clip(along - film[0], -_FARTHEST, _FARTHEST)
        rings = harmonic(scaled[0], mask, blind, tension=(_ACROSS["rings"], 1.0))
        rays = harmonic(scaled[1], mask, blind, tension=(1.0, _ACROSS["rays"]))
    fills = (film[1], film[2] * profile, plates[0], plates[1] * profile, rings, rays * profile)
    found = dict(zip(FILLS[1:-1], fills, strict=True))
    deviations = {name: np.clip(fill / unit - contrast, -BRIGHTEST, BRIGHTEST) for name, fill in found.items()}
    deviations["coherent"] = along
    filled = {name: np.where(mask, fill, image) for name, fill in deviations.items()}
    return {"image": film[0]} | filled | {"coherence": coherence}


def _plates(images, mask, blind):
    """Images as plates that are bent by the averages of cells about the holes, in and near these."""
    known = ~(mask | blind)
    share, lost, *values = (cell_sums(plane, _CELL) for plane in (known, mask, *np.where(known, images, 0)))
    sure = share >= _CELL**2 / 2
    hole = ~sure & (lost > 0)
    values = np.where(sure, np.stack(values) / np.maximum(share, 1), 0)
    if not hole.any() or not sure.any():
        return np.zeros_like(images)
    values = _bent(values, sure | hole, hole)
    return np.stack([
        between_cells(fill_invalid(plane, sure | hole)[0], _CELL, 1, mask.shape) for plane in values
    ])  # fmt: skip


def _bent(values, used, hole):
    """
    Values in holes that minimise the squares of the Laplacian, and of the gradient times `_TENSION`.

    Squares that need what is not used are left out: a plate is free where it ends.
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
    stiffness = (energy[:, inside] + _SLACK * sparse.eye(inside.sum())).tocsc()
    load = -(energy[:, ~inside] @ values[:, used][:, ~inside].T)
    solved = splu(stiffness, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(load)
    values = values.copy()
    values[:, hole] = solved.T
    return values


def _rows(columns, weights, chosen, size):
    """A matrix with a row for each chosen place."""
    count = np.count_nonzero(chosen)
    entries = np.repeat(np.array(weights, dtype=float), count)
    places = np.tile(np.arange(count), len(weights)), np.concatenate([column[chosen] for column in columns])
    return sparse.coo_matrix((entries, places), shape=(count, size)).tocsr()
