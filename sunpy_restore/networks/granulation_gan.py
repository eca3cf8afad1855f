"""Generator and discriminator of granulation tiles, as in Sierra Acosta (2020)."""

from itertools import pairwise

import torch
from torch import nn

from sunpy_restore.networks.calibration import Calibration
from sunpy_restore.networks.equalized import EqualizedConv2d, EqualizedInput, EqualizedLinear, PixelNorm

__all__ = [
    "SIDE",
    "TileDiscriminator",
    "TileGenerator",
    "check_latent",
    "check_tile",
    "check_widths",
    "halving",
]

SIDE = 128
"""Side of a tile in pixels."""

_SLOPE = 0.2  # of leaky ReLU, appendix A of Karras et al.
_TAIL = 3  # upsamplings in the tail of the generator: its features have 16 x 16 pixels per tile
_INPUT = 4  # side of the first features of the generator and the last features of the discriminator


class TileGenerator(nn.Module):
    """
    Generator of a progressive GAN (Karras et al. 2018) without progressive growing.

    The normalized latent vector is convolved to 4 x 4 px. Each of the levels of 8, 16, ..., 128 px consists of
    nearest-neighbour upsampling and a 3 x 3 convolution. All these convolutions are followed by leaky ReLU and
    pixelwise normalization. A linear 1 x 1 convolution gives the tile. All weights have an equalized learning rate.

    Parameters
    ----------
    latent : `int`
        Length of the latent vector.
    widths : sequence of `int`
        Channels at 4, 8, 16, 32, 64 and 128 px.

    Attributes
    ----------
    side, stride, receptive_radius : `int`
        Side of a tile in pixels (128); pixels per feature of `head` (8); receptive radius of `tail` in features (1).
    calibration : `~sunpy_restore.networks.calibration.Calibration`
        Converts the output to intensities. It is not applied here and has no trained parameters.

    Raises
    ------
    ValueError
        The widths are not six positive integers, or latent vectors have another length.

    Notes
    -----
    The tables of the thesis list the layers and a total of 12,848,641 parameters. 512 channels and one convolution at
    each level reproduce the total. No other powers of two that do not increase towards 128 px do so, with one or two
    convolutions per level.

    References
    ----------
    * Karras et al. 2018, https://arxiv.org/abs/1710.10196

    Examples
    --------
    >>> import torch
    >>> from sunpy_restore.networks.granulation_gan import TileGenerator
    >>> generator = TileGenerator(16, widths=(16, 16, 16, 8, 8, 8))
    >>> generator(torch.randn(2, 16)).shape
    torch.Size([2, 1, 128, 128])
    >>> features = generator.head(torch.randn(1, 16))
    >>> features.shape
    torch.Size([1, 16, 16, 16])
    >>> generator.tail(torch.cat([features, features], dim=-1)).shape
    torch.Size([1, 1, 128, 256])
    """

    side = SIDE
    stride = 2**_TAIL
    receptive_radius = 1

    def __init__(self, latent=128, widths=(512, 512, 512, 512, 512, 512)):
        super().__init__()
        widths = check_widths(widths)
        self.latent = latent
        self.norm = PixelNorm()
        self.first = nn.Sequential(EqualizedInput(latent, widths[0], _INPUT), nn.LeakyReLU(_SLOPE), PixelNorm())
        self.levels = nn.ModuleList(_doubling(*pair) for pair in pairwise(widths))
        self.last = EqualizedConv2d(widths[-1], 1, 1, gain=1.0)
        self.calibration = Calibration()
        # The memory layout in which convolutions are fastest
        self.to(memory_format=torch.channels_last)

    def forward(self, z):
        """Tiles ``(batch, 1, 128, 128)`` of latent vectors ``(batch, latent)``."""
        return self.tail(self.head(z))

    def head(self, z):
        """Features ``(batch, widths[2], 16, 16)`` of latent vectors ``(batch, latent)``."""
        features = self.first(self.norm(check_latent(z, self.latent)))
        for level in self.levels[:-_TAIL]:
            features = level(features)
        return features

    def tail(self, features):
        """Image ``(batch, 1, 8 * h, 8 * w)`` of features ``(batch, widths[2], h, w)`` of any size, see `head`."""
        for level in self.levels[-_TAIL:]:
            features = level(features)
        return self.last(features)

    def draw_tiles(self, z):
        """Same as `forward`; all generators of tiles have this method."""
        return self(z)


class TileDiscriminator(nn.Module):
    """
    Discriminator of a progressive GAN (Karras et al. 2018) without progressive growing.

    A 1 x 1 convolution is followed by one level for each of 128, 64, ..., 8 px: a 3 x 3 convolution, batch
    normalization, leaky ReLU and bilinear downsampling by two. A dense layer gives one logit from the 4 x 4 features.
    The weights of the convolutions and of the dense layer have an equalized learning rate.

    Parameters
    ----------
    widths : sequence of `int`
        Channels at 4, 8, 16, 32, 64 and 128 px, in the order of `TileGenerator`.

    Raises
    ------
    ValueError
        The widths are not six positive integers, or tiles have another size than 128 x 128 px.

    Notes
    -----
    The tables of the thesis list the layers and a total of 11,813,377 parameters. As for `TileGenerator`, it is
    reproduced by 512 channels and one convolution at each level only, with no layer between the 4 x 4 features and the
    logit and without the channel of Karras et al. with the standard deviation over the batch.

    References
    ----------
    * Karras et al. 2018, https://arxiv.org/abs/1710.10196

    Examples
    --------
    >>> import torch
    >>> from sunpy_restore.networks.granulation_gan import TileDiscriminator
    >>> discriminator = TileDiscriminator(widths=(16, 16, 16, 8, 8, 8))
    >>> discriminator(None, torch.rand(2, 1, 128, 128)).shape
    torch.Size([2, 1])
    """

    def __init__(self, widths=(512, 512, 512, 512, 512, 512)):
        super().__init__()
        widths = check_widths(widths)[::-1]
        self.first = nn.Sequential(EqualizedConv2d(1, widths[0], 1), nn.LeakyReLU(_SLOPE))
        self.levels = nn.Sequential(*(halving(*pair) for pair in pairwise(widths)))
        self.last = EqualizedLinear(widths[-1] * _INPUT**2, 1, gain=1.0)
        self.to(memory_format=torch.channels_last)

    def forward(self, observed, image):
        """Logits ``(batch, 1)`` that images ``(batch, 1, 128, 128)`` are true; ``observed`` is not used."""
        features = self.levels(self.first(check_tile(image)))
        return self.last(features.flatten(start_dim=1))


def _doubling(inputs, outputs):
    convolution = EqualizedConv2d(inputs, outputs, 3, padding=1)
    return nn.Sequential(nn.Upsample(scale_factor=2), convolution, nn.LeakyReLU(_SLOPE), PixelNorm())


def halving(inputs, outputs):
    """Level that halves the resolution: a 3 x 3 convolution, batch normalization, leaky ReLU, and downsampling."""
    convolution = EqualizedConv2d(inputs, outputs, 3, padding=1)
    half = nn.Upsample(scale_factor=0.5, mode="bilinear", align_corners=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.LeakyReLU(_SLOPE), half)


def check_widths(widths):
    """The widths as a tuple; a `ValueError` unless they are six positive integers."""
    widths = tuple(widths)
    if len(widths) != 6 or any(int(width) != width or width < 1 for width in widths):
        raise ValueError(f"Found the widths {widths}; expected six positive numbers of channels, one per level.")
    return widths


def check_latent(z, latent):
    """The latent vectors; a `ValueError` unless their shape is ``(batch, latent)``."""
    if z.ndim != 2 or z.shape[1] != latent:
        raise ValueError(f"Found latent vectors of shape {tuple(z.shape)}; expected (batch, {latent}).")
    return z


def check_tile(tile):
    """The tiles; a `ValueError` unless their shape is ``(batch, 1, 128, 128)``."""
    if tile.ndim != 4 or tile.shape[1:] != (1, SIDE, SIDE):
        raise ValueError(
            f"Found tiles of shape {tuple(tile.shape)}; expected (batch, 1, {SIDE}, {SIDE}). Crop the images to this "
            "size."
        )
    return tile
