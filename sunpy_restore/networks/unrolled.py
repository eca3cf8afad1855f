"""U-Nets alternating with the forward model of a Fourier imager."""

import math

import torch
from torch import nn
from torch.nn import functional

from sunpy_restore.networks.unet import _UNet

__all__ = ["GuidedUNet", "UnrolledUNet"]


class UnrolledUNet(nn.Module):
    """
    Image from back-projections, by stages that each correct what the visibilities do not agree with.

    The input has channels of shape ``(batch, 1 + n + m, h, w)``: the back-projection of all visibilities, the
    back-projections of n groups of visibilities, each of them the mean over the points of the group and 0 if the group
    is not used, and m channels that are ignored. The output has shape ``(batch, 1, h, w)``: the brightness convolved
    with the clean beam, per beam, in the unit of the input.

    The first stage takes the back-projections. Each further stage also takes the present image and its residual: the
    back-projections of the groups for the difference between the visibilities multiplied by the transfer function of
    the clean beam and those of the image. The network does not depend on the phase centre.

    Parameters
    ----------
    uv : nested `list` of `float`
        Spatial frequencies in 1 / arcsec, shape ``(n, points, 2)``.
    pixel : `float`
        Pixel size in arcsec.
    beam : `float`
        Full width at half maximum of the clean beam in arcsec.
    widths : `list` of `int`
        Number of features at 1/2, 1/4, ... of the resolution.
    stages : `int`
        Number of U-Nets.
    """

    receptive_radius = None
    """Each output pixel depends on the whole input."""

    def __init__(self, uv, pixel, beam=14.6, widths=(32, 48, 64, 96), stages=2):
        super().__init__()
        uv = torch.tensor(uv, dtype=torch.float32)
        self.groups, self.points = uv.shape[:2]
        self.pixel = pixel
        sigma = beam / math.sqrt(8 * math.log(2))
        # Flux per pixel of an image in units of flux per beam
        self.scale = pixel**2 / (2 * math.pi * sigma**2)
        damping = torch.exp(-2 * math.pi**2 * sigma**2 * (uv**2).sum(dim=-1))
        self.register_buffer("damping", damping.mean(dim=1)[:, None, None], persistent=False)
        self.register_buffer("uv", uv.reshape(-1, 2), persistent=False)
        inputs = [1 + 2 * self.groups] + [2 + 3 * self.groups] * (stages - 1)
        self.stages = nn.ModuleList([_UNet(count, 1, list(widths)) for count in inputs])

    @property
    def stride(self):
        """Step in pixels of the coarsest grid on which the U-Nets sample their input."""
        return self.stages[0].stride

    def forward(self, channels):
        return self.forward_stages(channels)[-1]

    def forward_stages(self, channels):
        """
        Image after each stage.

        Parameters
        ----------
        channels : `torch.Tensor`
            Input of the network.

        Returns
        -------
        `list` of `torch.Tensor`
            Shape ``(batch, 1, h, w)`` each.
        """
        ny, nx = channels.shape[-2:]
        channels = functional.pad(channels, (0, -nx % self.stride, 0, -ny % self.stride))
        # The first channel is that of all visibilities, the groups follow
        dirty = channels[:, : 1 + self.groups]
        groups = dirty[:, 1:]
        used = _used(groups)
        flags = used.expand_as(groups)
        images = [self._correction(0, [dirty, flags])]
        for number in range(1, len(self.stages)):
            residual = (self.damping * groups - self.back_projections(images[-1])) * used
            images.append(images[-1] + self._correction(number, [dirty, images[-1], residual, flags]))
        return [image[..., :ny, :nx] for image in images]

    def _correction(self, number, features):
        features = torch.cat(features, dim=1)
        return self.stages[number].correction(features).to(features.dtype)

    def back_projections(self, image):
        """
        Back-projections of the groups for the visibilities of an image.

        Parameters
        ----------
        image : `torch.Tensor`
            Shape ``(batch, 1, h, w)``.

        Returns
        -------
        `torch.Tensor`
            Shape ``(batch, n, h, w)``.
        """
        with torch.autocast(image.device.type, enabled=False):
            y, x = (self.pixel * torch.arange(n, device=image.device, dtype=self.uv.dtype) for n in image.shape[-2:])
            phases = 2 * math.pi * torch.outer(self.uv[:, 1], y), 2 * math.pi * torch.outer(self.uv[:, 0], x)
            wave_y, wave_x = (torch.polar(torch.ones_like(phase), phase) for phase in phases)
            sums = torch.einsum("byx,kx->byk", image[:, 0].to(wave_x.dtype), wave_x)
            visibilities = torch.einsum("byk,ky->bk", sums, wave_y) * self.scale
            left = (visibilities[..., None] * wave_y.conj()).unflatten(1, (self.groups, self.points)) / self.points
            wave_x = wave_x.conj().unflatten(0, (self.groups, self.points))
            return torch.einsum("bgpy,gpx->bgyx", left, wave_x).real


class GuidedUNet(UnrolledUNet):
    """
    Blend of an unrolled network and classical images, with a correction.

    The last channels of the input have the shape ``(batch, guides + 1, h, w)``: images by classical methods in the form
    of the output, and the noise of a visibility in the unit of the input, the same everywhere.
    The result is a weighted mean of the image of the unrolled network and the classical ones, with weights
    in each pixel, plus a correction. Weights and correction come from a U-Net that sees the images, how well each of
    them agrees with the visibilities in units of the noise, and the noise. Before training, the weights are equal and
    the correction is 0.

    Parameters
    ----------
    uv, pixel, beam, widths, stages
        See `UnrolledUNet`.
    guides : `int`
        Number of classical images.
    blend_widths : `list` of `int`
        Number of features of the last U-Net at 1/2, 1/4, ... of the resolution.
    """

    def __init__(
        self, uv, pixel, beam=14.6, widths=(32, 48, 64, 96), stages=2, guides=2, blend_widths=(32, 48, 64, 96)
    ):
        super().__init__(uv, pixel, beam, widths, stages)
        self.guides = guides
        # Images, residuals and misfits, then the noise and the groups that are used
        self.blend = _UNet(3 * (guides + 1) + 1 + self.groups, guides + 2, list(blend_widths))

    def forward_stages(self, channels):
        """
        Image after each stage, see `UnrolledUNet.forward_stages`, and the blend.

        Parameters
        ----------
        channels : `torch.Tensor`
            Input of the network.

        Returns
        -------
        `list` of `torch.Tensor`
            Shape ``(batch, 1, h, w)`` each.
        """
        images = super().forward_stages(channels)
        return [*images, self.blended(channels, images[-1])]

    def blended(self, channels, image):
        """
        Blend an image of the unrolled network with the classical ones.

        Parameters
        ----------
        channels : `torch.Tensor`
            Input of the network.
        image : `torch.Tensor`
            Shape ``(batch, 1, h, w)``.

        Returns
        -------
        `torch.Tensor`
            Shape ``(batch, 1, h, w)``.
        """
        ny, nx = image.shape[-2:]
        padding = (0, -nx % self.stride, 0, -ny % self.stride)
        channels, image = functional.pad(channels, padding), functional.pad(image, padding)
        groups, noise = channels[:, 1 : 1 + self.groups], channels[:, -1:, :1, :1].clamp_min(1e-5)
        used = _used(groups)
        images = torch.cat([image.clamp_min(0), channels[:, -1 - self.guides : -1]], dim=1)
        features = [images, torch.log10(noise).expand_as(image), used.expand_as(groups)]
        seen = self.back_projections(images.flatten(0, 1)[:, None]).unflatten(0, images.shape[:2])
        for one in seen.unbind(dim=1):
            residual = (self.damping * groups - one) * used / noise
            size = residual.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
            features += [torch.asinh(residual.mean(dim=1, keepdim=True)), torch.asinh(size).expand_as(image)]
        weights, correction = self.blend.correction(torch.cat(features, dim=1)).split([self.guides + 1, 1], dim=1)
        blend = (weights.softmax(dim=1) * images).sum(dim=1, keepdim=True)
        return (blend + correction.to(blend.dtype))[..., :ny, :nx]


def _used(groups):
    """1 for groups of visibilities that are used and 0 for others, whose back-projections are 0 everywhere."""
    return groups.ne(0).flatten(2).any(dim=2)[..., None, None].to(groups.dtype)
