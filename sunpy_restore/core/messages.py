"""Errors and warnings that name the image and point to the line of the user."""

import sys
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from sunpy_restore.core.exceptions import RestoreWarning

__all__ = ["named_image", "prefixed", "warn_user"]

_PACKAGE = str(Path(__file__).parents[1])
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


def warn_user(message):
    """
    Emit a `~sunpy_restore.core.exceptions.RestoreWarning` for the first line outside of the package that led here.

    Parameters
    ----------
    message : `str`
        The warning.
    """
    # skip_file_prefixes of warnings.warn needs Python 3.12
    frame, level = sys._getframe(1), 2
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(_prefix.get() + message, RestoreWarning, stacklevel=level)
