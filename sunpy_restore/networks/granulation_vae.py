"""Variational autoencoder of tiles of granulation, as in Sierra Acosta (2020)."""

from itertools import pairwise

import torch
from torch import nn

from sunpy_restore.networks.calibration import Calibration
from sunpy_restore.networks.equalized import EqualizedConv2d, EqualizedInput, EqualizedLinear
from sunpy_restore.networks.granulation_gan import SIDE, check_latent, check_tile, check_widths

__all__ = ["TileVAE", "kl_divergence"]

_SLOPE = 0.2
_TAIL = 3
_INPUT = 2  # side of the deepest features
_LOG_VARIANCE = -4.0  # of latent vectors at the start


class TileVAE(nn.Module):
    """
    Convolutional variational autoencoder (Kingma & Welling 2014).

    Encoder: six 4 x 4 convolutions of stride 2, from 128 to 2 px, two dense layers of ``hidden`` values, and a dense
    layer each for mean and logarithm of the variance of the latent vector. Decoder: a 2 x 2 convolution of the latent
    vector, and six times a nearest upsampling and a 3 x 3 convolution; the last of them, linear, makes the tile. The
    others are followed by leaky ReLU. All weights have an equalised learning rate. The last layer starts at zero, and
    the variance of the latent vector at exp(-4).

    Parameters
    ----------
    hidden, latent : `int`
        Values of the hidden layers, and length of the latent vector.
    widths : sequence of `int`
        Channels at 2, 4, 8, 16, 32 and 64 px, of encoder and decoder. At 128 px there is the tile alone.

    Attributes
    ----------
    side, stride, receptive_radius, calibration
        See `~sunpy_restore.networks.granulation_gan.TileGenerator`: as a source of tiles, with `head`, `tail` and
        `draw_tiles`, the decoder is the same.

    Raises
    ------
    ValueError
        For widths that are not six positive numbers, tiles of another size than 128 x 128 px, or latent vectors of
        another length.

    Notes
    -----
    The table of the thesis gives a hidden layer of 512, a latent vector of 256 and the number of parameters, 8,691,073.
    The split over the levels is one that fits it: 256 channels, and 128 at 64 px. It was taken for its plainness, with
    offsets everywhere, no normalisation, and a decoder of the layers of the generator; other splits fit as well.

    References
    ----------
    * Kingma & Welling 2014, https://arxiv.org/abs/1312.6114
    * Karras et al. 2018, https://arxiv.org/abs/1710.10196

    Examples
    --------
    >>> import torch
    >>> from sunpy_restore.networks.granulation_vae import TileVAE
    >>> network = TileVAE(32, 16, widths=(16, 16, 16, 16, 8, 8)).eval()
    >>> reconstruction, mean, log_variance = network(torch.rand(2, 1, 128, 128))
    >>> reconstruction.shape, mean.shape, log_variance.shape
    (torch.Size([2, 1, 128, 128]), torch.Size([2, 16]), torch.Size([2, 16]))
    >>> network.decode(torch.randn(3, 16)).shape
    torch.Size([3, 1, 128, 128])
    """

    side = SIDE
    stride = 2**_TAIL
    receptive_radius = 1

    def __init__(self, hidden=512, latent=256, widths=(256, 256, 256, 256, 256, 128)):
        super().__init__()
        widths = check_widths(widths)
        self.latent = latent
        down = (1, *widths[::-1])
        halvings = [_halving(*pair) for pair in pairwise(down)]
        self.encoder = nn.Sequential(
            *halvings, nn.Flatten(), _dense(widths[0] * _INPUT**2, hidden), _dense(hidden, hidden)
        )
        self.mean = EqualizedLinear(hidden, latent, gain=1.0)
        self.log_variance = EqualizedLinear(hidden, latent, gain=1.0)
        self.first = nn.Sequential(EqualizedInput(latent, widths[0], _INPUT), nn.LeakyReLU(_SLOPE))
        self.levels = nn.ModuleList(_doubling(*pair) for pair in pairwise(widths))
        self.last = nn.Sequential(nn.Upsample(scale_factor=2), EqualizedConv2d(widths[-1], 1, 3, padding=1, gain=1.0))
        self.calibration = Calibration()
        self._start()
        self.to(memory_format=torch.channels_last)

    def _start(self):
        # A decoder of random tiles first learns to make none, which Adam remembers for longer than it lasts; and
        # noise as large as the latent numbers would hide what these say
        nn.init.zeros_(self.last[1].weight)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.constant_(self.log_variance.bias, _LOG_VARIANCE)

    def forward(self, tile):
        """
        Reconstruction, mean and logarithm of the variance of tiles.

        Parameters
        ----------
        tile : `torch.Tensor`
            ``(batch, 1, 128, 128)``.

        Returns
        -------
        reconstruction : `torch.Tensor`
            ``(batch, 1, 128, 128)``: in training of a latent vector that is drawn, in evaluation of the mean.
        mean, log_variance : `torch.Tensor`
            ``(batch, latent)``.
        """
        mean, log_variance = self.encode(tile)
        z = mean
        if self.training:
            # Equation 10 of Kingma & Welling
            z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        return self.decode(z), mean, log_variance

    def encode(self, tile):
        """Mean and logarithm of the variance, ``(batch, latent)`` each, of tiles ``(batch, 1, 128, 128)``."""
        values = self.encoder(check_tile(tile))
        return self.mean(values), self.log_variance(values)

    def decode(self, z):
        """Tiles ``(batch, 1, 128, 128)`` of latent vectors ``(batch, latent)``."""
        return self.tail(self.head(z))

    def head(self, z):
        """Features ``(batch, widths[3], 16, 16)`` of latent vectors ``(batch, latent)``."""
        features = self.first(check_latent(z, self.latent))
        for level in self.levels[: 1 - _TAIL]:
            features = level(features)
        return features

    def tail(self, features):
        """Image ``(batch, 1, 8 h, 8 w)`` of features ``(batch, widths[3], h, w)`` as `head` has them, of any size."""
        for level in self.levels[1 - _TAIL :]:
            features = level(features)
        return self.last(features)

    def draw_tiles(self, z):
        """As `decode`; the name that all sources of tiles have in common."""
        return self.decode(z)


def kl_divergence(mean, log_variance):
    """
    Kullback-Leibler divergence of a normal distribution from the standard one, in nats.

    Parameters
    ----------
    mean, log_variance : `torch.Tensor`
        ``(batch, latent)``.

    Returns
    -------
    `torch.Tensor`
        ``(batch,)``, summed over the latent vector (appendix B of Kingma & Welling 2014).

    References
    ----------
    * Kingma & Welling 2014, https://arxiv.org/abs/1312.6114
    """
    return 0.5 * (mean.square() + log_variance.expm1() - log_variance).sum(dim=1)


def _halving(inputs, outputs):
    return nn.Sequential(EqualizedConv2d(inputs, outputs, 4, stride=2, padding=1), nn.LeakyReLU(_SLOPE))


def _doubling(inputs, outputs):
    convolution = EqualizedConv2d(inputs, outputs, 3, padding=1)
    return nn.Sequential(nn.Upsample(scale_factor=2), convolution, nn.LeakyReLU(_SLOPE))


def _dense(inputs, outputs):
    return nn.Sequential(EqualizedLinear(inputs, outputs), nn.LeakyReLU(_SLOPE))
