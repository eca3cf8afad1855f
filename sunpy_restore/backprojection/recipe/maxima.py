"""Sources in images: maxima that stand out, and those that the truth does not have."""

import numpy as np
from scipy import ndimage
from skimage.morphology import reconstruction
from skimage.segmentation import watershed

__all__ = ["count_invented", "find_sources"]

_FAINTEST_SOURCE = 0.15
"""Smallest maximum that is a source, relative to the maximum of the image."""
_DIP = 0.05
"""
Smallest decrease of the brightness between a source and any brighter one, relative to the source.

Along the ridge of a loop that crosses the pixels obliquely, 2 arcsec of sampling cause dips of 1 %.
"""
_INVENTED = 2.0
"""Factor by which one of these limits is higher in the image than in the truth for a source to be invented."""
_ROUNDING = 1e-9


def find_sources(image, grid, *, faintest=_FAINTEST_SOURCE, dip=_DIP):
    """
    Positions of the sources in an image, in order of decreasing brightness.

    Parameters
    ----------
    image : `numpy.ndarray`
        Image, shape ``(ny, nx)``.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Its pixel grid.
    faintest : `float`
        Smallest brightness of a local maximum that is a source, relative to the maximum of the image.
    dip : `float`
        Smallest decrease of the brightness on every path from a source to a brighter one, relative to the source.

    Returns
    -------
    `numpy.ndarray`
        Coordinates (x, y) in arcsec, shape ``(n, 2)``, of the vertex of the paraboloid through each maximum and the
        eight pixels around it.
    """
    rows, columns = _source_pixels(image, faintest, dip)
    places = []
    for row, column in zip(rows, columns, strict=True):
        up, right = _vertex(image[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2])
        places.append((grid.x[column] + grid.pixel[1] * right, grid.y[row] + grid.pixel[0] * up))
    return np.array(places).reshape(-1, 2)


def count_invented(image, truth):
    """
    Number of sources in an image that the truth does not have.

    Each source of the image belongs to the source of the truth to which the true brightness ascends from there
    (watershed). All but one of those that belong to the same one are invented: a second one far from it as well as
    parts of a broad source or loop with dips between them.

    Parameters
    ----------
    image, truth : `numpy.ndarray`
        Images, shape ``(ny, nx)``.

    Returns
    -------
    `int`
    """
    places = _source_pixels(image, _FAINTEST_SOURCE, _INVENTED * _DIP)
    true_places = _source_pixels(truth, _FAINTEST_SOURCE / _INVENTED, _DIP)
    markers = np.zeros(truth.shape, dtype=int)
    markers[true_places] = np.arange(len(true_places[0])) + 1
    owners = watershed(-truth, markers)[places]
    return len(owners) - len(np.unique(owners))


def _source_pixels(image, faintest, dip):
    """Rows and columns of the sources; one of several neighbouring pixels with the same value."""
    highest = image.max()
    if not highest > 0:
        return np.zeros(0, dtype=int), np.zeros(0, dtype=int)
    # Flooded from a brighter source across a shallow dip, a maximum is higher than its own lowered value
    lowered = (1 - dip) * image
    flooded = reconstruction(np.minimum(lowered, image), image, footprint=np.ones((3, 3)))
    peaks = (image == ndimage.maximum_filter(image, 3)) & (image >= faintest * highest)
    peaks &= flooded <= lowered + _ROUNDING * highest
    labels, count = ndimage.label(peaks, np.ones((3, 3)))
    first = np.array(ndimage.maximum_position(image, labels, np.arange(1, count + 1)), dtype=int).reshape(-1, 2)
    order = np.argsort(image[tuple(first.T)], kind="stable")[::-1]
    return tuple(first[order].T)


def _vertex(near):
    """Rows and columns from the centre of 3 x 3 pixels to the vertex of a paraboloid; none at the edge of an image."""
    if near.shape != (3, 3):
        return 0.0, 0.0
    middle = near[1, 1]
    slope = np.array([near[2, 1] - near[0, 1], near[1, 2] - near[1, 0]]) / 2
    mixed = (near[2, 2] + near[0, 0] - near[2, 0] - near[0, 2]) / 4
    bend = np.array([[near[2, 1] - 2 * middle + near[0, 1], mixed], [mixed, near[1, 2] - 2 * middle + near[1, 0]]])
    if not (bend[0, 0] < 0 and np.linalg.det(bend) > 0):
        return 0.0, 0.0
    return tuple(np.clip(-np.linalg.solve(bend, slope), -1, 1))
