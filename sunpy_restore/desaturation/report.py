"""Checks of a filled core against what was seen around it: do its fringes agree with the observed ones?"""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.filling import checked_hole
from sunpy_restore.desaturation.forward import fringes

__all__ = ["fringe_residual", "fringe_strength"]

_BLUR = 0.7  # pixels; noise of single pixels is left alone
_LAG = 2  # pixels between the two whose difference is compared
_GUARD = 4  # pixels next to the mask that are not compared: blooming and the core's own wings
_BOX = 15  # pixels over which the corona's differences are alike


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
    before, after = 0.0, 0.0
    for seen, predicted, variance in _compared(filled, mask, channel):
        before += np.log1p(seen**2 / (3 * variance)).sum()
        after += np.log1p((seen - predicted) ** 2 / (3 * variance)).sum()
    return float(after / before)


def fringe_strength(filled, mask, channel):
    """
    Strength of the fringes seen around a core over those that its fill predicts.

    Above 1, the core holds too little light, below 1 too much, or at the wrong places. It is good to 10 or 20 %: the
    corona has structures like fringes, light beside the mask has fringes of its own, and the fill is taken for the
    source of the fringes though some fall into the mask. The truth of simulated flares has 0.85 to 1.

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
    common, own = 0.0, 0.0
    for seen, predicted, variance in _compared(filled, mask, channel):
        weights = 1 / (variance + (seen - predicted) ** 2 / 3)
        common += weights @ (seen * predicted)
        own += weights @ predicted**2
    if own == 0:
        raise ValueError("Found a fill without any fringes, expected a mask with light in it.")
    return float(common / own)


def _compared(filled, mask, channel):
    """Along each axis: differences seen and predicted, and the usual variance of those that are seen."""
    filled = np.asarray(filled, dtype=float)
    mask = checked_hole(filled, mask)
    predicted = ndimage.gaussian_filter(fringes(np.where(mask, filled, 0), channel), _BLUR)
    valid = ~mask & np.isfinite(filled)
    share = ndimage.gaussian_filter(valid.astype(float), _BLUR)
    seen = ndimage.gaussian_filter(np.where(valid, filled, 0), _BLUR) / np.maximum(share, 1e-3)
    far = ~ndimage.binary_dilation(~valid, iterations=_GUARD)
    for axis in (0, 1):
        first, second = (np.s_[:, here] if axis else np.s_[here] for here in (np.s_[:-_LAG], np.s_[_LAG:]))
        usable = far[first] & far[second]
        difference = (seen[second] - seen[first]) * usable
        around = ndimage.uniform_filter(np.abs(difference), _BOX)
        around = around / np.maximum(ndimage.uniform_filter(usable.astype(float), _BOX), 1e-6)
        size = around[usable]
        # 1.25 mean absolute deviations are the standard deviation of a normal variable
        variance = (1.25 * np.maximum(size, 1e-3 * size.mean())) ** 2
        yield difference[usable], (predicted[second] - predicted[first])[usable], variance
