"""U-Nets that correct a first fill of damaged pixels."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from sunpy_restore.networks.parts import Cropped, covered, damaged, grown, part_of, scaled, with_part

__all__ = ["CoronaUNet", "FillingUNet"]

# Input channels of CoronaUNet. Those from _FILLS up to the last one are fills of the image, the last one is coherence
_IMAGE, _MASK, _UNOBSERVED, _FLAT_FIELD, _NOISE, _NEIGHBOURS, _SEEN, _FILLS = range(8)
_COHERENCE = -1
_COMMON_FEATURES = 8  # of the U-Net; it has one more for each of the other fills

_CELL = 16  # pixels; the mean level of an image is that of 5 x 5 cells
_LEAST_DEVIATION = 0.3  # units of the noise


class _Block(nn.Module):
    """Two 3x3 convolutions with a shortcut."""

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
    U-Net whose finest level has half the resolution, with a last layer that is zero before training.

    Parameters
    ----------
    inputs, outputs : `int`
        Channels at the full resolution.
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
        """Step of the coarsest level in input pixels."""
        return 2 ** len(self.down)

    def padded(self, channels):
        """Channels whose sides are multiples of ``stride``."""
        missing = [-n % self.stride for n in channels.shape[-2:]]
        return functional.pad(channels, (0, missing[1], 0, missing[0]), mode="replicate")

    def correction(self, features, place=None):
        """
        Output for padded features, at the full resolution.

        Parameters
        ----------
        features : `torch.Tensor`
            Shape ``(batch, inputs, h, w)``.
        place : pair of pairs of `int`, optional
            First and last but one row and column of the part that is needed. Only what this part depends on is
            computed. By default all of it.

        Returns
        -------
        `torch.Tensor`
            Shape ``(batch, outputs, h, w)``, or that of the part.
        """
        if place is None:
            return self._whole(features)
        sides = features.shape[-2:]
        half, entering, needed = self._parts(place, sides)
        at = Cropped(functional.pixel_unshuffle(features, 2))
        at = at.part(entering[0]).map(self.enter)
        kept = []
        for level, block in enumerate(self.down):
            at = at.part(entering[level]).map(block)
            if level < len(self.up):
                kept.append(at.part(needed[level]).features)
                at = at.part(scaled(entering[level + 1], 2)).halved()
        for level in reversed(range(len(self.up))):
            deeper = at.part(covered(needed[level])).doubled().part(needed[level]).features
            at = Cropped(torch.cat([deeper, kept[level]], dim=1), needed[level]).map(self.up[level])
        at = at.part(grown(half, 1, sides, 2)).map(self.leave).part(half)
        first = [2 * start for start, _ in half]
        inner = tuple(slice(start - from_, stop - from_) for (start, stop), from_ in zip(place, first, strict=True))
        return functional.pixel_shuffle(at.features, 2)[(..., *inner)]

    def _whole(self, features):
        """All of the output, also for a tracer, which does not know the size."""
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

    def _parts(self, place, sides):
        """
        Parts of the levels that a part of the output depends on.

        They are the part of the output at 1/2; the parts of the levels, from the finest one, at which its blocks on the
        way down have to be entered; and those at which its blocks on the way up are.
        """
        half = covered(place)
        part = grown(half, 1, sides, 2)
        needed = []
        for level in range(len(self.up)):
            needed.append(grown(part, 2, sides, 2 ** (level + 1)))
            part = covered(needed[-1])
        needed.append(part)
        entering = []
        for level in reversed(range(len(self.down))):
            part = grown(part, 2, sides, 2 ** (level + 1))
            entering.append(part)
            part = scaled(part, 2)
        entering.reverse()
        # The first convolution comes before the blocks
        entering[0] = grown(entering[0], 1, sides, 2)
        return half, entering, needed


class FillingUNet(_UNet):
    """
    Correction of a first fill, in the logarithm.

    Input: channels ``(batch, 4 + n, h, w)`` with ``n >= others`` fills: the image with a first fill of the damaged
    pixels, the mask of these pixels, the level at which they are known to have saturated (0 where it is unknown), the
    brightest value around them, and the image with n other first fills, of which the first ``others`` are used. Images
    are in units of a scale near the values to be filled. Output: ``(batch, 1, h, w)``, the image with a better fill;
    pixels outside of the mask keep their values.

    With ``v = sign(image) log(1 + |image|)`` the fill is ``v + c + h (other - v) + ...`` with the channels ``c`` and
    one ``h`` for each of the others, which the last layer gives; it is zero before training. No layer depends on the
    image as a whole, so the results of overlapping windows agree.

    Parameters
    ----------
    widths : `list` of `int`
        Channels at 1/2, 1/4, ... of the resolution.
    ceiling : `float`
        Largest value of the logarithm in the fill, which keeps it finite for any input.
    others : `int`
        Number of the other first fills that are used.
    brightest : ``"channel"``, ``"level"`` or `None`
        Whether the brightest value around the damaged pixels is a channel of its own, stands for the level where this
        is unknown, or is not used.
    """

    def __init__(self, widths=(48, 64, 96, 128), ceiling=8.0, others=0, brightest=None):
        super().__init__(3 + (brightest == "channel") + others, 1 + others, widths)
        self.ceiling, self.others, self.brightest = ceiling, others, brightest

    @property
    def receptive_radius(self):
        """
        Receptive radius in pixels, for windows that begin at multiples of ``stride``.

        It is that of the pixels with the largest one: the radius depends on the position in the coarsest grid.
        """
        # A 3x3 convolution at 1/2 on entering and one on leaving, then blocks of two on the way down and up
        steps = [2 ** (level + 1) for level in range(len(self.down))]
        convolutions = 2 * steps[0] + sum(4 * step for step in steps[:-1]) + 2 * steps[-1]
        # From any pixel of a coarse one to the farthest
        return convolutions + self.stride - 1

    def forward(self, channels):
        ny, nx = channels.shape[-2:]
        channels = self.padded(channels[:, : 4 + self.others])
        image, mask, level, brightest, others = channels.split([1, 1, 1, 1, self.others], dim=1)
        start = _signed_log(image)
        apart = _signed_log(others) - start
        if self.brightest == "level":
            level = level + brightest  # one of them is zero
        levels = [level, brightest] if self.brightest == "channel" else [level]
        place = damaged(mask)
        corrections = self.correction(torch.cat([start, mask, *map(_signed_log, levels), apart], dim=1), place)
        start, apart, mask, kept = (part_of(values, place) for values in (start, apart, mask, image))
        change = corrections[:, :1] + (corrections[:, 1:] * apart).sum(dim=1, keepdim=True)
        found = (start + change).clamp(-self.ceiling, self.ceiling)
        filled = torch.sign(found) * torch.expm1(found.abs())
        return with_part(image, place, torch.where(mask > 0, filled, kept))[..., :ny, :nx]


def _signed_log(image):
    """Logarithm that is linear near zero, and odd."""
    return torch.sign(image) * torch.log1p(image.abs())


class CoronaUNet(_UNet):
    """
    Correction of a first fill of the corona, given its surroundings and a prediction from neighbours in time.

    Input: channels ``(batch, 8 + n, h, w)`` with ``n >= others`` fills: the deviation from a smooth background in units
    of the noise, with a first fill of the damaged pixels; the mask of these pixels; unobserved pixels; the flat field;
    the noise; the deviation predicted from neighbours in time; where it is known; the deviation with n other first
    fills, of which the first ``others`` are used; and, as the last channel, the coherence of the lines around, from 0
    to 1. Output: ``(batch, 1, h, w)``, the deviation with a better fill; pixels outside of the mask keep their values.

    The fill is ``image + a c + g seen (neighbours - image) + h (other - image) + ...`` with the channels ``c``, ``g``
    and one ``h`` for each of the others, which the last layer gives; it is zero before training. ``a`` is the mean
    deviation of the image from its own average over about 80 pixels. The network sees the image relative to that
    average in units of ``a``.

    Parameters
    ----------
    widths : `list` of `int`
        Channels at 1/2, 1/4, ... of the resolution.
    view : `str`
        How images are presented to the network: ``"polar"``, on a log-polar grid, or ``"pixel"``, on their own pixels.
    others : `int`
        Number of the other first fills that are used.
    base : `int`
        Number of the other fill, from 1, that is corrected instead of the first channel and swapped with it; 0 for
        none.
    blended : `int`
        Number of fills in ``products``; 0 for a network without them.

    Attributes
    ----------
    products : `torch.Tensor`
        Mean products of the errors of the output and of first fills in holes of training images, shape ``(blended,
        blended)``, or `None`. It does not affect the output; the caller may average the fills by it.
    gate : `torch.Tensor`
        Largest part of the correction, in units of the noise, that is left out where the coherence is 1; elsewhere it
        is multiplied by the coherence. The prediction from neighbours is not affected. It is 0 while training, because
        a network that is trained with it makes up for it by larger corrections, and is set afterwards.
    """

    receptive_radius = None
    """Every output pixel depends on the whole window."""

    def __init__(self, widths=(24, 48, 64, 80, 96), view="polar", others=1, base=0, blended=0):
        super().__init__(_COMMON_FEATURES + others, 2 + others, widths)
        self.view, self.others, self.base = view, others, base
        self.register_buffer("gate", torch.tensor(0.0))
        self.register_buffer("products", torch.eye(blended) if blended else None)

    @property
    def stride(self):
        """Step of the coarsest level in input pixels."""
        return max(super().stride, _CELL)

    def forward(self, channels):
        ny, nx = channels.shape[-2:]
        channels = self.padded(channels).split(1, dim=1)
        image, others = self._fills(channels)
        mask, unobserved, flat_field, noise, neighbours, seen, coherence = (
            channels[index] for index in (_MASK, _UNOBSERVED, _FLAT_FIELD, _NOISE, _NEIGHBOURS, _SEEN, _COHERENCE)
        )
        # Brightness stays in single precision, whatever that of the convolutions
        with torch.autocast(image.device.type, enabled=False):
            mean = _average(image, unobserved)
            size = _average((image - mean).abs(), unobserved) + _LEAST_DEVIATION
            near, there = torch.asinh((image - mean) / size), torch.asinh((neighbours - image) / size) * seen
            apart = torch.asinh((others - image) / size)
        features = [near, mask, unobserved, flat_field, noise, torch.log(size) / 2, there, seen, apart]
        place = damaged(mask)
        corrections = self.correction(torch.cat(features, dim=1), place).to(image.dtype)
        whole, parts = image, (image, mask, size, others, coherence, seen, neighbours)
        image, mask, size, others, coherence, seen, neighbours = (part_of(values, place) for values in parts)
        own, weight, shares = corrections.split([1, 1, self.others], dim=1)
        change = size * own + (shares * (others - image)).sum(dim=1, keepdim=True)
        change = change - coherence * change.clamp(-self.gate, self.gate)
        filled = image + change + weight * seen * (neighbours - image)
        return with_part(whole, place, torch.where(mask > 0, filled, image))[..., :ny, :nx]

    def _fills(self, channels):
        """The fill to correct, and the other ones as channels of one tensor."""
        fills = [channels[_IMAGE], *channels[_FILLS : _FILLS + self.others]]
        fills[0], fills[self.base] = fills[self.base], fills[0]
        return fills[0], torch.cat(fills[1:], dim=1)


def _average(image, unobserved):
    """Average of the observed pixels over 5 x 5 cells, linear between the centres of cells."""
    known = 1 - unobserved
    total, weight = (functional.avg_pool2d(values, _CELL) for values in (image * known, known))
    total, weight = (
        functional.avg_pool2d(functional.pad(values, (2, 2, 2, 2), mode="replicate"), 5, 1)
        for values in (total, weight)
    )
    return functional.interpolate(total / (weight + 1e-3), scale_factor=float(_CELL), mode="bilinear")
