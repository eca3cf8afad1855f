"""TOML files beside images: what a header does not tell, and how it is checked."""

import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from numbers import Real

import numpy as np

from sunpy.time import parse_time

__all__ = ["read_notes"]

_COMPRESSED = re.compile(r"\.[gf]z$")


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool) and np.isfinite(value)


def _is_positive(value):
    return _is_number(value) and value > 0


def _is_text(value):
    return isinstance(value, str)


def _in_utc(value):
    """A time with an offset from UTC as one in UTC without it, as the FITS standard has it."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def _is_time(value):
    try:
        parse_time(str(value))
    except (TypeError, ValueError):
        return False
    return isinstance(value, (str, date))


def _is_header(value):
    return isinstance(value, Mapping) and all(isinstance(item, (str, Real)) for item in value.values())


_KEYS = {
    "pixel_scale": (_is_positive, "a number, in arcsec"),
    "pixel_km": (_is_positive, "a number, in km on the Sun"),
    "unit": (_is_text, "a text, the unit of the image"),
    "factor": (lambda value: _is_number(value) and value != 0, "a number, by which the values are multiplied"),
    "time": (_is_time, "the time of the observation in UTC, such as 2014-10-26T12:48:05"),
    "cadence": (_is_positive, "a number, the seconds between the images of a series"),
    "instrument": (_is_text, "a text"),
    "telescope": (_is_text, "a text"),
    "content": (_is_text, "a text, as CONTENT in the header"),
    "wavelength": (_is_positive, "a number, in nm"),
    "trim": (lambda value: _is_number(value) and value == int(value) >= 0, "an integer, the pixels along each edge"),
    "licence": (_is_text, "a text"),
    "credit": (_is_text, "a text"),
    "header": (_is_header, "a table of FITS keywords with texts and numbers"),
}
"""For each key of a TOML file whether a value is valid, and what is expected."""


def read_notes(path):
    """
    Read the TOML file beside an image.

    Parameters
    ----------
    path : `pathlib.Path`
        The image; the TOML file has the same name with ``.toml`` in place of its last ending, or of both in
        ``.fits.gz`` and ``.fits.fz``.

    Returns
    -------
    `dict`
        Its keys are some of ``pixel_scale`` (arcsec) or ``pixel_km``, ``unit``, ``factor``, ``time``, ``cadence``
        (seconds), ``instrument``, ``telescope``, ``content``, ``wavelength`` (nm), ``trim`` (pixels), ``licence``,
        ``credit``, and ``header``, a table of FITS keywords. Empty if there is no such file.

    Raises
    ------
    ValueError
        It is no TOML file, or has other keys or invalid values; or there are two for one image, with different content.
    """
    stems = dict.fromkeys((path.with_suffix("").name, _COMPRESSED.sub("", path.name).rpartition(".")[0]))
    names = [f"{stem}.toml" for stem in stems if stem and (path.parent / f"{stem}.toml").is_file()]
    found = [_read_toml(path.parent / name) for name in names]
    if any(notes != found[0] for notes in found):
        raise ValueError(f"Found different content in {' and '.join(names)}; expected one of these files for an image.")
    return found[0] if found else {}


def _read_toml(path):
    try:
        notes = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name} is not TOML ({error}).") from error
    if unknown := notes.keys() - _KEYS.keys():
        raise ValueError(f"Found {min(unknown)!r} in {path.name}; expected some of {', '.join(_KEYS)}.")
    if "time" in notes:
        notes["time"] = _in_utc(notes["time"])
    for key, value in notes.items():
        valid, expected = _KEYS[key]
        if not valid(value):
            raise ValueError(f"Found {key} = {value!r} in {path.name}; expected {expected}.")
    return notes
