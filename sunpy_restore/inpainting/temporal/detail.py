"""Pixel-scale detail of neighbours in time, finer than the log-polar grid on which a network fills."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.numerics.cells import between_cells, cell_sums, normalized_convolution
from sunpy_restore.inpainting.corona.noise import find_noise

__all__ = ["with_detail"]

_SMOOTHING = 1.5  # pixels; standard deviation of the Gaussian whose difference from the image is its detail
_CELL = 8  # pixels
_AVERAGE_SIGMA = 3.0  # cells; of the correlations of the details
_GLOBAL_WEIGHT = 1e-2  # weight of the whole image in these averages, for places without neighbouring pixels
_LARGEST = 5.0  # noises; larger details are clipped


def with_detail(filled, observation):
    """
    Add the detail that neighbours in time show to a fill.

    Detectors have differences from pixel to pixel that are equal in all images. The share of the neighbours' detail
    that belongs to the image is measured around the holes by least squares: 1 for detail of the detector, 0 for noise.
    Detail that the fill has already is not added again.

    Parameters
    ----------
    filled : `numpy.ndarray`
        The filled image, shape ``(ny, nx)``. It is not changed.
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The observation with its holes and a prediction from neighbours.

    Returns
    -------
    `numpy.ndarray`
        Only filled pixels have changed, by at most five times the noise.
    """
    neighbours = observation.neighbours
    seen = np.isfinite(neighbours)
    valid, hole = observation.valid & seen, observation.mask & seen
    if not valid.any() or not hole.any():
        return filled
    noise = find_noise(observation.image, valid, order=3).astype(float)
    noise = np.maximum(noise, np.finfo(np.float32).tiny)
    expected, observed, already = (
        np.clip(_detail(image, known) / noise, -_LARGEST, _LARGEST)
        for image, known in ((neighbours, seen), (observation.image, valid), (filled, ~observation.unobserved))
    )
    share = _share(expected, observed, valid) - _share(expected, already, hole)
    return np.where(hole, filled + np.maximum(share, 0) * expected * noise, filled)


def _detail(image, known):
    """The difference from the local average of known pixels; 0 elsewhere."""
    return np.where(known, image - normalized_convolution(image, known, _SMOOTHING), 0)


def _share(expected, observed, where):
    """The local share of one detail in the other one, from 0 to 1."""
    sums = [cell_sums(where * expected * other, _CELL) for other in (observed, expected)]
    common, total = (ndimage.gaussian_filter(image, _AVERAGE_SIGMA) + _GLOBAL_WEIGHT * image.mean() for image in sums)
    share = np.divide(common, total, where=total > 0, out=np.zeros_like(total))
    return between_cells(np.clip(share, 0, 1), _CELL, 1, where.shape)
