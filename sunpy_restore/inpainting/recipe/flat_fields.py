"""The response of a detector to a smooth corona, from frames of several years."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.cells import normalized_convolution
from sunpy_restore.inpainting.background import find_background

__all__ = ["make_pattern"]

_FAINTEST = 1e-3  # of the median brightness
_BANDS = (1.0, 2.0, 4.0, 8.0)  # pixels; standard deviations between which structure is told from noise
_SIGNIFICANT = 3.0  # standard deviations
_ROUNDS = 2
_GAP = 10  # days; frames that are closer show the same corona


def make_pattern(frames):
    """
    What frames of a detector have in common: vignetting, the shadow of the pylon, rings about the occulter.

    Each frame is divided by its own smooth background; frames of one epoch count as one; the median over epochs takes
    out streamers and stars, and what is left of the noise is smoothed away where it hides no structure.

    Parameters
    ----------
    frames : `list` of `~sunpy_restore.inpainting.recipe.scenes.Exposure`
        Frames of level 0.5 of one detector, of one shape.

    Returns
    -------
    `numpy.ndarray` of ``float32``
        Natural logarithm of the response, shape ``(ny, nx)``; NaN where no frame shows anything.
    """
    pattern = None
    for _ in range(_ROUNDS):
        epochs = {}
        for frame in frames:
            epochs.setdefault(_epoch(frame, frames), []).append(_response(frame, pattern))
        with np.errstate(invalid="ignore"):
            means = np.stack([_nan(np.nanmedian, np.stack(group)) for group in epochs.values()])
        pattern = _nan(np.nanmedian, means)
    return _denoised(pattern)


def _epoch(frame, frames):
    """The first day of the frames about that day."""
    days = sorted({np.datetime64(other.date) for other in frames})
    first = own = np.datetime64(frame.date)
    for day in reversed(days):
        if day <= own and first - day <= np.timedelta64(_GAP, "D"):
            first = day
    return str(first)


def _response(frame, pattern):
    """Logarithm of a frame over its smooth background, which the pattern so far has no part in."""
    image, valid = (frame.image - frame.bias).astype(np.float32), ~frame.blind
    known = None if pattern is None else np.nan_to_num(pattern)
    level = find_background(image, valid, frame.center, known).level
    if known is not None:
        level = level / np.exp(known)
    floor = _FAINTEST * np.median(image[valid])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(valid, np.log(np.maximum(image, floor) / level), np.nan).astype(np.float32)


def _nan(function, planes):
    """A function of the planes that are finite, NaN where none is."""
    empty = ~np.isfinite(planes).any(axis=0)
    return np.where(empty, np.nan, function(np.where(empty, 0, planes), axis=0)).astype(np.float32)


def _denoised(pattern):
    """Without what in each band of scales is no more than noise."""
    valid = np.isfinite(pattern)
    rest, result = np.where(valid, pattern, 0), np.zeros_like(pattern)
    for size in _BANDS:
        smooth = normalized_convolution(rest, valid, size)
        band = np.where(valid, rest - smooth, 0)
        # A Wiener filter whose noise is that of the quietest places around
        power = ndimage.gaussian_filter(band**2, 2 * size)
        noise = ndimage.percentile_filter(power[::8, ::8], 30, 17)
        noise = np.kron(noise, np.ones((8, 8), np.float32))[: band.shape[0], : band.shape[1]]
        result += band * np.clip(1 - _SIGNIFICANT * noise / np.maximum(power, 1e-12), 0, 1)
        rest = smooth
    return np.where(valid, result + rest, np.nan).astype(np.float32)
