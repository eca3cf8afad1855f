"""Queries for images in archives, from a text to attributes of sunpy's search."""

import functools
import operator
import shlex

import astropy.units as u

from sunpy.time import parse_time

__all__ = ["REGISTER", "attributes", "parse_query", "windows"]

_COMMON = ("instrument", "time", "sample", "archive")
_JSOC = ("series", "notify")
_ARCHIVES = ("vso", "jsoc")
_EXAMPLES = {
    "time": "START/END, such as time=2014-10-26T10:00/2014-10-26T12:00",
    "wavelength": "it in angstrom, such as wavelength=193 or wavelength=171,193",
    "detector": "one, such as detector=C2",
}

REGISTER = "http://jsoc.stanford.edu/ajax/register_email.html"
"""Where users register their e-mail address at JSOC."""


def parse_query(text, archive):
    """
    Read a query.

    Parameters
    ----------
    text : `str`
        ``key=value``, several of them with spaces between them. Keys are ``time`` (``START/END``), ``sample`` (time
        between images, such as ``1h``), ``instrument``, ``archive`` (``vso`` or ``jsoc``), for JSOC ``notify`` (a
        registered e-mail address) and ``series``, and those of the task.
    archive : `~sunpy_restore.core.datasets.archive.Archive`
        What archives have for the task.

    Returns
    -------
    `dict`
        Key to text; it has an ``archive``.

    Raises
    ------
    ValueError
        The query has an unknown key, or lacks one; or a value is not one that the task can use.
    """
    known = [*_COMMON, *archive.keys, *(_JSOC if archive.series else ())]
    values = {}
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"The query {text!r} cannot be read ({error}); expected KEY=VALUE KEY=VALUE.") from error
    for word in words:
        key, equals, value = word.partition("=")
        if not (key and equals and value):
            raise ValueError(f"Found {word!r} in the query {text!r}; expected KEY=VALUE, such as sample=1h.")
        if key not in known:
            raise ValueError(f"Unknown key {key!r} in the query {text!r}; expected some of {', '.join(known)}.")
        if key in values:
            raise ValueError(f"Found {key} twice in the query {text!r}; expected one value, or several with commas.")
        values[key] = value
    for key in ("time", *archive.needed):
        if key not in values:
            raise ValueError(f"Found no {key} in the query {text!r}; expected {_EXAMPLES[key]}.")
    if values.get("instrument", archive.instrument).upper() != archive.instrument.upper():
        raise ValueError(f"Found instrument={values['instrument']} in the query; expected {archive.instrument}.")
    values["archive"] = values.get("archive", "vso").lower()
    _check_archive(values, text, archive)
    _times(values["time"])
    return values


def _check_archive(values, text, archive):
    possible = _ARCHIVES if archive.series else _ARCHIVES[:1]
    if values["archive"] not in possible:
        raise ValueError(f"Found archive={values['archive']} in the query; expected {' or '.join(possible)}.")
    if values["archive"] == "jsoc":
        if "@" not in values.get("notify", ""):
            found = f"notify={values['notify']}" if "notify" in values else "no notify"
            raise ValueError(
                f"Found {found} in the query {text!r}; expected an e-mail address that is registered at JSOC, such as "
                f"notify=me@example.org. Register it at {REGISTER}, or use archive=vso."
            )
        return
    for key in _JSOC:
        if key in values:
            raise ValueError(f"Found {key} in the query {text!r}; expected it with archive=jsoc only.")


def attributes(values, archive):
    """
    Attributes of a query for the search of sunpy.

    Parameters
    ----------
    values : mapping
        See `parse_query`.
    archive : `~sunpy_restore.core.datasets.archive.Archive`
        What archives have for the task.

    Returns
    -------
    `list` of `sunpy.net.attr.Attr`

    Raises
    ------
    ValueError
        A value cannot be read.
    """
    from sunpy.net import attrs as a

    result = [a.Time(*_times(values["time"]))]
    if values["archive"] == "jsoc":
        result.append(a.jsoc.Series(values.get("series", archive.series)))
        result.append(a.jsoc.Segment(archive.segment))
        result.append(a.jsoc.Notify(values["notify"]))
    else:
        result.append(a.Instrument(archive.instrument))
        result += [getattr(a, name)(value) for name, value in archive.vso.items()]
    if "sample" in values:
        result.append(a.Sample(_quantity("sample", values["sample"], u.s)))
    if "wavelength" in values:
        result.append(_any(_wavelength(a, text) for text in values["wavelength"].split(",")))
    if "detector" in values:
        result.append(_any(a.Detector(text.upper()) for text in values["detector"].split(",")))
    if "level" in values:
        result.append(a.Level(values["level"]))
    return result


def _any(attributes):
    return functools.reduce(operator.or_, attributes)


def windows(values, count, files):
    """
    Split a query by time, for archives that deliver a query as a whole.

    Parameters
    ----------
    values : mapping
        See `parse_query`.
    count : `int`
        Number of files that the query finds.
    files : `int`
        About the number of files for each part.

    Yields
    ------
    `dict`
        The query with another ``time``. With ``sample``, the parts begin at multiples of it.
    """
    start, end = _times(values["time"])
    step = _quantity("sample", values["sample"], u.s) if "sample" in values else (end - start).to(u.s) / count
    length, first = step * files, start
    while first < end:
        # Both ends belong to the part; times of records are whole seconds
        last = min(first + length - 1 * u.s, end)
        yield values | {"time": f"{first.isot}/{last.isot}"}
        first = first + length


def _times(text):
    start, slash, end = text.partition("/")
    try:
        times = [parse_time(start.strip()), parse_time(end.strip())] if slash else []
    except ValueError as error:
        raise ValueError(f"Found time={text} in the query ({error}); expected {_EXAMPLES['time']}.") from error
    if not times or not times[0] < times[1]:
        raise ValueError(f"Found time={text} in the query; expected {_EXAMPLES['time']}, with the earlier one first.")
    return times


def _wavelength(a, text):
    # Archives compare wavelengths without a tolerance, which the conversion of units would need
    return a.Wavelength(_quantity("wavelength", text, u.AA, default=u.AA).round(6))


def _quantity(key, text, unit, default=None):
    try:
        value = u.Quantity(text)
        if default is not None and value.unit == u.dimensionless_unscaled:
            value = value.value * default
        value = value.to(unit)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Found {key}={text} in the query ({error}); expected it in {unit}.") from error
    if not value > 0:
        raise ValueError(f"Found {key}={text} in the query; expected a positive value in {unit}.")
    return value
