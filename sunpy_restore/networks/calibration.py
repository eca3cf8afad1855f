"""From what a generator of textures gives to intensities with the statistics of the texture it was trained on."""

import torch
from torch import nn
from torch.nn import functional

__all__ = ["Calibrated", "Calibration"]


class Calibration(nn.Module):
    """
    A linear filter and a monotone curve, both measured, from normalised units to relative intensity.

    The filter mends the power spectrum, the curve the distribution of intensities. As it is made, it does neither: it
    gives ``1 + image``.

    Parameters
    ----------
    taps : `int`
        Side of the filter in pixels, odd.
    knots : `int`
        Knots of the curve, between which it is linear, as it is beyond the outer ones.

    Attributes
    ----------
    kernel : `torch.Tensor`
        The filter, shape ``(1, 1, taps, taps)``.
    given, wanted, slope : `torch.Tensor`
        Abscissae and ordinates of the knots, shape ``(knots,)``, increasing, and the slopes between them.
    span : `torch.Tensor`
        Relative intensities that -1 and 1 stand for in the normalised units, shape ``(2,)``.
    pixel : `torch.Tensor`
        Side of a pixel on the Sun in km, a scalar.

    Raises
    ------
    ValueError
        The filter's side is even, or there are fewer than two knots.

    Notes
    -----
    Input and output ``(batch, 1, ny, nx)``; beyond the edges the filter sees the nearest pixel.
    """

    def __init__(self, taps=1, knots=257):
        super().__init__()
        if taps % 2 == 0 or knots < 2:
            raise ValueError(f"Found {taps} taps and {knots} knots, expected an odd number and at least 2.")
        self.taps, self.knots = taps, knots
        kernel = torch.zeros(taps, taps)
        kernel[taps // 2, taps // 2] = 1
        given = torch.linspace(-1, 1, knots)
        curve = {"given": given, "wanted": 1 + given, "slope": torch.ones(knots - 1)}
        scales = {"span": torch.tensor([0.0, 2.0]), "pixel": torch.tensor(1.0)}
        for name, values in ({"kernel": kernel[None, None]} | curve | scales).items():
            self.register_buffer(name, values)

    @property
    def receptive_radius(self):
        """How many pixels away from a pixel of the result the filter looks."""
        return self.taps // 2

    def forward(self, image):
        return self.curve(self.filtered(image))

    def filtered(self, image):
        """The image after the filter."""
        if self.receptive_radius:
            image = functional.pad(image, [self.receptive_radius] * 4, mode="replicate")
        return functional.conv2d(image, self.kernel.to(image.dtype))

    def curve(self, image):
        """The image after the curve."""
        given, wanted, slope = (values.to(image.dtype) for values in (self.given, self.wanted, self.slope))
        place = torch.searchsorted(given, image.contiguous()).clamp(1, self.knots - 1) - 1
        return wanted[place] + slope[place] * (image - given[place])

    def set_curve(self, given, wanted):
        """
        Set the knots of the curve.

        Parameters
        ----------
        given, wanted : array-like
            Their abscissae and ordinates, shape ``(knots,)``. Abscissae are moved apart by a millionth of their range,
            so that no two are equal.
        """
        given, wanted = (torch.as_tensor(values, dtype=torch.float64) for values in (given, wanted))
        apart = (given[-1] - given[0]).clamp_min(1e-6) * 1e-6 * torch.arange(self.knots)
        given = given.cummax(dim=0).values + apart
        self.given.copy_(given)
        self.wanted.copy_(wanted)
        self.slope.copy_((wanted[1:] - wanted[:-1]) / (given[1:] - given[:-1]))


class Calibrated(nn.Module):
    """
    A generator with its calibration.

    Parameters
    ----------
    generator : `torch.nn.Module`
        It has a `Calibration` as ``calibration`` and, as ``stride``, the pixels along a cell of what it takes.
    """

    def __init__(self, generator):
        super().__init__()
        self.generator, self.calibration = generator, generator.calibration

    @property
    def receptive_radius(self):
        """How many cells away from a pixel the noise still matters to it."""
        return self.generator.receptive_radius + -(-self.calibration.receptive_radius // self.generator.stride)

    def forward(self, noise):
        return self.calibration(self.generator(noise))
