"""
Losses of the layered network: those of Enciso (2024) for the pieces that its layers fill, and continuity at the border.

The paper has six terms and five weights. The terms are pixels, perceptual and style, each for the inner part, which a
layer leaves to the next ones, and for the difference, the piece that the layer fills. Table 1 of the paper gives the
weights in the order pixels of the inner part, pixels of the difference, perceptual, style of the inner part, style of
the difference. The single perceptual weight is used for both perceptual terms, as in Liu et al. (2018).

All losses are computed at least in single precision, whatever the precision of the network.
"""

import torch
from torch.nn import functional

__all__ = ["FINE_TUNING", "PRE_TRAINING", "TERMS", "continuity", "layered_loss", "radial_directions"]

TERMS = ("pixel-inner", "pixel-difference", "perceptual", "style-inner", "style-difference")
"""Names of the terms with a weight."""
PRE_TRAINING = dict(zip(TERMS, (6.0, 6.0, 0.05, 120.0, 120.0), strict=True))
"""Weights of Table 1 of the paper for the first part of the training."""
FINE_TUNING = dict(zip(TERMS, (0.2, 0.8, 0.2, 1.2, 1.8), strict=True))
"""Weights of Table 1 of the paper for the second part of the training."""

_ALL, _ANY = 1 - 1e-3, 1e-3  # of the weights of a sample, up to rounding


def layered_loss(outputs, masks, truth, features, weights):
    """
    Weighted sum of the terms of the paper over the layers of the stack.

    For layer l the inner part is 1 - M(l), the pixels that it leaves to the next layers, and the difference is M(l - 1)
    XOR M(l), the pixels that it fills. Unobserved pixels are in neither. The terms are the l1 distance of the pixels of
    a part, averaged over all pixels of the images; that between the features of the truth and of the truth with the
    prediction in this part; and that between the Gram matrices of these features. The inner part of the last layer is
    empty.

    Parameters
    ----------
    outputs, masks : `list` of `torch.Tensor`
        Results of `~sunpy_restore.networks.papers.partialconv.LayeredPartialUNet.forward_layers`: the image with the
        prediction of each layer; the pixels to fill at first and after each layer.
    truth : `torch.Tensor`
        True image, shape ``(batch, 1, ny, nx)``, in the unit of the outputs; finite.
    features : callable
        Function of an image that returns a `list` of feature maps, such as
        `~sunpy_restore.networks.papers.vgg.VGG19Features`. It is not called if the last three terms have no weight.
    weights : mapping
        Weights of the `TERMS`; 0 by default.

    Returns
    -------
    `torch.Tensor`
        Scalar.

    Raises
    ------
    ValueError
        Unknown terms, or no weights.

    References
    ----------
    * Enciso 2024, CorKit
    * Liu et al. 2018, ECCV, https://doi.org/10.1007/978-3-030-01252-6_6
    """
    if not weights or not weights.keys() <= set(TERMS):
        raise ValueError(f"Found weights of the terms {list(weights)}; expected some of {', '.join(TERMS)}.")
    truth = _single(truth)
    # The loss has a gradient also without pixels to fill
    total = _single(outputs[-1]).sum() * 0
    perceptual = weights.get("perceptual", 0)
    needs_features = perceptual or weights.get("style-inner", 0) or weights.get("style-difference", 0)
    with torch.no_grad():
        wanted = features(truth) if needs_features else None
    for part, composite in _composites(outputs, masks, truth):
        pixel, style = (weights.get(f"{kind}-{part}", 0) for kind in ("pixel", "style"))
        total = total + pixel * (composite - truth).abs().mean()
        if perceptual or style:
            for found, true in zip(features(composite), wanted, strict=True):
                total = total + perceptual * (_single(found) - _single(true)).abs().mean()
                total = total + style * (_gram(found) - _gram(true)).abs().mean()
    return total


def _composites(outputs, masks, truth):
    """Yield the name of each part with pixels and the truth with the prediction in them, layer by layer."""
    for output, before, after in zip(outputs, masks[:-1], masks[1:], strict=True):
        for part, piece in (("inner", after > 0), ("difference", (before > 0) != (after > 0))):
            if piece.any():
                yield part, torch.where(piece, _single(output), truth)


def _single(values):
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _gram(features):
    """Mean products of channels; their mean distance is the style loss of Liu et al. with its K and 1 / C**2."""
    with torch.autocast(features.device.type, enabled=False):
        flat = _single(features).flatten(2)
        # Scaling both factors avoids overflow of large features and underflow of small ones
        scale = flat[0].numel() ** -0.5
        return (flat * scale) @ (flat * scale).transpose(1, 2)


def radial_directions(shape, center, *, device=None):
    """
    Unit vectors away from the centre of the Sun, for `continuity`.

    Parameters
    ----------
    shape : pair of `int`
        Rows and columns of the image.
    center : pair of `float`
        Centre of the Sun as ``(x, y)`` in pixels counted from 0.
    device : `torch.device`, optional
        Device of the result.

    Returns
    -------
    `torch.Tensor`
        x and y component, shape ``(2, ny, nx)``; along x at the centre.
    """
    y, x = (torch.arange(n, device=device, dtype=torch.float32) for n in shape)
    dy, dx = torch.meshgrid(y - center[1], x - center[0], indexing="ij")
    dx = torch.where((dx == 0) & (dy == 0), 1.0, dx)
    return torch.stack([dx, dy]) / torch.hypot(dx, dy)


def continuity(image, mask, unobserved=None, directions=None):
    """
    Discontinuity of the profiles along two directions at the border of filled pixels.

    CorKit (Enciso 2024) names physical terms but leaves them at a weight of 0, so that this loss is not part of the
    paper. A profile is extrapolated from valid pixels by its own slope: at a valid pixel p next to the filled area,
    with a step s along the profile, the discontinuity is

    .. math:: |[I(p + s) - I(p)] - [I(p) - I(p - s)]|

    where p + s is filled and p - s is valid. It is 0 if the image is linear across the border, however steep, and c if
    a linear continuation is raised by c. Each step goes to the next row or column; I is interpolated linearly between
    two pixels there. If only one of them is filled, the step has the weight of that pixel. Profiles are followed in
    both directions.

    Parameters
    ----------
    image : `torch.Tensor`
        The filled image, shape ``(batch, 1, ny, nx)``.
    mask : `torch.Tensor`
        1 in filled pixels, same shape.
    unobserved : `torch.Tensor`, optional
        1 in unobserved pixels, whose values are ignored, same shape.
    directions : `torch.Tensor`, optional
        x and y component of unit vectors along the first profile, shape ``(2, ny, nx)`` or ``(batch, 2, ny, nx)``, see
        `radial_directions`; the second profile is perpendicular. By default the profiles are columns and rows, which on
        a log-polar grid are the radial and the azimuthal profile.

    Returns
    -------
    `torch.Tensor`
        Scalar in the unit of the image: the sum over both profiles of the mean discontinuity where they enter the
        filled area; 0 if they do not.
    """
    image = _single(image)
    seen = torch.ones_like(mask, dtype=torch.bool) if unobserved is None else unobserved <= 0
    filled, valid = ((part & seen).to(image.dtype) for part in (mask > 0, mask <= 0))
    image = torch.where(seen, image, 0)
    if directions is None:
        directions = image.new_tensor([0.0, 1.0])[:, None, None].expand(2, *image.shape[-2:])
    x, y = (directions[None] if directions.ndim == 3 else directions).to(image.dtype).split(1, dim=1)
    return _breaks(image, filled, valid, x, y) + _breaks(image, filled, valid, -y, x)


def _breaks(image, filled, valid, x, y):
    """The mean discontinuity along one profile."""
    longest = torch.maximum(x.abs(), y.abs())
    ahead = _sampled((image, filled, valid), x / longest, y / longest)
    behind = _sampled((image, filled, valid), -x / longest, -y / longest)
    broken, entries = image.sum() * 0, 0
    for (value, share, known), (other, _, back) in ((ahead, behind), (behind, ahead)):
        share = share * valid * (share > _ANY) * (share + known > _ALL) * (back > _ALL)
        broken = broken + ((value - 2 * image + other).abs() * (share > 0)).sum()
        entries = entries + share.sum()
    return broken / entries.clamp_min(_ANY)


def _sampled(images, dx, dy):
    """Images one step further, interpolated linearly; 0 outside of the image."""
    ny, nx = dx.shape[-2:]
    padded = [functional.pad(image, (1, 1, 1, 1)) for image in images]
    sums = [0] * len(images)
    for row in (-1, 0, 1):
        for column in (-1, 0, 1):
            weight = (1 - (dy - row).abs()).clamp_min(0) * (1 - (dx - column).abs()).clamp_min(0)
            for index, image in enumerate(padded):
                sums[index] = sums[index] + weight * image[..., 1 + row : 1 + row + ny, 1 + column : 1 + column + nx]
    return sums
