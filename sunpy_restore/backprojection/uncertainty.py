"""
What tells the errors of a restored STIX image before the truth is known.

All properties are relative to the maximum of the image and to the clean beam, so that they depend neither on the unit
nor on the pixels. How far two simple methods differ from the image says most about its errors: CLEAN finds too compact
sources and maximum entropy too smooth ones.
"""

from functools import lru_cache

import numpy as np

from sunpy_restore.backprojection.fitting.noise import errors_of
from sunpy_restore.backprojection.imaging.agreement import beam_transfer, chi_squared, model_visibilities
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area, convolve_with_beam
from sunpy_restore.backprojection.imaging.clean import clean, wide_beam
from sunpy_restore.backprojection.imaging.entropy import maximum_entropy
from sunpy_restore.backprojection.imaging.field import gaussians_on, restrict
from sunpy_restore.backprojection.visibilities.fourier import back_projection, weights_of
from sunpy_restore.core.uncertainty.evidence import Evidence
from sunpy_restore.core.uncertainty.waves import KnownWaves

__all__ = ["LIMITS", "STRATA", "UNBIASED", "UNKNOWN", "evidence", "known_waves"]

STRATA = ("core", "10 % contour", "empty field", "background")
"""
Kinds of pixels: at least half of the maximum; 10 to 50 % of it; less than 10 %, with more than 0.01 % of the maximum
within a beam; and less than that.
"""

LIMITS = ("background",)
"""Kinds of pixels without a signal, whose uncertainty is an upper limit: most of the errors are far smaller."""

UNKNOWN = "an image without a source, or from visibilities of another instrument than STIX"
"""What nothing is known of."""

_CORE, _CONTOUR, _BACKGROUND = 0.5, 0.1, 1e-4
"""Limits of the strata, relative to the maximum."""
_LEAST = 1e-5
"""Smallest brightness that is distinguished, relative to the maximum."""
_PIXEL = 2.0
"""Pixel size in arcsec for which the correlation of the errors is calibrated."""
_ERROR_WIDTH, _ERROR_AMPLITUDE = 9.0, 2.5
"""
Width in arcsec of the Gaussian by which the errors are smoothed, and their standard deviation relative to the
uncertainty, before the visibilities are used: those for which the errors of the total flux, of the flux of a source and
of its centroid are right in simulations.
"""
UNBIASED = ("network", "forward-fit")
"""Methods whose total flux is not biased."""
_NEGATIVE = 1e-3
"""Largest negative value relative to the maximum; images with a residual have larger ones."""


def evidence(observation, restored, method):
    """
    Collect what tells the errors of a restored image.

    Parameters
    ----------
    observation : `~sunpy_restore.backprojection.observation.Observation`
        The observation, of shape ``(ny, nx)``.
    restored : `~sunpy_restore.core.restoration.methods.Restored`
        The image, per square arcsec.
    method : `~sunpy_restore.core.restoration.methods.Method`
        The method that made it.

    Returns
    -------
    `~sunpy_restore.core.uncertainty.evidence.Evidence`
        Of all pixels. Nothing is known of images without a source, and of those from visibilities of other instruments
        than STIX. Outside of the 6.4 arcmin in which sources are searched, pixels are 0 and have the error of the
        background.

    Raises
    ------
    ValueError
        The residual map was added to the image.
    """
    image = np.asarray(restored.data, dtype=float)
    if image.min() < -_NEGATIVE * image.max():
        raise ValueError(
            f"Found a minimum of {image.min() / max(image.max(), np.finfo(float).tiny):.2f} times the maximum in the "
            "restored image; expected no negative values, because the uncertainty is calibrated for images without a "
            "residual map. Leave out residual=True."
        )
    image = np.maximum(image, 0)
    points, grid = observation.own_axes()
    is_known = image.any() and not any(label.startswith("#") for label in points.labels)
    peak = image.max() if image.any() else 1.0
    features = _features(observation, image / peak, peak, points, grid)
    stratum = np.select(
        [image >= _CORE * peak, image >= _CONTOUR * peak, features["value within a beam"] >= np.log(_BACKGROUND)],
        [0, 1, 2], 3,
    )  # fmt: skip
    return Evidence(
        where=np.ones(image.shape, bool),
        features={name: np.broadcast_to(values, image.shape).ravel() for name, values in features.items()},
        scale=np.full(image.size, peak), stratum=stratum.ravel(), unknown=np.full(image.size, not is_known),
        magnification=_PIXEL / np.sqrt(grid.area),
    )  # fmt: skip


def known_waves(observation, restored, method):
    """
    Find what the visibilities tell of the errors of an image.

    Parameters
    ----------
    observation, restored, method
        See `evidence`.

    Returns
    -------
    `~sunpy_restore.core.uncertainty.waves.KnownWaves` or `None`
        The visibilities of the error are known up to the noise and to the residual of the image. `None` for an image
        without a source, and for methods whose flux is biased by more than the noise, such as CLEAN.
    """
    image = np.asarray(restored.data, dtype=float)
    if method.name not in UNBIASED or not image.any():
        return None
    points, grid = observation.own_axes()
    residual = abs(model_visibilities(image, points, grid) - observation.visibilities)
    errors = beam_transfer(points) * np.sqrt(errors_of(observation) ** 2 + residual**2 / 2) / grid.area
    waves = zip(points.u * grid.pixel[1], points.v * grid.pixel[0], errors, strict=True)
    return KnownWaves(
        waves=tuple(tuple(map(float, wave)) for wave in waves),
        correlation={_ERROR_WIDTH / np.sqrt(grid.area): 1.0}, amplitude=_ERROR_AMPLITUDE,
    )  # fmt: skip


def _features(observation, relative, peak, points, grid):
    """Properties of the pixels, or of the image, by name; the image is relative to its maximum."""
    visibilities, (errors, *references) = observation.visibilities, _references(_Identity(observation))
    unit = peak * beam_area()
    model = model_visibilities(peak * relative, points, grid)
    residual = back_projection(visibilities - model, points, grid, weights_of(points)) / unit
    cleaned, smooth = (abs(relative - reference / peak) for reference in references)
    slopes = [np.gradient(relative, size, axis=axis) * BEAM for axis, size in enumerate(grid.pixel)]
    size = max(np.abs(visibilities).mean(), np.finfo(float).tiny)
    return {
        "value": _logarithm(relative),
        "value within a beam": _logarithm(_averaged(relative, grid, BEAM)),
        "value within three beams": _logarithm(_averaged(relative, grid, 3 * BEAM)),
        "slope": _logarithm(np.hypot(*slopes)),
        "difference from CLEAN within a beam": _logarithm(_averaged(cleaned, grid, BEAM)),
        "difference from MEM": _logarithm(smooth),
        "difference from MEM within a beam": _logarithm(_averaged(smooth, grid, BEAM)),
        "residual within a beam": _logarithm(_averaged(abs(residual), grid, BEAM)),
        "noise": _logarithm(errors.mean() / np.sqrt(len(errors)) / unit),
        "noise of the visibilities": _logarithm(errors.mean() / size),
        "chi squared": np.log(max(chi_squared(model, visibilities, errors), 1e-2)),
        "finest sub-collimator": np.log(max(BEAM * points.frequency.max(), _LEAST)),
        "beams": np.log(max(relative.sum() * grid.area / beam_area(), 0.1)),
    }


def _logarithm(values):
    return np.log(np.maximum(values, 0) + _LEAST)


def _averaged(values, grid, fwhm):
    """Mean within a Gaussian beam."""
    return convolve_with_beam(values, grid, fwhm) * grid.area / beam_area(fwhm)


class _Identity:
    """An observation as a key: equal to itself only."""

    def __init__(self, observation):
        self.observation = observation

    def __hash__(self):
        return id(self.observation)

    def __eq__(self, other):
        return self.observation is other.observation


# Several methods of one observation are mostly compared one after another
@lru_cache(maxsize=1)
def _references(identity):
    """Errors of the visibilities, and images by 100 iterations of CLEAN and by maximum entropy, per square arcsec."""
    visibilities, (points, grid) = identity.observation.visibilities, identity.observation.own_axes()
    errors = errors_of(identity.observation)
    field = restrict(visibilities, points, grid)
    dirty = back_projection(field.visibilities, points, field.grid, weights_of(points))
    model = clean(dirty, wide_beam(points, field.grid), field.grid).model
    return errors, gaussians_on(grid, model, field, BEAM), maximum_entropy(visibilities, errors, points, grid)
