"""Properties of a back-projection by which one that is unlike those of flares is told."""

import numpy as np

from sunpy_restore.backprojection.fitting.noise import cleaned_field, noise_factor
from sunpy_restore.backprojection.visibilities.fourier import visibilities_of_image
from sunpy_restore.core.reports.properties import Property

__all__ = ["PROPERTIES", "fingerprint"]

_LEAST = 1e-4
"""Smallest ratio that is distinguished."""


def fingerprint(observation):
    """
    Measure the properties of an observation.

    Parameters
    ----------
    observation : `~sunpy_restore.backprojection.observation.Observation`
        The observation.

    Returns
    -------
    `dict` of `str` to `float`
        They do not depend on the unit of the visibilities.
    """
    visibilities, (points, grid) = observation.visibilities, observation.own_axes()
    if not visibilities.any():
        return dict.fromkeys(_LIMITS, np.nan)
    field, dirty, cleaned = cleaned_field(visibilities, points, grid)
    row, column = np.unravel_index(dirty.argmax(), dirty.shape)
    x, y = field.grid.x[column], field.grid.y[row]
    sizes, mean = np.abs(visibilities), np.abs(visibilities).mean()
    order = np.argsort(points.frequency, kind="stable")
    third = max(len(order) // 3, 1)
    coarse, fine = order[:third], order[-third:]
    turned = field.visibilities * np.exp(-2j * np.pi * (points.u * x + points.v * y))
    residual = field.visibilities - visibilities_of_image(cleaned.model, points, field.grid)
    errors = np.ones(len(sizes)) if observation.errors is None else observation.errors
    noise = errors * noise_factor(visibilities, errors, points, grid)
    ratios = (
        noise.mean() / mean,
        sizes[coarse].mean() / sizes.max(),
        sizes[fine].mean() / sizes[coarse].mean(),
        sizes.max() / max(np.sort(sizes)[-2:][0], np.finfo(float).tiny),
        1 + dirty.min() / dirty.max() if dirty.max() > 0 else 0.0,
        np.abs(residual).mean() / mean,
        np.abs(residual).max() / mean,
        _scatter(sizes, points),
        noise.mean() / errors.mean() if observation.errors is not None else 1.0,
    )
    values = [*np.log10(np.maximum(ratios, _LEAST)), np.mean(turned.real) / mean]
    return {name: float(np.clip(value, *_LIMITS[name])) for name, value in zip(_LIMITS, values, strict=True)}


_LIMITS = {
    "log10 of the noise relative to the mean amplitude": (-2.4, np.inf),
    "log10 of the coarse amplitudes relative to the largest one": (-np.inf, -0.05),
    "log10 of the ratio of fine and coarse amplitudes": (-2.0, np.inf),
    "log10 of the ratio of the two largest amplitudes": (0.02, np.inf),
    "log10 of the depth of the sidelobes": (-np.inf, -0.2),
    "log10 of the residual of CLEAN relative to the mean amplitude": (-1.5, np.inf),
    "log10 of the largest residual relative to the mean amplitude": (-1.0, np.inf),
    "log10 of the ratio of the amplitudes of a sub-collimator": (0.01, np.inf),
    "log10 of the noise relative to the given errors": (0.0, np.inf),
    "mean cosine of the phases at the maximum": (-np.inf, 0.95),
}
"""Names of the properties with the values at which they are cut: beyond them, only one side is unusual."""


_LOGARITHM = "log10 of the "
PROPERTIES = {
    "backproj": {
        **{name: Property(name.removeprefix(_LOGARITHM), 10) for name in _LIMITS if name.startswith(_LOGARITHM)},
        "log10 of the depth of the sidelobes": Property(
            "depth of the sidelobes", 10, scale=-100, offset=100, unit="% of the maximum"
        ),
    }
}
"""How those are shown that are measured in another way."""


def _scatter(sizes, points):
    """Mean ratio of the largest and the smallest amplitude of the same sub-collimator, of the coarser half."""
    frequencies = np.round(points.frequency, 4)
    known = np.unique(frequencies)[: max(len(np.unique(frequencies)) // 2, 1)]
    ratios = [
        np.log(max(own.max(), 1e-300) / max(own.min(), 1e-3 * own.max(), 1e-300))
        for own in (sizes[frequencies == one] for one in known)
    ]
    return np.exp(np.mean(ratios))
