"""Points of the (u, v) plane at which a Fourier imager measures visibilities."""

import csv
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from numbers import Number
from typing import NamedTuple

import numpy as np

__all__ = ["SUBCOLLIMATORS", "UVPoints", "stix_uv", "subcollimator_numbers", "subcollimators_of"]

SUBCOLLIMATORS = tuple(range(3, 11))
"""STIX sub-collimators used by default. The phases of 1 and 2, the finest ones, are not calibrated."""


class UVPoints(NamedTuple):
    """
    Points of the (u, v) plane.

    Parameters
    ----------
    u, v : `numpy.ndarray`
        Spatial frequencies in 1 / arcsec, shape ``(n,)``.
    labels : `tuple` of `str`
        Name of each point; for STIX the number of the sub-collimator and a letter for its orientation.
    """

    u: np.ndarray
    v: np.ndarray
    labels: tuple[str, ...]

    @property
    def frequency(self):
        """Absolute spatial frequency of each point in 1 / arcsec."""
        return np.hypot(self.u, self.v)

    @property
    def subcollimators(self):
        """Number of the STIX sub-collimator of each point, as an array of `int`."""
        return np.array([int(label[:-1]) for label in self.labels])

    def only(self, kept):
        """
        Some of the points.

        Parameters
        ----------
        kept : `numpy.ndarray` of `bool`
            True for these points, shape ``(n,)``.

        Returns
        -------
        `UVPoints`
        """
        labels = tuple(label for label, is_kept in zip(self.labels, kept, strict=True) if is_kept)
        return UVPoints(self.u[kept], self.v[kept], labels)

    def rotated(self, angle):
        """
        The same points in a rotated frame.

        Parameters
        ----------
        angle : `float`
            Angle in radian from the axes of the present frame to those of the new frame, counterclockwise.

        Returns
        -------
        `UVPoints`
        """
        cosine, sine = np.cos(angle), np.sin(angle)
        return self._replace(u=cosine * self.u + sine * self.v, v=cosine * self.v - sine * self.u)


def stix_uv(subcollimators=SUBCOLLIMATORS):
    """
    The (u, v) points of STIX in the instrument frame.

    Parameters
    ----------
    subcollimators : `int` or iterable of `int`
        Sub-collimators, from 1 (the finest, with a resolution of 7.1 arcsec) to 10 (the coarsest, 178.6 arcsec). Each
        one has three orientations.

    Returns
    -------
    `UVPoints`
        In the order of ``subcollimators``.

    Raises
    ------
    TypeError
        See `subcollimator_numbers`.
    ValueError
        A sub-collimator does not exist or is given twice, or there is none.

    References
    ----------
    * Massa et al. 2023, Solar Physics 298, 114, https://doi.org/10.1007/s11207-023-02205-7

    Examples
    --------
    >>> from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
    >>> stix_uv([3]).labels
    ('3a', '3b', '3c')
    """
    numbers = list(subcollimator_numbers(subcollimators))
    table = _table()
    if not numbers or len(set(numbers)) < len(numbers) or not set(numbers) <= table.keys():
        raise ValueError(
            f"Found the sub-collimators {numbers}; expected different numbers from 1 to 10. Give those that the "
            "back-projection was made from."
        )
    points = [point for number in numbers for point in table[number]]
    labels, u, v = zip(*points, strict=True)
    return UVPoints(np.array(u), np.array(v), labels)


def subcollimator_numbers(given):
    """
    Numbers of one or several sub-collimators.

    Parameters
    ----------
    given : `int` or iterable of `int`
        The numbers.

    Returns
    -------
    `tuple`
        The numbers, in the order of ``given``; whether they exist is not checked.

    Raises
    ------
    TypeError
        Text, or something else that is not a number or a list of numbers.

    Examples
    --------
    >>> from sunpy_restore.backprojection.visibilities.uvplane import subcollimator_numbers
    >>> subcollimator_numbers(3)
    (3,)
    """
    numbers = (given,) if isinstance(given, Number) else given
    is_list = isinstance(numbers, Iterable) and not isinstance(numbers, (str, bytes))
    numbers = tuple(numbers) if is_list else ()
    if not is_list or not all(isinstance(number, Number) for number in numbers):
        raise TypeError(
            f"Found subcollimators={given!r}; expected a number from 1 to 10 or a list of such numbers. Write "
            "range(3, 11) or [3, 4, 7] for example."
        )
    return tuple(number.item() if isinstance(number, np.generic) else number for number in numbers)


def subcollimators_of(text):
    """
    Parse a list of sub-collimators.

    Parameters
    ----------
    text : `str`
        Numbers and ranges of numbers, separated by commas.

    Returns
    -------
    `list` of `int`
        The numbers, in the order of the text.

    Raises
    ------
    ValueError
        The text is not a list of numbers from 1 to 10 and ranges.

    Examples
    --------
    >>> from sunpy_restore.backprojection.visibilities.uvplane import subcollimators_of
    >>> subcollimators_of("3-5,10")
    [3, 4, 5, 10]
    """
    numbers = []
    for part in text.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last) <= 10):
            raise ValueError(
                f"Found the sub-collimators {text!r}; expected numbers from 1 to 10 and ascending ranges, separated by "
                "commas. Write 3-10 or 3,4,7 for example."
            )
        numbers += range(int(first), int(last) + 1)
    return numbers


@cache
def _table():
    """Label, u and v of the three points of each sub-collimator."""
    text = (files("sunpy_restore.data") / "calibration" / "stix_uv.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    table = {}
    for row in rows:
        table.setdefault(int(row["label"][:-1]), []).append((row["label"], float(row["u"]), float(row["v"])))
    return table
