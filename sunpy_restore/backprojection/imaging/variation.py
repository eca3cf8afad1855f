"""Regularised images: small total squared variation and l1 norm, not negative."""

import numpy as np
from scipy import ndimage

from sunpy_restore.backprojection.imaging.beam import BEAM
from sunpy_restore.backprojection.imaging.field import gaussians_on, restrict
from sunpy_restore.backprojection.visibilities.fourier import cosines_and_sines

__all__ = ["squared_variation"]

_SMOOTHNESS = 0.003
"""Weight s of the squared variation relative to the l1 norm."""
_ITERATIONS = 300
_CHANGE = 1e-5
"""Largest change of a pixel in an iteration, relative to the maximum, at which the iterations end."""
_HALVINGS, _SECANT_STEPS = 24, 6
_TOLERANCE = 0.02
"""Largest deviation of the reduced chi squared from its goal."""
_LAPLACIAN = np.array([[0.0, -1.0, 0.0], [-1.0, 4.0, -1.0], [0.0, -1.0, 0.0]])
_LARGEST_EIGENVALUE = 8.0
"""Of this operator."""


def squared_variation(visibilities, errors, points, grid, *, goal=1.0):
    """
    Image of the smallest total squared variation and flux with a given reduced chi squared.

    The fluxes x of the pixels in units of the largest amplitude, which are not negative, minimise chi^2 / 2 + a (s / 2
    sum (x_i - x_j)^2 / m^2 + sum x), where the first sum is over neighbouring pixels and m = sum x^2 / sum x is the
    flux-weighted mean. The squared variation makes the image smooth, and the l1 norm makes sources compact; the former
    is relative to the mean, because it would otherwise be negligible for broad sources, whose pixels are faint. The
    weight a decreases until the goal is attained and is then interpolated. For each weight, the minimum is found by the
    accelerated proximal gradient method, and m is that of the image for the weight before.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities with the centre of the image as phase centre, shape ``(n,)``.
    errors : `numpy.ndarray`
        Standard deviation of the real part and of the imaginary part, shape ``(n,)``.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane along the axes of the image.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid of the image, shape ``(ny, nx)``.
    goal : `float`, optional
        Reduced chi squared, see `~sunpy_restore.backprojection.imaging.agreement.chi_squared`.

    Returns
    -------
    `numpy.ndarray`
        Brightness convolved with the clean beam, flux per square arcsec, not negative, shape ``(ny, nx)``.

    References
    ----------
    * Kuramochi et al. 2018, The Astrophysical Journal 858, 56, https://doi.org/10.3847/1538-4357/aab6b5
    * Beck & Teboulle 2009, SIAM Journal on Imaging Sciences 2, 183, https://doi.org/10.1137/080716542
    """
    if not visibilities.any():
        return np.zeros(grid.shape)
    field = restrict(visibilities, points, grid)
    size, noise = np.abs(visibilities).max(), np.concatenate([errors, errors])
    matrix = size * cosines_and_sines(points, field.grid) / noise[:, np.newaxis]
    data = np.concatenate([field.visibilities.real, field.visibilities.imag]) / noise
    flux = size * _regularised(matrix, data, field.grid.shape, goal)
    return gaussians_on(grid, flux, field, BEAM)


def _regularised(matrix, data, shape, goal):
    """Flux of the pixels in units of the largest amplitude, with the weight of the regularisation for the goal."""
    curvature = np.linalg.eigvalsh(matrix @ matrix.T)[-1]
    weight = np.abs(matrix.T @ data).max()
    image, above = np.zeros(shape), None

    def solved(weight, image):
        image = _minimum(matrix, data, weight, weight * _smoothness(image), image, curvature)
        return image, np.mean((matrix @ image.ravel() - data) ** 2)

    for _ in range(_HALVINGS):
        weight /= 2
        image, reached = solved(weight, image)
        if reached <= goal:
            break
        above = weight, reached
    below = weight, reached
    for _ in range(_SECANT_STEPS):
        if above is None or below[1] > goal or abs(reached / goal - 1) < _TOLERANCE:
            break
        share = np.log(goal / below[1]) / np.log(above[1] / below[1])
        weight = below[0] * (above[0] / below[0]) ** np.clip(share, 0.1, 0.9)
        image, reached = solved(weight, image)
        if reached > goal:
            above = weight, reached
        else:
            below = weight, reached
    return image


def _smoothness(image):
    """Weight of half the squared variation, relative to that of the l1 norm; 0 for an empty image."""
    power = np.square(image).sum()
    return _SMOOTHNESS * (image.sum() / power) ** 2 if power > 0 else 0.0


def _minimum(matrix, data, sparsity, smoothness, image, curvature):
    """Accelerated proximal gradient method, which starts again where it overshoots."""
    step = 1 / (curvature + _LARGEST_EIGENVALUE * smoothness)
    extrapolated, momentum = image, 1.0
    for _ in range(_ITERATIONS):
        slope = (matrix.T @ (matrix @ extrapolated.ravel() - data)).reshape(image.shape)
        slope += smoothness * ndimage.convolve(extrapolated, _LAPLACIAN, mode="constant") + sparsity
        new = np.maximum(extrapolated - step * slope, 0)
        change = new - image
        if np.vdot(extrapolated - new, change) > 0:
            momentum = 1.0
        next_momentum = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        extrapolated = new + (momentum - 1) / next_momentum * change
        image, momentum = new, next_momentum
        if np.abs(change).max() <= _CHANGE * image.max():
            break
    return image
