"""Spatial GAN (Jetchev et al. 2016): textures of any size from noise fields."""

from itertools import pairwise

import torch
from torch import nn

from sunpy_restore.networks.calibration import Calibration
from sunpy_restore.networks.equalized import PixelNorm

__all__ = ["SpatialDiscriminator", "SpatialGenerator"]

_SLOPE = 0.2


def _layer(inputs, outputs):
    """A 3 x 3 convolution with periodic boundary, leaky ReLU and pixelwise normalization."""
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="circular")
    return nn.Sequential(convolution, nn.LeakyReLU(_SLOPE), PixelNorm())


class _Block(nn.Module):
    """A residual block of two layers."""

    def __init__(self, width):
        super().__init__()
        self.first, self.second = _layer(width, width), _layer(width, width)

    def forward(self, features):
        return features + self.second(self.first(features))


class SpatialGenerator(nn.Module):
    """
    Convolutional generator of textures.

    The noise of a cell of 8 x 8 pixels is used at three levels. Most channels enter at the resolution of the cells, 4
    are rearranged to one channel at a quarter of the resolution of the image, and 16 to one channel at half of it. The
    first level consists of a layer and ``blocks`` residual blocks. Each further level consists of nearest-neighbour
    upsampling and two layers, with the noise of the level added in the first one; the last level has one layer and no
    noise. A layer is a 3 x 3 convolution, leaky ReLU and pixelwise normalization.

    Parameters
    ----------
    latent : `int`
        Channels of noise, more than 20.
    widths : `tuple` of `int`
        Channels at an eighth, a quarter, half and the full resolution of the image.
    blocks : `int`
        Residual blocks at the first level.
    taps : `int`
        Side of the filter of its `~sunpy_restore.networks.calibration.Calibration`.

    Raises
    ------
    ValueError
        There are too few channels of noise, or not four widths.

    Notes
    -----
    The input is standard normal noise ``(batch, latent, ny, nx)``. The output ``(batch, 1, 8 * ny, 8 * nx)`` is in
    normalised units, not calibrated and periodic. Away from its edges by ``receptive_radius`` cells, the image of a
    part of a noise field equals that part of the image of the whole field.

    References
    ----------
    * Jetchev et al. 2016, https://arxiv.org/abs/1611.08207
    * Karras et al. 2018, https://arxiv.org/abs/1710.10196

    Examples
    --------
    >>> import torch
    >>> from sunpy_restore.networks.spatial import SpatialGenerator
    >>> network = SpatialGenerator(latent=24, widths=(8, 8, 4, 4), blocks=1).eval()
    >>> with torch.no_grad():
    ...     network(torch.randn(1, 24, 5, 6)).shape
    torch.Size([1, 1, 40, 48])
    """

    stride = 8
    """Side of a noise cell in pixels."""

    _SHARES = (4, 16)

    def __init__(self, latent=64, widths=(128, 64, 32, 16), blocks=3, taps=33):
        super().__init__()
        if latent <= sum(self._SHARES) or len(widths) != 4:
            raise ValueError(
                f"Found {latent} channels of noise and {len(widths)} widths; expected more than {sum(self._SHARES)} "
                "and 4 widths."
            )
        self.latent, self.blocks = latent, blocks
        coarse, quarter, half, full = widths
        self.cells = nn.Sequential(_layer(latent - sum(self._SHARES), coarse), *(_Block(coarse) for _ in range(blocks)))
        self.up = nn.ModuleList(
            nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(*sizes, 3, padding=1, padding_mode="circular"))
            for sizes in ((coarse, quarter), (quarter, half), (half, full))
        )
        self.noise = nn.ModuleList(nn.Conv2d(1, width, 1, bias=False) for width in (quarter, half))
        self.spread = nn.ModuleList(nn.PixelShuffle(factor) for factor in (2, 4))
        self.refine = nn.ModuleList([_layer(quarter, quarter), _layer(half, half), nn.Identity()])
        self.activation = nn.Sequential(nn.LeakyReLU(_SLOPE), PixelNorm())
        self.last = nn.Conv2d(full, 1, 3, padding=1, padding_mode="circular")
        self.calibration = Calibration(taps)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, a=_SLOPE)
        # Zero at the start: noise at the finer levels would hide the structure from the first one
        for part in self.noise:
            nn.init.zeros_(part.weight)
        self.to(memory_format=torch.channels_last)

    @property
    def receptive_radius(self):
        """Receptive radius in noise cells."""
        # In pixels: the first layer and two in each block; two convolutions at each of the next levels; the last two
        pixels = 8 * (1 + 2 * self.blocks) + 4 * 2 + 2 * 2 + 1 + 1
        return -(-pixels // 8)

    def forward(self, noise):
        """Image ``(batch, 1, 8 * ny, 8 * nx)`` of noise ``(batch, latent, ny, nx)``."""
        coarse = noise[:, : self.latent - sum(self._SHARES)]
        quarter = noise[:, coarse.shape[1] : coarse.shape[1] + self._SHARES[0]]
        half = noise[:, coarse.shape[1] + self._SHARES[0] :]
        features = self.cells(coarse)
        for up, refine, spread, weigh, fine in zip(
            self.up[:2], self.refine[:2], self.spread, self.noise, (quarter, half), strict=True
        ):
            features = refine(self.activation(up(features) + weigh(spread(fine))))
        return self.last(self.activation(self.up[2](features)))


class SpatialDiscriminator(nn.Module):
    """
    Discriminator of texture patches.

    A 3 x 3 convolution, 4 x 4 convolutions of stride 2, each with leaky ReLU, and a 3 x 3 convolution to one logit per
    position. There is no padding, so that patches do not differ by their distance from the edge.

    Parameters
    ----------
    widths : sequence of `int`
        Channels of the first convolution and of those of stride 2.

    Notes
    -----
    With four convolutions of stride 2, images must have at least 94 x 94 pixels.
    """

    def __init__(self, widths=(16, 32, 64, 128, 192)):
        super().__init__()
        layers = [nn.Conv2d(1, widths[0], 3), nn.LeakyReLU(_SLOPE)]
        for inputs, outputs in pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, 4, stride=2), nn.LeakyReLU(_SLOPE)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 3))
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, a=_SLOPE)
        self.to(memory_format=torch.channels_last)

    def forward(self, observed, image):
        """Logits ``(batch, 1, h, w)`` that images ``(batch, 1, ny, nx)`` are true; ``observed`` is not used."""
        return self.layers(image)
