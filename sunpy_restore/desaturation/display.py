"""Images with the values of an 8-bit display, on whose scale intensities do not add."""

import numpy as np

__all__ = ["is_display"]

_VALUES = 256  # of 8 bits


def is_display(data, valid, level=None):
    """
    Find out whether an image has no more distinct values than an 8-bit one, whatever its data type and scale.

    So has one that saturates at 255, the highest value of 8 bits and far below any full well in DN: interpolation, as
    in a registered image, gives an 8-bit image more values.

    Parameters
    ----------
    data : `numpy.ndarray`
        Shape ``(ny, nx)``.
    valid : `numpy.ndarray` of `bool`
        Pixels that are used.
    level : `float`, optional
        Value that saturated pixels show.

    Returns
    -------
    `bool`
    """
    if level == _VALUES - 1:
        return True
    values = data[valid].ravel()
    # For most images a few pixels tell
    for part in (values[:: max(len(values) // 4096, 1)], values):
        if len(np.unique(part)) > _VALUES:
            return False
    return True
