"""What can be put into a hole without a network."""

import numpy as np

from sunpy_restore.core import filling
from sunpy_restore.core.inference import fill_invalid
from sunpy_restore.core.task import Method
from sunpy_restore.inpainting.planes import PLANES

__all__ = ["METHODS", "biharmonic", "harmonic", "temporal"]

_IMAGE, _MASK, _BLIND, _NEIGHBOURS, _SEEN = map(PLANES.index, ("image", "mask", "blind", "neighbours", "seen"))


def harmonic(planes):
    """
    The solution of Laplace's equation, which the image plane holds already.

    Parameters
    ----------
    planes : `numpy.ndarray`
        Shape ``(len(PLANES), ny, nx)``, see `~sunpy_restore.inpainting.planes.PLANES`.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``.
    """
    return np.array(planes[_IMAGE])


def biharmonic(planes):
    """
    The solution of the biharmonic equation; what shows nothing is taken for its nearest neighbour that does.

    Parameters
    ----------
    planes : `numpy.ndarray`
        As for `harmonic`.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``.
    """
    mask, blind = planes[_MASK] > 0, planes[_BLIND] > 0
    if not (mask | blind).any() or (mask | blind).all():
        return harmonic(planes)
    image = fill_invalid(planes[_IMAGE], ~blind & ~mask)[0]
    filled = filling.biharmonic(image, mask)
    return np.where(mask, filled, planes[_IMAGE])


def temporal(planes):
    """
    What neighbours in time let expect, plus the harmonic fill of the difference.

    Parameters
    ----------
    planes : `numpy.ndarray`
        As for `harmonic`.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(ny, nx)``.
    """
    mask, blind, seen = (planes[plane] > 0 for plane in (_MASK, _BLIND, _SEEN))
    if not mask.any():
        return harmonic(planes)
    difference = np.where(seen, planes[_IMAGE] - planes[_NEIGHBOURS], 0)
    offset = filling.harmonic(difference, mask | ~seen, blind & ~mask)
    return np.where(mask & seen, planes[_NEIGHBOURS] + offset, planes[_IMAGE])


METHODS = {
    "harmonic": Method(harmonic, None),
    "biharmonic": Method(biharmonic, None),
    "radial": Method(harmonic, None),
    "temporal": Method(temporal, None),
}
"""`radial` is the harmonic fill of the ratio to the radial profile: how it differs is how it sees the image."""
