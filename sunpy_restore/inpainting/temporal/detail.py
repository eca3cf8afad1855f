"""What neighbours in time show pixel by pixel, finer than the grid on which a network fills."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.cells import normalized_convolution, between_cells, cell_sums
from sunpy_restore.inpainting.background import find_noise

__all__ = ["with_detail"]

_FINE = 1.5  # pixels; standard deviation of the average that has no detail
_CELL = 8  # pixels
_AROUND = 3.0  # cells; standard deviation of the average over what is compared
_FAR = 1e-2  # weight of the rest of the image, which counts where nothing is near
_STAR = 5.0  # noises; details count as that at most


def with_detail(filled, frame):
    """
    Add to a fill the detail that neighbours in time show in it.

    The pixels of a detector differ, in the same way in all frames. How much of the neighbours' detail belongs to the
    image is measured around the holes, where both are known, by least squares: all of it if it is the detector's,
    none if it is noise. What the fill has of it already is not added again.

    Parameters
    ----------
    filled : `numpy.ndarray`
        The frame, filled; shape ``(ny, nx)``. It is not changed.
    frame : `~sunpy_restore.inpainting.observation.Frame`
        The frame with its holes, and with what neighbours let expect.

    Returns
    -------
    `numpy.ndarray`
        Only pixels that were filled have changed, by five times the noise at most.
    """
    seen = np.isfinite(frame.neighbours)
    valid, hole = ~(frame.mask | frame.blind) & seen, frame.mask & seen
    if not valid.any() or not hole.any():
        return filled
    noise = find_noise(frame.image, valid, order=3).astype(float)
    noise = np.maximum(noise, np.finfo(np.float32).tiny)
    expected, observed, already = (
        np.clip(_detail(image, known) / noise, -_STAR, _STAR)
        for image, known in ((frame.neighbours, seen), (frame.image, valid), (filled, ~frame.blind))
    )
    share = _share(expected, observed, valid) - _share(expected, already, hole)
    return np.where(hole, filled + np.maximum(share, 0) * expected * noise, filled)


def _detail(image, known):
    """The difference from the average of what is known around; 0 elsewhere."""
    return np.where(known, image - normalized_convolution(image, known, _FINE), 0)


def _share(expected, observed, where):
    """How much of the one detail is in the other, around each pixel, from 0 to 1."""
    sums = [cell_sums(where * expected * other, _CELL) for other in (observed, expected)]
    common, whole = (ndimage.gaussian_filter(plane, _AROUND) + _FAR * plane.mean() for plane in sums)
    share = np.divide(common, whole, where=whole > 0, out=np.zeros_like(whole))
    return between_cells(np.clip(share, 0, 1), _CELL, 1, where.shape)
