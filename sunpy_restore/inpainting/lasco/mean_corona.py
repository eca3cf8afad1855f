"""The mean corona of LASCO: what is expected where an image observes little of a ring around the Sun."""

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

__all__ = ["WAVES", "MeanCorona", "mean_corona"]

WAVES = ("cos", "sin", "cos2", "sin2")
"""Waves in azimuth, in the order of `MeanCorona.waves`; the azimuth is counted from x to y."""

_SLOPE = -2.5  # exponent of the power law of level 1; that of the F corona in Skylab images is -2.7
_FLATTENING = 0.28  # of level 1; amplitude of the cosine of twice the azimuth, as in C3 at level 0.5
_REFERENCE = 256.0  # pixels of the detector; the profile of level 1 is 0 there
_TURNED = np.array([-1, -1, 1, 1])  # sign of the waves after half a turn


class MeanCorona(NamedTuple):
    """
    Natural logarithm of the mean brightness of the corona, up to a constant and without the flat field.

    Parameters
    ----------
    radius : `numpy.ndarray`
        Distance from the centre of the Sun in pixels, shape ``(n,)``.
    profile : `numpy.ndarray`
        Mean over rings, shape ``(n,)``.
    waves : `numpy.ndarray`
        Amplitudes of the `WAVES`, shape ``(4, n)``.
    """

    radius: np.ndarray
    profile: np.ndarray
    waves: np.ndarray

    def profile_at(self, radius):
        """The profile at other radii."""
        return np.interp(radius, self.radius, self.profile)

    def waves_at(self, radius):
        """The amplitudes at other radii, shape ``(4, *radius.shape)``."""
        return np.stack([np.interp(radius, self.radius, wave) for wave in self.waves])


def mean_corona(detector, level, binning=1, turn=0.0):
    """
    Mean corona as a detector sees it.

    At level 0.5 it contains the mean vignetting and the rings around the occulter, and comes from the training images
    of 2000 to 2010, see `~sunpy_restore.inpainting.recipe.mean_coronas.make_mean_corona`. At level 1, of
    which there are no training images, it is a power law with about the exponent and the flattening of the F corona.

    Parameters
    ----------
    detector : ``"C2"`` or ``"C3"``
        The coronagraph.
    level : `float`
        Calibration level, 0.5 or 1.
    binning : `int`
        Pixels of the detector along each axis of an image pixel.
    turn : `float`
        Angle in degrees by which the image was rotated on the ground. The waves that half a turn changes are those of
        the detector; they are known for multiples of half a turn only, and 0 for other angles.

    Returns
    -------
    `MeanCorona`

    Notes
    -----
    The F corona is the larger part of the brightness except close to the Sun, and hardly changes with the solar cycle.

    References
    ----------
    * Morgan & Habbal 2007, https://doi.org/10.1051/0004-6361:20078071

    Examples
    --------
    >>> from sunpy_restore.inpainting.lasco.mean_corona import mean_corona
    >>> corona = mean_corona("C3", 0.5)
    >>> falls = corona.profile_at(400) - corona.profile_at(200)
    >>> bool(-2 < falls < -1)
    True
    """
    corona = _power_law() if level >= 1 else _observed(detector)
    sign = np.ones(4) if turn % 360 == 0 else _TURNED if turn % 360 == 180 else np.maximum(_TURNED, 0)
    return corona._replace(radius=corona.radius / binning, waves=corona.waves * sign[:, np.newaxis])


def _power_law():
    radius = np.geomspace(1, 2048, 256)
    waves = np.zeros((4, len(radius)))
    waves[WAVES.index("cos2")] = _FLATTENING
    return MeanCorona(radius, _SLOPE * np.log(radius / _REFERENCE), waves)


@cache
def _observed(detector):
    lines = (files("sunpy_restore.data") / "calibration" / "lasco_mean_corona.csv").read_text().splitlines()
    rows = [row for row in csv.DictReader(line for line in lines if line[0] != "#") if row["detector"] == detector]
    radius, profile, *waves = (np.array([float(row[name]) for row in rows]) for name in ("radius", "profile", *WAVES))
    return MeanCorona(radius, profile, np.stack(waves))
