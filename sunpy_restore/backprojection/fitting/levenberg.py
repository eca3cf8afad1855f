"""Fit of Gaussian sources to visibilities by the Levenberg-Marquardt algorithm with analytic derivatives."""

import numpy as np

__all__ = ["covariance_of", "fit_gaussians", "model_of"]

_STEPS, _TRIALS = 60, 8
_DAMPING = 1e-2
_LEAST_DAMPING = 1e-7
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
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
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


def fit_gaussians(starts, points, visibilities, errors, least_improvement=1e-3):
    """
    Fit Gaussian sources to visibilities, from several starts at once.

    Parameters
    ----------
    starts : `list` of `list` of `numpy.ndarray`
        Sources to start from, see `covariance_of`. All starts have the same number of sources and of parameters.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane.
    visibilities : `numpy.ndarray` of `complex`
        Shape ``(n,)``.
    errors : `numpy.ndarray`
        Standard deviation of the real part and of the imaginary part, shape ``(n,)``.
    least_improvement : `float`
        Decrease of chi squared below which a fit has converged.

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
    while True:
        step = _damped_step(normal, slope, damping)
        # The quadratic model of chi squared decreases by this at least, and by less than twice as much
        going &= np.einsum("bp,bp->b", step, slope) > least_improvement / 2
        if not going.any():
            break
        tried = values + step
        new_normal, new_slope, new_least = model.linearized(tried)
        better = going & (new_least < least)
        refused = going & ~better
        improvement = least - new_least
        np.copyto(values, tried, where=better[:, np.newaxis])
        np.copyto(normal, new_normal, where=better[:, np.newaxis, np.newaxis])
        np.copyto(slope, new_slope, where=better[:, np.newaxis])
        np.copyto(least, new_least, where=better)
        damping = np.where(better, np.maximum(damping / 5, _LEAST_DAMPING), np.where(refused, 10 * damping, damping))
        trials = np.where(better, 0, trials + refused)
        steps += better
        going &= (steps < _STEPS) & (trials < _TRIALS) & ~(better & (improvement < least_improvement))
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
        factors = 1 / errors
        self.visibilities, self.log_factors = visibilities * factors, np.log(factors)
        self.spread = np.array([_spread(start) for start in starts])
        # Derivatives are those of the logarithm times the visibilities; those by x and y are the same at all parameters
        count = self.spread.shape[2] // 6
        self.slopes = np.zeros((len(starts), count, 6, len(self.u)), dtype=complex)
        self.slopes[:, :, 1], self.slopes[:, :, 2] = 1j * self.u, 1j * self.v

    def linearized(self, values):
        """Normal matrix, slope and chi squared at the parameters of each start."""
        spread, slopes, u, v = self.spread, self.slopes, self.u, self.v
        sources = (values[:, np.newaxis] @ spread).reshape(len(values), -1, 6, 1)
        flux, x, y, p, q, r = sources.swapaxes(0, 2).swapaxes(1, 2)
        along, across = p * u + q * v, r * v
        exponent = np.empty(along.shape, dtype=complex)
        exponent.real = self.log_factors - 0.5 * (along**2 + across**2)
        exponent.imag = x * u + y * v
        wave = np.exp(exponent)
        light = flux * wave
        np.multiply(along, -u, out=slopes[:, :, 3].real)
        np.multiply(along, -v, out=slopes[:, :, 4].real)
        np.multiply(across, -v, out=slopes[:, :, 5].real)
        derivatives = slopes * light[:, :, np.newaxis]
        derivatives[:, :, 0] = wave
        residual = (self.visibilities - light.sum(axis=1)).view(float)
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
