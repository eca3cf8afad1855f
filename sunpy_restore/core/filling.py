"""Filling holes in images from their borders, without any knowledge of what the images show."""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu
from skimage.restoration import inpaint_biharmonic

__all__ = ["AXES", "at_rest", "biharmonic", "checked_hole", "ends", "harmonic"]

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
    used = np.ones(mask.shape, dtype=bool) if blind is None else mask | ~blind
    pulls = [pull * (used[near] & used[far]) for pull, (near, far) in zip(tension, map(ends, AXES), strict=True)]
    layers[:, mask] = at_rest(layers, mask, dict(zip(AXES, pulls, strict=True)), slack=_SLACK * (blind is not None))
    return filled


AXES = ((1, 0), (0, 1))
"""Steps in rows and columns from a pixel to those below and to the right of it."""


def ends(step):
    """
    The parts of an image between whose pixels there is a step.

    Parameters
    ----------
    step : pair of `int`
        In rows and columns, from -1 to 1.

    Returns
    -------
    near, far : pair of `slice`
        Where it begins, and where it ends.
    """
    near = tuple(slice(max(-way, 0), -way if way > 0 else None) for way in step)
    return near, tuple(slice(max(way, 0), way if way < 0 else None) for way in step)


def at_rest(layers, mask, springs, *, slack=_SLACK):
    """
    Values in holes to which springs between pixels pull.

    Parameters
    ----------
    layers : `numpy.ndarray`
        Images, shape ``(count, ny, nx)``; finite where a spring ends outside of the mask.
    mask : `numpy.ndarray` of `bool`
        True where a pixel is to be filled.
    springs : `dict`
        Step from pixel to pixel, see `ends`, to the stiffness of the springs, of the shape of these parts.
    slack : `float`
        Stiffness of more springs from all pixels to zero, without which what hangs on nothing has no place of rest.

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
        near, far = ends(step)
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
    stiffness = sparse.coo_matrix((np.concatenate([entries, degree + slack]), places), shape=(count, count))
    solved = splu(stiffness.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(known)
    return solved.T


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
