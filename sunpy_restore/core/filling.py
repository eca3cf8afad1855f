"""Filling holes in images from their borders, without any knowledge of what the images show."""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve
from skimage.restoration import inpaint_biharmonic

__all__ = ["biharmonic", "checked_hole", "harmonic"]

_SLACK = 1e-9  # of the film towards zero, where parts of it may hang on nothing


def checked_hole(image, mask):
    """
    The mask of the pixels to fill, refused if nothing could tell what to fill them with.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    mask : array-like of `bool`
        True where a pixel is to be filled.

    Returns
    -------
    `numpy.ndarray` of `bool`
        The mask; an array of its own.

    Raises
    ------
    TypeError
        The mask is not boolean.
    ValueError
        The mask has another shape than the image, covers all of it, or leaves valid only what is not finite.
    """
    mask = np.array(mask)
    if mask.dtype != bool:
        raise TypeError(f"Expected a boolean mask, found data of type {mask.dtype}. Compare it with something first.")
    if mask.shape != image.shape:
        raise ValueError(f"Expected a mask of the shape of the image, {image.shape}, found {mask.shape}.")
    if mask.all():
        raise ValueError(f"The mask covers all {mask.size} pixels, expected valid pixels to fill the others from.")
    if not np.isfinite(image[~mask]).any():
        raise ValueError("No pixel outside of the mask is finite, expected valid pixels to fill the others from.")
    return mask


def harmonic(image, mask, blind=None, *, tension=(1.0, 1.0)):
    """
    Fill holes with the solution of Laplace's equation, the surface of a soap film.

    Where a hole touches the edge of the image, or pixels that show nothing, the film ends level there.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(..., ny, nx)``; finite outside of the mask and of ``blind``. It is not changed. Several images that
        have the same holes take hardly longer than one.
    mask : `numpy.ndarray` of `bool`
        True where a pixel is to be filled, shape ``(ny, nx)``.
    blind : `numpy.ndarray` of `bool`, optional
        Pixels outside of the mask that show nothing. Holes that have none but such about them become zero.
    tension : pair of `float`
        Of the film along columns and along rows, both positive: where they differ, it goes on as the image does in the
        direction of the larger one.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Other pixels keep their values.

    Raises
    ------
    ValueError
        The mask has another shape, or leaves no valid pixel.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.core.filling import harmonic
    >>> harmonic(np.array([[1.0, np.nan, 3.0, np.nan, 5.0]]), np.array([[False, True, False, True, False]]))
    array([[1., 2., 3., 4., 5.]])
    """
    filled = np.array(image, dtype=float)
    layers = filled.reshape(-1, *filled.shape[-2:])
    for layer in layers:
        mask = checked_hole(layer, mask)
    number = np.full(mask.shape, -1)
    number[mask] = np.arange(mask.sum())
    count = mask.sum()
    if not count:
        return filled
    # What hangs on nothing would make the equations singular
    slack = 0.0 if blind is None else _SLACK
    degree, known, rows, columns = np.full(count, slack), np.zeros((count, len(layers))), [], []
    entries = []
    for axis, pull in enumerate(tension):
        near, far = ([slice(None)] * 2 for _ in range(2))
        near[axis], far[axis] = slice(None, -1), slice(1, None)
        for here, there in ((tuple(near), tuple(far)), (tuple(far), tuple(near))):
            hole = mask[here] if blind is None else mask[here] & ~(blind[there] & ~mask[there])
            own, other = number[here][hole], number[there][hole]
            degree += pull * np.bincount(own, minlength=count)
            inside = other >= 0
            rows.append(own[inside])
            columns.append(other[inside])
            entries.append(np.full(np.count_nonzero(inside), pull))
            for index, layer in enumerate(layers):
                known[:, index] += pull * np.bincount(own[~inside], layer[there][hole][~inside], minlength=count)
    entries, rows, columns = map(np.concatenate, (entries, rows, columns))
    neighbours = sparse.coo_matrix((entries, (rows, columns)), shape=(count, count))
    layers[:, mask] = spsolve((sparse.diags(degree) - neighbours).tocsc(), known).reshape(count, -1).T
    return filled


def biharmonic(image, mask):
    """
    Fill holes with the solution of the biharmonic equation, the surface of a bent plate.

    That is `skimage.restoration.inpaint_biharmonic`, which stays within the range of the valid pixels.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``; finite outside of the mask. It is not changed.
    mask : `numpy.ndarray` of `bool`
        True where a pixel is to be filled.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Other pixels keep their values.

    Raises
    ------
    ValueError
        The mask has another shape, or leaves no valid pixel.

    References
    ----------
    * Damelin & Hoang 2018, https://doi.org/10.1155/2018/3950312
    """
    mask = checked_hole(image, mask)
    filled = np.array(image, dtype=float)
    if mask.any():
        filled[mask] = inpaint_biharmonic(np.where(mask, 0.0, filled), mask, split_into_regions=True)[mask]
    return filled
