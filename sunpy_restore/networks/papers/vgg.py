"""Image features for perceptual and style losses: those of VGG-19, and those of fixed filters without weights."""

import math

import torch
from torch import nn
from torch.nn import functional

__all__ = ["OrientedFeatures", "VGG19Features"]

# Channels of the convolutions of VGG-19, "M" for a pooling: configuration E of the paper
_CHANNELS = (64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M")
# Statistics of ImageNet, for images in [0, 1]
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


def _layers():
    """Yield the layers of ``features`` of torchvision's VGG-19 in order."""
    entering = 3
    for channels in _CHANNELS:
        if channels == "M":
            yield nn.MaxPool2d(2)
            continue
        yield nn.Conv2d(entering, channels, 3, padding=1)
        yield nn.ReLU()
        entering = channels


class _Frozen(nn.Module):
    """A network that is never trained and passes gradients on to the image."""

    def train(self, mode=True):
        return super().train(False)

    def _freeze(self):
        self.requires_grad_(False)
        self.train(False)


class VGG19Features(_Frozen):
    """
    Features of VGG-19, trained on ImageNet; only the layers up to the deepest feature are built.

    Parameters
    ----------
    layers : `tuple` of `int`
        Indices in ``features`` of torchvision's VGG-19, ascending, from 0 to 36. 4, 9 and 18 are the first three
        poolings, as in Liu et al.

    Raises
    ------
    ValueError
        The indices are out of range or not ascending.

    Notes
    -----
    Input: grey images ``(batch, 1, ny, nx)`` in [0, 1], which are normalised here as for ImageNet. Output: a `list` of
    ``(batch, channels, ny / 2 ** k, nx / 2 ** k)`` after k poolings. The network is frozen; call `load` first.

    References
    ----------
    * Simonyan & Zisserman 2015, https://doi.org/10.48550/arXiv.1409.1556
    * Liu et al. 2018, ECCV, https://doi.org/10.1007/978-3-030-01252-6_6
    """

    def __init__(self, layers=(4, 9, 18)):
        super().__init__()
        built = list(_layers())
        self.layers = tuple(layers)
        known = all(0 <= layer < len(built) for layer in self.layers)
        if not self.layers or not known or list(self.layers) != sorted(set(self.layers)):
            raise ValueError(f"Found the layers {layers}; expected ascending numbers from 0 to {len(built) - 1}.")
        self.features = nn.Sequential(*built[: self.layers[-1] + 1])
        self.loaded = False
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION)[:, None, None], persistent=False)
        self._freeze()

    def load(self, state):
        """
        Load the weights.

        Parameters
        ----------
        state : mapping of `str` to `torch.Tensor`
            Weights with torchvision's names, ``features.0.weight`` and so on, such as
            `sunpy_restore.core.weights.store.read_features` returns for the entry "vgg19" of the registry. Deeper
            layers are ignored.

        Returns
        -------
        `VGG19Features`
            Itself.

        Raises
        ------
        ValueError
            Weights are missing or have another shape.
        """
        own = self.state_dict()
        for name, value in own.items():
            found = tuple(state[name].shape) if name in state else "nothing"
            if found != tuple(value.shape):
                raise ValueError(
                    f"Found {found} as {name}; expected {tuple(value.shape)}. Pass the weights of torchvision's VGG-19."
                )
        self.load_state_dict({name: state[name] for name in own})
        self.loaded = True
        return self

    def forward(self, images):
        if not self.loaded:
            raise RuntimeError("VGG19Features has no weights yet: call its load() with those of torchvision.")
        values, found = (images - self.mean) / self.deviation, []
        for layer, module in enumerate(self.features):
            values = module(values)
            if layer in self.layers:
                found.append(values)
        return found


class OrientedFeatures(_Frozen):
    """
    Features of fixed filters: oriented derivatives of Gaussians at several scales.

    At each level the image is filtered with the first and the second derivative of a Gaussian of 1 pixel along
    ``orientations`` directions. Positive and negative responses are separate channels and are averaged over 2 x 2
    pixels. For the next level the image is smoothed and halved. The early layers of image classifiers learn similar
    filters.

    Parameters
    ----------
    levels : `int`
        Number of scales, each twice the one before.
    orientations : `int`
        Number of directions in half a turn.

    Raises
    ------
    ValueError
        A number is less than 1.

    Notes
    -----
    The interface is that of `VGG19Features`, for images in any unit, which is also that of the features. They have
    ``4 * orientations`` channels. Constants have no response, and linear slopes have responses of first derivatives
    only. Images are continued by their edge pixels; their sides have at least ``2 ** levels`` pixels.

    References
    ----------
    * Freeman & Adelson 1991, IEEE TPAMI 13, 891, https://doi.org/10.1109/34.93808

    Examples
    --------
    >>> import torch
    >>> from sunpy_restore.networks.papers.vgg import OrientedFeatures
    >>> [tuple(level.shape) for level in OrientedFeatures()(torch.rand(1, 1, 32, 48))]
    [(1, 16, 16, 24), (1, 16, 8, 12), (1, 16, 4, 6)]
    """

    def __init__(self, levels=3, orientations=4):
        super().__init__()
        if min(levels, orientations) < 1:
            raise ValueError(f"Found {levels} levels and {orientations} orientations; expected 1 or more of both.")
        self.levels = levels
        smooth, filters = _oriented(orientations)
        self.register_buffer("smooth", smooth, persistent=False)
        self.register_buffer("filters", filters, persistent=False)
        self._freeze()

    def forward(self, images):
        found, margin = [], self.filters.shape[-1] // 2
        for _ in range(self.levels):
            padded = functional.pad(images, (margin,) * 4, mode="replicate")
            answers = functional.conv2d(padded, self.filters)
            found.append(functional.avg_pool2d(torch.cat([answers.relu(), (-answers).relu()], dim=1), 2))
            images = functional.avg_pool2d(functional.conv2d(padded, self.smooth), 2)
        return found


def _oriented(orientations, margin=4):
    """A Gaussian of 1 pixel, and correlation kernels of its first and second derivatives along the directions."""
    steps = torch.arange(-margin, margin + 1, dtype=torch.float64)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    gaussian = torch.exp(-(x**2 + y**2) / 2)
    gaussian /= gaussian.sum()
    filters = []
    for index in range(orientations):
        angle = math.pi * index / orientations
        along = x * math.cos(angle) + y * math.sin(angle)
        filters += [along * gaussian, (along**2 - 1) * gaussian]
    filters = torch.stack(filters)[:, None]
    # The sampled second derivative does not sum to exactly 0
    filters -= filters.sum(dim=(2, 3), keepdim=True) * gaussian
    return gaussian[None, None].float(), filters.float()
