"""How a result of `sunpy_restore.enhance` compares with the truth."""

import numpy as np

from sunpy_restore.core.metrics import flux_error, psnr, residual_fraction
from sunpy_restore.enhancement.forward import reconvolve

__all__ = ["EDGE", "measure"]

EDGE = 12
"""
Input pixels at each edge that are not scored: what lies beyond is a guess, and the methods guess differently.

Of a narrow image, a quarter of its width.
"""


def measure(task, observed, restored, truth):
    """
    Scores of one restored image, away from its edges.

    Parameters
    ----------
    task : `str`
        Name of the task.
    observed : `numpy.ndarray`
        What HMI saw, with its noise, shape ``(ny, nx)``.
    restored, truth : `numpy.ndarray`
        Shape ``(2 * ny, 2 * nx)``, in the unit of ``observed``.

    Returns
    -------
    `dict`
        These scores:

        ``psnr``
            Peak signal-to-noise ratio in dB, over the range of the truth.
        ``nmse``
            Mean squared error over the variance of the truth.
        ``contrast``
            Standard deviation over that of the truth.
        ``residual``
            Restored image seen through the instrument again: sum of absolute differences to the observation, noise
            included, over the sum of absolute values.
        ``mean_error``
            Difference of the means, in the unit of the task.
        ``net_flux_error``, ``unsigned_flux_error``
            Of magnetograms: error of the net flux in units of the unsigned flux; relative error of the unsigned flux,
            binned to the pixels of the observation.
    """
    restored = np.asarray(restored, dtype=float)
    edge = min(EDGE, min(observed.shape) // 4)
    again, observed = (_inner(image, edge) for image in (reconvolve(restored), observed))
    restored, truth = (_inner(image, 2 * edge) for image in (restored, truth))
    measured = {
        "psnr": psnr(truth, restored),
        "nmse": float(np.mean((restored - truth) ** 2) / truth.var()),
        "contrast": float(restored.std() / truth.std()),
        "residual": residual_fraction(again, observed),
        "mean_error": float(restored.mean() - truth.mean()),
    }
    if truth.min() >= 0:
        return measured
    truth, restored = _binned(truth), _binned(restored)
    return measured | {
        # The net flux of a bipolar region is a small difference, of which no error is a meaningful fraction
        "net_flux_error": float((restored.sum() - truth.sum()) / np.abs(truth).sum()),
        "unsigned_flux_error": flux_error(truth, restored, unsigned=True),
    }


def _inner(image, edge):
    return image[edge : image.shape[0] - edge, edge : image.shape[1] - edge]


def _binned(image):
    ny, nx = (n // 2 for n in image.shape)
    return image.reshape(ny, 2, nx, 2).mean(axis=(1, 3))
