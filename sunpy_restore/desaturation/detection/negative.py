"""Values below zero in AIA images, of which only noise and a small offset are credible."""

import numpy as np

import astropy.units as u

__all__ = ["refuse_negative"]

_SPIKES = 2  # pixels that may have any value
_NEGATIVE_SIGMA = 5.0  # standard deviations of the noise, below which negative values are none
_OFFSET = 10.0  # DN per exposure; residual dark current and bias
_OFFSET_SIGMA = 20.0  # largest such offset in standard deviations of the noise, in images of any scale
_RINGING = 0.1  # of the value up to which the fainter half of the negative signal lies
_NEGATIVE_SHARE = 0.01  # of the pixels; bad pixels and ringing of the interpolation to level 1.5


def refuse_negative(smap, known):
    """
    Refuse an image with values far below zero, which no counts of photons are.

    Noise around zero off the limb and an error of the dark current of a few DN are accepted.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The image.
    known : `numpy.ndarray` of `bool`
        Pixels whose values are used.

    Raises
    ------
    ValueError
        More than 1 % of the pixels, and more than two, lie below zero by five standard deviations of their noise.
    """
    negative = known & (smap.data < 0)
    accepted = max(_SPIKES, _NEGATIVE_SHARE * np.count_nonzero(known))
    if np.count_nonzero(negative) <= accepted:
        return
    data = np.where(known, smap.data, 0).astype(float)
    noise = _noise(data, negative, known)
    if smap.data.dtype.kind == "i":
        noise = max(noise, 0.5)
    seconds = smap.exposure_time if smap.unit in (u.DN / u.s, u.ct / u.s) else None
    # Software that divides images by their exposure time can leave any number in EXPTIME
    seconds = 1.0 if seconds is None or not 0 < seconds.to_value(u.s) < np.inf else seconds.to_value(u.s)
    offset = _OFFSET / seconds
    low = negative & (data < -max(_NEGATIVE_SIGMA * noise, min(offset, _OFFSET_SIGMA * noise)))
    if np.count_nonzero(low) > accepted:
        raise ValueError(
            f"Found {np.count_nonzero(low) / np.count_nonzero(known):.0%} of the pixels far below zero, down to "
            f"{data[low].min():.4g}, with a noise of {noise:.2g}; expected counts, which are not negative except for "
            "noise. The image is a difference, or an offset was subtracted: use the image of level 1 or 1.5."
        )


def _noise(data, negative, known):
    """Standard deviation from differences of neighbours, of negative pixels if these have neighbours."""
    for chosen in (negative & ~_ringing(data, negative), known):
        steps = [np.abs(np.diff(data, axis=axis))[_both(chosen, axis)] for axis in (0, 1)]
        steps = np.concatenate(steps)
        if len(steps):
            # Faint channels have so few counts that most neighbours are equal
            return 1.05 * float(np.median(steps) or np.median(steps[steps > 0] if steps.any() else steps))
    return 0.0


def _ringing(data, negative):
    """
    Negative pixels next to zero, into which the interpolation of a rotated image rings beyond its edges.

    The ringing decays by a constant factor per pixel, so that most of it is much fainter than any noise.
    """
    values = np.sort(-data[negative])
    total = np.cumsum(values)
    typical = values[np.searchsorted(total, total[-1] / 2)]
    return negative & (data > -_RINGING * typical)


def _both(chosen, axis):
    """Pairs of neighbours that are both chosen."""
    chosen = np.moveaxis(chosen, axis, 0)
    return np.moveaxis(chosen[1:] & chosen[:-1], 0, axis)
