"""Properties of an AIA image by which one that is unlike all good ones is told."""

import numpy as np
from scipy import ndimage

from sunpy_restore.desaturation.plateau import with_margin

__all__ = ["fingerprint"]

_BLOCK = 8  # pixels; side of the blocks in which the noise is measured, and that of JPEG
_LARGEST = 512  # pixels; side of the part of a window that is looked at
_MARGIN = 4  # pixels around the mask that are not looked at
_OUTLIER = 7.0  # standard deviations of the noise
_FLOOR = 1e-4  # added to shares before their logarithm
_TINY = 1e-6  # of the brightness, smallest noise
_LEAST = 12  # blocks


def fingerprint(observation):
    """
    Measure properties of an image around its largest damage.

    None of them depends on the unit, the exposure time or the size of the image. On the linear scale of the detector,
    the noise is that of photons; display images have no such scale, and the same number stands for their noise.

    Parameters
    ----------
    observation : `~sunpy_restore.desaturation.observation.Observation`
        The observation.

    Returns
    -------
    `dict` of `str` to `float`
        Natural logarithms of ratios, unless the name says otherwise.
    """
    image, valid = _part(observation)
    scale = max(float(np.median(np.abs(image[valid]))), np.finfo(float).tiny)
    image = np.where(valid, image, 0) / scale
    residual, known = _high_pass(image, valid)
    rough = _typical(residual, known)
    noise, bright = _blocks(image, residual, known)
    halved, halved_valid = _halved(image, valid)
    quartered, quartered_valid = _halved(halved, halved_valid)
    second, third = (_typical(*_high_pass(*pair)) for pair in ((halved, halved_valid), (quartered, quartered_valid)))
    low, middle, high = np.quantile(image[valid], [0.02, 0.5, 0.98])
    local = np.maximum(ndimage.uniform_filter(np.abs(residual), 2 * _BLOCK + 1) * 1.25, _TINY)
    ratio = (residual / local)[known]
    return {
        "noise relative to brightness": np.log(rough),
        "increase of the noise with brightness (exponent)": _slope(noise, bright),
        "noise in 2 x 2 pixels relative to single pixels": np.log(second / rough),
        "noise in 4 x 4 pixels relative to 2 x 2 pixels": np.log(third / second),
        "correlation of neighbouring residuals": _neighbours(residual, known),
        "share of bright outliers": np.log(np.mean(ratio > _OUTLIER) + _FLOOR),
        "share of dark outliers": np.log(np.mean(ratio < -_OUTLIER) + _FLOOR),
        "tail of the residuals": np.log(np.mean(np.abs(ratio)) / max(np.median(np.abs(ratio)), _TINY)),
        "bright relative to faint part of the brightness": np.log((high - middle + _TINY) / (middle - low + _TINY)),
        "contrast": np.log((high - low) / max(abs(middle), _TINY) + _TINY),
        "faintest part (relative to the median)": float(np.clip(low / max(abs(middle), _TINY), -3, 3)),
        "rows relative to columns": np.log(_steps(image, valid, 0) / _steps(image, valid, 1)),
        "edges of 8 x 8 blocks": _blockiness(image, valid),
        "share of equal neighbours": float(_equal(image, valid)),
    }


def _part(observation):
    """The image around the largest damage, and its valid pixels."""
    place = observation.windows[0].place
    rows, columns = np.nonzero(observation.windows[0].own)
    inner = []
    for part, where in zip(place, (rows, columns), strict=True):
        middle = part.start + int(np.median(where))
        inner.append(slice(max(middle - _LARGEST // 2, part.start), min(middle + _LARGEST // 2, part.stop)))
    inner = tuple(inner)
    valid = ~with_margin(observation.mask[inner], _MARGIN)
    return np.asarray(observation.image[inner], dtype=float), valid if valid.any() else ~observation.mask[inner]


def _high_pass(image, valid):
    """Deviation from the mean of four neighbours, in units in which white noise keeps its variance."""
    cross = np.array([[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]])
    known = ndimage.binary_erosion(valid, border_value=0)
    return np.where(known, (image - ndimage.convolve(image, cross)) / np.sqrt(1.25), 0), known


def _typical(residual, known):
    values = np.abs(residual[known])
    return max(1.48 * float(np.median(values)), _TINY) if values.size else np.nan


def _halved(image, valid):
    ny, nx = (length // 2 * 2 for length in image.shape)
    parts = [array[:ny, :nx].reshape(ny // 2, 2, nx // 2, 2) for array in (image, valid)]
    return parts[0].mean(axis=(1, 3)), parts[1].all(axis=(1, 3))


def _blocks(image, residual, known):
    """Noise and brightness of the blocks without damage."""
    ny, nx = (length // _BLOCK * _BLOCK for length in image.shape)
    noise, mean, usable = (
        array[:ny, :nx].reshape(ny // _BLOCK, _BLOCK, -1, _BLOCK).swapaxes(1, 2).reshape(-1, _BLOCK**2)
        for array in (np.abs(residual), image, known)
    )
    whole = usable.all(axis=1)
    return np.maximum(1.48 * np.median(noise[whole], axis=1), _TINY), mean[whole].mean(axis=1)


def _slope(noise, bright):
    """Exponent of the power law between brightness and noise, from the medians in bins of brightness."""
    usable = bright > _TINY
    if np.count_nonzero(usable) < _LEAST:
        return 0.5
    noise, bright = np.log(noise[usable]), np.log(bright[usable])
    order = np.array_split(np.argsort(bright), min(8, len(bright) // 4))
    x, y = (np.array([np.median(values[part]) for part in order]) for values in (bright, noise))
    if np.ptp(x) < 0.1:
        return 0.5
    return float(np.polyfit(x, y, 1)[0])


def _neighbours(residual, known):
    """Correlation of the residuals of diagonal neighbours, without outliers."""
    limit = 4 * _typical(residual, known)
    residual = np.clip(residual, -limit, limit)
    pairs = known[1:, 1:] & known[:-1, :-1]
    first, second = residual[1:, 1:][pairs], residual[:-1, :-1][pairs]
    return float(np.mean(first * second) / max(np.mean(residual[known] ** 2), _TINY**2)) if pairs.any() else np.nan


def _steps(image, valid, axis):
    both = np.logical_and(*_shifted(valid, axis))
    values = np.abs(np.subtract(*_shifted(image, axis)))[both]
    return max(float(np.mean(values)), _TINY) if values.size else np.nan


def _shifted(image, axis):
    return (image[1:], image[:-1]) if axis == 0 else (image[:, 1:], image[:, :-1])


def _blockiness(image, valid):
    """Largest excess of second differences in one of eight rows or columns."""
    largest = 0.0
    for axis in (0, 1):
        image_, valid_ = (array if axis == 0 else array.T for array in (image, valid))
        jump = np.abs(image_[3:] - image_[2:-1] - (image_[2:-1] - image_[1:-2] + image_[1:-2] - image_[:-3]) / 2)
        usable = valid_[3:] & valid_[2:-1] & valid_[1:-2] & valid_[:-3]
        lines = np.array([np.median(row[ok]) if ok.any() else np.nan for row, ok in zip(jump, usable, strict=True)])
        phases = [np.nanmean(lines[phase::_BLOCK]) if len(lines) >= _BLOCK else 1.0 for phase in range(_BLOCK)]
        largest = max(largest, float(np.log((np.max(phases) + _TINY) / (np.median(phases) + _TINY))))
    return largest


def _equal(image, valid):
    both = valid[:, 1:] & valid[:, :-1]
    return np.mean((image[:, 1:] == image[:, :-1])[both]) if both.any() else np.nan
