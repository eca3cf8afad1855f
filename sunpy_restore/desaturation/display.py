"""Images with the values of an 8-bit display, on whose scale intensities do not add."""

import numpy as np

__all__ = ["is_display"]

_VALUES = 256  # of 8 bits


def is_display(data, valid):
    """
    Find out whether an image has no more distinct values than an 8-bit one, whatever its data type and scale.

    Parameters
    ----------
    data : `numpy.ndarray`
        Shape ``(ny, nx)``.
    valid : `numpy.ndarray` of `bool`
        Pixels that are used.

    Returns
    -------
    `bool`
    """
    values = data[valid].ravel()
    # For most images a few pixels tell
    for part in (values[:: max(len(values) // 4096, 1)], values):
        if len(np.unique(part)) > _VALUES:
            return False
    return True
