"""Comparison of a filled core with the diffraction fringes observed around it."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.numerics.filling import checked_hole
from sunpy_restore.desaturation.forward import fringes, fringes_of_others
from sunpy_restore.desaturation.fringes.differences import (
    BLUR,
    GUARD,
    comparable,
    differences,
    local_variance,
    misfit,
    strength,
)

__all__ = ["fringe_residual", "fringe_strength"]


def fringe_residual(filled, mask, channel):
    """
    Residual of the differences between pixels around a core after its fringes are subtracted.

    The corona under the fringes is unknown, but it varies little from pixel to pixel. Differences between pixels are
    therefore compared, in units of their local standard deviation; outliers enter by their logarithm. The corona has
    differences of its own, which remain. Only relative values are meaningful: compare several fills of one image. The
    lower the residual, the better a fill explains the fringes. Above 1, it predicts fringes that are not observed.

    Parameters
    ----------
    filled : `numpy.ndarray`
        Desaturated image, any unit, shape ``(ny, nx)``.
    mask : `numpy.ndarray` of `bool`
        True where the image was filled; elsewhere it is as observed.
    channel : `int`
        Wavelength in angstrom: 94, 131, 171, 193, 211, 304 or 335.

    Returns
    -------
    `float`
        The residual, divided by that of an empty core: 1 if the fill predicts no fringes.

    Raises
    ------
    TypeError, ValueError
        The mask does not fit the image, or the channel has no diffraction pattern.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.desaturation.forward import fringes
    >>> from sunpy_restore.desaturation.fringes.report import fringe_residual
    >>> core = np.zeros((80, 80))
    >>> core[38:42, 38:42] = 50_000
    >>> image = 100 + core + fringes(core, 193) + np.random.default_rng(0).normal(size=core.shape)
    >>> right, half = (fringe_residual(np.where(core > 0, share * image, image), core > 0, 193) for share in (1, 0.5))
    >>> right < half < 1
    True
    """
    observed, predicted, variance = _compared(filled, mask, channel)
    return float(misfit(observed - predicted, variance) / misfit(observed, variance))


def fringe_strength(filled, mask, channel):
    """
    Strength of the fringes observed around a core, divided by the strength that its fill predicts.

    Above 1 the core contains too little light; below 1 too much, or light at the wrong places. The accuracy is 10 to
    20 %, because the corona has structures that resemble fringes.

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
    found = strength(*_compared(filled, mask, channel))
    if np.isnan(found):
        raise ValueError("Found a fill without any fringes; expected light in the mask. Check the image and the mask.")
    return found


def _compared(filled, mask, channel):
    """Differences observed around the core, those that its fringes predict, and the local variance of the former."""
    filled = np.asarray(filled, dtype=float)
    mask = checked_hole(filled, mask)
    finite = np.isfinite(filled)
    filled = np.where(finite, filled, np.median(filled[finite]))
    usable = ~mask & finite
    image = filled - fringes_of_others(filled, mask, usable, channel)
    smoothed, pairs = comparable(image, usable)
    predicted = ndimage.gaussian_filter(fringes(np.where(mask, filled, 0), channel, core=GUARD), BLUR)
    observed = differences(smoothed)
    return observed[pairs], differences(predicted)[pairs], local_variance(observed, pairs)[pairs]
