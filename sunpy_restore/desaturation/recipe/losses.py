"""
Content losses of the adversarial training of Zhao et al. (2019).

All are l1 norms: sums over the pixels of an image, and means over the images of a batch. The weights of 0.1 in the
paper refer to sums. A mean over the pixels would be negligible compared with the cross-entropy of the discriminator,
which is of order 1.
"""

import torch
from skimage.morphology import disk
from torch.nn import functional

__all__ = ["l1", "masked_l1", "weighted_l1"]

_EDGE = 5  # pixels


def l1(restored, truth):
    """
    l1 norm of the error.

    Parameters
    ----------
    restored, truth : `torch.Tensor`
        Images, shape ``(batch, 1, ny, nx)``, in the same unit.

    Returns
    -------
    `torch.Tensor`
        Scalar, in the unit of the images.
    """
    return (restored - truth).abs().sum() / len(truth)


def masked_l1(restored, truth, mask):
    """
    l1 norm of the error in the mask.

    Parameters
    ----------
    restored, truth : `torch.Tensor`
        See `l1`.
    mask : `torch.Tensor`
        1 where a pixel is filled and 0 elsewhere, shape ``(batch, 1, ny, nx)``.

    Returns
    -------
    `torch.Tensor`
        Scalar, in the unit of the images.
    """
    return l1(restored * mask, truth * mask)


def edge_band(mask):
    """
    Band of 5 pixels along the border of a mask, the same as that of `~sunpy_restore.desaturation.forward.edge_mask`.

    Parameters
    ----------
    mask : `torch.Tensor`
        See `masked_l1`.

    Returns
    -------
    `torch.Tensor`
        1 in the band, 0 elsewhere, shape ``(batch, 1, ny, nx)``.

    Examples
    --------
    >>> import torch
    >>> from sunpy_restore.desaturation.recipe.losses import edge_band
    >>> mask = (torch.arange(12) >= 6).float().expand(1, 1, 12, 12)
    >>> edge_band(mask)[0, 0, 0].int().tolist()
    [0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0]
    """
    outside, inside = _dilated(mask, _EDGE // 2), _dilated(1 - mask, _EDGE // 2 + 1)
    return (outside & inside).to(mask.dtype)


def _dilated(mask, radius):
    kernel = torch.from_numpy(disk(radius)).to(mask)[None, None]
    # The threshold is far from 0 and 1, which fast matrix products give with rounding errors
    return functional.conv2d(mask, kernel, padding=radius) > 0.5


def edge_l1(restored, truth, mask):
    """
    l1 norm of the error along the border of the mask, which keeps the border smooth.

    Parameters
    ----------
    restored, truth, mask : `torch.Tensor`
        See `masked_l1`.

    Returns
    -------
    `torch.Tensor`
        Scalar, in the unit of the images.
    """
    return masked_l1(restored, truth, edge_band(mask))


def weighted_l1(restored, truth, mask, weights):
    """
    Weighted sum of the losses.

    Parameters
    ----------
    restored, truth, mask : `torch.Tensor`
        See `masked_l1`.
    weights : mapping
        Weights of ``"l1"``, ``"masked"`` and ``"edge"``; 0 if omitted.

    Returns
    -------
    `torch.Tensor`
        Scalar, in the unit of the images.

    Raises
    ------
    ValueError
        Unknown loss.
    """
    losses = {
        "l1": lambda: l1(restored, truth),
        "masked": lambda: masked_l1(restored, truth, mask),
        "edge": lambda: edge_l1(restored, truth, mask),
    }
    if not weights or not weights.keys() <= losses.keys():
        raise ValueError(f"Found weights of the losses {list(weights)}; expected some of {', '.join(losses)}.")
    return sum(weight * losses[name]() for name, weight in weights.items())
