"""From the output of a generator to intensities with the statistics of its training texture."""

import torch
from torch import nn
from torch.nn import functional

__all__ = ["Calibrated", "Calibration"]


class Calibration(nn.Module):
    """
    A linear filter and a monotonic curve, both measured, from normalised units to relative intensity.

    The filter corrects the power spectrum, the curve the intensity distribution. Without measurements the output is
    ``1 + image``.

    Parameters
    ----------
    taps : `int`
        Side of the filter in pixels, odd.
    knots : `int`
        Knots of the curve, which is linear between them and beyond the outer ones.

    Attributes
    ----------
    kernel : `torch.Tensor`
        The filter, shape ``(1, 1, taps, taps)``.
    given, wanted, slope : `torch.Tensor`
        Input and output values at the knots, shape ``(knots,)``, increasing, and the slopes between them.
    span : `torch.Tensor`
        Relative intensities of -1 and 1 in normalised units, shape ``(2,)``.
    pixel : `torch.Tensor`
        Side of a pixel on the Sun in km, a scalar.

    Raises
    ------
    ValueError
        The side of the filter is even, or there are fewer than two knots.

    Notes
    -----
    Input and output have the shape ``(batch, 1, ny, nx)``. Beyond the edges, the filter sees the nearest pixel.
    """

    def __init__(self, taps=1, knots=257):
        super().__init__()
        if taps % 2 == 0 or knots < 2:
            raise ValueError(f"Found {taps} taps and {knots} knots; expected an odd number and at least 2.")
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
        """Receptive radius in pixels."""
        return self.taps // 2

    def forward(self, image):
        """Relative intensity of an image in normalised units."""
        return self.curve(self.filtered(image))

    def filtered(self, image):
        """Apply the filter."""
        if self.receptive_radius:
            image = functional.pad(image, [self.receptive_radius] * 4, mode="replicate")
        return functional.conv2d(image, self.kernel.to(image.dtype))

    def curve(self, image):
        """Apply the curve."""
        given, wanted, slope = (values.to(image.dtype) for values in (self.given, self.wanted, self.slope))
        interval = torch.searchsorted(given, image.contiguous()).clamp(1, self.knots - 1) - 1
        return wanted[interval] + slope[interval] * (image - given[interval])

    def set_curve(self, given, wanted):
        """
        Set the knots of the curve.

        Parameters
        ----------
        given, wanted : array-like
            Input and output values, shape ``(knots,)``. Each input value is increased by a millionth of the range over
            the previous one, so that no two are equal.
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
        It has a `Calibration` as ``calibration``, a ``receptive_radius`` in noise cells, and the side of a cell in
        pixels as ``stride``.
    """

    def __init__(self, generator):
        super().__init__()
        self.generator, self.calibration = generator, generator.calibration

    @property
    def receptive_radius(self):
        """Receptive radius in noise cells."""
        return self.generator.receptive_radius + -(-self.calibration.receptive_radius // self.generator.stride)

    def forward(self, noise):
        """Relative intensity ``(batch, 1, stride * ny, stride * nx)`` of noise ``(batch, channels, ny, nx)``."""
        return self.calibration(self.generator(noise))
