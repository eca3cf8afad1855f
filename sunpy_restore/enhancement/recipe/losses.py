"""Loss of the networks of `sunpy_restore.enhance`."""

import functools

import torch
from torch.nn import functional

from sunpy_restore.enhancement.optics.psf import HMI_PIXEL

__all__ = ["restoration_loss"]

_BAND = (0.7, 1.3)
"""
Cycles per arcsec.

Below, a linear filter restores granulation as well as a network does; above, HMI transmits nothing.
"""


def restoration_loss(restored, truth, *, contrast=0.0, band=0.0, share=1.0):
    """
    Mean squared error, plus the weighted squared errors of the contrast and of the smallest structure.

    The unit is a tenth of the quiet-Sun intensity or of a kG. Minimising the squared error alone gives images with too
    little contrast, because it suppresses structure that the observation does not constrain.

    Parameters
    ----------
    restored, truth : `torch.Tensor`
        Shape ``(batch, 1, ny, nx)``, with pixels of half the size of HMI pixels.
    contrast : `float`
        Weight of the squared error of the contrast of each patch.
    band : `float`
        Additional weight of the squared error at 0.7 to 1.3 cycles per arcsec.
    share : `float` or `torch.Tensor`
        Share of the weight of the contrast that each patch has, shape ``(batch,)``.

    Returns
    -------
    `torch.Tensor`
    """
    error = functional.mse_loss(restored, truth)
    if contrast:
        with torch.no_grad():
            expected = _fine_contrast(truth)
        error = error + contrast * (share * (_fine_contrast(restored) - expected) ** 2).mean()
    if band:
        error = error + band * _in_band(restored - truth)
    return 100 * error


def _fine_contrast(image):
    """Standard deviation of structure smaller than about 4 arcsec, for each patch."""
    return (image - functional.avg_pool2d(image, 15, 1, 7, count_include_pad=False)).std(dim=(1, 2, 3))


def _in_band(difference):
    """Mean square of the difference at the frequencies of the band."""
    ny, nx = difference.shape[-2:]
    window, weights = (tensor.to(difference.device) for tensor in _spectral(ny, nx))
    spectrum = torch.fft.fft2(difference * window, norm="ortho")
    return (spectrum.abs() ** 2 * weights).mean() / (window**2).mean()


@functools.lru_cache(maxsize=4)
def _spectral(ny, nx):
    """Hann window and the frequencies of the band."""
    rows, columns = (torch.fft.fftfreq(n, HMI_PIXEL / 2) for n in (ny, nx))
    frequency = torch.hypot(rows[:, None], columns[None, :])
    window = torch.hann_window(ny)[:, None] * torch.hann_window(nx)[None, :]
    return window, ((frequency >= _BAND[0]) & (frequency <= _BAND[1])).float()
