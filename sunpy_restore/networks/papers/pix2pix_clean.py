"""Pix2pix from back-projections to CLEAN images, as in Lastufka (2022)."""

from torch import nn

from sunpy_restore.networks.papers.pix2pix import PatchDiscriminator, UNetGenerator

__all__ = ["CleanDiscriminator", "CleanPix2Pix"]

_RANGE = 1.5  # of images, in units of the maximum of the back-projection


class CleanPix2Pix(nn.Module):
    """
    U-Net generator of Isola et al. (2017), that sees nothing but the back-projection.

    Input: planes ``(batch, n, h, w)``, of which the first is the back-projection in units of its maximum. Output:
    ``(batch, 1, h, w)``, the brightness per clean beam in that unit, from 0 to 1.5.

    Parameters
    ----------
    width, norm
        See `~sunpy_restore.networks.papers.pix2pix.UNetGenerator`.
    """

    receptive_radius = None
    """How far a pixel of the result looks: a whole field."""

    def __init__(self, width=64, norm="batch"):
        super().__init__()
        self.generator = UNetGenerator(inputs=1, outputs=1, width=width, norm=norm)

    def forward(self, planes):
        return _RANGE * (1 + self.generator(planes[:, :1].clamp(-1, 1))) / 2


class CleanDiscriminator(nn.Module):
    """
    Patch discriminator of a back-projection and an image.

    Inputs as `CleanPix2Pix` has them, output as of `~sunpy_restore.networks.papers.pix2pix.PatchDiscriminator`.

    Parameters
    ----------
    width, norm
        See `~sunpy_restore.networks.papers.pix2pix.PatchDiscriminator`.
    """

    def __init__(self, width=64, norm="batch"):
        super().__init__()
        self.discriminator = PatchDiscriminator(inputs=2, width=width, norm=norm)

    def forward(self, planes, image):
        return self.discriminator(planes[:, :1].clamp(-1, 1), 2 * image / _RANGE - 1)
