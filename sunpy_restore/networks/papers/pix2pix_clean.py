"""Pix2pix from back-projections to CLEAN images (Lastufka 2022)."""

from torch import nn

from sunpy_restore.networks.papers.pix2pix import PatchDiscriminator, UNetGenerator

__all__ = ["CleanDiscriminator", "CleanPix2Pix"]

_LARGEST_BRIGHTNESS = 1.5
"""Largest brightness of an image, relative to the maximum of the back-projection."""


def _image_channel(channels):
    """The back-projection of all visibilities, which is the first channel, in the range of a generator."""
    return channels[:, :1].clamp(-1, 1)


class CleanPix2Pix(nn.Module):
    """
    U-Net generator of Isola et al. (2017) that takes the back-projection only.

    The input has shape ``(batch, n, h, w)``; its first channel is the back-projection divided by its maximum, the
    others are ignored. The output has shape ``(batch, 1, h, w)``: the brightness per clean beam in that unit, from 0 to
    1.5.

    Parameters
    ----------
    width, norm
        See `~sunpy_restore.networks.papers.pix2pix.UNetGenerator`.
    pixel : `float`
        Pixel size of the images in arcsec.
    """

    receptive_radius = None
    """Each output pixel depends on the whole input."""

    def __init__(self, width=64, norm="instance", pixel=4.0):
        super().__init__()
        self.pixel = pixel
        self.generator = UNetGenerator(inputs=1, outputs=1, width=width, norm=norm)

    def forward(self, channels):
        return _LARGEST_BRIGHTNESS * (1 + self.generator(_image_channel(channels))) / 2


class CleanDiscriminator(nn.Module):
    """
    Patch discriminator for a back-projection and an image.

    The inputs are the input and the output of `CleanPix2Pix`; the output is that of
    `~sunpy_restore.networks.papers.pix2pix.PatchDiscriminator`.

    Parameters
    ----------
    width, norm
        See `~sunpy_restore.networks.papers.pix2pix.PatchDiscriminator`.
    """

    def __init__(self, width=64, norm="instance"):
        super().__init__()
        self.discriminator = PatchDiscriminator(inputs=2, width=width, norm=norm)

    def forward(self, channels, image):
        return self.discriminator(_image_channel(channels), 2 * image / _LARGEST_BRIGHTNESS - 1)
