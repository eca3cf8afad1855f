"""What generators of textures lose besides what the discriminator says: statistics of their images."""

import torch

__all__ = ["histogram_loss", "spectrum_loss"]

_RINGS = 24


def spectrum_loss(made, true):
    """
    Mean squared difference of the logarithms of two azimuthally averaged power spectra.

    Parameters
    ----------
    made, true : `torch.Tensor`
        Images, shape ``(batch, 1, n, n)``. Both are seen through a Hann window.
    """
    return (_log_power(made) - _log_power(true)).square().mean()


def _log_power(images):
    side = images.shape[-1]
    window = torch.hann_window(side, device=images.device)
    window = window[:, None] * window
    images = images.float() - images.float().mean()
    power = torch.fft.rfft2(images * window).abs().square().mean(dim=(0, 1))
    rows, columns = torch.fft.fftfreq(side, device=images.device), torch.fft.rfftfreq(side, device=images.device)
    wavenumber = torch.hypot(rows[:, None], columns)
    edges = torch.logspace(torch.log10(torch.tensor(1.5 / side)), torch.log10(torch.tensor(0.5)), _RINGS + 1)
    ring = torch.bucketize(wavenumber, edges.to(images.device))
    total = power.new_zeros(_RINGS + 2).index_add(0, ring.flatten(), power.flatten())
    count = torch.bincount(ring.flatten(), minlength=_RINGS + 2)
    held = count[1:-1] > 0
    return (total[1:-1][held] / count[1:-1][held]).clamp_min(1e-12).log()


def histogram_loss(made, true):
    """
    Mean distance of the sorted values of two sets of images (Wasserstein).

    Parameters
    ----------
    made, true : `torch.Tensor`
        Images of the same number of pixels.
    """
    return (made.float().flatten().sort().values - true.float().flatten().sort().values).abs().mean()
