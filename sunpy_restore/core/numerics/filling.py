"""Interpolation of holes in images from their borders, whatever the images show."""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu
from skimage.restoration import inpaint_biharmonic

from sunpy_restore.core.numerics.masks import refuse_masked

__all__ = ["AXES", "biharmonic", "checked_hole", "equilibrium", "harmonic", "pixel_pairs"]

_REGULARIZATION = 1e-9  # stiffness towards zero, which fixes pixels without any connection to a valid one


def checked_hole(image, mask):
    """
    Check the mask of the pixels to fill.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.
    mask : array-like of `bool`
        True where a pixel is to be filled.

    Returns
    -------
    `numpy.ndarray` of `bool`
        A copy of the mask.

    Raises
    ------
    TypeError
        The mask is not boolean, or some of its pixels are masked.
    ValueError
        The mask has another shape than the image, covers all of it, or leaves no finite pixel.
    """
    refuse_masked(mask)
    mask = np.array(mask)
    if mask.dtype != bool:
        raise TypeError(
            f"Found a mask of the type {mask.dtype}; expected a boolean one. Convert it, for example by mask > 0."
        )
    if mask.shape != image.shape:
        raise ValueError(f"Found a mask of shape {mask.shape}; expected {image.shape}, that of the image.")
    if mask.all():
        raise ValueError(
            f"Found a mask that covers all {mask.size} pixels; expected valid pixels to fill from. Use a smaller mask."
        )
    if not np.isfinite(image[~mask]).any():
        raise ValueError(
            "Found no finite pixel outside of the mask; expected valid pixels to fill from. Use another image or mask."
        )
    return mask


def harmonic(image, mask, unobserved=None, *, tension=(1.0, 1.0)):
    """
    Fill holes with the solution of Laplace's equation.

    The boundary condition is the value of the valid pixels. At the edge of the image and at unobserved pixels the
    derivative normal to the boundary is zero.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(..., ny, nx)``; finite outside of ``mask`` and ``unobserved``. It is not changed. Several images with
        the same holes take hardly longer than one.
    mask : `numpy.ndarray` of `bool`
        True where a pixel is to be filled, shape ``(ny, nx)``.
    unobserved : `numpy.ndarray` of `bool`, optional
        Pixels outside of the mask without an observation. Holes surrounded by such pixels only are filled with zero.
    tension : pair of `float`
        Weights of the squared derivatives along columns and along rows, both positive. The fill continues the image in
        the direction of the larger one.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Pixels outside of the mask keep their values.

    Raises
    ------
    TypeError
        The mask is not boolean.
    ValueError
        The mask has another shape, or leaves no valid pixel.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.core.numerics.filling import harmonic
    >>> harmonic(np.array([[1.0, np.nan, 3.0, np.nan, 5.0]]), np.array([[False, True, False, True, False]]))
    array([[1., 2., 3., 4., 5.]])
    """
    filled = np.array(image, dtype=float)
    layers = filled.reshape(-1, *filled.shape[-2:])
    for layer in layers:
        mask = checked_hole(layer, mask)
    used = np.ones(mask.shape, dtype=bool) if unobserved is None else mask | ~unobserved
    pulls = [pull * (used[near] & used[far]) for pull, (near, far) in zip(tension, map(pixel_pairs, AXES), strict=True)]
    regularization = _REGULARIZATION * (unobserved is not None)
    layers[:, mask] = equilibrium(layers, mask, dict(zip(AXES, pulls, strict=True)), regularization=regularization)
    return filled


AXES = ((1, 0), (0, 1))
"""Steps in rows and columns from a pixel to its neighbours in the next row and in the next column."""


def pixel_pairs(step):
    """
    Index all pairs of pixels that are one step apart.

    Parameters
    ----------
    step : pair of `int`
        Rows and columns from the first pixel to the second, from -1 to 1.

    Returns
    -------
    near, far : pair of `slice`
        Part of an image with the first pixels, and the part of equal shape with the second pixels.
    """
    near = tuple(slice(max(-way, 0), -way if way > 0 else None) for way in step)
    return near, tuple(slice(max(way, 0), way if way < 0 else None) for way in step)


def equilibrium(layers, mask, springs, *, regularization=_REGULARIZATION):
    """
    Solve for the values in holes that minimise the weighted squares of differences between pixels.

    Parameters
    ----------
    layers : `numpy.ndarray`
        Images, shape ``(count, ny, nx)``; finite at pixels outside of the mask that have a weight.
    mask : `numpy.ndarray` of `bool`
        True where a pixel is to be filled, shape ``(ny, nx)``.
    springs : `dict`
        Maps a step, see `pixel_pairs`, to the weights of the differences between these pairs of pixels.
    regularization : `float`
        Weight of the squared value of each filled pixel, which makes the solution unique where a pixel has no
        connection to a valid one.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Shape ``(count, mask.sum())``.
    """
    count = int(mask.sum())
    if not count:
        return np.zeros((len(layers), 0))
    number = np.full(mask.shape, -1)
    number[mask] = np.arange(count)
    degree, known = np.zeros(count), np.zeros((count, len(layers)))
    rows, columns, entries = [], [], []
    for step, stiffness in springs.items():
        near, far = pixel_pairs(step)
        for here, there in ((near, far), (far, near)):
            pulled = mask[here] & (stiffness != 0)
            own, other, pull = number[here][pulled], number[there][pulled], stiffness[pulled]
            degree += np.bincount(own, pull, minlength=count)
            inside = other >= 0
            rows.append(own[inside])
            columns.append(other[inside])
            entries.append(-pull[inside])
            for index, layer in enumerate(layers):
                values = pull[~inside] * layer[there][pulled][~inside]
                known[:, index] += np.bincount(own[~inside], values, minlength=count)
    rows, columns, entries = map(np.concatenate, (rows, columns, entries))
    own = np.arange(count)
    places = np.concatenate([rows, own]), np.concatenate([columns, own])
    stiffness = sparse.coo_matrix((np.concatenate([entries, degree + regularization]), places), shape=(count, count))
    solved = splu(stiffness.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(known)
    return solved.T


def biharmonic(image, mask):
    """
    Fill holes with the solution of the biharmonic equation, clipped to the range of the valid pixels.

    This is `skimage.restoration.inpaint_biharmonic`, with the checks of `checked_hole`.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``; finite outside of the mask. It is not changed.
    mask : `numpy.ndarray` of `bool`
        True where a pixel is to be filled.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Pixels outside of the mask keep their values.

    Raises
    ------
    TypeError
        The mask is not boolean.
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
