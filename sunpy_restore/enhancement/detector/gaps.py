"""Values for pixels of HMI images without data, so that their neighbours can be restored."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.numerics.filling import biharmonic
from sunpy_restore.core.numerics.nearest import fill_invalid

__all__ = ["fill_gaps"]

_LARGEST = 400
"""Largest gap in pixels that is filled smoothly. Only the border of larger ones affects their neighbours."""

_MARGIN = 3
"""Pixels around a gap that its fill is computed from."""


def fill_gaps(image, valid):
    """
    Fill the invalid pixels of an image: small gaps by the biharmonic equation, others by the nearest valid pixel.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, any real type. It is not changed.
    valid : `numpy.ndarray` of `bool`
        Valid pixels.

    Returns
    -------
    filled : `numpy.ndarray`
        Copy of the image in at least single precision; all pixels are finite.
    valid : `numpy.ndarray` of `bool`
        Pixels that are valid and finite.

    Raises
    ------
    TypeError
        The image is not of a real type.
    ValueError
        No pixel is valid.
    """
    filled, valid = fill_invalid(image, valid)
    if valid.all():
        return filled, valid
    labels, _ = ndimage.label(~valid, structure=np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        if sizes[number] > _LARGEST:
            continue
        window = tuple(slice(max(side.start - _MARGIN, 0), side.stop + _MARGIN) for side in place)
        gap = labels[window] == number
        if not gap.all():
            # Other gaps in the window have the values of their nearest valid pixels
            filled[window][gap] = biharmonic(filled[window], gap)[gap]
    return filled, valid
