"""Layers of Karras et al. (2018): equalized learning rate and pixelwise normalization."""

import math

import torch
from torch import nn
from torch.nn import functional

__all__ = ["EqualizedConv2d", "EqualizedInput", "EqualizedLinear", "PixelNorm"]


class EqualizedConv2d(nn.Module):
    """
    Convolution with equalized learning rate.

    The weights are initialized from N(0, 1) and multiplied by ``sqrt(gain / fan_in)`` at each use (Karras et al. 2018,
    section 4.1), so that they have the same range, and Adam the same relative step, in all layers. Biases start at
    zero.

    Parameters
    ----------
    inputs, outputs : `int`
        Channels.
    kernel : `int`
        Side of the kernel.
    stride, padding : `int`
        See `torch.nn.Conv2d`.
    gain : `float`
        Variance of the output for inputs with a mean square of 1: 2 before a ReLU (He et al. 2015), 1 otherwise.

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
        """Features ``(batch, outputs, h, w)`` of features ``(batch, inputs, h, w)``."""
        return functional.conv2d(features, self.scale * self.weight, self.bias, self.stride, self.padding)


class EqualizedLinear(nn.Module):
    """
    Dense layer with equalized learning rate.

    Parameters
    ----------
    inputs, outputs : `int`
        Number of values.
    gain : `float`
        See `EqualizedConv2d`.
    """

    def __init__(self, inputs, outputs, gain=2.0):
        super().__init__()
        self.scale = math.sqrt(gain / inputs)
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, values):
        """Values ``(batch, outputs)`` of values ``(batch, inputs)``."""
        return functional.linear(values, self.scale * self.weight, self.bias)


class EqualizedInput(nn.Module):
    """
    Transposed convolution from a latent vector, as a single pixel, to a square, with equalized learning rate.

    Parameters
    ----------
    latent, outputs : `int`
        Length of the vector; channels of the square.
    side : `int`
        Side of the square.
    """

    def __init__(self, latent, outputs, side):
        super().__init__()
        # The fan-in is the latent vector only, because kernels do not overlap
        self.scale = math.sqrt(2 / latent)
        self.weight = nn.Parameter(torch.randn(latent, outputs, side, side))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, z):
        """Features ``(batch, outputs, side, side)`` of latent vectors ``(batch, latent)``."""
        return functional.conv_transpose2d(z[:, :, None, None], self.scale * self.weight, self.bias)


class PixelNorm(nn.Module):
    """
    Normalize each pixel by the root mean square of its channels (Karras et al. 2018, section 4.2).

    Parameters
    ----------
    eps : `float`
        Added to the mean square.
    """

    def __init__(self, eps=1e-8):
        super().__init__()
        self.eps = eps

    def forward(self, features):
        """Normalized features of the same shape."""
        return features * torch.rsqrt(features.square().mean(dim=1, keepdim=True) + self.eps)
