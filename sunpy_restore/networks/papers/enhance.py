"""Enhance network of Diaz Baso & Asensio Ramos (2018)."""

from torch import nn

__all__ = ["Enhance"]


def _convolution(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect")


class _Block(nn.Module):
    """Residual block of two convolutions with batch normalisation, without a ReLU after the sum."""

    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(
            _convolution(channels, channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            _convolution(channels, channels),
            nn.BatchNorm2d(channels),
        )

    def forward(self, features):
        return features + self.layers(features)


class Enhance(nn.Module):
    """
    Network for deconvolution and x2 super-resolution: residual blocks, a long skip connection, nearest upsampling.

    Parameters
    ----------
    blocks : `int`
        Number of residual blocks: 5 in the paper, 1 in its light variant.
    channels : `int`
        Number of kernels of the convolutions: 64 in the paper (445,249 trained parameters of 446,657), 32 in its light
        variant.

    Notes
    -----
    Input ``(batch, 1, ny, nx)``, output ``(batch, 1, 2 * ny, 2 * nx)``.

    References
    ----------
    * Diaz Baso & Asensio Ramos 2018, A&A 614, A5, https://doi.org/10.1051/0004-6361/201731344
    """

    def __init__(self, blocks=5, channels=64):
        super().__init__()
        self.head = nn.Sequential(_convolution(1, channels), nn.ReLU())
        self.body = nn.Sequential(
            *(_Block(channels) for _ in range(blocks)), _convolution(channels, channels), nn.BatchNorm2d(channels)
        )
        self.tail = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="nearest"),
            _convolution(channels, channels),
            nn.ReLU(),
            nn.Conv2d(channels, 1, 1),
        )
        self.receptive_radius = 2 * blocks + 3

    def forward(self, image):
        """Restore a batch of images, see the notes for the shapes."""
        features = self.head(image)
        return self.tail(features + self.body(features))
