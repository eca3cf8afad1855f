"""Checks of a filled core against what was seen around it: do its fringes agree with the observed ones?"""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.filling import checked_hole
from sunpy_restore.desaturation.differences import BLUR, GUARD, comparable, differences, usual_variance
from sunpy_restore.desaturation.forward import fringes, fringes_of_others

__all__ = ["fringe_residual", "fringe_strength"]


def fringe_residual(filled, mask, channel):
    """
    How much is left of the differences between pixels around a core once its fringes are taken away.

    The corona under the fringes is not known, but it changes little from pixel to pixel, and so it is differences that
    are compared, in units of those that are usual about them; outliers count by their logarithm. The corona has
    differences of its own, which stay. What says something are therefore the residuals of several fills of one image:
    the lower, the better a fill explains the fringes. Above 1, it predicts fringes that are not there.

    Parameters
    ----------
    filled : `numpy.ndarray`
        Desaturated image, any unit, shape ``(ny, nx)``.
    mask : `numpy.ndarray` of `bool`
        True where it was filled; elsewhere it is as observed.
    channel : `int`
        Wavelength in angstrom, one of `~sunpy_restore.desaturation.psf.CHANNELS`.

    Returns
    -------
    `float`
        Over that of an empty core: 1 if the fill predicts no fringes.

    Raises
    ------
    TypeError, ValueError
        The mask does not belong to the image, or there is no such channel.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.desaturation.forward import fringes
    >>> from sunpy_restore.desaturation.report import fringe_residual
    >>> core = np.zeros((80, 80))
    >>> core[38:42, 38:42] = 50_000
    >>> image = 100 + core + fringes(core, 193) + np.random.default_rng(0).normal(size=core.shape)
    >>> right, half = (fringe_residual(np.where(core > 0, share * image, image), core > 0, 193) for share in (1, 0.5))
    >>> right < half < 1
    True
    """
    seen, predicted, variance = _compared(filled, mask, channel)
    after, before = (np.log1p(left**2 / (3 * variance)).sum() for left in (seen - predicted, seen))
    return float(after / before)


def fringe_strength(filled, mask, channel):
    """
    Strength of the fringes seen around a core over those that its fill predicts.

    Above 1, the core holds too little light, below 1 too much, or at the wrong places. It is good to 10 or 20 %, for
    the corona has structures like fringes.

    Parameters
    ----------
    filled, mask, channel
        See `fringe_residual`.

    Returns
    -------
    `float`

    Raises
    ------
    TypeError, ValueError
        See `fringe_residual`; also a `ValueError` if the fill predicts no fringes.
    """
    seen, predicted, variance = _compared(filled, mask, channel)
    weights = 1 / (variance + (seen - predicted) ** 2 / 3)
    strength = weights @ predicted**2
    if strength == 0:
        raise ValueError("Found a fill without any fringes, expected a mask with light in it.")
    return float(weights @ (seen * predicted) / strength)


def _compared(filled, mask, channel):
    """Differences seen around the core, those that its fringes predict, and the usual variance of the former."""
    filled = np.asarray(filled, dtype=float)
    mask = checked_hole(filled, mask)
    finite = np.isfinite(filled)
    filled = np.where(finite, filled, np.median(filled[finite]))
    usable = ~mask & finite
    image = filled - fringes_of_others(filled, mask, usable, channel)
    smoothed, pairs = comparable(image, usable)
    predicted = ndimage.gaussian_filter(fringes(np.where(mask, filled, 0), channel, core=GUARD), BLUR)
    seen = differences(smoothed)
    return seen[pairs], differences(predicted)[pairs], usual_variance(seen, pairs)[pairs]
