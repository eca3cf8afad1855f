"""Edge-enhancing diffusion, which fills holes along the lines of the surrounding image."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.numerics.cells import between_cells, cell_sums
from sunpy_restore.core.numerics.filling import AXES, checked_hole, equilibrium, harmonic, pixel_pairs
from sunpy_restore.core.numerics.nearest import fill_invalid

__all__ = ["edge_enhancing_diffusion"]

_GRADIENT_SIGMA = 2.5  # pixels; smoothing of the image before its gradients are taken
_TENSOR_SIGMA = 8.0  # pixels; smoothing of the structure tensor
_LEAST_SIGMAS = (0.7, 2.0)  # cells; smallest values of these two where cells are large
_CONDUCTIVITY_ACROSS = 3e-4  # of fully coherent lines, relative to the conductivity along them
_NOISE_FLOOR = 0.03  # squared gradient of the smoothed noise, in units of the noise per pixel; weaker lines are ignored
_ITERATIONS = {4: 4, 2: 3, 1: 2}  # of the structure tensor, by the side of the cells in pixels
_MOST_PIXELS = 6000  # in holes; larger holes are solved on larger cells only
_RIM = 2  # pixels next to unobserved ones, whose gradients are ignored
_TRUNCATE = 2.5  # standard deviations


def edge_enhancing_diffusion(image, mask, unobserved=None, *, noise=1.0):
    """
    Fill holes by edge-enhancing diffusion.

    The fill is the steady state of anisotropic diffusion with the structure tensor of the filled image. It conducts
    along edges and ridges but not across them, so straight and bent lines continue through a hole, even if the ends on
    both sides do not face each other. Without lines it is the solution of Laplace's equation. It is solved from coarse
    cells to single pixels and stays within the range of the values next to the holes.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``; finite outside of ``mask`` and ``unobserved``. It is not changed.
    mask : `numpy.ndarray` of `bool`
        True where a pixel is to be filled.
    unobserved : `numpy.ndarray` of `bool`, optional
        Pixels outside of the mask without an observation, which do not conduct.
    noise : `float`
        Standard deviation of the noise of the image, in its unit.

    Returns
    -------
    filled : `numpy.ndarray` of ``float64``
        Pixels outside of the mask keep their values.
    coherence : `numpy.ndarray` of ``float64``
        From 0, where the surroundings show no lines, to 1, where all lines have one direction; 0 far from holes.

    Raises
    ------
    TypeError
        The mask is not boolean.
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
    unobserved = np.zeros(mask.shape, dtype=bool) if unobserved is None else unobserved & ~mask
    margin, cell = int(_TRUNCATE * (_TENSOR_SIGMA + _GRADIENT_SIGMA)), max(_ITERATIONS)
    box = tuple(
        slice(max((places.min() - margin) // cell * cell, 0), -(-(places.max() + margin + 1) // cell) * cell)
        for places in np.nonzero(mask)
    )
    solved, coherence[box] = _coarse_to_fine(filled[box], mask[box], unobserved[box], noise)
    rim = filled[ndimage.binary_dilation(mask) & ~mask & ~unobserved]
    if rim.size:
        # The mixed derivative on a grid violates the maximum principle of diffusion
        solved = np.clip(solved, rim.min(), rim.max())
    filled[mask] = solved[mask[box]]
    return filled, coherence


def _coarse_to_fine(image, mask, unobserved, noise):
    """The fill on cells of decreasing size, each starting from the fill on the larger ones, and the coherence."""
    finest = next(
        size for size in sorted(_ITERATIONS) if size == max(_ITERATIONS) or mask.sum() <= _MOST_PIXELS * size**2
    )
    found = last = None
    for size, iterations in _ITERATIONS.items():
        values, hole, nothing = _cells(image, mask, unobserved, size)
        if size < finest or (hole | nothing).all():
            continue
        if found is None:
            values = harmonic(np.where(nothing, 0, values), hole, nothing)
        else:
            values = np.where(hole, between_cells(found, last, size, values.shape), values)
        values, coherence = _diffused(values, hole, nothing, noise / size, size, iterations)
        found, last = fill_invalid(values, ~nothing)[0], size
    if found is None:
        return harmonic(np.where(unobserved, 0, image), mask, unobserved), np.zeros(image.shape)
    if last == 1:
        return np.where(mask, found, image), coherence
    smooth, coherence = (between_cells(values, last, 1, image.shape) for values in (found, coherence))
    # Cells do not resolve the border of the hole; the difference there is small and rough
    rest = harmonic(np.where(mask | unobserved, 0, image - smooth), mask, unobserved)
    return np.where(mask, smooth + rest, image), coherence


def _cells(image, mask, unobserved, size):
    """Averages over cells, cells to fill, and cells without an observation."""
    if size == 1:
        return image, mask, unobserved
    known = ~(mask | unobserved)
    share, lost, count = (cell_sums(pixels, size) for pixels in (known, mask, np.ones(mask.shape)))
    values = cell_sums(np.where(known, image, 0), size) / np.maximum(share, 1)
    unsure = share < count / 2
    return values, unsure & (lost > 0), unsure & (lost == 0)


def _diffused(values, mask, unobserved, noise, size, iterations):
    """The steady state, with the structure tensor of the previous iteration, and its coherence."""
    conductor = _Conductor(unobserved, noise, size)
    values = np.where(unobserved, 0, values)
    for _ in range(iterations):
        springs, coherence = conductor.springs(values)
        values[mask] = equilibrium(values[np.newaxis], mask, springs)[0]
    return values, coherence


class _Conductor:
    """
    The diffusion tensor of an image.

    Parameters
    ----------
    unobserved : `numpy.ndarray` of `bool`
        Cells without an observation, which do not conduct.
    noise : `float`
        Standard deviation of the noise per cell.
    size : `int`
        Pixels along the side of a cell.
    """

    def __init__(self, unobserved, noise, size):
        widths = zip((_GRADIENT_SIGMA, _TENSOR_SIGMA), _LEAST_SIGMAS, strict=True)
        self.sigma, self.around = (max(width / size, least) for width, least in widths)
        self.known, self.noise = ~unobserved, noise
        # The mixed derivative needs all neighbours of a cell
        self.inner = ndimage.binary_erosion(self.known)
        self.weight = np.maximum(_smoothed(self.known.astype(float), self.sigma), 1e-3)
        self.sure = ndimage.binary_erosion(self.known, iterations=_RIM, border_value=1).astype(float)
        self.floor = _NOISE_FLOOR * noise**2 * np.maximum(_smoothed(self.sure, self.around), 1e-3)

    def springs(self, values):
        """Weights of the differences between neighbours, which give the energy of the diffusion, and the coherence."""
        down, right, both, coherence = self.tensor(values)
        springs = {}
        for step, conductivity in zip(AXES, (down, right), strict=True):
            near, far = pixel_pairs(step)
            springs[step] = np.where(self.known[near] & self.known[far], conductivity[near] + conductivity[far], 0)
        both = np.where(self.inner, both, 0) / 2
        springs[1, 1] = both[:-1, 1:] + both[1:, :-1]
        springs[1, -1] = -(both[:-1, :-1] + both[1:, 1:])
        return springs, coherence

    def tensor(self, values):
        """Components of the diffusion tensor, (y, y), (x, x) and (y, x), and the coherence."""
        smooth = _smoothed(np.where(self.known, values, 0), self.sigma) / self.weight
        rows, columns = np.gradient(smooth)
        # A star or a single bright line does not set the direction of its whole surroundings
        weight = self.sure / np.sqrt(1 + (rows**2 + columns**2) / self.noise**2)
        pairs = ((rows, rows), (columns, columns), (rows, columns))
        down, right, both = (_smoothed(weight * one * other, self.around) for one, other in pairs)
        # Difference of the eigenvalues of the structure tensor
        apart = np.sqrt((down - right) ** 2 + 4 * both**2)
        coherence = (apart / (down + right + self.floor)) ** 2
        across = _CONDUCTIVITY_ACROSS**coherence
        middle, half = (1 + across) / 2, (across - 1) / 2 / np.maximum(apart, np.finfo(float).tiny)
        return middle + half * (down - right), middle - half * (down - right), 2 * half * both, coherence


def _smoothed(image, sigma):
    return ndimage.gaussian_filter(image, sigma, truncate=_TRUNCATE)
