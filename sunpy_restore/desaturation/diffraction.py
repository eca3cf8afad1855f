"""
Inverse diffraction: what the fringes outside of a saturated core, and the charge in its columns, tell of the core.

Every pixel of the core repeats itself in the fringes, at known places and with known strength, and the fringes are not
saturated. They lie on a corona that is not known. Its differences from pixel to pixel are small, though, and of them
every fringe is an outlier; so the core is sought that leaves the smallest differences.
"""

import numpy as np
from scipy import fft, ndimage

from sunpy_restore.desaturation.differences import (
    BLUR,
    GUARD,
    comparable,
    differences,
    differences_adjoint,
    usual_variance,
)
from sunpy_restore.desaturation.psf import fringe_kernel

__all__ = ["REACH", "Fringes", "fit_core"]

REACH = 192
"""Pixels about the core in which fringes are compared."""

_SCALES = {None: 0.5, 6.0: 0.4, 2.0: 0.3}
"""Prior of the logarithm of the core over its first fill: 1-sigma of the parts that vary over so many pixels."""

_BLOCK = 48  # pixels over which the structure of a corona is forgotten
_LEAST_DISPERSION = 3.0  # differences of neighbours are not independent of each other
_WEAK = 0.03  # relative error of the strength of a pattern from which on it tells less and less of the shape
_TOO_WEAK = 0.07  # from which on it tells nothing: what looks like fringes are loops
_CHARGE_ERROR = 0.02  # relative, of the charge in a segment of a column


class Fringes:
    """
    The fringes of a core in the window around it.

    Parameters
    ----------
    shape : tuple of `int`
        Shape ``(my, mx)`` of the box around the core.
    channel : `int`
        Wavelength in angstrom.
    reach : `int`
        Pixels to which the window extends beyond the box on each side.
    blur : `float`
        Gaussian blur in pixels of the fringes.
    """

    def __init__(self, shape, channel, reach=REACH, blur=0.0):
        self.shape = shape
        self.window = tuple(n + 2 * reach for n in shape)
        self._size = tuple(fft.next_fast_len(n, real=True) for n in self.window)
        # Within a filled core the nearest fringes of the focal mesh are part of its light
        kernel = fringe_kernel(channel, reach, GUARD)
        self._kernel = fft.rfft2(ndimage.gaussian_filter(kernel, blur) if blur else kernel, self._size)

    def of(self, core):
        """The fringes, shape ``window``, of a core of shape ``shape``."""
        whole = fft.irfft2(fft.rfft2(core, self._size) * self._kernel, self._size)
        return whole[: self.window[0], : self.window[1]]

    def adjoint(self, image):
        """The transpose of `of`."""
        whole = fft.irfft2(fft.rfft2(image, self._size) * self._kernel.conj(), self._size)
        return whole[: self.shape[0], : self.shape[1]]


class _Prior:
    """Smooth changes of the logarithm of a core, from and to independent normal variables."""

    def __init__(self, mask, looseness=1.0):
        self.mask = mask
        self.regions, self.count = ndimage.label(mask)
        self.smooth = {scale: looseness * sigma for scale, sigma in _SCALES.items() if scale is not None}
        # A smoothed normal variable keeps 1 / (4 pi scale^2) of its variance
        self.gains = {scale: sigma * 2 * np.sqrt(np.pi) * scale for scale, sigma in self.smooth.items()}
        self.size = self.count + len(self.smooth) * mask.size

    def field(self, variables):
        result = np.concatenate([[0], _SCALES[None] * variables[: self.count]])[self.regions]
        for part, (scale, gain) in zip(self._parts(variables), self.gains.items(), strict=True):
            result = result + gain * ndimage.gaussian_filter(part, scale, mode="constant")
        return result * self.mask

    def adjoint(self, field):
        field = field * self.mask
        sums = np.bincount(self.regions.ravel(), field.ravel(), minlength=self.count + 1)[1:]
        smooth = [gain * ndimage.gaussian_filter(field, scale, mode="constant") for scale, gain in self.gains.items()]
        return np.concatenate([_SCALES[None] * sums, *(part.ravel() for part in smooth)])

    def _parts(self, variables):
        return variables[self.count :].reshape(len(self.smooth), *self.mask.shape)


def _conjugate_gradients(apply, right, steps, tolerance=1e-8):
    """Solve ``apply(x) = right`` for a symmetric positive definite ``apply``."""
    solution = np.zeros_like(right)
    residual = right.copy()
    direction = residual.copy()
    norm = start = residual @ residual
    for _ in range(steps):
        if norm <= tolerance**2 * start:
            break
        image = apply(direction)
        step = norm / (direction @ image)
        solution += step * direction
        residual -= step * image
        norm, before = residual @ residual, norm
        direction = residual + norm / before * direction
    return solution


def _robust_weights(left, trusted, variance):
    """Inverse variances of differences, and less for outliers (Student's t)."""
    return trusted / np.maximum(variance + left**2 / 3, np.finfo(float).tiny)


def _dispersion(weights, left, pattern):
    """
    How much less differences tell than if they were independent; relative error of the strength of the pattern.

    The strength of the whole pattern is fitted, and what every block of pixels would change of it compared with its
    formal error: the sandwich estimator of the variance, over the formal one.
    """
    gains, information = (_blocks((weights * part * pattern).sum(axis=0)) for part in (left, pattern))
    total = max(information.sum(), np.finfo(float).tiny)
    strength = gains.sum() / total
    dispersion = max(((gains - strength * information) ** 2).sum() / total, _LEAST_DISPERSION)
    # A fill that is much too faint is a reason to look at the fringes, and none to distrust them
    return dispersion, np.sqrt(dispersion / total) / max(1 + strength, 1)


def _blocks(image):
    """Sums over blocks of `_BLOCK` pixels."""
    padded = np.pad(image, [(0, -n % _BLOCK) for n in image.shape])
    return padded.reshape(padded.shape[0] // _BLOCK, _BLOCK, -1, _BLOCK).sum(axis=(1, 3))


def fit_core(image, valid, first, base, mask, channel, *, charge=None, sceptical=True, rounds=4, steps=12):
    """
    Correct the fill of a saturated core until its fringes, and its charge, agree with the observed ones.

    With ``first`` as a prior, the logarithm of the core above its surroundings is changed smoothly: a maximum of the
    posterior probability by Gauss-Newton steps with conjugate gradients. Where the corona hides the fringes, less is
    changed, or nothing, if ``sceptical``.

    Parameters
    ----------
    image : `numpy.ndarray`
        The exposure in the window: the core's box and `REACH` pixels about it, finite.
    valid : `numpy.ndarray` of `bool`
        Pixels of the window that can be compared.
    first, base : `numpy.ndarray`
        First fill of the core's box, and what would be there without a core: the harmonic fill.
    mask : `numpy.ndarray` of `bool`
        Pixels of the box that are to be filled.
    channel : `int`
        Wavelength in angstrom.
    charge : `~sunpy_restore.desaturation.charge.Charge`, optional
        What the columns hold.
    sceptical : `bool`
        Whether ``first`` is the better guess where the corona hides the fringes.
    rounds, steps : `int`
        Gauss-Newton steps, and steps of the conjugate gradients in each.

    Returns
    -------
    `numpy.ndarray`
        The core's box; ``first`` outside of the mask.

    References
    ----------
    * Schwartz, Torre, Massone & Piana 2015, Astronomy and Computing 13, 117
    * Torre, Schwartz, Benvenuto, Massone & Piana 2015, Inverse Problems 31, 095006
    * Guastavino, Piana, Massone, Schwartz & Benvenuto 2019, ApJ 882, 109
    """
    model = Fringes(mask.shape, channel, REACH, BLUR)
    usable = valid.copy()
    usable[tuple(slice(REACH, REACH + n) for n in mask.shape)] &= ~mask
    smoothed, pairs = comparable(image, usable)
    pattern = differences(model.of(np.where(mask, first, 0)))
    left = differences(smoothed) - pattern
    variance = usual_variance(left, pairs)
    error = _dispersion(_robust_weights(left, pairs, variance), left, pattern)[1] if sceptical else 0
    prior = _Prior(mask, _WEAK / max(error, _WEAK))
    pairs = pairs & (error < _TOO_WEAK)
    excess = np.where(mask, np.maximum(first - base, 0.02 * np.abs(base) + 1e-6 * np.abs(first).max()), 0)
    variables = np.zeros(prior.size)
    for _ in range(rounds):
        core = excess * np.exp(np.clip(prior.field(variables), -3, 3))
        left = differences(smoothed - model.of(np.where(mask, base + core, 0)))
        weights = _robust_weights(left, pairs, variance)
        weights = weights / _dispersion(weights, left, differences(model.of(core)))[0]
        segments, charge_weights, missing = _charge_terms(charge, np.where(mask, base + core, 0))

        def project(change, core=core, weights=weights, segments=segments, charge_weights=charge_weights):
            """The curvature of the misfit along a change of the logarithm."""
            change = core * change
            back = model.adjoint(differences_adjoint(weights * differences(model.of(change))))
            sums = np.bincount(segments.ravel(), change.ravel(), minlength=len(charge_weights))
            return core * (back + (charge_weights * sums)[segments])

        gradient = core * (model.adjoint(differences_adjoint(weights * left)) + (charge_weights * missing)[segments])
        right = prior.adjoint(gradient) - variables
        variables = variables + _conjugate_gradients(
            lambda v, project=project: v + prior.adjoint(project(prior.field(v))), right, steps
        )
    return np.where(mask, base + excess * np.exp(np.clip(prior.field(variables), -3, 3)), first)


def _charge_terms(charge, filled):
    """Segments, inverse variances and what is missing in them; one empty segment if there is no charge to keep."""
    if charge is None:
        return np.zeros(filled.shape, dtype=int), np.zeros(1), np.zeros(1)
    found = np.bincount(charge.segments.ravel(), filled.ravel(), minlength=len(charge.totals) + 1)
    weights = np.concatenate([[0], 1 / (_CHARGE_ERROR * charge.totals) ** 2])
    return charge.segments, weights, np.concatenate([[0], charge.totals - found[1:]])
