"""Errors and warnings that name the image and point to the line of the user."""

import sys
import warnings
from contextlib import contextmanager
from contextvars import ContextVar

import astropy.units as u

from sunpy_restore.core.exceptions import RestoreWarning

__all__ = ["named_image", "prefixed", "shown", "text_of_numpy", "text_of_warning", "warn_user"]

_PACKAGE = __name__.partition(".")[0]
_LONGEST = 80  # characters of a value in an error
_IN_COMMENTARY = "commentary cards may only contain printable ASCII"  # astropy on HISTORY and COMMENT
_prefix = ContextVar("prefix", default="")


@contextmanager
def prefixed(prefix):
    """
    Begin errors and warnings with a text, such as the name of an image.

    Parameters
    ----------
    prefix : `str`
        The text; nothing changes if it is empty.
    """
    if not prefix:
        yield
        return
    token = _prefix.set(_prefix.get() + prefix)
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{prefix}{error}") from error
    finally:
        _prefix.reset(token)


def text_of_numpy(error):
    """
    Text of an error of `numpy.load`, whose advice to load files unsafely is not for users of the package.

    Parameters
    ----------
    error : `Exception`
        The error.

    Returns
    -------
    `str`
    """
    return "it contains no NumPy arrays, or Python objects" if "pickle" in str(error) else str(error)


def named_image(index, count):
    """
    Name an image of several in errors and warnings.

    Parameters
    ----------
    index : `int`
        Index of the image, from 0.
    count : `int`
        Number of images; if there is one only, it is not named.

    Returns
    -------
    context manager
    """
    return prefixed("" if count == 1 else f"Image {index + 1} of {count}: ")


def text_of_warning(message, category):
    """
    Text of a warning in a list of warnings.

    Parameters
    ----------
    message : `Warning` or `str`
        The warning.
    category : `type`
        Its class.

    Returns
    -------
    `str`
        It is empty for a part of astropy's report on a header that says nothing: the report is several warnings, of
        which the errors say what is wrong. Characters in ``HISTORY`` and ``COMMENT`` that the standard does not allow,
        such as the tabs in files of LASCO, change no value and are no error.
    """
    text = str(message).strip()
    if category.__name__ != "VerifyWarning":
        return text
    return f"FITS header: {text}" if "error:" in text and _IN_COMMENTARY not in text else ""


def shown(value):
    """
    A value that a user gave, on one line of an error.

    Parameters
    ----------
    value : object
        The value.

    Returns
    -------
    `str`
        Its ``repr``, or that of a quantity as it is printed; it ends in ``...`` if it is longer than 80 characters.

    Examples
    --------
    >>> from sunpy_restore.core.messages import shown
    >>> shown([1, "a"]), len(shown(list(range(100))))
    ("[1, 'a']", 80)
    """
    text = " ".join((str(value) if isinstance(value, u.Quantity) else repr(value)).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."


def warn_user(message):
    """
    Emit a `~sunpy_restore.core.exceptions.RestoreWarning` for the line that called the package.

    Parameters
    ----------
    message : `str`
        The warning.
    """
    # skip_file_prefixes of warnings.warn needs Python 3.12, and stops at libraries that call back into the package
    frame, level, caller = sys._getframe(), 1, 1
    while frame is not None:
        level += 1
        if frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
            caller = level
        frame = frame.f_back
    warnings.warn(_prefix.get() + message, RestoreWarning, stacklevel=caller)
