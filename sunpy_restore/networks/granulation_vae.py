"""Variational autoencoder of granulation tiles."""

from itertools import pairwise

import torch
from torch import nn

from sunpy_restore.networks.calibration import Calibration
from sunpy_restore.networks.equalized import EqualizedConv2d, EqualizedInput, EqualizedLinear
from sunpy_restore.networks.granulation_gan import SIDE, check_latent, check_tile, check_widths

__all__ = ["TileVAE", "VariationalAutoencoder", "doubling", "kl_divergence"]

_SLOPE = 0.2
_TAIL = 3
_INPUT = 2  # side of the deepest features
_LOG_VARIANCE = -4.0  # of latent vectors before training


class VariationalAutoencoder(nn.Module):
    """
    Variational autoencoder of tiles (Kingma & Welling 2014), made of its parts.

    The weights of the last layer start at zero, and the variance of the latent vector at exp(-4).

    Parameters
    ----------
    latent, encoded : `int`
        Length of the latent vector; number of values that the encoder gives.
    encoder : `torch.nn.Module`
        Values ``(batch, encoded)`` of tiles ``(batch, 1, 128, 128)``. One dense layer each gives the mean and the
        logarithm of the variance of the latent vector.
    first, last : `torch.nn.Sequential`
        First features of latent vectors ``(batch, latent)``; image of the features of the last level. The last layer
        of ``last`` is a convolution.
    levels : sequence of `torch.nn.Module`
        Levels between them, each with twice the resolution of the one before.
    levels_in_tail : `int`
        Number of levels in `tail`, which begins at 16 x 16 px.

    Attributes
    ----------
    side, stride, receptive_radius, calibration
        See `~sunpy_restore.networks.granulation_gan.TileGenerator`. The decoder generates tiles in the same way, by
        `head`, `tail` and `draw_tiles`.

    References
    ----------
    * Kingma & Welling 2014, https://arxiv.org/abs/1312.6114
    """

    side = SIDE
    stride = 2**_TAIL
    receptive_radius = 1

    def __init__(self, latent, encoded, *, encoder, first, levels, last, levels_in_tail):
        super().__init__()
        self.latent, self._levels_in_tail = latent, levels_in_tail
        self.encoder = encoder
        self.mean = EqualizedLinear(encoded, latent, gain=1.0)
        self.log_variance = EqualizedLinear(encoded, latent, gain=1.0)
        self.first, self.levels, self.last = first, nn.ModuleList(levels), last
        self.calibration = Calibration()
        self._start()
        self.to(memory_format=torch.channels_last)

    def _start(self):
        # A decoder that starts with random tiles first learns to make flat ones, and the large gradients of this phase
        # reduce the steps of Adam for long after. With noise as large as the mean, the decoder would learn to ignore
        # the latent vector.
        nn.init.zeros_(self.last[-1].weight)
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
        """Features ``(batch, channels, 16, 16)`` of latent vectors ``(batch, latent)``."""
        features = self.first(check_latent(z, self.latent))
        for level in self.levels[: -self._levels_in_tail]:
            features = level(features)
        return features

    def tail(self, features):
        """Image ``(batch, 1, 8 * h, 8 * w)`` of features ``(batch, channels, h, w)`` of any size, see `head`."""
        for level in self.levels[-self._levels_in_tail :]:
            features = level(features)
        return self.last(features)

    def draw_tiles(self, z):
        """Same as `decode`; all generators of tiles have this method."""
        return self.decode(z)


class TileVAE(VariationalAutoencoder):
    """
    Convolutional variational autoencoder (Kingma & Welling 2014), smaller than that of Sierra Acosta (2020).

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
        See `VariationalAutoencoder`.

    Raises
    ------
    ValueError
        The widths are not six positive integers, tiles have another size than 128 x 128 px, or latent vectors have
        another length.

    Notes
    -----
    `~sunpy_restore.networks.papers.granulation_vae.ThesisVAE` has the layers of the thesis. This one halves the
    resolution by strides instead of interpolation and has no batch normalization.

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

    def __init__(self, hidden=192, latent=128, widths=(64, 64, 64, 64, 48, 32)):
        widths = check_widths(widths)
        down = (1, *widths[::-1])
        halvings = [_halving(*pair) for pair in pairwise(down)]
        super().__init__(
            latent,
            hidden,
            encoder=nn.Sequential(
                *halvings, nn.Flatten(), _dense(widths[0] * _INPUT**2, hidden), _dense(hidden, hidden)
            ),
            first=nn.Sequential(EqualizedInput(latent, widths[0], _INPUT), nn.LeakyReLU(_SLOPE)),
            levels=[doubling(*pair) for pair in pairwise(widths)],
            last=nn.Sequential(nn.Upsample(scale_factor=2), EqualizedConv2d(widths[-1], 1, 3, padding=1, gain=1.0)),
            levels_in_tail=_TAIL - 1,
        )


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


def doubling(inputs, outputs):
    """Level that doubles the resolution: nearest-neighbour upsampling, a 3 x 3 convolution, and leaky ReLU."""
    convolution = EqualizedConv2d(inputs, outputs, 3, padding=1)
    return nn.Sequential(nn.Upsample(scale_factor=2), convolution, nn.LeakyReLU(_SLOPE))


def _dense(inputs, outputs):
    return nn.Sequential(EqualizedLinear(inputs, outputs), nn.LeakyReLU(_SLOPE))
