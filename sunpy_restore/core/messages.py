"""Errors and warnings that name the image and point to the line of the user."""

import sys
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from sunpy_restore.core.exceptions import RestoreWarning

__all__ = ["named_image", "warn_user"]

_PACKAGE = str(Path(__file__).parents[1])
_image = ContextVar("image", default="")


@contextmanager
def named_image(index, count):
    """
    Name an image of several in errors and warnings.

    Parameters
    ----------
    index : `int`
        Index of the image, from 0.
    count : `int`
        Number of images; if there is one only, it is not named.
    """
    if count == 1:
        yield
        return
    name = f"Image {index + 1} of {count}: "
    token = _image.set(name)
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}{error}") from error
    finally:
        _image.reset(token)


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
    warnings.warn(_image.get() + message, RestoreWarning, stacklevel=level - 1)
