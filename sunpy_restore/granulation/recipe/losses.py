"""Losses of generators other than the adversarial one: differences between statistics of generated and true images."""

import torch

__all__ = ["histogram_loss", "spectrum_loss"]

_RINGS = 24


def spectrum_loss(generated, truth):
    """
    Mean squared difference of the logarithms of two azimuthally averaged power spectra.

    Parameters
    ----------
    generated, truth : `torch.Tensor`
        Images, shape ``(batch, 1, n, n)``. A Hann window is applied to both.

    Returns
    -------
    `torch.Tensor`
        A scalar.
    """
    return (_log_power(generated) - _log_power(truth)).square().mean()


def _log_power(images):
    """Logarithm of the mean power in logarithmic rings of wavenumber."""
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
    filled = count[1:-1] > 0
    return (total[1:-1][filled] / count[1:-1][filled]).clamp_min(1e-12).log()


def histogram_loss(generated, truth):
    """
    Wasserstein distance between the intensities of two sets of images.

    Parameters
    ----------
    generated, truth : `torch.Tensor`
        Images with the same number of pixels.

    Returns
    -------
    `torch.Tensor`
        A scalar: the mean absolute difference of the sorted intensities.
    """
    return (generated.float().flatten().sort().values - truth.float().flatten().sort().values).abs().mean()
