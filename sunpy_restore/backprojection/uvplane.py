"""Where a Fourier imager samples the (u, v) plane."""

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

__all__ = ["SUBCOLLIMATORS", "UVPlane", "stix_uv"]

SUBCOLLIMATORS = tuple(range(3, 11))
"""Those of STIX whose phases are calibrated; 1 and 2 are the finest."""


class UVPlane(NamedTuple):
    """
    Points of the (u, v) plane.

    Parameters
    ----------
    u, v : `numpy.ndarray`
        Spatial frequencies in 1 / arcsec, shape ``(n,)``.
    labels : tuple of `str`
        Name of each point, for STIX the number of the sub-collimator and a letter for its orientation.
    """

    u: np.ndarray
    v: np.ndarray
    labels: tuple[str, ...]

    @property
    def frequency(self):
        """Spatial frequency of each point in 1 / arcsec."""
        return np.hypot(self.u, self.v)

    def turned(self, angle):
        """
        The same points in a frame that is turned against the present one.

        Parameters
        ----------
        angle : `float`
            Angle in radian from the axes of the present frame to those of the new one, counterclockwise.

        Returns
        -------
        `UVPlane`
        """
        cosine, sine = np.cos(angle), np.sin(angle)
        return self._replace(u=cosine * self.u + sine * self.v, v=cosine * self.v - sine * self.u)


def stix_uv(subcollimators=SUBCOLLIMATORS):
    """
    The points of STIX, in the frame of the instrument.

    Parameters
    ----------
    subcollimators : iterable of `int`
        Numbers of sub-collimators from 1, the finest with a resolution of 7.1 arcsec, to 10, the coarsest with 178.6
        arcsec; each has three orientations.

    Returns
    -------
    `UVPlane`
        In the order of the numbers given.

    Raises
    ------
    ValueError
        There is no such sub-collimator, one is given twice, or none.

    References
    ----------
    * Massa et al. 2023, Solar Physics 298, 114, https://doi.org/10.1007/s11207-023-02205-7

    Examples
    --------
    >>> from sunpy_restore.backprojection.uvplane import stix_uv
    >>> stix_uv([3]).labels
    ('3a', '3b', '3c')
    """
    numbers = list(subcollimators)
    table = _table()
    if not numbers or len(set(numbers)) < len(numbers) or not set(numbers) <= table.keys():
        raise ValueError(f"Found the sub-collimators {numbers}, expected different ones of 1 to 10.")
    points = [point for number in numbers for point in table[number]]
    labels, u, v = zip(*points, strict=True)
    return UVPlane(np.array(u), np.array(v), labels)


@cache
def _table():
    """Label, u and v of the three points of each sub-collimator."""
    text = (files("sunpy_restore.data") / "calibration" / "stix_uv.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    table = {}
    for row in rows:
        table.setdefault(int(row["label"][:-1]), []).append((row["label"], float(row["u"]), float(row["v"])))
    return table
