"""Losses of networks that correct a first fill: errors in the holes, relative to those of the first fills."""

import torch
from torch.nn import functional

from sunpy_restore.inpainting.filling.fills import FILLS
from sunpy_restore.inpainting.task import CHANNELS

__all__ = ["error_in_holes", "scored_pixels", "weighted_error_in_holes"]

_IMAGE, _MASK = map(CHANNELS.index, ("image", "mask"))
_FIRST_FILLS = [CHANNELS.index(name) for name in FILLS]
_HUBER = 2.0  # units of the noise
_NEGLIGIBLE = 0.5  # units of the noise; smaller errors of the first fill have no more weight
_CELL = 8  # pixels; side of the averages in the loss
_BRIGHTEST = 8.0  # times the mean; limits the weight of bright pixels
_FEW_PIXELS = 300  # views with fewer pixels to fill have less weight


def scored_pixels(observed, truth):
    """
    Pixels to fill whose truth is known.

    Parameters
    ----------
    observed : `torch.Tensor`
        Channels, shape ``(batch, len(CHANNELS), h, w)``.
    truth : `torch.Tensor`
        Shape ``(batch, 1, h, w)``, NaN where it is unknown.

    Returns
    -------
    `torch.Tensor` of `bool`
        Shape ``(batch, 1, h, w)``.
    """
    return (observed[:, _MASK : _MASK + 1] > 0) & torch.isfinite(truth)


def error_in_holes(restored, observed, truth):
    """
    Huber loss in the holes, relative to the mean absolute error of the first fill.

    The errors of a bright corona are tens of its noise, those of a faint one are small. With this ratio each view has a
    weight by how much its first fill can be improved.

    Parameters
    ----------
    restored : `torch.Tensor`
        Output of the network.
    observed, truth : `torch.Tensor`
        See `scored_pixels`.

    Returns
    -------
    `torch.Tensor`
        Scalar.
    """
    scored = scored_pixels(observed, truth)
    target = torch.where(scored, truth, restored)
    error = functional.smooth_l1_loss(restored, target, beta=_HUBER, reduction="none")
    count = scored.sum(dim=(1, 2, 3)) + _FEW_PIXELS
    image = observed[:, _IMAGE : _IMAGE + 1]
    first = torch.where(scored, truth - image, 0).abs().sum(dim=(1, 2, 3)) / count
    return (error.sum(dim=(1, 2, 3)) / count / (first + _NEGLIGIBLE)).mean()


def weighted_error_in_holes(restored, observed, truth, unit=None, *, local):
    """
    Huber loss of pixels and of averages, relative to that of the best first fill, with more weight of bright pixels.

    Scores are errors of the brightness, which are largest at the inner border of large holes. The weight of a pixel is
    the mean of 1 and of the unit of its deviation in brightness. Averages have little of the noise that no fill can
    predict, and make the expected value of the fill the mean and not the median.

    Parameters
    ----------
    restored, observed, truth : `torch.Tensor`
        See `error_in_holes`.
    unit : `torch.Tensor`, optional
        Brightness of a deviation of 1, with mean 1 in the holes, shape ``(batch, 1, h, w)``; by default 1.
    local : `float`
        Weight of the error of averages over 8 x 8 pixels.

    Returns
    -------
    `torch.Tensor`
        Scalar.
    """
    unit = torch.ones_like(truth) if unit is None else unit
    scored = scored_pixels(observed, truth)
    weight = torch.where(scored, 0.5 + unit.clamp(max=_BRIGHTEST) / 2, 0)
    truth = torch.where(scored, truth, 0)
    count = weight.sum(dim=(1, 2, 3)) + _FEW_PIXELS
    share = functional.avg_pool2d(weight, _CELL)

    def errors(fill):
        error = fill - truth
        pixels = (weight * _huber(error, _HUBER)).sum(dim=(1, 2, 3)) / count
        means = functional.avg_pool2d(weight * error, _CELL) / (share + 1e-3)
        return pixels, (share * _huber(means, _HUBER / 4)).sum(dim=(1, 2, 3)) * _CELL**2 / count

    firsts = [errors(fill) for fill in observed[:, _FIRST_FILLS].split(1, dim=1)]
    pixels, means = (torch.stack(kind).min(dim=0).values for kind in zip(*firsts, strict=True))
    found, found_means = errors(restored)
    return (found / (pixels + _NEGLIGIBLE) + local * found_means / (means + _NEGLIGIBLE / 4)).mean()


def _huber(error, beta):
    return functional.smooth_l1_loss(error, torch.zeros_like(error), beta=beta, reduction="none")
