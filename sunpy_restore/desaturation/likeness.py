"""Properties of an AIA image by which one that is unlike all good ones is told."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.reports.properties import Property, share
from sunpy_restore.desaturation.detection.plateau import with_margin
from sunpy_restore.desaturation.display import is_display
from sunpy_restore.desaturation.forward import FULL_WELL

__all__ = ["PROPERTIES", "fingerprint"]

_BLOCK = 8  # pixels; side of the blocks in which the noise is measured, and that of JPEG
_LARGEST = 512  # pixels; side of the part of a window that is looked at
_MARGIN = 4  # pixels around the mask that are not looked at
_OUTLIER = 7.0  # standard deviations of the noise
_FLOOR = 1e-4  # added to shares before their logarithm
_LEAST_NOISE = 0.3  # of the typical noise
_TINY = 1e-6  # of the brightness, smallest noise
_LEAST = 12  # blocks
_FEWEST = 2000  # pixels; smaller images cannot be judged
_FAINT = 5.0  # DN, below which the read noise dominates
_TYPICAL = {
    "variance of the noise relative to the brightness in DN": 0.0,
    "increase of the noise with brightness (exponent)": 0.6,
    "noise relative to brightness": -2.5,
    "noise in 2 x 2 pixels relative to single pixels": 0.0,
    "noise in 4 x 4 pixels relative to 2 x 2 pixels": 0.2,
    "contrast": 1.4,
    "faintest part (relative to the median)": 0.3,
    "edges of 8 x 8 blocks": 0.04,
    "share of equal neighbours": 0.02,
    "share of bright outliers": -6.5,
    "share of dark outliers": -7.2,
    "tail of the residuals": 0.3,
    "correlation of neighbouring residuals": 0.04,
    "rows relative to columns": 0.0,
}
"""Of level-1 images; for what is not measured in display images, and for small images."""

PROPERTIES = {
    "desaturate": {
        "variance of the noise relative to the brightness in DN": Property(
            "variance of the noise relative to the brightness", np.e, unit="DN"
        ),
        "noise relative to brightness": Property("noise", np.e, scale=100, unit="% of the brightness"),
        "noise in 2 x 2 pixels relative to single pixels": Property(
            "noise in 2 x 2 pixels relative to single pixels", np.e
        ),
        "noise in 4 x 4 pixels relative to 2 x 2 pixels": Property(
            "noise in 4 x 4 pixels relative to 2 x 2 pixels", np.e
        ),
        "contrast": Property("range of the brightness relative to the median", np.e),
        "edges of 8 x 8 blocks": Property("differences at the edges of 8 x 8 blocks relative to others", np.e),
        "share of equal neighbours": share("share of equal neighbours"),
        "share of bright outliers": share("share of bright outliers", np.e),
        "share of dark outliers": share("share of dark outliers", np.e),
        "tail of the residuals": Property("mean of the residuals relative to their median", np.e),
        "rows relative to columns": Property("differences between rows relative to those between columns", np.e),
    }
}
"""How those are shown that are measured in another way."""

_ANY_SCALE = (
    "correlation of neighbouring residuals",
    "share of bright outliers",
    "share of dark outliers",
    "tail of the residuals",
    "rows relative to columns",
)


def fingerprint(observation):
    """
    Measure properties of an image around its largest damage.

    They hardly depend on the exposure time and the size of the image. Display images have no linear scale and no photon
    noise: typical values of exposures stand for the properties that depend on these, and for all
    properties of images with fewer than 2000 valid pixels.

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
    if np.count_nonzero(valid) < _FEWEST:
        return dict(_TYPICAL)
    if observation.channel is None and is_display(image, valid):
        return _TYPICAL | _of_any_scale(image / _brightness(image[valid]), valid)
    scale = _brightness(image[valid])
    image = image / scale
    residual, known = _high_pass(image, valid)
    rough = _typical(residual, known)
    noise, bright = _blocks(image, residual, known)
    halved = _halved(image, valid)
    second, third = (_typical(*_high_pass(*pair)) for pair in (halved, _halved(*halved)))
    low, middle, high = np.quantile(image[valid], [0.02, 0.5, 0.98])
    in_dn = scale if observation.level is None else scale * FULL_WELL / observation.level
    photons = 0.0 if observation.channel is None else _photon_noise(noise, bright, in_dn)
    found = {
        "variance of the noise relative to the brightness in DN": photons,
        "increase of the noise with brightness (exponent)": _slope(noise, bright),
        "noise relative to brightness": float(np.log(rough)),
        "noise in 2 x 2 pixels relative to single pixels": float(np.log(second / rough)),
        "noise in 4 x 4 pixels relative to 2 x 2 pixels": float(np.log(third / second)),
        "contrast": _log_ratio(high - low, abs(middle)),
        "faintest part (relative to the median)": float(np.clip(low / max(abs(middle), _TINY), -3, 3)),
        "edges of 8 x 8 blocks": _blockiness(image, valid),
        "share of equal neighbours": _equal(image, valid),
        **_of_any_scale(image, valid),
    }
    # Small images do not have all of them
    return {name: value if np.isfinite(value) else _TYPICAL[name] for name, value in found.items()}


def _of_any_scale(image, valid):
    """Properties that are much the same in exposures and in display images."""
    residual, known = _high_pass(image, valid)
    if not known.any():
        return {name: _TYPICAL[name] for name in _ANY_SCALE}
    ratio = (residual / _local(residual, known, _typical(residual, known)))[known]
    values = (
        _neighbours(residual, known),
        float(np.log(np.mean(ratio > _OUTLIER) + _FLOOR)),
        float(np.log(np.mean(ratio < -_OUTLIER) + _FLOOR)),
        _log_ratio(np.mean(np.abs(ratio)), np.median(np.abs(ratio))),
        _log_ratio(_steps(image, valid, 0), _steps(image, valid, 1)),
    )
    found = zip(_ANY_SCALE, values, strict=True)
    return {name: value if np.isfinite(value) else _TYPICAL[name] for name, value in found}


def _brightness(values):
    """The unit of the properties: the median, the largest value of an image that is mostly zero, or 1 if all are."""
    typical = float(np.median(np.abs(values)))
    return typical or float(np.abs(values).max()) or 1.0


def _log_ratio(first, second):
    return float(np.log((first + _TINY) / (second + _TINY)))


def _photon_noise(noise, bright, scale):
    """Logarithm of the lower quartile of the variance in DN over the brightness; 0 if few blocks are bright enough."""
    usable = bright * scale > _FAINT
    if np.count_nonzero(usable) < _LEAST:
        return 0.0
    return float(np.log(np.quantile(noise[usable] ** 2 / bright[usable], 0.25) * scale))


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


def _local(residual, known, rough):
    """Noise around each pixel, from the medians in blocks, which outliers hardly change."""
    pads = [(0, -length % _BLOCK) for length in residual.shape]
    values = np.pad(np.where(known, np.abs(residual), np.nan), pads, constant_values=np.nan)
    ny, nx = (length // _BLOCK for length in values.shape)
    blocks = values.reshape(ny, _BLOCK, nx, _BLOCK).swapaxes(1, 2).reshape(ny, nx, -1)
    empty = np.isnan(blocks).all(axis=-1)
    noise = 1.48 * np.nanmedian(np.where(empty[..., None], rough, blocks), axis=-1)
    noise = np.maximum(noise, _LEAST_NOISE * rough)
    return np.repeat(np.repeat(noise, _BLOCK, axis=0), _BLOCK, axis=1)[: residual.shape[0], : residual.shape[1]]


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
    # Structure of the corona adds to the noise of photons in most blocks, but not in all of them
    x = np.array([np.median(bright[part]) for part in order])
    y = np.array([np.quantile(noise[part], 0.2) for part in order])
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
    return float(np.mean(values)) if values.size else np.nan


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
        means = [lines[phase::_BLOCK] for phase in range(_BLOCK)]
        phases = [values.mean() for values in (one[np.isfinite(one)] for one in means) if values.size]
        if len(phases) < _BLOCK:
            continue
        largest = max(largest, float(np.log((np.max(phases) + _TINY) / (np.median(phases) + _TINY))))
    return largest


def _equal(image, valid):
    both = valid[:, 1:] & valid[:, :-1]
    return float(np.mean((image[:, 1:] == image[:, :-1])[both])) if both.any() else np.nan
