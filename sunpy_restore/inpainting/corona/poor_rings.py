"""
What the mean corona tells about rings around the Sun that an image hardly observes.

A band of missing blocks through the whole frame removes the larger part of the rings close to the Sun. Their radial
profile, and how it varies with azimuth, would be extrapolated from other rings, where they are different.
"""

import numpy as np

from sunpy_restore.core.numerics.cells import cell_sums
from sunpy_restore.inpainting.corona.cells import CELL

__all__ = ["RING", "PoorRings", "coordinates"]

RING = 4
"""Pixels between the radii of the profile."""

_ENOUGH = 0.2  # observed share of a ring from which on its own median is its profile


class PoorRings:
    """
    Rings of which less than 20 % of the cells to be seen are observed, and the mean corona in them.

    Parameters
    ----------
    mean_corona : `~sunpy_restore.inpainting.lasco.mean_corona.MeanCorona`
        The mean corona.
    known : `numpy.ndarray` of `bool`
        Observed cells.
    missing : `numpy.ndarray` of `bool`
        Missing pixels, in the shape of the image.
    center : pair of `float`
        Centre of the Sun as ``(x, y)`` in pixels counted from 0.

    Attributes
    ----------
    gram, moment : `numpy.ndarray`
        Normal equations of the waves in azimuth for the missing cells of these rings, in which the mean corona stands
        in for the observation. In a ring that is not observed at all a cell has the weight of an observed one, in
        others less.
    """

    def __init__(self, mean_corona, known, missing, center):
        self.mean_corona = mean_corona
        lost = (cell_sums(missing, CELL) >= CELL**2 / 2) & ~known
        (radius, basis), (seen, _) = (coordinates(*_middles(cells), center) for cells in (lost, known))
        ring, count = (radius / RING).astype(int), int(max(radius.max(initial=0), seen.max(initial=0)) / RING) + 1
        observed = np.bincount((seen / RING).astype(int), minlength=count)
        gone = np.bincount(ring, minlength=count)
        share = observed / np.maximum(observed + gone, 1)
        self._trust = np.where(gone > 0, np.minimum(share / _ENOUGH, 1), 1)
        self._trust[(observed == 0) & (gone == 0)] = np.nan
        basis = np.stack(basis, axis=1).astype(float)
        weighted = basis * (1 - self._trust[ring])[:, np.newaxis]
        self.gram = weighted.T @ basis
        waves = mean_corona.waves_at(radius)
        self.moment = weighted.T @ np.sum(waves * np.stack(_waves(*_middles(lost), center)), axis=0)

    def __bool__(self):
        return bool(np.any(self._trust < 1))

    def profile(self, radii, medians):
        """
        Blend the medians of rings with the mean corona by the observed shares of the rings.

        Parameters
        ----------
        radii, medians : `numpy.ndarray`
            Radii of the observed rings, and the logarithm of their brightness.

        Returns
        -------
        radii, values : `numpy.ndarray`
            The same with the missing rings. In these, the difference from the mean corona is that of the nearest rings
            that are observed well.
        """
        place = (radii / RING).astype(int)
        rings = np.nonzero(np.isfinite(self._trust))[0]
        difference = medians - self.mean_corona.profile_at(radii)
        trust = self._trust[place]
        good = trust >= trust.max()
        continued = np.interp(rings, place[good], difference[good])
        own = np.where(np.isin(rings, place), np.interp(rings, place, difference), continued)
        blended = continued + self._trust[rings] * (own - continued)
        middle = (rings + 0.5) * RING
        values = self.mean_corona.profile_at(middle) + blended
        # Rings that are observed well keep their medians exactly
        sure = np.isin(rings, place[trust == 1])
        values[sure] = medians[trust == 1]
        return middle, values


def coordinates(x, y, center):
    """
    Radius, and the functions of the background in addition to its profile.

    Parameters
    ----------
    x, y : `numpy.ndarray`
        Columns and rows in the image.
    center : pair of `float`
        Centre of the Sun as ``(x, y)`` in pixels counted from 0.

    Returns
    -------
    radius : `numpy.ndarray`
        Pixels from the centre of the Sun, at least 1.
    functions : `list` of `numpy.ndarray`
        The `~sunpy_restore.inpainting.lasco.mean_corona.WAVES`, each times powers of the logarithm of the radius.
    """
    radius = _radius(x, y, center)
    height = np.log(radius / 256)
    functions = []
    for wave in _waves(x, y, center):
        functions += [wave, wave * height, wave * height**2]
    return radius, functions


def _radius(x, y, center):
    return np.maximum(np.hypot(x - np.float32(center[0]), y - np.float32(center[1])), np.float32(1))


def _waves(x, y, center):
    radius = _radius(x, y, center)
    cosine, sine = (x - np.float32(center[0])) / radius, (y - np.float32(center[1])) / radius
    return cosine, sine, cosine**2 - sine**2, 2 * cosine * sine


def _middles(cells):
    """Columns and rows of the middles of cells in the image."""
    rows, columns = np.nonzero(cells)
    return CELL * columns + (CELL - 1) / 2, CELL * rows + (CELL - 1) / 2
