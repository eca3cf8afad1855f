"""Headers of Maps as FITS headers, and the differences: what a FITS header cannot hold."""

import re
import warnings
from collections.abc import Mapping

import numpy as np

from astropy.io import fits
from astropy.io.fits.verify import VerifyError, VerifyWarning
from astropy.io.misc import yaml

__all__ = ["IMAGE_KEYWORDS", "apply_differences", "differences", "fits_header", "from_text", "read_meta", "to_text"]

IMAGE_KEYWORDS = {
    "RSTNMASK": "number of masked pixels, see the extension MASK",
    "RSTNFILL": "number of filled pixels, see FILLED",
    "RSTUNC": "type of the uncertainty, see UNCERT",
}
"""Keywords in the header of an image that name its extensions, and their comments."""

# Astropy writes these to match the array in the file.
_STRUCTURE = re.compile(r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|GROUPS|EXTEND|BSCALE|BZERO|CHECKSUM|DATASUM")
_ONLY_IN_FILE = {key.lower() for key in (*IMAGE_KEYWORDS, "CHECKSUM", "DATASUM")}
_COMMENTARY = ("comment", "history", "")
_CARD_WIDTH, _VALUE_WIDTH = 80, 20  # characters


def fits_header(meta):
    """
    Make a FITS header, as far as FITS allows.

    Parameters
    ----------
    meta : mapping
        Header as a Map has it: ``history`` and ``comment`` are text of one or more lines, ``keycomments`` holds the
        comments of the other keys.

    Returns
    -------
    `~astropy.io.fits.Header`
        It lacks the keywords that describe the array in the file, such as ``BITPIX``, and values that FITS cannot
        hold, such as NaN. Keywords of more than 8 characters are HIERARCH cards. Characters other than printable ASCII
        are replaced by question marks.
    """
    header = fits.Header()
    add_line = {"history": header.add_history, "comment": header.add_comment, "": header.add_blank}
    comments = {str(key).upper(): comment for key, comment in meta.get("keycomments", {}).items()}
    with warnings.catch_warnings():
        # A comment that does not fit on its card is cut.
        warnings.simplefilter("ignore", VerifyWarning)
        for key, value in meta.items():
            if key.lower() in add_line:
                for line in str(value).splitlines():
                    add_line[key.lower()](_ascii(line))
            elif key.lower() != "keycomments" and not _STRUCTURE.fullmatch(key.upper()):
                card = _card(key.upper(), _plain(value), _ascii(comments.get(key.upper(), "")))
                if card is not None:
                    header.append(card, end=True)
    return header


def read_meta(header):
    """
    Read a FITS header as `sunpy.map.Map` does.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header of an image.

    Returns
    -------
    `dict`
        Header with keys in lower case, with ``comment``, ``history`` and ``keycomments``. It lacks the keywords that
        describe the file rather than the image: checksums and `IMAGE_KEYWORDS`.
    """
    meta, comments = {}, {}
    for card in header.cards:
        key = card.keyword.lower()
        if key in _COMMENTARY:
            meta[key] = f"{meta[key]}\n{card.value}" if key in meta else str(card.value)
        elif key not in _ONLY_IN_FILE:
            meta.setdefault(key, None if isinstance(card.value, fits.card.Undefined) else card.value)
            if card.comment:
                comments[card.keyword] = card.comment
    for key in ("comment", "history"):
        meta[key] = meta.get(key, "").strip()
    return {**meta, "keycomments": comments}


def differences(stored, meta):
    """
    What has to be changed in a header that was read from a file to get the original.

    Parameters
    ----------
    stored : `dict`
        Header as `read_meta` reads it from the file.
    meta : mapping
        The original.

    Returns
    -------
    `list` of `tuple` of `str`
        One row per difference: ``"value"``, ``"comment"`` or ``"order"`` of the keys; the keyword; what the file says;
        what the original says. The last two are YAML, or empty where there is nothing.

    Raises
    ------
    ValueError
        A value of ``meta`` is of a type that cannot be written.
    """
    before, after = _parts(stored), _parts(meta)
    rows = []
    for part in dict.fromkeys([*before, *after]):
        if part in before and part in after and _identical(before[part], after[part]):
            continue
        texts = (to_text(side[part], f"header value {part[1]!r}") if part in side else "" for side in (before, after))
        rows.append((*part, *texts))
    return rows


def apply_differences(rows, stored):
    """
    Restore the original header.

    Parameters
    ----------
    rows : iterable of `tuple` of `str`
        Result of `differences`.
    stored : `dict`
        Header as `read_meta` reads it from the file. Where it was edited after the file was written, the edit is kept.

    Returns
    -------
    `dict`
    """
    parts = _parts(stored)
    for kind, keyword, before, after in rows:
        part = (kind, keyword)
        if (to_text(parts[part]) if part in parts else "") != before:
            continue
        if after:
            parts[part] = from_text(after)
        else:
            del parts[part]
    order = parts.pop(("order", ""))
    values = {keyword: value for (kind, keyword), value in parts.items() if kind == "value"}
    if "keycomments" in order:
        values["keycomments"] = {keyword: text for (kind, keyword), text in parts.items() if kind == "comment"}
    return {key: values[key] for key in dict.fromkeys([*order, *values]) if key in values}


def to_text(value, name="value"):
    """
    Write a value as one line of YAML, which keeps all digits.

    Parameters
    ----------
    value : object
        Number, text, `None`, array, `~astropy.units.Quantity`, `~astropy.time.Time`, or containers of these.
    name : `str`
        What it is, for the error message.

    Returns
    -------
    `str`

    Raises
    ------
    ValueError
        The value is of another type.
    """
    try:
        plain = _plain(value)
        text = yaml.dump(plain, default_flow_style=True, sort_keys=False, width=float("inf")).strip()
        if "python/complex" in text and repr(from_text(text)) != repr(plain):
            raise ValueError("astropy writes complex numbers with zeros or NaN in a way that it does not read")
    # YAML errors, and those of the classes that it asks for their content
    except Exception as error:
        raise ValueError(
            f"The {name} is of the type {type(value).__name__}, which cannot be saved. Remove it, or convert it to "
            "numbers, text, arrays, Quantity or Time."
        ) from error
    return text


def from_text(text):
    """
    Read the result of `to_text`.

    Parameters
    ----------
    text : `str`
        Its result.

    Returns
    -------
    object
        The value.
    """
    return yaml.load(text)


def _card(name, value, comment):
    """A card that reads without errors, or `None`."""
    if len(name) > 8 or not re.fullmatch(r"[A-Z0-9_-]+", name):
        name = f"HIERARCH {name}"
    if isinstance(value, str):
        value = _ascii(value)
    try:
        card = fits.Card(name, value, comment)
        # Astropy cuts numbers to 20 characters, although FITS allows more.
        if isinstance(value, float) and len(repr(value)) > _VALUE_WIDTH:
            text = f"{name:<8}= {repr(value).upper()}"
            with_comment = f"{text} / {comment}"
            card = fits.Card.fromstring(with_comment if comment and len(with_comment) <= _CARD_WIDTH else text)
        card = fits.Card.fromstring(str(card))
        card.verify("exception")
        _ = card.value, card.comment
    except (ValueError, VerifyError):
        return None
    return card


def _ascii(text):
    return re.sub(r"[^ -~]", "?", str(text))


def _plain(value):
    """The value in Python's own types, as far as it has any."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value
    if isinstance(value, fits.header._HeaderCommentaryCards):
        return str(value)
    return None if isinstance(value, fits.card.Undefined) else value


def _parts(meta):
    """All that can differ between two headers, by kind and keyword."""
    parts = {("order", ""): list(meta)}
    for key, value in meta.items():
        if key == "keycomments":
            parts |= {("comment", keyword): comment for keyword, comment in value.items()}
        else:
            # Commentary cards of an astropy header become text.
            parts["value", key] = str(value) if key in _COMMENTARY else _plain(value)
    return parts


def _identical(first, second):
    """Whether two values have the same type and value; NaN is identical to NaN, and -0.0 is not to 0.0."""
    if type(first) is not type(second):
        return False
    if isinstance(first, (bool, int, str)) or first is None:
        return first == second
    return repr(first) == repr(second) if isinstance(first, float) else to_text(first) == to_text(second)
