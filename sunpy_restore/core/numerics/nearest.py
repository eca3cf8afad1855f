"""Invalid pixels with the values of the nearest valid ones."""

import numpy as np
from scipy.ndimage import distance_transform_edt

from sunpy_restore.core.tiles.tiling import checked_image

__all__ = ["fill_invalid"]


def fill_invalid(image, valid=None):
    """
    Replace the invalid pixels of an image by their nearest valid neighbours.

    Parameters
    ----------
    image : array-like
        Image of shape ``(ny, nx)`` or ``(C, ny, nx)``, whose channels are filled one by one. It is not changed.
    valid : array-like of `bool`, optional
        True where pixels are valid; broadcasts to the image. Pixels that are not finite are never valid.

    Returns
    -------
    filled : `numpy.ndarray`
        Copy of the image in at least single precision and native byte order; all pixels are finite.
    valid : `numpy.ndarray` of `bool`
        True where pixels were valid, in the shape of the image.

    Raises
    ------
    TypeError
        The image is not of a real type.
    ValueError
        No pixel of a channel is valid, the image is empty or has another number of dimensions, or ``valid`` has another
        shape.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.core.numerics.nearest import fill_invalid
    >>> filled, valid = fill_invalid([[1, 2, np.nan]])
    >>> filled
    array([[1., 2., 2.]])
    >>> valid
    array([[ True,  True, False]])
    """
    image = checked_image(image)
    filled = image.astype(np.result_type(image.dtype, np.float32), order="C")
    finite = np.isfinite(filled)
    if valid is not None:
        try:
            finite &= np.asarray(valid, dtype=bool)
        except ValueError:
            raise ValueError(
                f"Found valid pixels of shape {np.shape(valid)}; expected {image.shape}, that of the image."
            ) from None
    shape = (-1, *image.shape[-2:])
    for channel, good in zip(filled.reshape(shape), finite.reshape(shape), strict=True):
        if good.all():
            continue
        if not good.any():
            raise ValueError(
                f"Found {good.size} pixels that are all masked or not finite; expected at least one valid pixel."
            )
        nearest = distance_transform_edt(~good, return_distances=False, return_indices=True)
        channel[~good] = channel[tuple(nearest[:, ~good])]
    return filled, finite
