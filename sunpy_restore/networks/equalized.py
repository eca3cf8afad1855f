"""Layers of Karras et al. (2018): weights with equalised learning rates, and pixel-wise normalisation."""

import math

import torch
from torch import nn
from torch.nn import functional

__all__ = ["EqualizedConv2d", "EqualizedInput", "EqualizedLinear", "PixelNorm"]


class EqualizedConv2d(nn.Module):
    """
    Convolution with equalised learning rate.

    The weights are drawn from N(0, 1) and multiplied by ``sqrt(gain / fan_in)`` whenever they are used (section 4.1 of
    Karras et al. 2018), so that all of them have the same range, and Adam the same step in it. Offsets start at zero.

    Parameters
    ----------
    inputs, outputs : `int`
        Channels.
    kernel : `int`
        Side of the kernel.
    stride, padding : `int`
        As of `torch.nn.Conv2d`.
    gain : `float`
        Variance of the result for inputs of unit mean square: 2 before a ReLU (He et al. 2015), 1 where none follows.

    References
    ----------
    * Karras et al. 2018, https://arxiv.org/abs/1710.10196
    * He et al. 2015, https://arxiv.org/abs/1502.01852
    """

    def __init__(self, inputs, outputs, kernel, stride=1, padding=0, gain=2.0):
        super().__init__()
        self.stride, self.padding = stride, padding
        self.scale = math.sqrt(gain / (inputs * kernel**2))
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, features):
        return functional.conv2d(features, self.scale * self.weight, self.bias, self.stride, self.padding)


class EqualizedLinear(nn.Module):
    """
    Dense layer with equalised learning rate.

    Parameters
    ----------
    inputs, outputs : `int`
        Numbers of values.
    gain : `float`
        See `EqualizedConv2d`.
    """

    def __init__(self, inputs, outputs, gain=2.0):
        super().__init__()
        self.scale = math.sqrt(gain / inputs)
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, values):
        return functional.linear(values, self.scale * self.weight, self.bias)


class EqualizedInput(nn.Module):
    """
    Transposed convolution of a latent vector, taken as one pixel, to a square, with equalised learning rate.

    Parameters
    ----------
    latent, outputs : `int`
        Length of the vector, and channels of the square.
    side : `int`
        Side of the square.
    """

    def __init__(self, latent, outputs, side):
        super().__init__()
        # Each pixel of the square is a sum over the latent vector alone
        self.scale = math.sqrt(2 / latent)
        self.weight = nn.Parameter(torch.randn(latent, outputs, side, side))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, z):
        return functional.conv_transpose2d(z[:, :, None, None], self.scale * self.weight, self.bias)


class PixelNorm(nn.Module):
    """
    Each pixel divided by the root mean square of its channels (section 4.2 of Karras et al. 2018).

    Parameters
    ----------
    eps : `float`
        Added to the mean square.
    """

    def __init__(self, eps=1e-8):
        super().__init__()
        self.eps = eps

    def forward(self, features):
        return features * torch.rsqrt(features.square().mean(dim=1, keepdim=True) + self.eps)
