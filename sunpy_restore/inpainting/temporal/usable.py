"""Prediction of an image from those neighbours that show the corona."""

import numpy as np

from sunpy_restore.core.messages import warn_user
from sunpy_restore.inpainting.likeness import unlike_a_corona
from sunpy_restore.inpainting.temporal.neighbours import check_neighbours, expected_from_neighbours

__all__ = ["usable_prediction"]

_LEAST_PREDICTED = 0.01  # of the missing pixels


def usable_prediction(smap, neighbours, missing, valid, read):
    """
    Predict an image from its neighbours, without those that do not show the brightness of the corona.

    Parameters
    ----------
    smap, neighbours, valid
        See `~sunpy_restore.inpainting.temporal.neighbours.expected_from_neighbours`.
    missing : `numpy.ndarray` of `bool`
        Pixels to fill, shape ``(ny, nx)``.
    read : callable
        ``read(neighbour)`` is the observation in a neighbour.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Shape ``(ny, nx)``, in the unit of the image; NaN without a valid neighbour.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        A neighbour is unlike an image of the corona, such as a difference or a ratio of images, and is left out; the
        neighbours have data in less than 1 % of the missing pixels; or see
        `~sunpy_restore.inpainting.temporal.neighbours.expected_from_neighbours`.
    """
    neighbours, left_out = check_neighbours(smap, neighbours), set()
    for index, neighbour in enumerate(neighbours):
        if reason := unlike_a_corona(read(neighbour)):
            left_out.add(index)
            warn_user(
                f"Neighbour {index + 1} is left out. It does not look like an image of the corona, but like a "
                f"difference or a ratio of images: {reason}. Pass the images themselves."
            )
    expected = expected_from_neighbours(smap, neighbours, valid=valid, left_out=left_out)
    if len(left_out) < len(neighbours) and np.isfinite(expected[missing]).mean() < _LEAST_PREDICTED:
        warn_user(
            "The neighbours have no data in the missing pixels and add nothing to the fill; they may have the same "
            "holes. Pass images that show these pixels."
        )
    return expected
