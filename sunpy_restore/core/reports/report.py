"""Records of the checks of a restored image."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

__all__ = ["Check", "Comparison", "Report", "check_maker"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """
    One property of a restored image, with the range in which it is expected.

    Parameters
    ----------
    name : `str`
        What is checked.
    value : `float`
        Measured value; NaN if it could not be measured, which fails.
    low, high : `float`
        Limits. Values within them, or equal to one of them, pass.
    unit : `str`
        Unit of the value and the limits; empty for counts and ratios.
    meaning : `str`
        One sentence: what the value says about the image.
    not_checked : `str`
        Why the check could not be made, which neither passes nor is flagged; empty if it was made.
    of_values : `bool`
        Whether it tests the restored values; False for counts of pixels and for properties of the observation.

    Examples
    --------
    >>> from sunpy_restore.core.reports.report import Check
    >>> check = Check(name="Mean", value=1.2, low=-0.5, high=0.5, unit="%", meaning="Change of the mean.")
    >>> check.passed, check.limit
    (False, '-0.5 to 0.5')
    """

    name: str
    value: float = np.nan
    low: float = -np.inf
    high: float = np.inf
    unit: str = ""
    meaning: str = ""
    not_checked: str = ""
    of_values: bool = True

    @property
    def passed(self):
        """Whether the check was made and the value is within its limits."""
        return not self.not_checked and bool(self.low <= self.value <= self.high)

    @property
    def verdict(self):
        """One of ``"pass"``, ``"flag"`` and ``"not checked"``."""
        if self.not_checked:
            return "not checked"
        return "pass" if self.passed else "flag"

    @property
    def shown(self):
        """The value with its unit as text."""
        return f"{self.value:.{self._digits}g} {self.unit}".strip()

    @property
    def _digits(self):
        """Significant digits of the texts, as many as show whether the value is within its limits."""
        for digits in range(3, 17):
            low, value, high = (float(f"{number:.{digits}g}") for number in (self.low, self.value, self.high))
            if (low <= value <= high) == self.passed:
                return digits
        return 17

    @property
    def outcome(self):
        """The value and its limits as text, or why the check could not be made."""
        return f"not checked: {self.not_checked}" if self.not_checked else f"{self.shown} (expected {self.limit})"

    @property
    def limit(self):
        """The limits as text."""
        low, high = (f"{number:.{self._digits}g}" for number in (self.low, self.high))
        if self.low == self.high:
            return low
        if not np.isfinite(self.low):
            return f"at most {high}"
        return f"{low} to {high}" if np.isfinite(self.high) else f"at least {low}"


def check_maker(meanings):
    """
    Return a function that makes the checks of a task, whose meanings are in a table.

    Parameters
    ----------
    meanings : mapping of `str` to `str`
        Name of a check to its meaning. Checks of several features share one: ``"Residual, limb"`` has that of
        ``"Residual"`` unless it has its own.

    Returns
    -------
    callable
        ``make(name, value=None, *, reason="", **fields)`` returns a `Check` with this value and the other fields of
        `Check`; without a value, it was not made for this ``reason``.

    Examples
    --------
    >>> from sunpy_restore.core.reports.report import check_maker
    >>> make = check_maker({"Mean": "Change of the mean."})
    >>> make("Mean", 1.2, high=0.5, unit="%").outcome
    '1.2 % (expected at most 0.5)'
    >>> make("Mean", reason="all pixels are masked").outcome
    'not checked: all pixels are masked'
    """

    def make(name, value=None, *, reason="", **fields):
        meaning = meanings.get(name) or meanings[name.partition(",")[0]]
        if value is None:
            return Check(name=name, not_checked=reason, meaning=meaning)
        return Check(name=name, value=float(value), meaning=meaning, **fields)

    return make


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """
    What the checks of a task compare.

    Parameters
    ----------
    observation : `~sunpy_restore.core.restoration.observation.Observation`
        The observation in the original Map.
    restored : `numpy.ndarray`
        Restored image, shape ``(scale * ny, scale * nx)``, in floating point.
    unit : `~astropy.units.Unit` or `None`
        Unit of the restored image.
    filled : `numpy.ndarray` of `bool`
        True where the restored image was filled, in its shape.
    meta : mapping
        Header of the restored Map.
    """

    observation: Any
    restored: np.ndarray
    unit: Any
    filled: np.ndarray
    meta: Any


@dataclass(frozen=True, kw_only=True)
class Report:
    """
    Checks of a restored image against its original.

    A report is a sequence of `Check`; ``report["name"]`` finds one by its name. It prints as a table, in a notebook
    with colours.

    Parameters
    ----------
    task, method : `str`
        What restored the image, from its header.
    checks : `tuple` of `Check`
        The checks.
    restored, original : `~sunpy.map.GenericMap`
        The Maps.
    """

    task: str
    method: str
    checks: tuple[Check, ...]
    restored: Any = field(repr=False, compare=False)
    original: Any = field(repr=False, compare=False)

    @property
    def passed(self):
        """
        Whether all checks that could be made passed.

        It is False as well if none of the checks of the restored values could be made.
        """
        is_tested = not self.not_checked or any(check.of_values and check.passed for check in self.checks)
        return is_tested and not self.flagged

    @property
    def flagged(self):
        """The checks that did not pass, as a `tuple`, without those that could not be made."""
        return tuple(check for check in self.checks if check.verdict == "flag")

    @property
    def not_checked(self):
        """The checks that could not be made, as a `tuple`; their ``not_checked`` says why."""
        return tuple(check for check in self.checks if check.not_checked)

    def __iter__(self):
        return iter(self.checks)

    def __len__(self):
        return len(self.checks)

    def __getitem__(self, key):
        if isinstance(key, str):
            found = {check.name: check for check in self.checks}
            if key not in found:
                raise KeyError(f"Unknown check {key!r}; expected one of {', '.join(found)}.")
            return found[key]
        return self.checks[key]

    def __str__(self):
        names = max(len(check.name) for check in self.checks)
        lines = [self.title]
        for check in self.checks:
            verdict = {"pass": "pass", "flag": "FLAG", "not checked": "----"}[check.verdict]
            lines.append(f"  {verdict}  {check.name:<{names}}  {check.outcome}")
            lines.append(f"        {check.meaning}")
        return "\n".join(lines)

    @property
    def title(self):
        """One line: the task, the method and how many checks passed."""
        passed = sum(check.passed for check in self.checks)
        made = len(self.checks) - len(self.not_checked)
        missing = f", {len(self.not_checked)} not checked" if self.not_checked else ""
        return f"{self.task}, method {self.method}: {passed} of {made} checks passed{missing}"

    def to_table(self):
        """
        Make a table of the checks.

        Returns
        -------
        `~astropy.table.QTable`
            Columns ``check``, ``value``, ``low``, ``high``, ``unit``, ``passed``, ``meaning`` and ``not_checked``; one
            row per check. An infinite limit is none. ``meta`` holds the task and the method.
        """
        from astropy.table import QTable

        names = ("name", "value", "low", "high", "unit", "passed", "meaning", "not_checked")
        columns = {name: [getattr(check, name) for check in self.checks] for name in names}
        columns = {"check": columns.pop("name"), **columns}
        return QTable(columns, meta={"task": self.task, "method": self.method})

    def as_dict(self):
        """
        Describe the report by texts, numbers and `None`, as for JSON.

        Returns
        -------
        `dict`
            Keys ``task``, ``method``, ``passed`` and ``checks``. Numbers that are not finite are `None`.
        """
        checks = [
            {key: _finite(value) for key, value in asdict(check).items()} | {"passed": check.passed}
            for check in self.checks
        ]
        return {"task": self.task, "method": self.method, "passed": self.passed, "checks": checks}

    def _repr_html_(self):
        from sunpy_restore.core.reports.reportview import as_html

        return as_html(self)

    def plot(self, figure=None):
        """
        Draw the original, the restored image and the checks.

        Parameters
        ----------
        figure : `~matplotlib.figure.Figure`, optional
            An empty figure; by default a new one of `matplotlib.pyplot`.

        Returns
        -------
        `~matplotlib.figure.Figure`
        """
        from sunpy_restore.core.reports.reportview import draw

        return draw(self, figure)


def _finite(value):
    return None if isinstance(value, float) and not np.isfinite(value) else value
