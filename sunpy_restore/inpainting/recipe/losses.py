"""
Losses of the layered network: those of Enciso (2024) on the pieces that its layers fill, and continuity at the border.

The paper has six terms and five weights: pixels, perceptual and style, each on the inner part, which the layer leaves
to the next ones, and on the difference, the piece that it fills. Its Table 1 gives the weights in the order pixels of
the inner part, pixels of the difference, perceptual, style of the inner part, style of the difference. Pixels and style
have a weight for each of the two parts, and the one in between is read as that of both perceptual terms, as Liu et al.
(2018) also have one for the two.

All is computed in single precision at least, whatever that of the network.
"""

import torch
from torch.nn import functional

__all__ = ["FINE_TUNING", "PRE_TRAINING", "TERMS", "continuity", "layered_loss", "radial_directions"]

TERMS = ("pixel-inner", "pixel-difference", "perceptual", "style-inner", "style-difference")
"""Terms that have a weight."""
PRE_TRAINING = dict(zip(TERMS, (6.0, 6.0, 0.05, 120.0, 120.0), strict=True))
"""Weights of the paper's Table 1 for the first part of its training."""
FINE_TUNING = dict(zip(TERMS, (0.2, 0.8, 0.2, 1.2, 1.8), strict=True))
"""Weights of the paper's Table 1 for the second part."""

_ALL, _ANY = 1 - 1e-3, 1e-3  # of a sample's weights


def layered_loss(outputs, masks, truth, features, weights):
    """
    Weighted sum of the paper's terms, over the layers of the stack.

    For the layer l the inner part is what it leaves, 1 - M(l), and the difference what it fills, M(l - 1) XOR M(l);
    pixels that are blind are in neither. The terms are the l1 distance of the pixels in a part, as a mean over all
    pixels of the images; that of the features of the truth from those of the truth with the prediction in that part;
    and that of the Gram matrices of these features. Of the last layer the inner part is empty.

    Parameters
    ----------
    outputs, masks : `list` of `torch.Tensor`
        As `~sunpy_restore.networks.papers.partialconv.LayeredPartialUNet.forward_layers` gives them: of each layer the
        image with its prediction; what was to be filled at first and after each layer.
    truth : `torch.Tensor`
        True image, shape ``(batch, 1, ny, nx)``, in the unit of the outputs; finite.
    features : callable
        Image to `list` of feature maps, such as `~sunpy_restore.networks.papers.vgg.VGG19Features`. It is not called
        where none of the last three terms has a weight.
    weights : mapping
        Weights of the `TERMS`; 0 if left out.

    Returns
    -------
    `torch.Tensor`
        Scalar.

    Raises
    ------
    ValueError
        No such term, or no weight.

    References
    ----------
    * Enciso 2024, CorKit
    * Liu et al. 2018, ECCV, https://doi.org/10.1007/978-3-030-01252-6_6
    """
    if not weights or not weights.keys() <= set(TERMS):
        raise ValueError(f"Found weights of the losses {list(weights)}, expected some of {', '.join(TERMS)}.")
    truth = _single(truth)
    # Connected with the network also where nothing is to be filled
    total = _single(outputs[-1]).sum() * 0
    perceptual = weights.get("perceptual", 0)
    looked = perceptual or weights.get("style-inner", 0) or weights.get("style-difference", 0)
    with torch.no_grad():
        wanted = features(truth) if looked else None
    for part, composite in _composites(outputs, masks, truth):
        pixel, style = (weights.get(f"{kind}-{part}", 0) for kind in ("pixel", "style"))
        total = total + pixel * (composite - truth).abs().mean()
        if perceptual or style:
            for found, true in zip(features(composite), wanted, strict=True):
                total = total + perceptual * (_single(found) - _single(true)).abs().mean()
                total = total + style * (_gram(found) - _gram(true)).abs().mean()
    return total


def _composites(outputs, masks, truth):
    """For each layer and part that has pixels: the truth with the prediction in them."""
    for output, before, after in zip(outputs, masks[:-1], masks[1:], strict=True):
        for part, piece in (("inner", after > 0), ("difference", (before > 0) != (after > 0))):
            if piece.any():
                yield part, torch.where(piece, _single(output), truth)


def _single(values):
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _gram(features):
    """Mean products of channels; their mean distance is the style loss of Liu et al., with its K and 1 / C**2."""
    with torch.autocast(features.device.type, enabled=False):
        flat = _single(features).flatten(2)
        # Each factor is scaled, so that large features don't overflow, nor small ones vanish
        scale = flat[0].numel() ** -0.5
        return (flat * scale) @ (flat * scale).transpose(1, 2)


def radial_directions(shape, center, *, device=None):
    """
    Unit vectors away from the Sun's centre, for `continuity`.

    Parameters
    ----------
    shape : pair of `int`
        Rows and columns of the image.
    center : pair of `float`
        Centre of the Sun as ``(x, y)`` in pixels, the first of which is 0.
    device : `torch.device`, optional
        Where to.

    Returns
    -------
    `torch.Tensor`
        x and y component, shape ``(2, ny, nx)``; along x in the centre itself.
    """
    y, x = (torch.arange(n, device=device, dtype=torch.float32) for n in shape)
    dy, dx = torch.meshgrid(y - center[1], x - center[0], indexing="ij")
    dx = torch.where((dx == 0) & (dy == 0), 1.0, dx)
    return torch.stack([dx, dy]) / torch.hypot(dx, dy)


def continuity(image, mask, blind=None, directions=None):
    """
    How much the profiles along two directions break at the border of what was filled: the physics in the loss.

    The paper demands radial and azimuthal profiles that go on across the border, and leaves open how. Here a profile
    that comes from valid pixels is continued by its own slope: at a valid pixel p beside the filled area, with a step s
    along the profile, the break is

    .. math:: |[I(p + s) - I(p)] - [I(p) - I(p - s)]|

    where p + s is filled, and p - s valid. It is 0 where the image is linear across the border, however steep, and c
    where a fill that goes on linearly is raised by c. Each step goes to the next row or column, between two pixels of
    which I is interpolated linearly; where only one of them is filled, it counts by its share. Profiles are followed
    both ways.

    Parameters
    ----------
    image : `torch.Tensor`
        The filled image, shape ``(batch, 1, ny, nx)``.
    mask : `torch.Tensor`
        1 where it was filled, same shape.
    blind : `torch.Tensor`, optional
        1 where it is not to be looked at, same shape; values there may be anything.
    directions : `torch.Tensor`, optional
        x and y component of unit vectors along the first profile, shape ``(2, ny, nx)`` or ``(batch, 2, ny, nx)``, as
        from `radial_directions`; the second profile is at right angles. By default the profiles are columns and rows,
        which on a polar grid are the radial and the azimuthal one.

    Returns
    -------
    `torch.Tensor`
        Scalar, in the unit of the image: for each of the two profiles the mean break over the places where it enters
        the filled area, added up. 0 if there are none.
    """
    image = _single(image)
    seen = torch.ones_like(mask, dtype=torch.bool) if blind is None else blind <= 0
    filled, valid = ((part & seen).to(image.dtype) for part in (mask > 0, mask <= 0))
    image = torch.where(seen, image, 0)
    if directions is None:
        directions = image.new_tensor([0.0, 1.0])[:, None, None].expand(2, *image.shape[-2:])
    x, y = (directions[None] if directions.ndim == 3 else directions).to(image.dtype).split(1, dim=1)
    return _breaks(image, filled, valid, x, y) + _breaks(image, filled, valid, -y, x)


def _breaks(image, filled, valid, x, y):
    """The mean break along one profile."""
    longest = torch.maximum(x.abs(), y.abs())
    ahead = _sampled((image, filled, valid), x / longest, y / longest)
    behind = _sampled((image, filled, valid), -x / longest, -y / longest)
    broken, entries = image.sum() * 0, 0
    for (value, share, known), (other, _, back) in ((ahead, behind), (behind, ahead)):
        share = share * valid * (share > _ANY) * (share + known > _ALL) * (back > _ALL)
        broken = broken + ((value - 2 * image + other).abs() * (share > 0)).sum()
        entries = entries + share.sum()
    return broken / entries.clamp_min(_ANY)


def _sampled(planes, dx, dy):
    """Planes one step further, interpolated linearly; 0 beyond the border."""
    ny, nx = dx.shape[-2:]
    padded = [functional.pad(plane, (1, 1, 1, 1)) for plane in planes]
    sums = [0] * len(planes)
    for row in (-1, 0, 1):
        for column in (-1, 0, 1):
            weight = (1 - (dy - row).abs()).clamp_min(0) * (1 - (dx - column).abs()).clamp_min(0)
            for index, plane in enumerate(padded):
                sums[index] = sums[index] + weight * plane[..., 1 + row : 1 + row + ny, 1 + column : 1 + column + nx]
    return sums
