"""Fit of Gaussian sources to visibilities by the Levenberg-Marquardt algorithm with analytic derivatives."""

import numpy as np

__all__ = ["covariance_of", "fit_gaussians", "model_of"]

_STEPS, _TRIALS = 60, 8
_DAMPING = 1e-2
_LEAST_DAMPING = 1e-7
_LEAST_IMPROVEMENT = 1e-3
"""Decrease of chi squared below which the fit has converged."""
_SMALL = 1e-12


def covariance_of(source):
    """
    Squared widths of a source.

    Parameters
    ----------
    source : `numpy.ndarray`
        Flux, x, y and the standard deviation of a circular source; or flux, x, y and the Cholesky factor p, q, r of the
        squared widths of an elliptical one: xx = p**2, xy = p q, yy = q**2 + r**2.

    Returns
    -------
    `numpy.ndarray`
        In square arcsec, shape ``(2, 2)``.
    """
    if len(source) == 4:
        return np.eye(2) * source[3] ** 2
    factor = np.array([[source[3], 0.0], [source[4], source[5]]])
    return factor @ factor.T


def model_of(sources, points):
    """
    Visibilities of Gaussian sources, and their derivatives.

    Parameters
    ----------
    sources : `list` of `numpy.ndarray`
        See `covariance_of`.
    points : `~sunpy_restore.backprojection.uvplane.UVPoints`
        Points of the (u, v) plane, shape ``(n,)``.

    Returns
    -------
    visibilities : `numpy.ndarray` of `complex`
        Shape ``(n,)``.
    derivatives : `numpy.ndarray` of `complex`
        With respect to all parameters of all sources, shape ``(parameters, n)``.
    """
    u, v = points.u, points.v
    total, rows = np.zeros(len(u), dtype=complex), []
    for flux, x, y, *widths in sources:
        along, across = (widths[0] * u, widths[0] * v) if len(widths) == 1 else (
            widths[0] * u + widths[1] * v, widths[2] * v
        )  # fmt: skip
        wave = np.exp(2j * np.pi * (u * x + v * y) - 2 * np.pi**2 * (along**2 + across**2))
        slopes = (along * u + across * v,) if len(widths) == 1 else (along * u, along * v, across * v)
        total += flux * wave
        rows += [wave, 2j * np.pi * u * flux * wave, 2j * np.pi * v * flux * wave]
        rows += [-4 * np.pi**2 * slope * flux * wave for slope in slopes]
    return total, np.array(rows).reshape(-1, len(u))


def fit_gaussians(starts, points, visibilities, errors):
    """
    Fit Gaussian sources to visibilities, from several starts at once.

    Parameters
    ----------
    starts : `list` of `list` of `numpy.ndarray`
        Sources to start from, see `covariance_of`. All starts have the same number of sources and of parameters.
    points : `~sunpy_restore.backprojection.uvplane.UVPoints`
        Points of the (u, v) plane.
    visibilities : `numpy.ndarray` of `complex`
        Shape ``(n,)``.
    errors : `numpy.ndarray`
        Standard deviation of the real part and of the imaginary part, shape ``(n,)``.

    Returns
    -------
    `list` of `tuple`
        For each start, the fitted sources and chi squared, the sum over the ``2 n`` real numbers.
    """
    model = _Sources(starts, points, visibilities, errors)
    values = np.array([np.concatenate(start) for start in starts])
    normal, slope, least = model.linearized(values)
    damping = np.full(len(starts), _DAMPING)
    steps, trials = np.zeros((2, len(starts)), dtype=int)
    going = np.ones(len(starts), dtype=bool)
    while going.any():
        tried = values + _damped_step(normal, slope, damping)
        new_normal, new_slope, new_least = model.linearized(tried)
        better = going & (new_least < least)
        refused = going & ~better
        improvement = least - new_least
        values[better], normal[better], slope[better] = tried[better], new_normal[better], new_slope[better]
        least[better] = new_least[better]
        damping[refused] *= 4
        damping[better] = np.maximum(damping[better] / 5, _LEAST_DAMPING)
        trials = np.where(better, 0, trials + refused)
        steps += better
        going &= (steps < _STEPS) & (trials < _TRIALS) & ~(better & (improvement < _LEAST_IMPROVEMENT))
    return [
        (np.split(own, np.cumsum([len(source) for source in start])[:-1]), float(chi_squared))
        for start, own, chi_squared in zip(starts, values, least, strict=True)
    ]


def _damped_step(normal, slope, damping):
    """Step of each start in its parameters."""
    count = normal.shape[1]
    damped = normal.reshape(len(normal), -1).copy()
    diagonal = damped[:, :: count + 1]
    diagonal += damping[:, np.newaxis] * (diagonal + _SMALL * diagonal.sum(axis=1, keepdims=True))
    return np.linalg.solve(damped.reshape(normal.shape), slope[..., np.newaxis])[..., 0]


class _Sources:
    """Sources of several starts, all as ellipses: their parameters are linear in those of a fit."""

    def __init__(self, starts, points, visibilities, errors):
        self.u, self.v = 2 * np.pi * points.u, 2 * np.pi * points.v
        self.visibilities, self.factors = visibilities, 1 / errors
        self.spread = np.array([_spread(start) for start in starts])

    def linearized(self, values):
        """Normal matrix, slope and chi squared at the parameters of each start."""
        spread, u, v = self.spread, self.u, self.v
        sources = (values[:, np.newaxis] @ spread).reshape(len(values), -1, 6, 1)
        flux, x, y, p, q, r = (sources[:, :, index] for index in range(6))
        along, across = p * u + q * v, r * v
        wave = np.exp(1j * (x * u + y * v) - 0.5 * (along**2 + across**2)) * self.factors
        light = flux * wave
        derivatives = np.empty((*light.shape[:2], 6, len(u)), dtype=complex)
        derivatives[:, :, 0] = wave
        np.multiply(1j * u, light, out=derivatives[:, :, 1])
        np.multiply(1j * v, light, out=derivatives[:, :, 2])
        np.multiply(-along * u, light, out=derivatives[:, :, 3])
        np.multiply(-along * v, light, out=derivatives[:, :, 4])
        np.multiply(-across * v, light, out=derivatives[:, :, 5])
        residual = (self.visibilities * self.factors - light.sum(axis=1)).view(float)
        jacobian = spread @ derivatives.reshape(len(values), -1, len(u)).view(float)
        slope = (jacobian @ residual[..., np.newaxis])[..., 0]
        return jacobian @ jacobian.swapaxes(1, 2), slope, np.einsum("bk,bk->b", residual, residual)


def _spread(sources):
    """Matrix that makes ellipses of sources, some of which are circular: shape ``(parameters, 6 * sources)``."""
    spread = np.zeros((sum(map(len, sources)), 6 * len(sources)))
    first = 0
    for index, source in enumerate(sources):
        own = spread[first : first + len(source), 6 * index : 6 * index + 6]
        np.fill_diagonal(own, 1)
        if len(source) == 4:
            own[3, 5] = 1
        first += len(source)
    return spread
