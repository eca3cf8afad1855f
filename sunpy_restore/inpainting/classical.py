"""What can be put into a hole without a network."""

import numpy as np

from sunpy_restore.core import filling
from sunpy_restore.core.inference import fill_invalid
from sunpy_restore.core.task import Method
from sunpy_restore.inpainting.channels import PLANES
from sunpy_restore.inpainting.temporal import neighbours

__all__ = ["METHODS", "biharmonic", "harmonic", "temporal"]

_IMAGE, _MASK, _BLIND, _NEIGHBOURS, _SEEN = map(PLANES.index, ("image", "mask", "blind", "neighbours", "seen"))


def harmonic(planes):
    """
    The solution of Laplace's equation, which the image plane holds already.

    Parameters
    ----------
    planes : `numpy.ndarray`
        Shape ``(len(PLANES), ny, nx)``, see `~sunpy_restore.inpainting.channels.PLANES`.

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
    What neighbours in time let expect, continuous with the surroundings.

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
    if not mask.any() or (mask | blind).all():
        return harmonic(planes)
    image = np.where(blind, np.nan, planes[_IMAGE])
    filled = neighbours.temporal(image, mask, np.where(seen, planes[_NEIGHBOURS], np.nan))
    return np.where(mask, filled, planes[_IMAGE])


METHODS = {
    "harmonic": Method(harmonic, None, "brightness"),
    "biharmonic": Method(biharmonic, None, "brightness"),
    "radial": Method(harmonic, None, "profile"),
    "temporal": Method(temporal, None, "brightness"),
}
