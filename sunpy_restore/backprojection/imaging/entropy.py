"""Maximum entropy images of visibilities."""

from functools import cached_property

import numpy as np

from astropy.stats import gaussian_fwhm_to_sigma

from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.imaging.field import gaussians_on, restrict
from sunpy_restore.backprojection.visibilities.waves import SeparableWaves

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
_FLAT = 10.0
"""Largest exponent of an image that explains nothing of the visibilities yet."""
_NEAR = 4.0
"""Reduced chi squared, relative to the goal, below which the weight is extrapolated."""
_NEGLIGIBLE = 1e-7
"""Share of the total flux below which a pixel is left out of a rough curvature."""
_ILL_CONDITIONED = 3e-4
"""Weight, relative to the trace of the curvature, below which that has to be exact."""


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
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane along the axes of the image.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid of the image, shape ``(ny, nx)``.
    goal : `float`, optional
        Reduced chi squared, see `~sunpy_restore.backprojection.imaging.agreement.chi_squared`.

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
    matrix = SeparableWaves(points, field.grid, default * np.concatenate([transfer, transfer]) / noise)
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
    problem = _Dual(matrix, data)
    weight, point, skipped = _first_weight(problem, goal)
    above = None
    for _ in range(_WEIGHT_STEPS - skipped):
        last = point
        point = problem.maximum(weight, point)
        if not point.flux <= largest:
            return last.hidden
        if point.misfit <= (1 + _TOLERANCE) * goal:
            break
        last_above, above = above, (weight, point.misfit)
        weight = _next_weight(last_above, above, goal)
    else:
        return point.hidden
    below = weight, point
    for _ in range(_SECANT_STEPS):
        if above is None or abs(point.misfit / goal - 1) < _TOLERANCE:
            break
        share = np.log(goal / below[1].misfit) / np.log(above[1] / below[1].misfit)
        weight = below[0] * (above[0] / below[0]) ** np.clip(share, 0.1, 0.9)
        point = problem.maximum(weight, below[1])
        if point.misfit > goal:
            above = weight, point.misfit
        else:
            below = weight, point
    return point.hidden


def _next_weight(last, present, goal):
    """The weight after two that are too large, of which the first one may be unknown: by a power law near the goal."""
    weight, misfit = present
    if last is None or misfit > _NEAR * goal:
        return weight / 4
    slope = np.log(last[1] / misfit) / np.log(last[0] / weight)
    step = np.log(misfit / goal) / slope if slope > 0 else np.inf
    return weight / np.exp(np.clip(step, np.log(1.1), np.log(2)))


def _first_weight(problem, goal):
    """
    Weight to begin with, a point near its maximum, and the number of larger weights that are skipped.

    The image is as empty as the default until the weight is about that of the data, and the maximum has the closed form
    m = (d - A 1) / a.
    """
    weight = np.sqrt(len(problem.data)) * np.abs(problem.data).max()
    empty = problem.at(np.zeros(len(problem.data)))
    if not empty.misfit > 8 * goal:
        return weight, empty, 0
    slope = problem.data - empty.visibilities
    highest = np.abs(problem.matrix.adjoint(slope)).max() / _FLAT
    steps = int(np.floor(np.log(weight / highest) / np.log(4))) if highest > 0 else 0
    if steps < 1:
        return weight, empty, 0
    weight /= 4.0**steps
    return weight, problem.at(slope / (4 * weight)), steps


class _Point:
    """Multipliers of the dual problem, and what follows from them."""

    def __init__(self, problem, multipliers):
        self.problem, self.multipliers = problem, multipliers
        self.hidden = np.exp(np.minimum(problem.matrix.adjoint(multipliers), _LARGEST_EXPONENT))
        self.flux = self.hidden.sum()

    def value(self, weight):
        """The function that Newton's method minimizes."""
        multipliers = self.multipliers
        return self.flux + weight / 2 * multipliers @ multipliers - multipliers @ self.problem.data

    @cached_property
    def visibilities(self):
        """A h."""
        return self.problem.matrix.forward(self.hidden)

    @property
    def misfit(self):
        """Reduced chi squared."""
        return np.mean((self.problem.data - self.visibilities) ** 2)

    def curvature(self, weight):
        """A diag(h) A^T; where the weight stabilizes the solution, in single precision and without empty pixels."""
        if weight < _ILL_CONDITIONED * np.trace(self._rough_curvature):
            return self._exact_curvature.copy()
        return self._rough_curvature.copy()

    @cached_property
    def _rough_curvature(self):
        bright = np.flatnonzero(self.hidden > _NEGLIGIBLE * self.flux)
        return self.problem.matrix.covariance(self.hidden, bright)

    @cached_property
    def _exact_curvature(self):
        return self.problem.matrix.exact_covariance(self.hidden)


class _Dual:
    """The problem for one set of data: the minimum of sum exp(A^T m) + a m^2 / 2 - m d, which is convex."""

    def __init__(self, matrix, data):
        self.matrix, self.data = matrix, data

    def at(self, multipliers):
        """The point at some multipliers."""
        return _Point(self, multipliers)

    def maximum(self, weight, point):
        """The minimum for a weight by Newton's method, from a point that is near."""
        value = point.value(weight)
        for _ in range(_NEWTON_STEPS):
            slope = point.visibilities + weight * point.multipliers - self.data
            curvature = point.curvature(weight)
            curvature[np.diag_indices(len(self.data))] += weight
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
                tried = self.at(point.multipliers - length * step)
                new_value = tried.value(weight)
                if new_value <= value - 1e-4 * length * decrease:
                    break
                length /= 2
            else:
                break
            point, value = tried, new_value
        return point
