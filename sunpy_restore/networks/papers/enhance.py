"""The Enhance network of Diaz Baso & Asensio Ramos (2018)."""

from torch import nn

__all__ = ["Enhance"]


def _convolution(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect")


class _Block(nn.Module):
    """Two convolutions with batch normalisation; the ReLU after the sum is left out."""

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
    Deconvolution and x2 super-resolution with residual blocks, nearest upsampling and a long skip.

    Parameters
    ----------
    blocks, channels : `int`
        The paper's network has 5 blocks of 64 kernels (446,657 numbers, of which 445,249 are trained); its light
        variant has 1 block of 32.

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
        features = self.head(image)
        return self.tail(features + self.body(features))
