"""
Networks of mask-Pix2Pix (Zhao et al. 2019): a U-Net generator and a PatchGAN discriminator.

`MaskPix2Pix` and `MaskDiscriminator` take the input channels image, mask and saturation level in this order.
"""

from functools import partial

import torch
from torch import nn
from torch.nn import functional

from sunpy_restore.networks.papers.switchnorm import SwitchNorm2d

__all__ = ["MaskDiscriminator", "MaskPix2Pix", "PatchDiscriminator", "UNetGenerator"]

_NORMS = {"switch": SwitchNorm2d, "batch": nn.BatchNorm2d, "instance": partial(nn.InstanceNorm2d, affine=True)}
# Channels, in units of the width
_ENCODER = (1, 2, 4, 8, 8, 8, 8, 8)
_DECODER = (8, 8, 8, 8, 4, 2, 1)
_DISCRIMINATOR = (1, 2, 4, 8)
_STRIDE = 2 ** len(_ENCODER)  # pixels
_IMAGE, _MASK = slice(0, 1), slice(1, 2)  # input channels; the third one, the saturation level, is not used


def _norm(kind):
    if kind not in _NORMS:
        raise ValueError(f"Unknown norm {kind!r}; expected one of {', '.join(_NORMS)}.")
    return _NORMS[kind]


def _initialize(module):
    """Draw the weights of convolutions from a normal distribution of standard deviation 0.02 (Isola et al. 2017)."""
    # The memory layout in which convolutions are fastest; their outputs inherit it
    module.to(memory_format=torch.channels_last)
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, std=0.02)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def _down(inputs, outputs, norm=None, dropout=0.0):
    """Halve the size: 4x4 convolution of stride 2, normalisation, LeakyReLU, dropout."""
    layers = [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=norm is None)]
    layers += [norm(outputs)] if norm else []
    layers += [nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, *([nn.Dropout(dropout)] if dropout else []))


def _up(inputs, outputs, norm, dropout=0.0):
    """Double the size: 4x4 transposed convolution of stride 2, normalisation, ReLU, dropout."""
    layers = [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False), norm(outputs), nn.ReLU()]
    return nn.Sequential(*layers, *([nn.Dropout(dropout)] if dropout else []))


def _same(inputs, outputs):
    """Keep the size: zero padding, with one pixel more before than after, and 4x4 convolution."""
    return nn.Sequential(nn.ZeroPad2d((2, 1, 2, 1)), nn.Conv2d(inputs, outputs, 4))


class UNetGenerator(nn.Module):
    """
    U-Net of 8 + 8 layers with skip connections, from 256 x 256 pixels to a bottleneck of one pixel and back.

    Encoder: 4x4 convolutions of stride 2 with 64, 128, 256, 512, 512, 512, 512, 512 channels, normalised in layers 2
    to 7, LeakyReLU in all, dropout in layers 4 to 8. Decoder: 4x4 transposed convolutions of stride 2 with 512, 512,
    512, 512, 256, 128, 64 channels, normalisation, ReLU, dropout in the first four, each concatenated with the
    features of the encoder of the same size; then nearest upsampling, zero padding, a 4x4 convolution and tanh.

    Parameters
    ----------
    inputs, outputs : `int`
        Channels of the input and of the output.
    width : `int`
        Channels of the first layer; the other layers scale with it.
    norm : ``"switch"``, ``"batch"`` or ``"instance"``
        `~sunpy_restore.networks.papers.switchnorm.SwitchNorm2d`, `torch.nn.BatchNorm2d` or
        `torch.nn.InstanceNorm2d`, which is the batch normalisation of Isola et al. (2017) for batches of one image:
        they normalise by the statistics of the test batch.
    dropout : `float`
        Probability of dropout in training.

    Raises
    ------
    ValueError
        Unknown normalisation.

    Notes
    -----
    Input ``(batch, inputs, ny, nx)``, output ``(batch, outputs, ny, nx)`` in [-1, 1]. Images whose sides are not
    multiples of 256 are padded by their edge pixels, and the output is cropped.

    References
    ----------
    * Isola et al. 2017, https://arxiv.org/abs/1611.07004
    * Zhao et al. 2019, Advances in Astronomy 2019, 5343254, https://doi.org/10.1155/2019/5343254
    """

    def __init__(self, inputs=2, outputs=1, width=64, norm="switch", dropout=0.5):
        super().__init__()
        norm = _norm(norm)
        sizes = [width * factor for factor in _ENCODER]
        self.encoder = nn.ModuleList(
            _down(before, after, norm if 2 <= layer <= 7 else None, dropout if layer >= 4 else 0.0)
            for layer, (before, after) in enumerate(zip([inputs, *sizes[:-1]], sizes, strict=True), 1)
        )
        self.decoder = nn.ModuleList()
        before = sizes[-1]
        for layer, (factor, skip) in enumerate(zip(_DECODER, sizes[-2::-1], strict=True), 1):
            self.decoder.append(_up(before, width * factor, norm, dropout if layer <= 4 else 0.0))
            before = width * factor + skip
        self.last = nn.Sequential(nn.Upsample(scale_factor=2), _same(before, outputs), nn.Tanh())
        _initialize(self)

    def forward(self, image):
        ny, nx = image.shape[-2:]
        more_y, more_x = -ny % _STRIDE, -nx % _STRIDE
        top, left = more_y // 2, more_x // 2
        features = functional.pad(image, (left, more_x - left, top, more_y - top), mode="replicate")
        skips = []
        for layer in self.encoder:
            features = layer(features)
            skips.append(features)
        for layer, skip in zip(self.decoder, skips[-2::-1], strict=True):
            features = torch.cat([layer(features), skip], dim=1)
        return self.last(features)[..., top : top + ny, left : left + nx]


class PatchDiscriminator(nn.Module):
    """
    PatchGAN: 4x4 convolutions of stride 2 with 64, 128, 256, 512 channels, and one of stride 1 with one channel.

    All layers but the last have LeakyReLU; the second to fourth are normalised.

    Parameters
    ----------
    inputs : `int`
        Total number of channels of condition and image.
    width, norm
        See `UNetGenerator`.

    Raises
    ------
    ValueError
        Unknown normalisation.

    Notes
    -----
    Inputs ``(batch, channels, ny, nx)`` each, output ``(batch, 1, ny // 16, nx // 16)``: for each patch the logit of
    the probability that the image is real.

    References
    ----------
    See `UNetGenerator`.
    """

    def __init__(self, inputs=2, width=64, norm="switch"):
        super().__init__()
        norm = _norm(norm)
        sizes = [width * factor for factor in _DISCRIMINATOR]
        self.layers = nn.Sequential(
            *(
                _down(before, after, norm if layer else None)
                for layer, (before, after) in enumerate(zip([inputs, *sizes[:-1]], sizes, strict=True))
            ),
            _same(sizes[-1], 1),
        )
        _initialize(self)

    def forward(self, condition, image):
        return self.layers(torch.cat([condition, image], dim=1))


class MaskPix2Pix(nn.Module):
    """
    A `UNetGenerator` that fills the masked pixels of an image.

    The input of the generator has two channels: the image, with the masked pixels set to the ceiling (1 after
    normalisation), and the mask. In the paper it is the image alone; without the mask, valid pixels at the ceiling
    cannot be distinguished from masked ones.

    Parameters
    ----------
    width, norm
        See `UNetGenerator`.
    ceiling : `float`
        Largest value that can be restored, in the unit of the input. The last layer is a tanh, so [0, ceiling] is
        mapped to [-1, 1] linearly. The network cannot restore larger values, which is a limit of the normalisation in
        the paper.

    Notes
    -----
    Input ``(batch, 3, ny, nx)``: the normalised image; the mask, which is 1 where a pixel is to be filled; and the
    saturation level, which is not used. Output ``(batch, 1, ny, nx)``, the whole image as the network renders it, in
    the unit of the input.

    References
    ----------
    * Zhao et al. 2019, Advances in Astronomy 2019, 5343254, https://doi.org/10.1155/2019/5343254

    Examples
    --------
    >>> import torch
    >>> from sunpy_restore.networks.papers.pix2pix import MaskPix2Pix
    >>> network = MaskPix2Pix(width=2).eval()
    >>> with torch.no_grad():
    ...     network(torch.zeros(1, 3, 100, 90)).shape
    torch.Size([1, 1, 100, 90])
    """

    receptive_radius = None
    """`None`: every output pixel depends on the whole image."""

    def __init__(self, width=64, norm="switch", ceiling=2.0):
        super().__init__()
        self.ceiling = ceiling
        self.generator = UNetGenerator(2, 1, width, norm)

    def forward(self, observed):
        covered = _covered(observed, self.ceiling)
        return (self.generator(torch.cat([covered, observed[:, _MASK]], dim=1)) + 1) * (self.ceiling / 2)


class MaskDiscriminator(nn.Module):
    """
    A `PatchDiscriminator` for `MaskPix2Pix`, whose condition is the image with the masked pixels set to the ceiling.

    Parameters
    ----------
    width, norm, ceiling
        See `MaskPix2Pix`. True values above the ceiling, which the generator cannot restore, are clipped to it.

    Notes
    -----
    Inputs ``(batch, 3, ny, nx)`` as for `MaskPix2Pix` and ``(batch, 1, ny, nx)``, output of
    `PatchDiscriminator`.
    """

    def __init__(self, width=64, norm="switch", ceiling=2.0):
        super().__init__()
        self.ceiling = ceiling
        self.discriminator = PatchDiscriminator(2, width, norm)

    def forward(self, observed, image):
        return self.discriminator(_covered(observed, self.ceiling), _normalized(image, self.ceiling))


def _normalized(image, ceiling):
    """The image mapped from [0, ceiling] to [-1, 1]."""
    return (image * (2 / ceiling) - 1).clamp(-1, 1)


def _covered(observed, ceiling):
    """The normalised image with the masked pixels set to 1."""
    return torch.where(observed[:, _MASK] > 0, 1.0, _normalized(observed[:, _IMAGE], ceiling))
