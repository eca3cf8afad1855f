"""Maximum entropy images of visibilities."""

import numpy as np

from astropy.stats import gaussian_fwhm_to_sigma

from sunpy_restore.backprojection.beam import BEAM, beam_area
from sunpy_restore.backprojection.field import gaussians_on, restrict
from sunpy_restore.backprojection.fourier import cosines_and_sines

__all__ = ["maximum_entropy"]

_CORRELATION = 4.5
"""Full width at half maximum of the internal correlation in arcsec."""
_DEFAULT = 1e-8
"""Brightness of an empty image, relative to a point source with the largest amplitude on one clean beam."""
_LARGEST_EXPONENT = 80.0
_LARGEST_FLUX = 5.0
"""Largest total flux, relative to the largest amplitude."""
_NEWTON_STEPS, _HALVINGS = 50, 30
_NEWTON_TOLERANCE = 1e-5
_WEIGHT_STEPS, _SECANT_STEPS = 40, 6
_TOLERANCE = 0.02
"""Largest deviation of the reduced chi squared from its goal."""


def maximum_entropy(visibilities, errors, points, grid, *, goal=1.0):
    """
    Image of the largest entropy with a given reduced chi squared.

    The brightness is a hidden image convolved with a Gaussian of 4.5 arcsec, the internal correlation of Gull (1989).
    With the flux h of a hidden pixel and the default m, the entropy is the sum of h - m - h log(h / m). The default is
    low, so that the total flux follows from the visibilities. The maximum is found in the dual problem, which has two
    unknowns per visibility, by Newton's method.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities with the centre of the image as phase centre, shape ``(n,)``.
    errors : `numpy.ndarray`
        Standard deviation of the real part and of the imaginary part, shape ``(n,)``.
    points : `~sunpy_restore.backprojection.uvplane.UVPoints`
        Points of the (u, v) plane along the axes of the image.
    grid : `~sunpy_restore.backprojection.fourier.Grid`
        Pixel grid of the image, shape ``(ny, nx)``.
    goal : `float`, optional
        Reduced chi squared, see `~sunpy_restore.backprojection.agreement.chi_squared`.

    Returns
    -------
    `numpy.ndarray`
        Brightness convolved with the clean beam, flux per square arcsec, positive, shape ``(ny, nx)``.

    References
    ----------
    * Gull 1989, in Maximum Entropy and Bayesian Methods, https://doi.org/10.1007/978-94-015-7860-8_4
    * Massa et al. 2020, The Astrophysical Journal 894, 46, https://doi.org/10.3847/1538-4357/ab8637
    """
    if not visibilities.any():
        return np.zeros(grid.shape)
    field = restrict(visibilities, points, grid)
    default = _DEFAULT * np.abs(visibilities).max() * field.grid.area / beam_area()
    transfer = np.exp(-2 * (np.pi * _CORRELATION * gaussian_fwhm_to_sigma * points.frequency) ** 2)
    noise = np.concatenate([errors, errors])
    matrix = (
        cosines_and_sines(points, field.grid) * (default * np.concatenate([transfer, transfer]) / noise)[:, np.newaxis]
    )
    data = np.concatenate([field.visibilities.real, field.visibilities.imag]) / noise
    largest = _LARGEST_FLUX * np.abs(visibilities).max() / default
    hidden = default * _hidden(matrix, data, goal, largest).reshape(field.grid.shape)
    return gaussians_on(grid, hidden, field, np.hypot(_CORRELATION, BEAM))


def _hidden(matrix, data, goal, largest):
    """
    The hidden image in units of the default, exp(A^T m), whose residuals d - A h are a m.

    The weight a of the entropy decreases until the reduced chi squared falls below the goal, and is then interpolated.
    If the goal cannot be attained, the last image before the flux grows without limit is returned.
    """
    weight = np.sqrt(len(data)) * np.abs(data).max()
    above, multipliers, hidden = None, np.zeros(len(data)), np.ones(matrix.shape[1])
    for _ in range(_WEIGHT_STEPS):
        last = hidden
        multipliers, hidden = _maximum(matrix, data, weight, multipliers)
        reached = np.mean((data - matrix @ hidden) ** 2)
        if not hidden.sum() <= largest:
            return last
        if reached <= goal:
            break
        above = weight, reached
        weight /= 4 if reached > 4 * goal else 2
    else:
        return hidden
    below = weight, reached, multipliers
    for _ in range(_SECANT_STEPS):
        if above is None or abs(reached / goal - 1) < _TOLERANCE:
            break
        share = np.log(goal / below[1]) / np.log(above[1] / below[1])
        weight = below[0] * (above[0] / below[0]) ** np.clip(share, 0.1, 0.9)
        multipliers, hidden = _maximum(matrix, data, weight, below[2])
        reached = np.mean((data - matrix @ hidden) ** 2)
        if reached > goal:
            above = weight, reached
        else:
            below = weight, reached, multipliers
    return hidden


def _maximum(matrix, data, weight, multipliers):
    """Newton's method for the minimum of sum exp(A^T m) + a m^2 / 2 - m d, which is convex."""

    def evaluated(multipliers):
        hidden = np.exp(np.minimum(multipliers @ matrix, _LARGEST_EXPONENT))
        return hidden, hidden.sum() + weight / 2 * multipliers @ multipliers - multipliers @ data

    hidden, value = evaluated(multipliers)
    for _ in range(_NEWTON_STEPS):
        slope = matrix @ hidden + weight * multipliers - data
        curvature = (matrix * hidden) @ matrix.T
        curvature[np.diag_indices(len(data))] += weight
        try:
            step = np.linalg.solve(curvature, slope)
        except np.linalg.LinAlgError:
            # The flux diverges, and rounding leaves nothing of the weight
            break
        decrease = slope @ step
        if not decrease > _NEWTON_TOLERANCE * max(1, abs(value)):
            break
        length = 1.0
        for _ in range(_HALVINGS):
            tried = multipliers - length * step
            new_hidden, new_value = evaluated(tried)
            if new_value <= value - 1e-4 * length * decrease:
                break
            length /= 2
        else:
            break
        multipliers, hidden, value = tried, new_hidden, new_value
    return multipliers, hidden
