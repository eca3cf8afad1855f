"""
Inverse diffraction: reconstruct a saturated core from its fringes and from the charge in its columns.

Every pixel of the core contributes to the fringes, at known positions and with known strength, and the fringes are not
saturated. They lie on a corona whose intensity is unknown. Its differences from pixel to pixel are small, however, and
fringes are outliers of them. The core is therefore found that minimises the differences in the residual.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage
from scipy.sparse.linalg import LinearOperator, cg

from sunpy_restore.desaturation.charge import Charge
from sunpy_restore.desaturation.fringes.differences import (
    BLUR,
    GUARD,
    comparable,
    differences,
    differences_adjoint,
    local_variance,
)
from sunpy_restore.desaturation.fringes.psf import fringe_kernel

__all__ = ["RADIUS", "Fringes", "fit_core", "outside", "robust_weights"]

RADIUS = 192
"""Pixels around the core in which fringes are compared."""

_PRIOR = {None: 0.5, 6.0: 0.4, 2.0: 0.3}
"""Prior of the logarithm of the core divided by its initial fill: standard deviation of the part that is constant in a
region, and of those that vary over so many pixels."""

_LARGEST_LOG = 3  # largest correction of the logarithm, in either direction
_BLOCK = 48  # pixels over which coronal structure is correlated
_LEAST_DISPERSION = 3.0  # differences of neighbouring pixels are not independent
_UNCERTAIN = 0.03  # relative error of the strength of the fringes above which the prior is tightened
_HIDDEN = 0.07  # relative error above which the fringes are not used: they can't be told from loops
_CHARGE_ERROR = 0.02  # relative error of the charge in a column segment


class Fringes:
    """
    Linear operator from a core to its fringes in the window around it.

    Parameters
    ----------
    shape : tuple of `int`
        Shape ``(my, mx)`` of the box around the core.
    channel : `int`
        Wavelength in angstrom.
    radius : `int`
        Pixels by which the window extends beyond the box on each side.
    blur : `float`
        Standard deviation in pixels of the Gaussian blur of the fringes.
    """

    def __init__(self, shape, channel, radius=RADIUS, blur=0.0):
        self.shape = shape
        self.window = tuple(n + 2 * radius for n in shape)
        self._size = tuple(fft.next_fast_len(n, real=True) for n in self.window)
        # Inside of a filled core the nearest fringes of the focal mesh are part of its light
        kernel = fringe_kernel(channel, radius, GUARD)
        self._kernel = fft.rfft2(ndimage.gaussian_filter(kernel, blur) if blur else kernel, self._size)

    def of(self, core):
        """The fringes, shape ``window``, of a core of shape ``shape``."""
        # Rows without any of the core are left out of the transform along rows
        waves = fft.fft(fft.rfft(core, self._size[1]), self._size[0], axis=0, overwrite_x=True)
        waves *= self._kernel
        rows = fft.ifft(waves, axis=0, overwrite_x=True)[: self.window[0]]
        return fft.irfft(rows, self._size[1], overwrite_x=True)[:, : self.window[1]]

    def adjoint(self, image):
        """The transpose of `of`."""
        waves = fft.fft(fft.rfft(image, self._size[1]), self._size[0], axis=0, overwrite_x=True)
        waves *= self._kernel.conj()
        rows = fft.ifft(waves, axis=0, overwrite_x=True)[: self.shape[0]]
        return fft.irfft(rows, self._size[1], overwrite_x=True)[:, : self.shape[1]]


class _Prior:
    """Linear operator from independent standard normal variables to smooth changes of the logarithm of a core."""

    def __init__(self, mask, looseness=1.0):
        self.mask = mask
        self.regions, self.count = ndimage.label(mask)
        self.smooth = {scale: looseness * sigma for scale, sigma in _PRIOR.items() if scale is not None}
        # Smoothing reduces the variance of white noise to 1 / (4 pi scale^2) of it
        self.gains = {scale: sigma * 2 * np.sqrt(np.pi) * scale for scale, sigma in self.smooth.items()}
        self.size = self.count + len(self.smooth) * mask.size

    def field(self, variables):
        """The change of the logarithm, in the shape of the mask."""
        result = np.concatenate([[0], _PRIOR[None] * variables[: self.count]])[self.regions]
        for part, (scale, gain) in zip(self._parts(variables), self.gains.items(), strict=True):
            result = result + gain * ndimage.gaussian_filter(part, scale, mode="constant")
        return result * self.mask

    def adjoint(self, field):
        """The transpose of `field`."""
        field = field * self.mask
        sums = np.bincount(self.regions.ravel(), field.ravel(), minlength=self.count + 1)[1:]
        smooth = [gain * ndimage.gaussian_filter(field, scale, mode="constant") for scale, gain in self.gains.items()]
        return np.concatenate([_PRIOR[None] * sums, *(part.ravel() for part in smooth)])

    def _parts(self, variables):
        return variables[self.count :].reshape(len(self.smooth), *self.mask.shape)


def robust_weights(residual, trusted, variance):
    """
    Inverse variances of differences, reduced for outliers (Student's t distribution).

    Parameters
    ----------
    residual : `numpy.ndarray`
        Residual of the differences, shape ``(2, ny, nx)``.
    trusted : `numpy.ndarray` of `bool`
        Differences that are used.
    variance : `numpy.ndarray`
        Their variance.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(2, ny, nx)``.
    """
    return trusted / np.maximum(variance + residual**2 / 3, np.finfo(float).tiny)


def _dispersion(weights, residual, pattern):
    """
    Overdispersion of the differences, which are not independent, and relative error of the strength of the pattern.

    The strength of the whole pattern is fitted, and the changes of it that the single blocks of pixels would cause are
    compared with its formal error: the sandwich estimator of the variance divided by the formal variance.
    """
    gains, information = (_blocks((weights * part * pattern).sum(axis=0)) for part in (residual, pattern))
    total = max(information.sum(), np.finfo(float).tiny)
    strength = gains.sum() / total
    dispersion = max(((gains - strength * information) ** 2).sum() / total, _LEAST_DISPERSION)
    # If the fill is much too faint, the fringes are needed and must not be taken for uncertain
    return dispersion, np.sqrt(dispersion / total) / max(1 + strength, 1)


def _blocks(image):
    """Sums over blocks of `_BLOCK` pixels."""
    padded = np.pad(image, [(0, -n % _BLOCK) for n in image.shape])
    return padded.reshape(padded.shape[0] // _BLOCK, _BLOCK, -1, _BLOCK).sum(axis=(1, 3))


@dataclass(frozen=True)
class _Posterior:
    """
    Posterior probability of the core: misfit of its fringes and of its charge, and the prior.

    The core is ``base + excess * exp(field)`` in the mask, where the prior gives ``field``.
    """

    model: Fringes
    prior: _Prior
    smoothed: np.ndarray
    pairs: np.ndarray
    variance: np.ndarray
    base: np.ndarray
    excess: np.ndarray
    charge: Charge | None

    def core(self, variables):
        """The core above the base, shape ``(my, mx)``."""
        return self.excess * np.exp(np.clip(self.prior.field(variables), -_LARGEST_LOG, _LARGEST_LOG))

    def gauss_newton(self, variables, steps):
        """The variables after one Gauss-Newton step, with so many steps of conjugate gradients."""
        model, prior = self.model, self.prior
        core = self.core(variables)
        filled = np.where(prior.mask, self.base + core, 0)
        residual = differences(self.smoothed - model.of(filled))
        weights = robust_weights(residual, self.pairs, self.variance)
        weights = weights / _dispersion(weights, residual, differences(model.of(core)))[0]
        segments, charge_weights, missing = _charge_terms(self.charge, filled)

        def curvature(change):
            """Gauss-Newton curvature of the misfit along a change of the logarithm."""
            change = core * change
            back = model.adjoint(differences_adjoint(weights * differences(model.of(change))))
            sums = np.bincount(segments.ravel(), change.ravel(), minlength=len(charge_weights))
            return core * (back + (charge_weights * sums)[segments])

        gradient = core * (
            model.adjoint(differences_adjoint(weights * residual)) + (charge_weights * missing)[segments]
        )
        operator = LinearOperator(
            (prior.size, prior.size), lambda v: v + prior.adjoint(curvature(prior.field(v))), dtype=float
        )
        return variables + cg(operator, prior.adjoint(gradient) - variables, rtol=1e-8, maxiter=steps)[0]


def fit_core(image, valid, first, base, mask, channel, *, charge=None, damping=True, rounds=4, steps=12):
    """
    Correct the fill of a saturated core until its fringes, and its charge, agree with the observed ones.

    The logarithm of the core above its surroundings is changed smoothly, with ``first`` as the prior. The maximum of
    the posterior probability is found by Gauss-Newton steps with conjugate gradients.

    Parameters
    ----------
    image : `numpy.ndarray`
        Observed image in the window, which is the box of the core and `RADIUS` pixels around it; finite.
    valid : `numpy.ndarray` of `bool`
        Pixels of the window that can be compared.
    first, base : `numpy.ndarray`
        Initial fill in the box of the core, and the harmonic fill, which is the intensity without a core.
    mask : `numpy.ndarray` of `bool`
        Pixels of the box to fill.
    channel : `int`
        Wavelength in angstrom.
    charge : `~sunpy_restore.desaturation.charge.Charge`, optional
        Charge in the columns.
    damping : `bool`
        Whether to tighten the prior, or to keep ``first``, where coronal structure hides the fringes.
    rounds, steps : `int`
        Number of Gauss-Newton steps, and of conjugate-gradient steps in each.

    Returns
    -------
    `numpy.ndarray`
        The box of the core; ``first`` outside of the mask.

    References
    ----------
    * Schwartz, Torre, Massone & Piana 2015, Astronomy and Computing 13, 117
    * Torre, Schwartz, Benvenuto, Massone & Piana 2015, Inverse Problems 31, 095006
    * Guastavino, Piana, Massone, Schwartz & Benvenuto 2019, ApJ 882, 109
    """
    model = Fringes(mask.shape, channel, RADIUS, BLUR)
    smoothed, pairs = comparable(image, outside(valid, mask))
    pattern = differences(model.of(np.where(mask, first, 0)))
    residual = differences(smoothed) - pattern
    variance = local_variance(residual, pairs)
    error = _dispersion(robust_weights(residual, pairs, variance), residual, pattern)[1] if damping else 0
    prior = _Prior(mask, _UNCERTAIN / max(error, _UNCERTAIN))
    pairs = pairs & (error < _HIDDEN)
    excess = np.where(mask, np.maximum(first - base, 0.02 * np.abs(base) + 1e-6 * np.abs(first).max()), 0)
    posterior = _Posterior(model, prior, smoothed, pairs, variance, base, excess, charge)
    variables = np.zeros(prior.size)
    for _ in range(rounds):
        variables = posterior.gauss_newton(variables, steps)
    return np.where(mask, base + posterior.core(variables), first)


def outside(valid, mask):
    """
    Valid pixels around a core, outside of its mask.

    Parameters
    ----------
    valid : `numpy.ndarray` of `bool`
        Valid pixels of the window, which is the box of the core and `RADIUS` pixels around it.
    mask : `numpy.ndarray` of `bool`
        The core in its box.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Shape of the window.
    """
    usable = valid.copy()
    usable[tuple(slice(RADIUS, RADIUS + n) for n in mask.shape)] &= ~mask
    return usable


def _charge_terms(charge, filled):
    """Segments, inverse variances and missing charge; one empty segment if no charge is to be conserved."""
    if charge is None:
        return np.zeros(filled.shape, dtype=int), np.zeros(1), np.zeros(1)
    found = np.bincount(charge.segments.ravel(), filled.ravel(), minlength=len(charge.totals) + 1)
    weights = np.concatenate([[0], 1 / (_CHARGE_ERROR * charge.totals) ** 2])
    return charge.segments, weights, np.concatenate([[0], charge.totals - found[1:]])
