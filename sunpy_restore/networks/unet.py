"""U-Nets that correct a first fill of damaged pixels."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

__all__ = ["CoronaUNet", "FillingUNet"]

_CELL = 16  # pixels
_QUIET = 0.3  # units of the noise


class _Block(nn.Module):
    """Two 3x3 convolutions about a shortcut."""

    def __init__(self, entering, channels):
        super().__init__()
        self.first = nn.Conv2d(entering, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.shortcut = nn.Conv2d(entering, channels, 1) if entering != channels else nn.Identity()

    def forward(self, features):
        inner = functional.silu(self.second(functional.silu(self.first(features))))
        return self.shortcut(features) + inner


class _UNet(nn.Module):
    """
    U-Net from half the resolution downwards, that ends in a layer which starts at zero.

    Parameters
    ----------
    inputs, outputs : `int`
        Planes at the full resolution.
    widths : `list` of `int`
        Channels at 1/2, 1/4, ... of the resolution.
    """

    def __init__(self, inputs, outputs, widths):
        super().__init__()
        self.enter = nn.Conv2d(4 * inputs, widths[0], 3, padding=1)
        self.down = nn.ModuleList([_Block(widths[0], widths[0])])
        self.up = nn.ModuleList()
        for shallow, deep in pairwise(widths):
            self.down.append(_Block(shallow, deep))
            self.up.append(_Block(shallow + deep, shallow))
        self.leave = nn.Conv2d(widths[0], 4 * outputs, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    @property
    def stride(self):
        """Sides of the windows that share one sampling are multiples of this."""
        return 2 ** len(self.down)

    def padded(self, planes):
        """Planes whose sides are multiples of `stride`."""
        missing = [-n % self.stride for n in planes.shape[-2:]]
        return functional.pad(planes, (0, missing[1], 0, missing[0]), mode="replicate")

    def correction(self, features):
        """The answer to padded planes, at the full resolution."""
        features = self.enter(functional.pixel_unshuffle(features, 2))
        kept = []
        for block in self.down[:-1]:
            features = block(features)
            kept.append(features)
            features = functional.avg_pool2d(features, 2)
        features = self.down[-1](features)
        for block, shallow in zip(reversed(self.up), reversed(kept), strict=True):
            features = block(torch.cat([functional.interpolate(features, scale_factor=2.0), shallow], dim=1))
        return functional.pixel_shuffle(self.leave(features), 2)


class FillingUNet(_UNet):
    """
    Correction of a first fill, in the logarithm.

    Input: planes ``(batch, 3, h, w)`` of an image with a first fill of the damaged pixels, the mask of these, and the
    level at which they are known to have saturated (0 where it is not known). Images are in units of a scale near the
    brightest valid pixels. Output: ``(batch, 1, h, w)``, the image with a better fill; outside of the mask it is the
    input. With ``v = log(1 + image)`` the fill is ``v + mask * correction``, whose last layer starts at zero. Nothing
    in it depends on the image as a whole, so that windows of any size and place agree.

    Parameters
    ----------
    widths : `list` of `int`
        Channels at 1/2, 1/4, ... of the resolution.
    ceiling : `float`
        Largest value of the logarithm in the fill, which keeps it finite whatever the input.
    """

    def __init__(self, widths=(48, 64, 96, 128), ceiling=8.0):
        super().__init__(3, 1, widths)
        self.ceiling = ceiling

    @property
    def receptive_radius(self):
        """
        How many pixels away from a pixel of the result the input still matters to it, windows aligned.

        That is of the pixels which see farthest: it depends on their place in the grid of the coarsest level.
        """
        # A 3x3 convolution at 1/2 on entering and one on leaving, then blocks of two on the way down and up
        steps = [2 ** (level + 1) for level in range(len(self.down))]
        convolutions = 2 * steps[0] + sum(4 * step for step in steps[:-1]) + 2 * steps[-1]
        # From any pixel of a coarse one to the farthest
        return convolutions + self.stride - 1

    def forward(self, planes):
        ny, nx = planes.shape[-2:]
        image, mask, level = self.padded(planes).split(1, dim=1)
        start, level = (torch.log1p(values.clamp_min(0)) for values in (image, level))
        correction = self.correction(torch.cat([start, mask, level], dim=1))
        filled = torch.expm1((start + correction).clamp(max=self.ceiling))
        return torch.where(mask > 0, filled, image)[..., :ny, :nx]


class CoronaUNet(_UNet):
    """
    Correction of a first fill of a corona, by what is around and what neighbours in time let expect.

    Input: planes ``(batch, 7 + others, h, w)``, namely the deviation from a smooth background in units of the noise
    with a first fill of the damaged pixels, the mask of these, the pixels that show nothing, the pattern of the
    detector, the noise, the deviation that neighbours let expect, where they do, and the deviation with other first
    fills, and, if it has a gate, how coherent the lines are that one of these follows, from 0 to 1; more planes are not
    looked at. Output: ``(batch, 1, h, w)``, the deviation with a better fill; outside of the
    mask it is the input. The fill is ``image + a c + g seen (neighbours - image) + h (other - image) + ...`` with
    planes ``c``, ``g`` and a ``h`` for each of the others, that the last layer, zero at the start, gives, and the mean
    deviation ``a`` of the image from its own average over about 80 pixels; in units of ``a`` from that average the
    network sees the image, too.

    Parameters
    ----------
    widths : `list` of `int`
        Channels at 1/2, 1/4, ... of the resolution.
    view : `str`
        How images are presented to it: ``"polar"``, on a log-polar grid, or ``"pixel"``, as they are.
    others : `int`
        Number of the other first fills.
    base : `int`
        Which of them takes the place of that of the first plane in all of this, and that one its; 0 for none.
    gate : `float`
        How much of its correction, in units of the noise, is left out where lines are coherent; in between it is that
        share. What neighbours say is not. Not so while training: a network that is trained with this only makes up
        for it by larger corrections.
    """

    receptive_radius = None
    """How far a pixel of the result looks: a whole window."""

    def __init__(self, widths=(24, 48, 64, 80, 96), view="polar", others=1, base=0, gate=0.0):
        super().__init__(8 + others, 2 + others, widths)
        self.view, self.others, self.base, self.gate = view, others, base, gate

    @property
    def stride(self):
        """Sides of the windows that share one sampling are multiples of this."""
        return max(super().stride, _CELL)

    def forward(self, planes):
        ny, nx = planes.shape[-2:]
        planes = self.padded(planes[:, : 7 + self.others + (self.gate > 0)])
        fills = torch.cat([planes[:, :1], planes[:, 7 : 7 + self.others]], dim=1)
        order = list(range(1 + self.others))
        order[0], order[self.base] = self.base, 0
        image, others = fills[:, order].split([1, self.others], dim=1)
        mask, blind, pattern, noise, neighbours, seen = planes[:, 1:7].split(1, dim=1)
        # Brightness in single precision, whatever that of the convolutions
        with torch.autocast(planes.device.type, enabled=False):
            mean = _average(image, blind)
            size = _average((image - mean).abs(), blind) + _QUIET
            near, there = torch.asinh((image - mean) / size), torch.asinh((neighbours - image) / size) * seen
            apart = torch.asinh((others - image) / size)
        features = [near, mask, blind, pattern, noise, torch.log(size) / 2, there, seen, apart]
        corrections = self.correction(torch.cat(features, dim=1)).to(image.dtype)
        own, weight, shares = corrections[:, :1], corrections[:, 1:2], corrections[:, 2:]
        change = size * own + (shares * (others - image)).sum(dim=1, keepdim=True)
        if self.gate and not self.training:
            change = change - planes[:, -1:] * change.clamp(-self.gate, self.gate)
        filled = image + change + weight * seen * (neighbours - image)
        return torch.where(mask > 0, filled, image)[..., :ny, :nx]

    def load_state_dict(self, state_dict, *args, **kwargs):
        """
        Take the numbers of another network, which may know fewer of the first fills.

        What it says of the others is zero then: the answers are those of that network; or the first fill that this
        one corrects, if that network did not know it.
        """
        state, axes = dict(state_dict), {"enter.weight": 1, "leave.weight": 0, "leave.bias": 0}
        if axes.keys() <= state.keys():
            wanted = self.state_dict()
            missing = {wanted[name].shape[axis] - state[name].shape[axis] for name, axis in axes.items()}
            if len(missing) == 1 and 0 < (count := missing.pop()) <= 4 * self.others:
                for name, axis in axes.items():
                    # Pairs of the last axis come first
                    state[name] = functional.pad(state[name], [0, 0] * (state[name].ndim - 1 - axis) + [0, count])
                if self.base > self.others - count // 4:
                    state |= {name: torch.zeros_like(state[name]) for name in ("leave.weight", "leave.bias")}
        return super().load_state_dict(state, *args, **kwargs)


def _average(image, blind):
    """Average of what is not blind over 5 x 5 cells, linear between their centres."""
    known = 1 - blind
    total, weight = (functional.avg_pool2d(plane, _CELL) for plane in (image * known, known))
    total, weight = (
        functional.avg_pool2d(functional.pad(plane, (2, 2, 2, 2), mode="replicate"), 5, 1) for plane in (total, weight)
    )
    return functional.interpolate(total / (weight + 1e-3), scale_factor=float(_CELL), mode="bilinear")
