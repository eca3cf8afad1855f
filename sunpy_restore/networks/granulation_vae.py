"""Variational autoencoder of granulation tiles, as in Sierra Acosta (2020)."""

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
_LOG_VARIANCE = -4.0  # of latent vectors before training


class TileVAE(nn.Module):
    """
    Convolutional variational autoencoder (Kingma & Welling 2014).

    The encoder has six 4 x 4 convolutions of stride 2, from 128 to 2 px, two dense layers of ``hidden`` values, and one
    dense layer each for the mean and the logarithm of the variance of the latent vector. The decoder has a convolution
    from the latent vector to 2 x 2 px and six levels of nearest-neighbour upsampling and a 3 x 3 convolution; the last
    convolution is linear and gives the tile. All other layers are followed by leaky ReLU. All weights have an equalized
    learning rate. The weights of the last layer start at zero, and the variance of the latent vector at exp(-4).

    Parameters
    ----------
    hidden, latent : `int`
        Values of the hidden layers; length of the latent vector.
    widths : sequence of `int`
        Channels of encoder and decoder at 2, 4, 8, 16, 32 and 64 px. At 128 px there is only the tile.

    Attributes
    ----------
    side, stride, receptive_radius, calibration
        See `~sunpy_restore.networks.granulation_gan.TileGenerator`. The decoder generates tiles in the same way, by
        `head`, `tail` and `draw_tiles`.

    Raises
    ------
    ValueError
        The widths are not six positive integers, tiles have another size than 128 x 128 px, or latent vectors have
        another length.

    Notes
    -----
    The thesis gives a hidden layer of 512, a latent vector of 256 and the number of parameters, 8,691,073. The channels
    chosen here, 256 and 128 at 64 px, reproduce this number with biases in all layers, no normalization and the layers
    of the generator in the decoder. Others do so as well; these are simple.

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
        # A decoder that starts with random tiles first learns to make flat ones, and the large gradients of this phase
        # reduce the steps of Adam for long after. With noise as large as the mean, the decoder would learn to ignore
        # the latent vector.
        nn.init.zeros_(self.last[1].weight)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.constant_(self.log_variance.bias, _LOG_VARIANCE)

    def forward(self, tile):
        """
        Encode and decode tiles.

        Parameters
        ----------
        tile : `torch.Tensor`
            Tiles, shape ``(batch, 1, 128, 128)``.

        Returns
        -------
        reconstruction : `torch.Tensor`
            Tiles decoded from a random latent vector in training mode, from the mean in evaluation mode.
        mean, log_variance : `torch.Tensor`
            Mean and logarithm of the variance of the latent vectors, shape ``(batch, latent)``.
        """
        mean, log_variance = self.encode(tile)
        z = mean
        if self.training:
            # Equation 10 of Kingma & Welling
            z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        return self.decode(z), mean, log_variance

    def encode(self, tile):
        """Mean and logarithm of the variance of the latent vectors, ``(batch, latent)`` each, of tiles."""
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
        """Image ``(batch, 1, 8 * h, 8 * w)`` of features ``(batch, widths[3], h, w)`` of any size, see `head`."""
        for level in self.levels[1 - _TAIL :]:
            features = level(features)
        return self.last(features)

    def draw_tiles(self, z):
        """Same as `decode`; all generators of tiles have this method."""
        return self.decode(z)


def kl_divergence(mean, log_variance):
    """
    Kullback-Leibler divergence of a normal distribution from the standard normal distribution, in nats.

    Parameters
    ----------
    mean, log_variance : `torch.Tensor`
        Mean and logarithm of the variance, shape ``(batch, latent)``.

    Returns
    -------
    `torch.Tensor`
        Shape ``(batch,)``, summed over the latent vector (Kingma & Welling 2014, appendix B).

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
