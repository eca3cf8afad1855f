"""A residual network that corrects a linear restoration, at the resolution of its input."""

import torch
from torch import nn
from torch.nn import functional

__all__ = ["ResidualRestorer"]


class _Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        self.second = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        # Small at the start, so that a deep sum of blocks begins close to the identity
        nn.init.kaiming_normal_(self.second.weight, nonlinearity="linear")
        with torch.no_grad():
            self.second.weight.mul_(0.1)
        nn.init.zeros_(self.second.bias)

    def forward(self, features):
        return features + self.second(functional.relu(self.first(features)))


class ResidualRestorer(nn.Module):
    """
    x2 super-resolution that starts from a fixed linear filter and learns what is missing.

    All convolutions work at the input's resolution; the four sub-pixels are channels until the last step. The last
    layer is zero at the start, so that an untrained network returns the linear restoration.

    Parameters
    ----------
    blocks, channels : `int`
        Residual blocks of two 3x3 convolutions each.
    filter_size : odd `int`
        Side of the linear filter in input pixels.
    offset, scale : `float`
        The network sees ``(image - offset) / scale``.

    Notes
    -----
    Input ``(batch, 1, ny, nx)``, output ``(batch, 1, 2 * ny, 2 * nx)``. The filter is a buffer of shape
    ``(4, 1, filter_size, filter_size)``, set with `set_filter` and saved with the weights.
    """

    def __init__(self, blocks=6, channels=64, filter_size=25, offset=0.0, scale=1.0):
        super().__init__()
        self.offset, self.scale = offset, scale
        self.register_buffer("filter", torch.zeros(4, 1, filter_size, filter_size))
        self.head = nn.Conv2d(5, channels, 3, padding=1, padding_mode="reflect")
        self.body = nn.Sequential(*(_Block(channels) for _ in range(blocks)))
        self.tail = nn.Conv2d(channels, 4, 3, padding=1, padding_mode="reflect")
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias)
        self.receptive_radius = 2 * blocks + 2 + filter_size // 2

    def set_filter(self, filter_):
        """Set the linear filter, of shape ``(4, filter_size, filter_size)`` in the order of pixel shuffling."""
        self.filter.copy_(torch.as_tensor(filter_, dtype=self.filter.dtype)[:, None])

    def linear(self, image):
        """The linear restoration as four sub-pixel channels, of an image that is scaled already."""
        half = self.filter.shape[-1] // 2
        padded = functional.pad(image, (half,) * 4, mode="replicate")
        # The filter amplifies: half precision would show in the result
        with torch.autocast(image.device.type, enabled=False):
            return functional.conv2d(padded.float(), self.filter.float())

    def correct(self, image, start):
        """Add the learned correction to ``start``."""
        features = functional.relu(self.head(torch.cat([image, start], dim=1)))
        return start + self.tail(self.body(features))

    def forward(self, image, trim=0):
        """``trim`` input pixels at each edge serve the linear filter alone and are left out of the result."""
        image = (image - self.offset) / self.scale
        start = self.linear(image)
        if trim:
            image, start = (tensor[..., trim:-trim, trim:-trim] for tensor in (image, start))
        restored = self.correct(image, start)
        return functional.pixel_shuffle(restored, 2) * self.scale + self.offset
