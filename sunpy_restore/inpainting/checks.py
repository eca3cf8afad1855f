"""
Checks of inpainted images: brightness across the borders of the filled holes, and radial profile.

Both compare pixels relative to a smooth background, in units of its noise per pixel. Their limits are from the samples
of the package: masks that are displaced at random to pixels that were observed have steps of up to 0.9 and profiles
that differ by up to 2.5 noises, because the corona has structure.
"""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.reports.report import check_maker
from sunpy_restore.inpainting.lasco.wide_holes import WIDEST, hole_widths

__all__ = ["checks"]

_STEP, _PROFILE = 1.0, 3.0
"""Largest step and largest difference of the profiles, in noises per pixel."""
_GUESSED = 50.0
"""Largest share of filled pixels that are far from observed pixels or have more missing ones around, in per cent."""
_CLIPPED_STEP, _CLIPPED_PROFILE = 3.0, 5.0
"""Noises to which differences and deviations are clipped, so that stars and streamers do not count."""
_RING = 8
"""Width of the rings of the profile in pixels."""
_NEAR = 16
"""Pixels; distance to a hole within which observed pixels are compared with it."""
_LEAST = 32
"""Least number of pixels along the border of a hole, and of filled and observed pixels in a ring."""
_MEANINGS = {
    "Guessed pixels": "Share of the filled pixels that are far from all observed pixels or have more missing than "
    "observed pixels around them.",
    "Widest hole": "Side of the largest square without observed pixels in a hole, in telemetry blocks; in wider holes "
    "the uncertainty was not calibrated, and the whole fill can be wrong by tens of per cent.",
    "Border step": "Step of the brightness along the border, a root mean square over the holes; larger ones are "
    "visible.",
    "Radial profile": "Mean brightness of filled pixels minus that of observed ones near them, a root mean square over "
    "rings around the Sun.",
}
_check = check_maker(_MEANINGS)


def checks(comparison):
    """
    Check an inpainted image.

    Parameters
    ----------
    comparison : `~sunpy_restore.core.reports.report.Comparison`
        The restored image and the observation.

    Returns
    -------
    `list` of `~sunpy_restore.core.reports.report.Check`
        Share of guessed pixels; width of the widest hole; step along the borders, and radial profile, which need a
        background that can be fitted to the image and holes that are large enough.
    """
    observation = comparison.observation
    hole = observation.mask
    guessed = 100 * observation.guessed / max(np.count_nonzero(hole), 1)
    found = [_check("Guessed pixels", guessed, low=0, high=_GUESSED, unit="%", of_values=False)]
    widest = hole_widths(observation.filled, observation.binning).max(initial=0)
    found.append(_check("Widest hole", widest, low=0, high=WIDEST, unit="blocks", of_values=False))
    restored = observation.without_edge_response(comparison.restored)
    observation = observation.without_outliers
    above = observation.image - observation.bias
    try:
        background = observation.background
    except ValueError:
        reason = "the image has too few observed pixels for a smooth background"
        return [*found, *(_check(name, reason=reason) for name in ("Border step", "Radial profile"))]
    image = np.where(hole, np.nan_to_num(restored) - observation.bias, above)
    deviation = (image - background.level) / background.noise
    step = border_step(deviation, hole, observation.valid)
    profile = profile_difference(deviation, hole, observation.valid, observation.center)
    shared = {"low": 0, "unit": "noise per pixel"}
    no_border, no_ring = (
        f"no hole borders on {_LEAST} observed pixels",
        f"no ring around the Sun has {_LEAST} filled pixels",
    )
    return [
        *found,
        _check("Border step", step, high=_STEP, reason=no_border, **shared),
        _check("Radial profile", profile, high=_PROFILE, reason=no_ring, **shared),
    ]


def border_step(deviation, hole, observed):
    """
    Measure the step of the brightness along the borders of holes.

    Parameters
    ----------
    deviation : `numpy.ndarray`
        Image relative to a background, in units of its noise, shape ``(ny, nx)``.
    hole, observed : `numpy.ndarray` of `bool`
        Filled pixels; pixels that show the corona.

    Returns
    -------
    `float` or `None`
        Mean difference between filled pixels and their observed neighbours for each hole, a root mean square over the
        holes; `None` without a border of at least 32 pairs.
    """
    labels, count = ndimage.label(hole)
    sums, pairs = np.zeros((2, count + 1))
    for axis in (0, 1):
        first, second = np.s_[1:], np.s_[:-1]
        for inside, outside in ((first, second), (second, first)):
            inside, outside = ((part,) if axis == 0 else (slice(None), part) for part in (inside, outside))
            border = hole[inside] & observed[outside]
            difference = np.clip((deviation[inside] - deviation[outside])[border], -_CLIPPED_STEP, _CLIPPED_STEP)
            sums += np.bincount(labels[inside][border], difference, minlength=count + 1)
            pairs += np.bincount(labels[inside][border], minlength=count + 1)
    enough = pairs >= _LEAST
    return float(np.sqrt(np.mean((sums[enough] / pairs[enough]) ** 2))) if enough.any() else None


def profile_difference(deviation, hole, observed, center):
    """
    Compare the radial profile of filled pixels with that of the observed pixels around them.

    Parameters
    ----------
    deviation, hole, observed
        See `border_step`.
    center : pair of `float`
        Centre of the Sun as ``(x, y)`` in pixels counted from 0.

    Returns
    -------
    `float` or `None`
        Root mean square over rings of 8 pixels of the difference of the means; `None` without a ring of at least 32
        filled and 32 observed pixels.
    """
    near = observed & (ndimage.distance_transform_edt(~hole) <= _NEAR)
    y, x = np.indices(hole.shape, dtype=np.float32, sparse=True)
    ring = (np.hypot(x - center[0], y - center[1]) / _RING).astype(int)
    clipped = np.clip(deviation, -_CLIPPED_PROFILE, _CLIPPED_PROFILE)
    means, enough = [], True
    for chosen in (hole, near):
        counts = np.bincount(ring[chosen], minlength=ring.max() + 1)
        sums = np.bincount(ring[chosen], clipped[chosen], minlength=ring.max() + 1)
        means.append(sums / np.maximum(counts, 1))
        enough = enough & (counts >= _LEAST)
    return float(np.sqrt(np.mean((means[0] - means[1])[enough] ** 2))) if np.any(enough) else None
