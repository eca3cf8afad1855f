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


def fit_gaussians(sources, points, visibilities, errors):
    """
    Fit Gaussian sources to visibilities.

    Parameters
    ----------
    sources : `list` of `numpy.ndarray`
        Start, see `covariance_of`.
    points : `~sunpy_restore.backprojection.uvplane.UVPoints`
        Points of the (u, v) plane.
    visibilities : `numpy.ndarray` of `complex`
        Shape ``(n,)``.
    errors : `numpy.ndarray`
        Standard deviation of the real part and of the imaginary part, shape ``(n,)``.

    Returns
    -------
    sources : `list` of `numpy.ndarray`
        The fitted sources.
    chi_squared : `float`
        Sum over the ``2 n`` real numbers.
    """
    ends = np.cumsum([len(source) for source in sources])[:-1]

    def evaluated(values):
        model, derivatives = model_of(np.split(values, ends), points)
        residual = (visibilities - model) / errors
        derivatives = derivatives / errors
        residual = np.concatenate([residual.real, residual.imag])
        return residual, np.concatenate([derivatives.real, derivatives.imag], axis=1), residual @ residual

    values, damping = np.concatenate(sources), _DAMPING
    residual, jacobian, least = evaluated(values)
    for _ in range(_STEPS):
        normal, slope = jacobian @ jacobian.T, jacobian @ residual
        scale = np.diag(normal) + _SMALL * np.trace(normal)
        for _ in range(_TRIALS):
            tried = values + np.linalg.solve(normal + damping * np.diag(scale), slope)
            new = evaluated(tried)
            if new[2] < least:
                break
            damping *= 4
        else:
            break
        converged = least - new[2] < _LEAST_IMPROVEMENT
        values, (residual, jacobian, least) = tried, new
        damping = max(damping / 5, _LEAST_DAMPING)
        if converged:
            break
    return np.split(values, ends), float(least)
