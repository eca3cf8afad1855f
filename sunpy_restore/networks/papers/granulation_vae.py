"""Variational autoencoder of granulation tiles with the layers of Sierra Acosta (2020)."""

from itertools import pairwise

from torch import nn

from sunpy_restore.networks.equalized import EqualizedConv2d, EqualizedInput
from sunpy_restore.networks.granulation_gan import halving
from sunpy_restore.networks.granulation_vae import VariationalAutoencoder, doubling

__all__ = ["ThesisVAE"]

_SLOPE = 0.2
_HALVINGS = 6  # from 128 to 2 px
_DEEPEST = 2  # side of the features that are flattened
_FIRST = 4  # side of the first features of the decoder
_DOUBLINGS = 5  # from 4 to 128 px
_TAIL = 3  # doublings from 16 to 128 px


class ThesisVAE(VariationalAutoencoder):
    """
    Variational autoencoder of Sierra Acosta (2020).

    The encoder has a 1 x 1 convolution, six levels of a 3 x 3 convolution, batch normalization, leaky ReLU and bilinear
    downsampling from 128 to 2 px, and dense layers from the flattened features to the mean and the logarithm of the
    variance of the latent vector. The decoder has a 4 x 4 convolution of the latent vector, padded by 3 px, which gives
    4 x 4 px, a 3 x 3 convolution, five levels of nearest-neighbour upsampling and a 3 x 3 convolution, another 3 x 3
    convolution, and a linear 1 x 1 convolution that gives the tile. All convolutions of the decoder but the last are
    followed by leaky ReLU. All weights have an equalized learning rate.

    Parameters
    ----------
    latent, flattened, width : `int`
        Length of the latent vector; number of values after the encoder, a multiple of 4; channels of all other layers.

    Attributes
    ----------
    side, stride, receptive_radius, calibration
        See `~sunpy_restore.networks.granulation_vae.VariationalAutoencoder`.

    Raises
    ------
    ValueError
        ``flattened`` is no positive multiple of 4, or tiles and latent vectors have another size.

    Notes
    -----
    Tables 3 and 4 of the thesis list these kinds of layers, 512 values after the encoder, a latent vector of 256, and a
    total of 8,691,073 parameters. The number of channels and the number of 3 x 3 convolutions in the decoder are
    deduced from the total here. With the same width in all layers, biases in all convolutions, and no normalization in
    the decoder, it requires 256 channels and seven convolutions, two more than upsamplings; their place, one at 4 px
    and one at 128 px, is an assumption. One convolution per upsampling, as in the generator of the thesis, gives
    7,510,913 with 256 channels, and no single width gives the total. Widths that change from level to level can give it
    as well: for example 128, 128, 256, 256, 512, 512, 128 in the encoder and 256, 256, 256, 256, 128, 128 in the
    decoder. The total therefore does not determine the layers.

    References
    ----------
    * Sierra Acosta 2020, thesis, tables 3 and 4
    * Kingma & Welling 2014, https://arxiv.org/abs/1312.6114

    Examples
    --------
    >>> import torch
    >>> from sunpy_restore.networks.papers.granulation_vae import ThesisVAE
    >>> network = ThesisVAE(16, 32, 8).eval()
    >>> reconstruction, mean, log_variance = network(torch.rand(2, 1, 128, 128))
    >>> reconstruction.shape, mean.shape, log_variance.shape
    (torch.Size([2, 1, 128, 128]), torch.Size([2, 16]), torch.Size([2, 16]))
    """

    def __init__(self, latent=256, flattened=512, width=256):
        channels, rest = divmod(flattened, _DEEPEST**2)
        if rest or channels < 1:
            raise ValueError(
                f"Found {flattened} values after the encoder; expected a positive multiple of {_DEEPEST**2}."
            )
        widths = [width] * _HALVINGS + [channels]
        super().__init__(
            latent,
            flattened,
            encoder=nn.Sequential(
                EqualizedConv2d(1, width, 1),
                nn.LeakyReLU(_SLOPE),
                *(halving(*pair) for pair in pairwise(widths)),
                nn.Flatten(),
            ),
            # As a 4 x 4 convolution of one pixel padded by 3, with the kernel turned
            first=nn.Sequential(EqualizedInput(latent, width, _FIRST), nn.LeakyReLU(_SLOPE), *_convolution(width)),
            levels=[doubling(width, width) for _ in range(_DOUBLINGS)],
            last=nn.Sequential(*_convolution(width), EqualizedConv2d(width, 1, 1, gain=1.0)),
            levels_in_tail=_TAIL,
        )


def _convolution(width):
    return EqualizedConv2d(width, width, 3, padding=1), nn.LeakyReLU(_SLOPE)
