"""Scores of the results of `sunpy_restore.enhance`."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.numerics.metrics import flux_error, psnr, residual_fraction
from sunpy_restore.enhancement.optics.telescope import HMI

__all__ = ["measure"]

EDGE = 12
"""
Width in input pixels of the border that is not scored, because it depends on how the image is continued.

The border of a narrow image is at most a quarter of its width.
"""

BANDS = {"coherence_coarser": (0.8, 1.0), "coherence_finer": (1.0, 1.2)}
"""Names of scores, and their spatial frequencies for HMI in cycles per arcsec; it transmits less than 1.1."""

_FREE = 0.025  # kG; strongest field in a field-free area
_AREA = 9  # restored pixels
_LEAST_FREE = 200  # pixels


def measure(task, observed, restored, truth, telescope=HMI):
    """
    Score a restored image without its border.

    Parameters
    ----------
    task : `str`
        Name of the task.
    observed : `numpy.ndarray`
        HMI observation with noise, shape ``(ny, nx)``.
    restored, truth : `numpy.ndarray`
        Shape ``(2 * ny, 2 * nx)``, in the unit of ``observed``.
    telescope : `~sunpy_restore.enhancement.optics.telescope.Telescope`
        The telescope of the observation.

    Returns
    -------
    `dict`
        These scores:

        ``psnr``
            Peak signal-to-noise ratio in dB, relative to the range of the truth.
        ``nmse``
            Mean squared error divided by the variance of the truth.
        ``contrast``
            Standard deviation divided by that of the truth.
        ``residual``
            Sum of the absolute differences between the degraded restored image and the observation (with noise),
            divided by the sum of the absolute values of the observation.
        ``coherence_coarser``, ``coherence_finer``
            For continuum images, coherence with the truth at 0.8 to 1.0 and at 1.0 to 1.2 cycles per arcsec: 1 for
            structure of the correct phase whatever its contrast, 0 for random structure.
        ``mean_error``
            Mean of the restored image minus mean of the truth, in the unit of the task.
        ``net_flux_error``, ``unsigned_flux_error``
            For magnetograms, binned to the pixels of the observation: error of the net flux divided by the unsigned
            flux; relative error of the unsigned flux.
        ``field_free_error``
            For magnetograms, root mean square of the error where the truth does not exceed 25 G within 1 arcsec, if
            that are at least 200 pixels.
    """
    restored = np.asarray(restored, dtype=float)
    edge = min(EDGE, min(observed.shape) // 4)
    degraded, observed = (_inner(image, edge) for image in (telescope.reconvolve(restored), observed))
    restored, truth = (_inner(image, 2 * edge) for image in (restored, truth))
    measured = {
        "psnr": psnr(truth, restored),
        "nmse": float(np.mean((restored - truth) ** 2) / truth.var()),
        "contrast": float(restored.std() / truth.std()),
        "residual": residual_fraction(degraded, observed),
        "mean_error": float(restored.mean() - truth.mean()),
    }
    if truth.min() >= 0:
        return measured | {name: _coherence(truth, restored, band) for name, band in BANDS.items()}
    free = ndimage.maximum_filter(np.abs(ndimage.gaussian_filter(truth, 1)), _AREA) < _FREE
    if np.count_nonzero(free) >= _LEAST_FREE:
        measured["field_free_error"] = float(np.sqrt(np.mean((restored - truth)[free] ** 2)))
    truth, restored = _binned(truth), _binned(restored)
    return measured | {
        # The net flux of a bipolar region is close to zero, so a relative error would not be meaningful
        "net_flux_error": float((restored.sum() - truth.sum()) / np.abs(truth).sum()),
        "unsigned_flux_error": flux_error(truth, restored, unsigned=True),
    }


def _coherence(truth, restored, band):
    """Coherence of two images at the frequencies of a band; NaN for images that are too small for it."""
    window = np.outer(*(np.hanning(n) for n in truth.shape))
    first, second = (np.fft.fft2((image - image.mean()) * window) for image in (truth, restored))
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, HMI.target_pixel) for n in truth.shape), indexing="ij"))
    chosen = (frequency >= band[0]) & (frequency < band[1])
    if not chosen.any():
        return float("nan")
    cross = (first * second.conj())[chosen].sum()
    power = np.sqrt((np.abs(first[chosen]) ** 2).sum() * (np.abs(second[chosen]) ** 2).sum())
    return float(cross.real / power) if power else 0.0


def _inner(image, edge):
    return image[edge : image.shape[0] - edge, edge : image.shape[1] - edge]


def _binned(image):
    ny, nx = (n // 2 for n in image.shape)
    return image.reshape(ny, 2, nx, 2).mean(axis=(1, 3))
