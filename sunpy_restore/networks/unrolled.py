"""U-Nets in turn with the physics of a Fourier imager."""

import math

import torch
from torch import nn
from torch.nn import functional

from sunpy_restore.networks.unet import _UNet

__all__ = ["UnrolledUNet"]


class UnrolledUNet(nn.Module):
    """
    Images from back-projections, in stages each of which sees what the last one leaves unexplained.

    Input: planes ``(batch, 1 + n + 1, h, w)``, namely the back-projection of all visibilities and those of n groups of
    them, each the mean over its points, zero where a group is not used; the last plane is not looked at. Output:
    ``(batch, 1, h, w)``, the brightness seen with the clean beam, per beam, in the unit of the input. The first stage
    sees the planes; each further one the image so far, and the groups' back-projections of the difference between the
    visibilities that were measured, as the clean beam would damp them, and those of the image. Nothing depends on where
    the phase centre is.

    Parameters
    ----------
    uv : nested `list` of `float`
        Spatial frequencies in 1 / arcsec, shape ``(n, points, 2)``.
    pixel : `float`
        Pixel in arcsec.
    beam : `float`
        Full width at half maximum of the clean beam in arcsec.
    widths : `list` of `int`
        Channels at 1/2, 1/4, ... of the resolution.
    stages : `int`
        Number of U-Nets.
    """

    receptive_radius = None
    """How far a pixel of the result looks: a whole field."""

    def __init__(self, uv, pixel, beam=14.6, widths=(32, 48, 64, 96), stages=2):
        super().__init__()
        uv = torch.tensor(uv, dtype=torch.float32)
        self.groups, self.points = uv.shape[:2]
        self.pixel = pixel
        sigma = beam / math.sqrt(8 * math.log(2))
        # Per beam, the sum over pixels is the flux times the beam's area
        self.scale = pixel**2 / (2 * math.pi * sigma**2)
        damping = torch.exp(-2 * math.pi**2 * sigma**2 * (uv**2).sum(dim=-1))
        self.register_buffer("damping", damping.mean(dim=1)[:, None, None], persistent=False)
        self.register_buffer("uv", uv.reshape(-1, 2), persistent=False)
        inputs = [1 + 2 * self.groups] + [2 + 3 * self.groups] * (stages - 1)
        self.stages = nn.ModuleList([_UNet(count, 1, list(widths)) for count in inputs])

    @property
    def stride(self):
        """Sides of the windows that share one sampling are multiples of this."""
        return self.stages[0].stride

    def forward(self, planes):
        return self.forward_stages(planes)[-1]

    def forward_stages(self, planes):
        """
        The image after each stage.

        Parameters
        ----------
        planes : `torch.Tensor`
            As for the network.

        Returns
        -------
        `list` of `torch.Tensor`
            Shape ``(batch, 1, h, w)`` each.
        """
        ny, nx = planes.shape[-2:]
        planes = functional.pad(planes, (0, -nx % self.stride, 0, -ny % self.stride))
        planes = planes[:, : 1 + self.groups]
        groups = planes[:, 1:]
        used = (groups.abs().amax(dim=(2, 3), keepdim=True) > 0).to(groups.dtype)
        flags = used.expand_as(groups)
        images = [self._answer(0, [planes, flags])]
        for number in range(1, len(self.stages)):
            left = (self.damping * groups - self.explained(images[-1])) * used
            images.append(images[-1] + self._answer(number, [planes, images[-1], left, flags]))
        return [image[..., :ny, :nx] for image in images]

    def _answer(self, number, features):
        features = torch.cat(features, dim=1)
        return self.stages[number].correction(features).to(features.dtype)

    def explained(self, image):
        """
        The groups' back-projections of an image.

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
            found = torch.einsum("byk,ky->bk", sums, wave_y) * self.scale
            left = (found[..., None] * wave_y.conj()).unflatten(1, (self.groups, self.points)) / self.points
            wave_x = wave_x.conj().unflatten(0, (self.groups, self.points))
            return torch.einsum("bgpy,gpx->bgyx", left, wave_x).real
