"""Partial convolutions, and a layered U-Net of them that fills a hole from its border inwards."""

import torch
from torch import nn
from torch.nn import functional

__all__ = ["LayeredPartialUNet"]

# Sides of the kernels of the encoder as in Liu et al. (2018); those of deeper levels are 3
_KERNELS = (7, 5, 5)
_WIDEST = 8  # width of the deepest levels in units of that of the first
_NORMS = {"batch": nn.BatchNorm2d, "none": None}


class PartialConv2d(nn.Module):
    """
    A convolution of the valid values only.

    With features X, their mask M (1 where they are valid), the kernel W and the bias b, a window gives

    .. math:: W^T (X ⊙ M) \\, \\mathrm{sum}(1) / \\mathrm{sum}(M) + b

    where sum(M) > 0, and 0 elsewhere; the mask of the result is 1 in the first case, else 0. Sums are over the window
    and all channels. Values beyond the edge of the image are invalid. Where all values are valid, this is a
    convolution.

    Parameters
    ----------
    inputs : `int` or `tuple` of `int`
        Input channels; the number in each group, if there are several groups with a mask each.
    outputs : `int`
        Output channels, which share one mask.
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
    Input: features ``(batch, sum(inputs), ny, nx)`` and masks ``(batch, len(inputs), ny, nx)``. Output: features
    ``(batch, outputs, ceil(ny / stride), ceil(nx / stride))`` and a mask ``(batch, 1, ...)`` of this size, at least in
    single precision. Invalid values may be anything, including NaN. The paper has a mask for each channel; the masks of
    the channels of a group are equal there, so one mask for each group is the same.

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
        # A product would keep NaN
        known = torch.cat([group.masked_fill(of_group == 0, 0) for group, of_group in groups], dim=1)
        found = functional.conv2d(known, self.weight, stride=self.stride, padding=padding)
        with torch.no_grad():
            # The mean counts zeros beyond the edge: it is sum(M) / sum(1), without the rounding of half precision
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
            # Without a normalisation of the first level, which would remove the brightness of the image
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

    The first layer fills a ring along the border of the hole, the next ones continue from there, and the last layer
    fills the rest. Layer l sees the image with the fills of the layers before it, whose mask is M(l-1), and predicts
    the whole hole. It keeps the pixels between M(l-1) and its own mask M(l): those that the mask of its first
    ``growth`` partial convolutions covers. With a growth of 2 this is a ring of 4 to 10 pixels, because the border lies
    on the grid of every fourth pixel; with 3 it has 8 to 22 pixels. The last layer keeps all pixels.

    Each U-Net halves the image ``depth`` times by partial convolutions of 7, 5, 5, 3, 3, ... pixels with stride 2 and
    ReLU, normalised except for the first. The decoder has nearest upsampling, the features and masks of the encoder of
    the same size, a partial convolution of 3 pixels, normalisation and LeakyReLU of 0.2; the last partial convolution
    is linear.

    Parameters
    ----------
    layers : `int`
        U-Nets in the stack; the paper has 2.
    width : `int`
        Channels of the first level; deeper levels have 2, 4, 8, 8, ... times as many. It is 64 in Liu et al.
    depth : `int`
        Levels of each U-Net.
    growth : `int`
        Number of convolutions whose mask a layer other than the last fills, at most ``depth``.
    norm : ``"batch"`` or ``"none"``
        Normalisation.
    correct : `bool`
        Whether predictions are corrections of the first fill. The first fill is then an input, as a second channel that
        is valid wherever the image is observed, and the untrained network returns it.
    view : `str`
        How images are presented to the network. It is stored only.

    Raises
    ------
    ValueError
        A number is less than 1, ``growth`` exceeds ``depth``, or the normalisation is unknown.

    Notes
    -----
    Input: channels ``(batch, 3 or more, ny, nx)``: the image with some first fill, the mask (1 where a pixel is to be
    filled), and unobserved pixels (1 where nothing is known and nothing is filled, whatever the mask is); further
    channels are ignored. Output: ``(batch, 1, ny, nx)``, the prediction under the mask and the image elsewhere. Without
    ``correct`` the first fill is ignored. It stays in pixels that no convolution covers, in holes wider than
    ``3 * 2 ** depth`` pixels. Sizes that are no multiple of ``2 ** depth`` are padded with unobserved pixels.

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
    """Every output pixel depends on the whole image."""

    def __init__(self, layers=2, width=64, depth=7, growth=2, norm="batch", correct=False, view="equalized"):
        super().__init__()
        if min(layers, width, depth, growth) < 1 or growth > depth:
            raise ValueError(
                f"Found {layers} layers, a width of {width}, a depth of {depth} and a growth of {growth}; expected "
                "numbers of at least 1, and a growth up to the depth."
            )
        if norm not in _NORMS:
            raise ValueError(f"Unknown norm {norm!r}; expected one of {', '.join(_NORMS)}.")
        self.depth, self.growth, self.correct, self.view = depth, growth, correct, view
        groups = (1, 1) if correct else (1,)
        self.stack = nn.ModuleList(_PartialUNet(groups, width, depth, _NORMS[norm]) for _ in range(layers))
        if correct:
            for network in self.stack:
                nn.init.zeros_(network.last.weight)
        # Convolutions are fastest in this layout
        self.to(memory_format=torch.channels_last)

    def forward(self, channels):
        return self.forward_layers(channels)[0][-1]

    def forward_layers(self, channels):
        """
        Outputs of each layer of the stack, for the loss.

        Parameters
        ----------
        channels : `torch.Tensor`
            Input of the network.

        Returns
        -------
        outputs : `list` of `torch.Tensor`
            For each layer the image with its prediction wherever the layers before it left a hole, shape
            ``(batch, 1, ny, nx)``. The last one is the output of the network.
        masks : `list` of `torch.Tensor`
            Pixels that remain to be filled, at first and after each layer, 1 or 0: for observed pixels 1 - M(0), ...,
            1 - M(layers) in the notation of the paper, where M is 1 in valid pixels. The last one is 0. Same shape.
        """
        ny, nx = channels.shape[-2:]
        missing = [-n % 2**self.depth for n in (ny, nx)]
        image, mask, unobserved = channels[:, :3].split(1, dim=1)
        image = functional.pad(image, (0, missing[1], 0, missing[0]))
        seen = (unobserved <= 0).to(channels.dtype)
        left = seen * (mask > 0)
        seen, left = (functional.pad(values, (0, missing[1], 0, missing[0])) for values in (seen, left))
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
        """The mask of the first ``growth`` convolutions for a mask of the image, at full resolution."""
        for level in range(self.growth):
            kernel = _kernel(level)
            known = functional.max_pool2d(known, kernel, stride=2, padding=kernel // 2)
        return functional.interpolate(known, scale_factor=2.0**self.growth)
