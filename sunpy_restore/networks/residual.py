"""Residual network that corrects a linear restoration."""

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from sunpy_restore.networks.fused import add_convolution, convolution_relu

__all__ = ["ResidualRestorer"]

_MULTIPLE = 32  # of which the sides of Fourier transforms are


class _Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        self.second = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        # Small initial weights: a deep sum of blocks starts close to the identity
        nn.init.kaiming_normal_(self.second.weight, nonlinearity="linear")
        with torch.no_grad():
            self.second.weight.mul_(0.1)
        nn.init.zeros_(self.second.bias)

    def forward(self, features):
        return add_convolution(self.second, convolution_relu(self.first, features), features)


class ResidualRestorer(nn.Module):
    """
    Network for x2 super-resolution that corrects the result of a fixed linear filter.

    All convolutions are applied at the resolution of the input. The four sub-pixels of each pixel are channels, which
    are shuffled at the end. The last layer is initialised to zero: an untrained network returns the linear restoration.

    Parameters
    ----------
    blocks : `int`
        Number of residual blocks with two 3x3 convolutions each.
    channels : `int`
        Number of channels of the convolutions.
    filter_size : odd `int`
        Side of the linear filter in input pixels.
    offset, scale : `float`
        The convolutions are applied to ``(image - offset) / scale``.
    noise : `bool`
        Whether the network uses a second channel, the 1-sigma noise of each pixel in the unit of the image.
    levels : sequence of `float`
        Increasing noise levels, in the unit of the image, each of which has a linear filter; by default there is one
        filter. The filter of a pixel is interpolated in the logarithm of its noise, which is also what the convolutions
        are given.
    highest : `float`, optional
        Noise above which all images are treated alike, by default the last of the levels.

    Notes
    -----
    Input ``(batch, 1, ny, nx)`` or, with the noise, ``(batch, 2, ny, nx)``; more channels are not used. Output
    ``(batch, 1, 2 * ny, 2 * nx)``. The filters are a buffer of shape ``(4, 1, filter_size, filter_size)``, or ``(4 *
    len(levels), 1, ...)``, set with `set_filter` and saved with the weights.
    """

    def __init__(
        self, blocks=6, channels=64, filter_size=25, offset=0.0, scale=1.0, noise=False, levels=(), highest=None
    ):
        super().__init__()
        if levels and not noise:
            raise ValueError("Found levels of noise for a network without noise; expected noise=True.")
        self.offset, self.scale, self.noise = offset, scale, noise
        self.levels = tuple(map(float, levels))
        self.highest = float(highest or max(self.levels, default=0))
        self.register_buffer("filter", torch.zeros(4 * max(1, len(levels)), 1, filter_size, filter_size))
        self.head = nn.Conv2d(5 + noise, channels, 3, padding=1, padding_mode="reflect")
        self.body = nn.Sequential(*(_Block(channels) for _ in range(blocks)))
        self.tail = nn.Conv2d(channels, 4, 3, padding=1, padding_mode="reflect")
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias)
        self.trim = filter_size // 2
        self.receptive_radius = 2 * blocks + 2 + self.trim

    def set_filter(self, filter_):
        """
        Set the linear filters.

        Parameters
        ----------
        filter_ : array-like
            Correlation kernels of the sub-pixels (0, 0), (0, 1), (1, 0) and (1, 1), shape
            ``(4, filter_size, filter_size)``; those of more levels follow along the first axis.
        """
        self.filter.copy_(torch.as_tensor(filter_, dtype=self.filter.dtype)[:, None])

    def linear(self, image, trim=0):
        """
        Apply the linear filters.

        Parameters
        ----------
        image : `torch.Tensor`
            Normalised image, shape ``(batch, 1, ny, nx)``.
        trim : `int`
            Width of a border that is not part of the result.

        Returns
        -------
        `torch.Tensor`
            The sub-pixels as channels, shape ``(batch, 4, ny - 2 * trim, nx - 2 * trim)``; those of more levels follow.
        """
        margin = self.filter.shape[-1] // 2 - trim
        if margin < 0:
            image = image[..., -margin:margin, -margin:margin]
        padded = functional.pad(image, (max(margin, 0),) * 4, mode="replicate")
        # The filter amplifies rounding errors, so half precision is not sufficient
        with torch.autocast(image.device.type, enabled=False):
            kind = torch.promote_types(padded.dtype, torch.float32)
            padded, filters = padded.to(kind), self.filter.to(kind)
            # Large filters are faster by Fourier transforms, which other engines do not know
            if self.levels and not torch.compiler.is_compiling():
                return _correlate(padded, filters)
            return functional.conv2d(padded, filters)

    def correct(self, start, *channels):
        """
        Add the learned correction to a linear restoration.

        Parameters
        ----------
        start : `torch.Tensor`
            Linear restoration, shape ``(batch, 4, ny, nx)``.
        *channels : `torch.Tensor`
            Normalised image, and its noise if the network uses it.

        Returns
        -------
        `torch.Tensor`
            The sub-pixels as channels, shape ``(batch, 4, ny, nx)``.
        """
        first, *more = channels
        features = convolution_relu(self.head, torch.cat([first, start, *more], dim=1))
        return start + self.tail(self.body(features))

    def forward(self, image, trim=0):
        """
        Restore a batch of images.

        Parameters
        ----------
        image : `torch.Tensor`
            Shape ``(batch, channels, ny, nx)``, see the notes of the class.
        trim : `int`
            Width in input pixels of a border that only the linear filter uses. It is not part of the result.

        Returns
        -------
        `torch.Tensor`
            Shape ``(batch, 1, 2 * (ny - 2 * trim), 2 * (nx - 2 * trim))``.
        """
        noise = [image[:, 1:2]] if self.noise else []
        image = (image[:, :1] - self.offset) / self.scale
        start = self.linear(image, trim)
        if trim:
            image, *noise = (part[..., trim:-trim, trim:-trim] for part in (image, *noise))
        if self.levels:
            start, noise = self._at_noise(start, *noise)
        elif self.noise:
            noise = [noise[0] / self.scale]
        restored = self.correct(start, image, *noise)
        return functional.pixel_shuffle(restored, 2) * self.scale + self.offset

    def _at_noise(self, starts, noise):
        """Linear restoration for the noise of each pixel, and the logarithm of the noise in units of the lowest."""
        lowest = self.levels[0]
        noise = torch.log(noise.clamp(lowest, self.highest) / lowest)
        start = starts[:, :4]
        knots = [math.log(level / lowest) for level in self.levels]
        for index, (low, high) in enumerate(pairwise(knots), start=1):
            share = ((noise - low) / (high - low)).clamp(0, 1)
            start = start + share * (starts[:, 4 * index : 4 * index + 4] - starts[:, 4 * index - 4 : 4 * index])
        return start, [noise]


def _correlate(image, filters):
    """As `torch.nn.functional.conv2d` of one channel, by Fourier transforms."""
    shape, size = image.shape[-2:], filters.shape[-1]
    rows, columns = (length - size + 1 for length in shape)
    # Fourier transforms of lengths with large prime factors are slow
    fast = [_MULTIPLE * -(-length // _MULTIPLE) for length in shape]
    spectrum = torch.fft.rfft2(image, s=fast) * torch.fft.rfft2(filters[:, 0], s=fast).conj()
    return torch.fft.irfft2(spectrum, s=fast)[..., :rows, :columns]
