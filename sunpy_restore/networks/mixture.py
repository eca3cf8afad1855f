"""Networks for saturated and for other damaged pixels, and the weights of fills."""

import torch
from torch import nn

from sunpy_restore.networks.unet import FillingUNet

__all__ = ["FillMixture"]

_LARGEST = 4.0  # standard deviations of a feature


class FillMixture(nn.Module):
    """
    Two networks that fill damaged pixels, and the weights by which a fill and classical ones are averaged.

    One network was trained with saturated pixels, which are brighter than their surroundings; its results are those of
    `forward`. The other was trained with pixels of any brightness. For each damaged region perceptrons give the weights
    of the classical fills and of the latter network from features of the region. The weights are the mean of those that
    the perceptrons give.

    Parameters
    ----------
    saturated, general : `dict`
        Parameters of the two `~sunpy_restore.networks.unet.FillingUNet`.
    features : `int`
        Number of features.
    hidden : `int`
        Neurons in each of the two hidden layers of a perceptron.
    members : `int`
        Number of perceptrons, which differ by their initial weights.
    fills : `int`
        Number of fills that are averaged: the biharmonic one, that of the network, and, if there are 3, kriging.
    """

    def __init__(self, saturated, general, features, hidden=24, members=6, fills=2):
        super().__init__()
        self.saturated, self.general = FillingUNet(**saturated), FillingUNet(**general)
        self.fills = fills
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.perceptrons = nn.ModuleList(_perceptron(features, hidden, fills) for _ in range(members))

    @property
    def receptive_radius(self):
        """Receptive radius of the network for saturated pixels."""
        return self.saturated.receptive_radius

    @property
    def stride(self):
        """Stride of the network for saturated pixels."""
        return self.saturated.stride

    @property
    def experts(self):
        """The networks whose fills are averaged with the classical one, in the order of `shares`."""
        return (self.general,)

    def forward(self, channels):
        return self.saturated(channels)

    def shares(self, features):
        """
        Weights of the fills of regions.

        Parameters
        ----------
        features : `torch.Tensor`
            Shape ``(regions, features)``.

        Returns
        -------
        `torch.Tensor`
            Shape ``(regions, fills)``: of the biharmonic fill, of the general network, and of kriging. They are not
            negative, and their sum is 1.
        """
        standard = ((features - self.centre) / self.spread).clamp(-_LARGEST, _LARGEST)
        return torch.stack([torch.softmax(member(standard), dim=1) for member in self.perceptrons]).mean(dim=0)

    def weights(self, features):
        """`shares` of a `numpy.ndarray`, as another one."""
        with torch.inference_mode():
            return self.shares(torch.as_tensor(features, dtype=torch.float32)).numpy()


def _perceptron(features, hidden, fills):
    return nn.Sequential(
        nn.Linear(features, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, fills)
    )
