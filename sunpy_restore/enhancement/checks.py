"""
Checks of enhanced images: degraded to the observation again, they have to reproduce it.

The limits are multiples of the noise. On the samples of the package, residuals of the network and of Richardson-Lucy
are 0.1 to 1.4 times the noise, and those of interpolated images, which are not deconvolved, 5 to 35 times, except in
weak field.
"""

import numpy as np
from scipy import ndimage, special

from sunpy_restore.core.numerics.metrics import radial_power_spectrum
from sunpy_restore.core.numerics.pixels import repeated
from sunpy_restore.core.reports.report import Check, check_maker
from sunpy_restore.enhancement.deconvolution.linear import FIELD_APERTURE
from sunpy_restore.enhancement.detector.noise import estimate_noise
from sunpy_restore.enhancement.optics.forward import CONTINUUM_NOISE, reconvolve

__all__ = ["checks"]

_RESIDUAL = 1.5
"""Largest residual in units of the noise."""
_FIELD_ERROR = 0.01
"""Error of the forward model of magnetograms, as a share of the local field; the noise is that of weak fields."""
_GRANULATION = 3.5e-3
"""Upper limit of the noise that the structure of the quiet Sun feigns in an image without noise, in its intensity."""
_WEAK = 3.0
"""Noises; strength of the local field that separates weak and strong field."""
_SPOT, _UMBRA = 0.9, 0.5
"""Intensities relative to the quiet Sun below which a pixel belongs to a sunspot, and to an umbra."""
_SMOOTHING = 1.5
"""Standard deviation in HMI pixels of the Gaussian by which images are smoothed to tell their features."""
_LEAST = 64
"""Least number of pixels of a feature."""
_ROWS = 256
"""Rows of the observation that are compared together; it bounds the memory for temporary arrays."""
_MARGIN = 3
"""Pixels next to the limb or to pixels without a value, which are not compared."""
_MEAN, _STRENGTH, _NET, _UNSIGNED = 0.2, 1.0, 0.5, 1.5
"""Largest errors of the mean, the field strength, and the signed and unsigned flux, in per cent."""
_SPREAD = 10.0
"""
Largest further deviation of the field strength, in statistical errors.

Where hardly any field exceeds the noise, the deviation of networks reaches 9 of them in 20 real cutouts.
"""
_OFFSET = 0.03
"""Largest offset in HMI pixels, to which the error of the measurement is added; on the samples it is below 0.002."""
_POWER = {"coarse": 0.1, "fine": 0.25}
"""
Largest deviation of the ratio of power spectra from 1.

On the samples, it is 0.78 to 1.10 for fine structure that is restored, and below 0.1 for interpolated images.
"""
_FITTED = 5.0
"""
Least root mean square field in units of the noise from which strength, offset and, in strong field, flux are compared.

A network removes noise, which a fit to a weaker field takes for a change of its strength by more than 1 %.
"""
_SIGNIFICANT = 100.0
"""Ratio of the power of an observation to that of its noise from which its power spectrum is compared."""
_FLUXES, _POWER_SPECTRUM = ("Signed flux", "Unsigned flux"), "Power spectrum"
_AT_ITS_RESOLUTION = "with the image degraded to the resolution of the observation."
_OFFSET_MEANING = "Displacement of the degraded image from the observation along a pixel axis, by a linear fit."
_MEANINGS = {
    "Degraded again": "Root mean square difference between the image, degraded by the telescope again, and the "
    "observation.",
    "Offset along x": _OFFSET_MEANING,
    "Offset along y": _OFFSET_MEANING,
    "Mean intensity": "Change of the mean intensity on the disk; a deconvolution moves light and keeps its sum.",
    "Signed flux": "Change of the signed flux in strong field relative to the unsigned flux there, "
    f"{_AT_ITS_RESOLUTION}",
    "Unsigned flux": "Change of the unsigned flux in strong field, apart from that by the noise that was removed, "
    f"{_AT_ITS_RESOLUTION}",
    "Field strength": "Mean excess of the degraded field over the observed one, by a linear fit.",
    "Power spectrum": "Power of the degraded image relative to the observation.",
}
_check = check_maker(_MEANINGS)


def checks(comparison):
    """
    Check an enhanced image.

    Parameters
    ----------
    comparison : `~sunpy_restore.core.reports.report.Comparison`
        The restored image and the observation.

    Returns
    -------
    `list` of `~sunpy_restore.core.reports.report.Check`
        Residual of the degraded image for each feature, offset, mean intensity or magnetic flux, and power spectrum.
        Only pixels on the disk and farther from the limb than mu = 0.3 are compared.
    """
    observation = comparison.observation
    observed, degraded = observation.normalised().astype(float), _degraded(comparison)
    usable = np.ones(observed.shape, bool) if observation.untrusted is None else ~observation.untrusted
    if not usable.any():
        return _not_checked(observation, "all pixels are masked")
    usable = ndimage.binary_erosion(usable, iterations=_MARGIN, border_value=1)
    if np.count_nonzero(usable) < _LEAST:
        return _not_checked(observation, f"fewer than {_LEAST} pixels are {_MARGIN} pixels away from masked ones")
    slope, offsets, errors = _aligned(degraded, observed, usable)
    if observation.noise is None:
        noise = max(_continuum_noise(observed, usable), observation.white_noise)
        found = _of_continuum(degraded, observed, usable, noise)
    else:
        noise = observation.noise
        found = _of_magnetogram(degraded, observed, usable, noise)
        signal = np.sqrt(max(np.mean(observed[usable] ** 2) / noise**2 - 1, 0))
        if signal < _FITTED:
            spectra = _spectra(degraded, observed, noise, observation.telescope.pixel_scale) if usable.all() else []
            return [*found, *_not_fitted(("Field strength", "Offset along y", "Offset along x"), signal), *spectra]
        found.append(_field_strength(slope, errors[0]))
    pixel = observation.telescope.pixel_scale
    for axis, offset, error in zip("yx", offsets, errors[1:], strict=True):
        limit = (_OFFSET + 3 * error) * pixel
        found.append(_check(f"Offset along {axis}", offset * pixel, low=-limit, high=limit, unit="arcsec"))
    if usable.all():
        return [*found, *_spectra(degraded, observed, noise, pixel)]
    return [*found, _check(_POWER_SPECTRUM, reason="pixels are masked")]


def _not_checked(observation, reason):
    """All checks of an image that has no pixels to compare."""
    of_product = ("Mean intensity",) if observation.noise is None else (*_FLUXES, "Field strength")
    names = ("Degraded again", *of_product, "Offset along y", "Offset along x", _POWER_SPECTRUM)
    return [_check(name, reason=reason) for name in names]


def _not_fitted(names, signal):
    """Checks by a fit that the noise of a magnetogram would bias."""
    reason = f"the root mean square field is {signal:.2g} times the noise, too weak for a fit"
    return [Check(name=name, not_checked=reason, meaning=_MEANINGS[name]) for name in names]


def _rectified(field, noise):
    """Increase of the absolute value of a field by Gaussian noise, on average."""
    ratio = field / (noise * np.sqrt(2))
    return noise * np.sqrt(2 / np.pi) * np.exp(-(ratio**2)) - np.abs(field) * special.erfc(np.abs(ratio))


def _degraded(comparison):
    """The restored image with the resolution and the pixels of the observation, normalised."""
    observation = comparison.observation
    # The network and the classical methods restore magnetograms for different target telescopes
    enlarged = FIELD_APERTURE if observation.noise is not None and comparison.meta.get("rstmeth") == "network" else 1.0
    kernel = observation.telescope.transfer_kernel(enlarged)
    margin, ny = kernel.shape[0] // 4 + 1, len(observation.data)
    observed, result = observation.normalised(), np.empty(observation.data.shape)
    for first in range(0, ny, _ROWS):
        last = min(first + _ROWS, ny)
        around = slice(max(first - margin, 0), min(last + margin, ny))
        level = observation.level * repeated(observation.limb_darkening[around], 2)
        part = comparison.restored[2 * around.start : 2 * around.stop] / level
        part = np.where(np.isfinite(part), part, repeated(observed[around], 2))
        result[first:last] = reconvolve(part, kernel)[first - around.start : last - around.start]
    return result


def _aligned(degraded, observed, usable):
    """Factor and shift by which the degraded image fits the observation best, by linear least squares."""
    columns = np.stack([degraded, *np.gradient(degraded)])[:, usable]
    covariance = np.linalg.pinv(columns @ columns.T)
    solution = covariance @ (columns @ observed[usable])
    residual = np.mean((observed[usable] - solution @ columns) ** 2)
    slope = solution[0]
    # The shift is that of the restored image, whose gradients are multiplied by the factor
    offsets = solution[1:] / slope if slope else np.full(2, np.nan)
    return slope, offsets, np.sqrt(residual * np.diag(covariance))


def _residual(name, difference, tolerance, feature):
    value = np.sqrt(np.mean((difference / tolerance)[feature] ** 2))
    return _check(f"Degraded again, {name}", value, low=0, high=_RESIDUAL, unit="noise")


def _continuum_noise(observed, usable):
    """Noise of a continuum image, which is measured if it exceeds what granulation looks like in the estimate."""
    estimate = estimate_noise(observed, usable & (ndimage.gaussian_filter(observed, _SMOOTHING) > _SPOT))
    return float(max(CONTINUUM_NOISE, np.sqrt(max(estimate**2 - _GRANULATION**2, 0))))


def _of_continuum(degraded, observed, usable, noise):
    smooth = ndimage.gaussian_filter(observed, _SMOOTHING)
    features = {
        "quiet Sun": smooth > _SPOT, "penumbra": (smooth > _UMBRA) & (smooth <= _SPOT), "umbra": smooth <= _UMBRA
    }  # fmt: skip
    found = [
        _residual(name, degraded - observed, np.full(observed.shape, noise), feature & usable)
        for name, feature in features.items()
        if np.count_nonzero(feature & usable) >= _LEAST
    ]
    mean = 100 * (degraded[usable].mean() / observed[usable].mean() - 1)
    return [*found, _check("Mean intensity", mean, low=-_MEAN, high=_MEAN, unit="%")]


def _of_magnetogram(degraded, observed, usable, noise):
    local = np.sqrt(ndimage.gaussian_filter(observed**2, _SMOOTHING))
    tolerance = np.hypot(noise, _FIELD_ERROR * local)
    strong = usable & (local > _WEAK * noise)
    features = {"weak field": usable & ~strong, "strong field": strong}
    found = [
        _residual(name, degraded - observed, tolerance, feature)
        for name, feature in features.items()
        if np.count_nonzero(feature) >= _LEAST
    ]
    # Weaker pixels were selected because of their noise
    strong &= np.sum(observed[strong] ** 2) >= (_FITTED * noise) ** 2 * np.count_nonzero(strong)
    if np.count_nonzero(strong) < _LEAST:
        reason = f"fewer than {_LEAST} pixels have strong field"
        return [*found, *(_check(name, reason=reason) for name in _FLUXES)]
    total = np.abs(observed[strong]).sum()
    error = 300 * noise * np.sqrt(np.count_nonzero(strong)) / total
    net = 100 * (degraded - observed)[strong].sum() / total
    lost = min(np.sqrt(np.mean((degraded - observed)[strong] ** 2)), _RESIDUAL * noise)
    unsigned = 100 * ((np.abs(degraded) + _rectified(degraded, max(lost, 1e-9)))[strong].sum() / total - 1)
    for name, value, limit in zip(_FLUXES, (net, unsigned), (_NET, _UNSIGNED), strict=True):
        found.append(_check(name, value, low=-limit - error, high=limit + error, unit="%"))
    return found


def _field_strength(slope, error):
    value = 100 * (1 / slope - 1) if slope else np.nan
    limit = _STRENGTH + 100 * _SPREAD * error
    return _check("Field strength", value, low=-limit, high=limit, unit="%")


def _spectra(degraded, observed, noise, pixel):
    """Ratio of the power spectra where the observation is significant."""
    if min(observed.shape) < 4:
        return []
    frequency, before = radial_power_spectrum(observed, pixel)
    after = radial_power_spectrum(degraded, pixel)[1]
    significant = before > _SIGNIFICANT * (noise * pixel) ** 2
    middle = 0.25 / pixel
    found = []
    for name, band in (("coarse", frequency < middle), ("fine", frequency >= middle)):
        chosen = significant & band
        if chosen.any():
            found.append(
                Check(
                    name=f"Power spectrum, {name} structure",
                    value=float(after[chosen].sum() / before[chosen].sum()),
                    low=1 - _POWER[name],
                    high=1 + _POWER[name],
                    meaning="Power of the degraded image relative to the observation, "
                    f"{'below' if name == 'coarse' else 'above'} {middle:.2f} cycles per arcsec.",
                )
            )
    return found
