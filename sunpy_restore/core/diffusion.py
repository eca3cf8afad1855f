"""Filling holes by going on along the lines that an image shows around them."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.cells import between_cells, cell_sums
from sunpy_restore.core.filling import AXES, at_rest, checked_hole, ends, harmonic
from sunpy_restore.core.inference import fill_invalid

__all__ = ["coherent"]

_SMOOTHING = 2.5  # pixels; standard deviation of the image whose gradients tell the direction
_AROUND = 8.0  # pixels; standard deviation of the average over these
_LEAST = (0.7, 2.0)  # the same two in cells, where these are large
_ACROSS = 3e-4  # conductivity across lines, of that along them
_NOISE = 0.03  # squared gradient of the smoothed noise, in units of the noise per pixel; weaker lines are not followed
_ROUNDS = {4: 4, 2: 3, 1: 2}  # by the side of the cells in pixels
_FEW = 6000  # pixels to fill; more of them end with larger cells
_RIM = 2  # pixels next to where nothing is known, whose gradients are not looked at
_TRUNCATE = 2.5  # standard deviations


def coherent(image, mask, blind=None, *, noise=1.0):
    """
    Fill holes by diffusion along the lines that lead into them.

    Heat that flows along the edges and ridges of an image but not across them carries these through a hole, bent or
    straight, also where those on one side don't face those on the other. Where there are none it is a soap film. It is
    the steady state of edge-enhancing diffusion, with the structure tensor of the filled image, from coarse cells to
    pixels, and stays within the values next to the holes.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``; finite outside of the mask and of ``blind``. It is not changed.
    mask : `numpy.ndarray` of `bool`
        True where a pixel is to be filled.
    blind : `numpy.ndarray` of `bool`, optional
        Pixels outside of the mask that show nothing; no heat flows there.
    noise : `float`
        Standard deviation of the noise of the image.

    Returns
    -------
    filled : `numpy.ndarray` of ``float64``
        Other pixels keep their values.
    coherence : `numpy.ndarray` of ``float64``
        From 0, where there are no lines around, to 1, where all lines have one direction; 0 far from holes.

    Raises
    ------
    ValueError
        The mask has another shape, or leaves no valid pixel.

    References
    ----------
    * Weickert 1996, https://doi.org/10.1007/978-3-7091-6586-7_13
    * Galić et al. 2008, https://doi.org/10.1007/s10851-008-0087-0
    """
    filled = np.array(image, dtype=float)
    mask = checked_hole(filled, mask)
    coherence = np.zeros_like(filled)
    if not mask.any():
        return filled, coherence
    blind = np.zeros(mask.shape, dtype=bool) if blind is None else blind & ~mask
    reach, cell = int(_TRUNCATE * (_AROUND + _SMOOTHING)), max(_ROUNDS)
    box = tuple(
        slice(max((places.min() - reach) // cell * cell, 0), -(-(places.max() + reach + 1) // cell) * cell)
        for places in np.nonzero(mask)
    )
    found, coherence[box] = _coarse_to_fine(filled[box], mask[box], blind[box], noise)
    rim = filled[ndimage.binary_dilation(mask) & ~mask & ~blind]
    if rim.size:
        # As heat does, which the mixed term on a grid does not see to
        found = np.clip(found, rim.min(), rim.max())
    filled[mask] = found[mask[box]]
    return filled, coherence


def _coarse_to_fine(image, mask, blind, noise):
    """The fill by cells of several sizes, each of which begins with what the larger ones made of it."""
    finest = next(size for size in sorted(_ROUNDS) if size == max(_ROUNDS) or mask.sum() <= _FEW * size**2)
    found = last = None
    for size, rounds in _ROUNDS.items():
        values, hole, nothing = _cells(image, mask, blind, size)
        if size < finest or (hole | nothing).all():
            continue
        if found is None:
            values = harmonic(np.where(nothing, 0, values), hole, nothing)
        else:
            values = np.where(hole, between_cells(found, last, size, values.shape), values)
        values, coherence = _diffused(values, hole, nothing, noise / size, size, rounds)
        found, last = fill_invalid(values, ~nothing)[0], size
    if found is None:
        return harmonic(np.where(blind, 0, image), mask, blind), np.zeros(image.shape)
    if last == 1:
        return np.where(mask, found, image), coherence
    smooth, coherence = (between_cells(plane, last, 1, image.shape) for plane in (found, coherence))
    # What cells leave of the border is small and rough
    rest = harmonic(np.where(mask | blind, 0, image - smooth), mask, blind)
    return np.where(mask, smooth + rest, image), coherence


def _cells(image, mask, blind, size):
    """Averages over cells, where these are to be filled, and where they show nothing."""
    if size == 1:
        return image, mask, blind
    known = ~(mask | blind)
    share, lost, count = (cell_sums(plane, size) for plane in (known, mask, np.ones(mask.shape)))
    values = cell_sums(np.where(known, image, 0), size) / np.maximum(share, 1)
    unsure = share < count / 2
    return values, unsure & (lost > 0), unsure & (lost == 0)


def _diffused(values, mask, blind, noise, size, rounds):
    """The steady state, whose lines are those of the one before, and the coherence of these."""
    conductor = _Conductor(blind, noise, size)
    values = np.where(blind, 0, values)
    for _ in range(rounds):
        springs, coherence = conductor.springs(values)
        values[mask] = at_rest(values[np.newaxis], mask, springs)[0]
    return values, coherence


class _Conductor:
    """
    What conducts along the lines of an image alone.

    Parameters
    ----------
    blind : `numpy.ndarray` of `bool`
        Cells that show nothing and don't conduct.
    noise : `float`
        Standard deviation of the noise from cell to cell.
    size : `int`
        Pixels along the side of a cell.
    """

    def __init__(self, blind, noise, size):
        widths = zip((_SMOOTHING, _AROUND), _LEAST, strict=True)
        self.sigma, self.around = (max(width / size, least) for width, least in widths)
        self.known, self.noise = ~blind, noise
        # A cell without all of its neighbours has no use for the mixed term
        self.inner = ndimage.binary_erosion(self.known)
        self.weight = np.maximum(_smoothed(self.known.astype(float), self.sigma), 1e-3)
        self.sure = ndimage.binary_erosion(self.known, iterations=_RIM, border_value=1).astype(float)
        self.floor = _NOISE * noise**2 * np.maximum(_smoothed(self.sure, self.around), 1e-3)

    def springs(self, values):
        """Springs between neighbours, whose energy is that of a flow through the cells between them; coherence."""
        down, right, both, coherence = self.tensor(values)
        springs = {}
        for step, plane in zip(AXES, (down, right), strict=True):
            near, far = ends(step)
            springs[step] = np.where(self.known[near] & self.known[far], plane[near] + plane[far], 0)
        both = np.where(self.inner, both, 0) / 2
        springs[1, 1] = both[:-1, 1:] + both[1:, :-1]
        springs[1, -1] = -(both[:-1, :-1] + both[1:, 1:])
        return springs, coherence

    def tensor(self, values):
        """Conductivity along rows, along columns, and between these; coherence."""
        smooth = _smoothed(np.where(self.known, values, 0), self.sigma) / self.weight
        rows, columns = np.gradient(smooth)
        # So that a star or a single bright line does not tell the direction of all around
        weight = self.sure / np.sqrt(1 + (rows**2 + columns**2) / self.noise**2)
        pairs = ((rows, rows), (columns, columns), (rows, columns))
        down, right, both = (_smoothed(weight * one * other, self.around) for one, other in pairs)
        # Eigenvalues of the structure tensor differ by this
        apart = np.sqrt((down - right) ** 2 + 4 * both**2)
        coherence = (apart / (down + right + self.floor)) ** 2
        across = _ACROSS**coherence
        middle, half = (1 + across) / 2, (across - 1) / 2 / np.maximum(apart, np.finfo(float).tiny)
        return middle + half * (down - right), middle - half * (down - right), 2 * half * both, coherence


def _smoothed(plane, sigma):
    return ndimage.gaussian_filter(plane, sigma, truncate=_TRUNCATE)
