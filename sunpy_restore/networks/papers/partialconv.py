"""Partial convolutions, and the layered U-Net of them that fills a hole from its border inwards."""

import torch
from torch import nn
from torch.nn import functional

__all__ = ["LayeredPartialUNet", "PartialConv2d"]

# Sides of the encoder's kernels as in Liu et al. (2018); those of the levels beyond are 3
_KERNELS = (7, 5, 5)
_WIDEST = 8
_NORMS = {"batch": nn.BatchNorm2d, "none": None}


class PartialConv2d(nn.Module):
    """
    A convolution of what is valid alone.

    With features X, their mask M (1 where they are valid), the kernel W and the bias b, a window gives

    .. math:: W^T (X ⊙ M) \\, \\mathrm{sum}(1) / \\mathrm{sum}(M) + b

    where sum(M) > 0, and 0 elsewhere; its mask is 1 in the first case, else 0. Sums are over the window and all
    channels. What the window shows beyond the border of the image is invalid. Where all is valid, this is a
    convolution.

    Parameters
    ----------
    inputs : `int` or `tuple` of `int`
        Channels that enter; of several groups of channels, each of which has a mask of its own, those of each.
    outputs : `int`
        Channels that leave, which share one mask.
    kernel : `int`
        Side of the window, odd.
    stride : `int`
        Step of the windows.
    bias : `bool`
        Whether there is a bias.

    Raises
    ------
    ValueError
        The side of the window is even.

    Notes
    -----
    It is called with features ``(batch, sum(inputs), ny, nx)`` and masks ``(batch, len(inputs), ny, nx)``, and gives
    features ``(batch, outputs, ⌈ny / stride⌉, ⌈nx / stride⌉)`` and a mask ``(batch, 1, ...)`` of these sizes, in single
    precision at least whatever that of the features. Invalid values may be anything, NaN included. That the channels
    of a group share a mask is no approximation of the paper's masks of each channel: there these are equal.

    References
    ----------
    * Liu et al. 2018, ECCV, https://doi.org/10.1007/978-3-030-01252-6_6

    Examples
    --------
    >>> import torch
    >>> from sunpy_restore.networks.papers.partialconv import PartialConv2d
    >>> mask = torch.zeros(1, 1, 4, 6)
    >>> mask[..., 0] = 1
    >>> features, reached = PartialConv2d(1, 2, 3)(torch.zeros(1, 1, 4, 6), mask)
    >>> reached[0, 0, 0].int().tolist()
    [1, 1, 0, 0, 0, 0]
    """

    def __init__(self, inputs, outputs, kernel, stride=1, bias=True):
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"Found a kernel of {kernel} pixels, expected an odd number.")
        self.groups = (inputs,) if isinstance(inputs, int) else tuple(inputs)
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(outputs, sum(self.groups), kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")

    def forward(self, features, mask):
        window, padding = self.weight.shape[-1], self.weight.shape[-1] // 2
        groups = zip(features.split(self.groups, dim=1), mask.split(1, dim=1), strict=True)
        # Not a product, in which NaN would stay
        known = torch.cat([group.masked_fill(of_group == 0, 0) for group, of_group in groups], dim=1)
        found = functional.conv2d(known, self.weight, stride=self.stride, padding=padding)
        with torch.no_grad():
            # The mean counts zeros beyond the border: it is sum(M) / sum(1), not rounded as half precision would
            mask = mask.to(torch.promote_types(mask.dtype, torch.float32))
            share = functional.avg_pool2d(mask, window, self.stride, padding)
            sizes = share.new_tensor(self.groups)[:, None, None]
            share = (share * sizes).sum(dim=1, keepdim=True) / sum(self.groups)
            reached = (share > 0).to(share.dtype)
            ratio = reached / share.clamp_min(0.5 / (window**2 * sum(self.groups)))
        found = (found * ratio).to(found.dtype)
        if self.bias is not None:
            found = found + (self.bias[:, None, None] * reached).to(found.dtype)
        return found, reached


def _kernel(level):
    return _KERNELS[level] if level < len(_KERNELS) else 3


class _Level(nn.Module):
    """A partial convolution, a normalisation and an activation."""

    def __init__(self, inputs, outputs, kernel, activation, stride=1, norm=None):
        super().__init__()
        self.convolution = PartialConv2d(inputs, outputs, kernel, stride, bias=norm is None)
        self.norm = norm(outputs) if norm else nn.Identity()
        self.activation = activation

    def forward(self, features, mask):
        features, mask = self.convolution(features, mask)
        return self.activation(self.norm(features)), mask


class _PartialUNet(nn.Module):
    """One U-Net of the stack: from groups of channels with masks to one channel and what its windows reached."""

    def __init__(self, groups, width, depth, norm):
        super().__init__()
        sizes = [groups, *(width * min(2**level, _WIDEST) for level in range(depth))]
        self.encoder = nn.ModuleList(
            # The first is not normalised, for it would forget how bright the image is
            _Level(sizes[level], sizes[level + 1], _kernel(level), nn.ReLU(), 2, norm if level else None)
            for level in range(depth)
        )
        self.decoder = nn.ModuleList(
            _Level((sizes[level + 1], sizes[level]), sizes[level], 3, nn.LeakyReLU(0.2), norm=norm)
            for level in range(depth - 1, 0, -1)
        )
        self.last = PartialConv2d((sizes[1], *groups), 1, 3)

    def forward(self, features, mask):
        kept = []
        for level in self.encoder:
            kept.append((features, mask))
            features, mask = level(features, mask)
        for level in [*self.decoder, self.last]:
            shallow, shallow_mask = kept.pop()
            features, mask = (functional.interpolate(values, scale_factor=2.0) for values in (features, mask))
            features, mask = level(torch.cat([features, shallow], dim=1), torch.cat([mask, shallow_mask], dim=1))
        return features, mask


class LayeredPartialUNet(nn.Module):
    """
    A stack of partial-convolution U-Nets, each of which fills a piece of the hole that the one before left.

    The first layer fills a ring along the border of the hole, the next goes on from there, and the last fills the rest.
    Layer l sees the image with what the layers before it filled, of which the mask M(l-1) is known, and predicts the
    whole hole. Of that it keeps the piece between M(l-1) and its own mask M(l): what the first ``growth`` of its
    partial convolutions reached, drawn on the pixels. With 2 that is a ring of 4 to 10 pixels, as the border lies on
    the grid of every fourth pixel, with 3 of 8 to 22. The last layer keeps all.

    Each U-Net halves the image ``depth`` times by partial convolutions of 7, 5, 5, 3, 3, ... pixels, stride 2,
    normalised but for the first, with ReLU. On the way back come nearest upsampling, the encoder's features and masks
    of the same size, a partial convolution of 3 pixels, normalisation and LeakyReLU of 0.2; the last partial
    convolution is linear.

    Parameters
    ----------
    layers : `int`
        U-Nets in the stack; the paper has 2.
    width : `int`
        Channels of the first level; the levels beyond have 2, 4, 8, 8, ... times as many. Liu et al. have 64.
    depth : `int`
        Levels of each U-Net.
    growth : `int`
        Convolutions whose reach a layer before the last fills, at most ``depth``.
    norm : ``"batch"`` or ``"none"``
        Normalisation.
    correct : `bool`
        Whether predictions are corrections of the first fill. The first fill is then seen, as a second channel which is
        valid wherever something is to be seen, and the untrained network returns it.
    view : `str`
        How images are prepared for the network. Stored, and not looked at here.

    Raises
    ------
    ValueError
        A number is less than 1, ``growth`` is beyond ``depth``, or there is no such normalisation.

    Notes
    -----
    Input: planes ``(batch, 3 or more, ny, nx)``: the image with some first fill, the mask (1 where a pixel is to be
    filled), and what is blind (1 where nothing is known and nothing is wanted, whatever the mask says); further planes
    are not looked at. Output: ``(batch, 1, ny, nx)``, the prediction under the mask and the image as it is elsewhere.
    Without ``correct`` the first fill is not seen. It stays in pixels that no convolution reached, which takes a hole
    wider than ``3 * 2 ** depth`` pixels. Sizes that are no multiple of ``2 ** depth`` are padded with what is
    blind.

    References
    ----------
    * Enciso 2024, CorKit
    * Liu et al. 2018, ECCV, https://doi.org/10.1007/978-3-030-01252-6_6

    Examples
    --------
    >>> import torch
    >>> from sunpy_restore.networks.papers.partialconv import LayeredPartialUNet
    >>> network = LayeredPartialUNet(width=2, depth=3).eval()
    >>> with torch.no_grad():
    ...     network(torch.zeros(1, 3, 50, 40)).shape
    torch.Size([1, 1, 50, 40])
    """

    receptive_radius = None
    """How far a pixel of the result looks: the whole image."""

    def __init__(self, layers=2, width=64, depth=7, growth=2, norm="batch", correct=False, view="equalized"):
        super().__init__()
        if min(layers, width, depth, growth) < 1 or growth > depth:
            raise ValueError(
                f"Found {layers} layers, a width of {width}, a depth of {depth} and a growth of {growth}, expected "
                "numbers from 1 on, and a growth up to the depth."
            )
        if norm not in _NORMS:
            raise ValueError(f"Found the norm {norm!r}, expected one of {', '.join(_NORMS)}.")
        self.depth, self.growth, self.correct, self.view = depth, growth, correct, view
        groups = (1, 1) if correct else (1,)
        self.stack = nn.ModuleList(_PartialUNet(groups, width, depth, _NORMS[norm]) for _ in range(layers))
        if correct:
            for network in self.stack:
                nn.init.zeros_(network.last.weight)
        # The layout in which convolutions are fastest
        self.to(memory_format=torch.channels_last)

    def forward(self, planes):
        return self.forward_layers(planes)[0][-1]

    def forward_layers(self, planes):
        """
        What each layer of the stack gives, for the loss.

        Parameters
        ----------
        planes : `torch.Tensor`
            As of the network.

        Returns
        -------
        outputs : `list` of `torch.Tensor`
            Of each layer the image with its prediction in all of the hole that the layers before it left, shape
            ``(batch, 1, ny, nx)``. The last is what the network returns.
        masks : `list` of `torch.Tensor`
            What is left to fill at first and after each layer, 1 or 0: of pixels that are not blind, 1 - M(0), ..., 1 -
            M(layers) in the paper's words, where M is 1 in what is valid. The last has nothing left. Same shape.
        """
        ny, nx = planes.shape[-2:]
        missing = [-n % 2**self.depth for n in (ny, nx)]
        image = functional.pad(planes[:, :1], (0, missing[1], 0, missing[0]))
        seen = (planes[:, 2:3] <= 0).to(planes.dtype)
        left = seen * (planes[:, 1:2] > 0)
        seen, left = (functional.pad(plane, (0, missing[1], 0, missing[0])) for plane in (seen, left))
        filled, outputs, masks = image, [], [left]
        for index, network in enumerate(self.stack, 1):
            known = seen - left
            features, mask = ([filled, image], [known, seen]) if self.correct else ([filled], [known])
            predicted, reached = network(torch.cat(features, dim=1), torch.cat(mask, dim=1))
            predicted = predicted.to(image.dtype)
            filled = torch.where(left * reached > 0, image + predicted if self.correct else predicted, filled)
            outputs.append(filled[..., :ny, :nx])
            left = left * (1 - self._grown(known)) if index < len(self.stack) else torch.zeros_like(left)
            masks.append(left)
        return outputs, [mask[..., :ny, :nx] for mask in masks]

    def _grown(self, known):
        """What the first convolutions reach of a mask, as their own masks would tell, drawn on the pixels."""
        for level in range(self.growth):
            kernel = _kernel(level)
            known = functional.max_pool2d(known, kernel, stride=2, padding=kernel // 2)
        return functional.interpolate(known, scale_factor=2.0**self.growth)
