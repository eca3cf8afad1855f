"""Enhance network of Diaz Baso & Asensio Ramos (2018)."""

import torch
from torch import nn

__all__ = ["Enhance", "from_keras"]

_KERAS_EPSILON = 1e-3
"""Added by the batch normalisation of Keras to the variance."""


def _convolution(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect")


class _Block(nn.Module):
    """Residual block of two convolutions with batch normalisation, without a ReLU after the sum."""

    def __init__(self, channels, epsilon):
        super().__init__()
        self.layers = nn.Sequential(
            _convolution(channels, channels),
            nn.BatchNorm2d(channels, epsilon),
            nn.ReLU(),
            _convolution(channels, channels),
            nn.BatchNorm2d(channels, epsilon),
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
    epsilon : `float`
        Added to the variance by the batch normalisation.

    Notes
    -----
    Input ``(batch, 1, ny, nx)``, output ``(batch, 1, 2 * ny, 2 * nx)``.

    References
    ----------
    * Diaz Baso & Asensio Ramos 2018, A&A 614, A5, https://doi.org/10.1051/0004-6361/201731344
    """

    def __init__(self, blocks=5, channels=64, epsilon=1e-5):
        super().__init__()
        self.head = nn.Sequential(_convolution(1, channels), nn.ReLU())
        self.body = nn.Sequential(
            *(_Block(channels, epsilon) for _ in range(blocks)),
            _convolution(channels, channels),
            nn.BatchNorm2d(channels, epsilon),
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
        # More channels, such as the noise, are not used
        features = self.head(image[:, :1])
        return self.tail(features + self.body(features))


def from_keras(layers):
    """
    Weights of the network as its authors published them, for Keras.

    Parameters
    ----------
    layers : `list` of (`str`, `dict`)
        Layers with weights in the order of the network: name, and weights by name. Kernels have the shape
        ``(height, width, inputs, outputs)``.

    Returns
    -------
    hyperparameters : `dict`
        As ``build_network`` of the task takes them.
    state : `dict` of `str` to `torch.Tensor`
        State of the `Enhance` network.

    Raises
    ------
    ValueError
        The layers are not those of the network.
    """
    convolutions = [weights for _, weights in layers if "kernel" in weights]
    norms = [weights for _, weights in layers if "gamma" in weights]
    blocks = (len(norms) - 1) // 2
    if len(norms) != 2 * blocks + 1 or len(convolutions) != len(norms) + 3 or blocks < 1:
        raise ValueError(
            f"Found {len(convolutions)} convolutions and {len(norms)} batch normalisations; expected 2 n + 4 and "
            "2 n + 1 for n residual blocks. Use the files of the authors."
        )
    channels = convolutions[0]["kernel"].shape[-1]
    hyperparameters = {"architecture": "Enhance", "blocks": blocks, "channels": channels, "epsilon": _KERAS_EPSILON}
    inner = [f"body.{block}.layers.{layer}" for block in range(blocks) for layer in (0, 3)] + [f"body.{blocks}"]
    state = {}
    for name, weights in zip(["head.0", *inner, "tail.1", "tail.3"], convolutions, strict=True):
        state[f"{name}.weight"] = torch.from_numpy(weights["kernel"]).float().permute(3, 2, 0, 1).contiguous()
        state[f"{name}.bias"] = torch.from_numpy(weights["bias"]).float()
    names = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    for convolution, weights in zip(inner, norms, strict=True):
        stem, _, number = convolution.rpartition(".")
        for own, other in names.items():
            state[f"{stem}.{int(number) + 1}.{own}"] = torch.from_numpy(weights[other]).float()
        state[f"{stem}.{int(number) + 1}.num_batches_tracked"] = torch.tensor(0)
    network = Enhance(blocks, channels, _KERAS_EPSILON)
    wrong = [name for name, tensor in network.state_dict().items() if state[name].shape != tensor.shape]
    if wrong:
        expected = tuple(network.state_dict()[wrong[0]].shape)
        raise ValueError(f"Found the shape {tuple(state[wrong[0]].shape)} of {wrong[0]}; expected {expected}.")
    return hyperparameters, state
