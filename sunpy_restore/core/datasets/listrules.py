"""Which keys and values a list of training images may have."""

from collections.abc import Mapping
from datetime import date
from numbers import Integral, Real
from pathlib import Path

from sunpy_restore.core.datasets.splits import SPLITS

__all__ = ["check_list", "positive"]


def _text(value):
    return isinstance(value, str)


def positive(value):
    """Whether an option is a positive finite number."""
    return isinstance(value, Real) and not isinstance(value, bool) and 0 < value < float("inf")


def _is_range(value, lengths=(2,)):
    whole = isinstance(value, list) and all(isinstance(n, Integral) and not isinstance(n, bool) for n in value)
    return whole and len(value) in lengths and 0 <= value[0] < value[1] and all(n > 0 for n in value[2:])


def _relative(value):
    return _text(value) and value and not Path(value).is_absolute() and ".." not in Path(value).parts


def _list_of(holds):
    return lambda value: isinstance(value, list) and value and all(map(holds, value))


_RULES = {
    "name": (lambda value: _text(value) and value, "a text"),
    "split": (lambda value: value in SPLITS, f"one of {', '.join(SPLITS)}"),
    "files": (_list_of(_relative), "a list of paths or patterns below the folder of the data"),
    "rows": (_is_range, "the first row and the one after the last"),
    "columns": (_is_range, "the first column and the one after the last"),
    "frames": (lambda value: _is_range(value, (2, 3)), "the first frame, the one after the last, and perhaps a step"),
    "times": (
        _list_of(lambda value: isinstance(value, date) and getattr(value, "tzinfo", None) is None),
        "a list of dates, or of times in UTC without an offset",
    ),
    "cadence": (positive, "seconds between two frames"),
    "trim": (lambda value: isinstance(value, Integral) and not isinstance(value, bool) and value >= 0, "pixels"),
    "unit": (_text, "a text"),
    "pixel_scale": (positive, "arcsec"),
    "pixel_km": (positive, "km on the Sun"),
    "weight": (positive, "a positive number"),
    "licence": (_text, "a text"),
    "credit": (_text, "a text"),
    "options": (lambda value: isinstance(value, Mapping), "a table"),
}
"""For each key of an entry whether a value is valid, and what is expected."""

_TOP = {
    "description": (_text, "a text"),
    "gap": (positive, "hours"),
    "source": (_list_of(lambda value: isinstance(value, Mapping)), "one table [[source]] for each entry"),
    "sha256": (lambda value: isinstance(value, Mapping) and all(map(_text, value.values())), "a table of hashes"),
}


def check_list(content, path, options=None, unused=()):
    """
    Check the keys and values of a list.

    Parameters
    ----------
    content : mapping
        The content of the TOML file.
    path : path-like
        The file, which errors name.
    options, unused
        See `~sunpy_restore.core.datasets.imagelist.read_list`.

    Raises
    ------
    ValueError
        The list has an unknown key or an invalid value, or lacks a key or a split.
    """
    _check_keys(content, _TOP, path, ["source"])
    for entry in content["source"]:
        _check_keys(entry, _RULES, path, ["name", "split", "files"])
        if options is not None:
            _check_keys(entry.get("options", {}), options, path, [], f" of {entry['name']!r}", "options.")
    for entry in content["source"]:
        if key := next((key for key in unused if key in entry), None):
            raise ValueError(
                f"Found {key} of {entry['name']!r} in {path}; expected none, because the recipe does not use it."
            )
    for split in SPLITS:
        if not any(entry["split"] == split for entry in content["source"]):
            raise ValueError(f"Found no entry with split = {split!r} in {path}; expected at least one.")


def _check_keys(values, rules, path, needed, where=None, table=""):
    where = (f" of {values['name']!r}" if "name" in values else "") if where is None else where
    for key, value in values.items():
        if key not in rules:
            known = ", ".join(rules) or "none"
            raise ValueError(f"Unknown key {table + key!r}{where} in {path}; expected one of {known}.")
        holds, expected = rules[key]
        if not holds(value):
            raise ValueError(f"Found {table}{key} = {value!r}{where} in {path}; expected {expected}.")
    if missing := [key for key in needed if key not in values]:
        raise ValueError(f"Found no {', '.join(missing)}{where} in {path}; expected a value for each.")
