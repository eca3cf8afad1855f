"""How the properties by which unusual observations are told are shown to the user: as plain numbers with units."""

from dataclasses import dataclass
from sys import modules

import numpy as np

from sunpy_restore.core.task import resolve

__all__ = ["Property", "properties_of", "share"]


@dataclass(frozen=True)
class Property:
    """
    A property of an observation as the user knows it.

    Parameters
    ----------
    label : `str`
        What it is.
    base : `float`, optional
        Base of the logarithm that is measured; by default the number itself is.
    scale, offset : `float`
        The number is multiplied by ``scale``, and ``offset`` is added to it.
    unit : `str`
        Unit of the result.
    smallest, largest : `float`
        Smallest and largest possible result.

    Examples
    --------
    >>> Property("noise", base=10, scale=100, unit="%").text(-2)
    '1 %'
    """

    label: str
    base: float | None = None
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    smallest: float = -np.inf
    largest: float = np.inf

    def text(self, value, digits=3):
        """
        Show a measured value.

        Parameters
        ----------
        value : `float`
            The number that was measured, or its logarithm.
        digits : `int`
            Number of significant digits.

        Returns
        -------
        `str`
        """
        return " ".join(filter(None, (self._number(value, digits), self.unit)))

    def reason(self, value, low, high):
        """
        Say that a value is beyond the range of good images.

        Parameters
        ----------
        value, low, high : `float`
            The value and the range, as they were measured.

        Returns
        -------
        `str`
        """
        above = (value > high) == (self.scale > 0)
        nearest = high if value > high else low
        digits = next((n for n in range(3, 8) if self._number(value, n) != self._number(nearest, n)), 8)
        # 3 % of the quiet Sun and 2 %
        limit = " ".join(filter(None, (self._number(nearest, digits), self.unit.partition(" of ")[0])))
        return f"{self.label} is {self.text(value, digits)} (in good images {limit} at {'most' if above else 'least'})"

    def _number(self, value, digits):
        """The plain value, without an exponent unless it is very small or large."""
        plain = value if self.base is None else self.base ** min(value, 300 / np.log10(self.base))
        rounded = float(f"{np.clip(self.offset + self.scale * plain, self.smallest, self.largest):.{digits}g}")
        if rounded and not 1e-4 <= abs(rounded) < 1e6:
            return f"{rounded:.{digits}g}"
        return np.format_float_positional(rounded + 0.0, trim="-")


def share(label, base=None):
    """
    Make the property of a share, which is shown in per cent.

    Parameters
    ----------
    label : `str`
        What it is.
    base : `float`, optional
        Base of the logarithm that is measured.

    Returns
    -------
    Property
    """
    return Property(label, base, scale=100, unit="%", smallest=0, largest=100)


def properties_of(task):
    """
    Properties that a task shows in another way than they are measured.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Task`
        A task with a fingerprint. The module of the fingerprint lists them as ``PROPERTIES``, for each task.

    Returns
    -------
    `dict` of `str` to `Property`
    """
    module = modules[resolve(task.fingerprint).__module__]
    return getattr(module, "PROPERTIES", {}).get(task.name, {})
