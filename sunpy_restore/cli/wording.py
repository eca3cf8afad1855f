"""Messages of the package in the words of the command line: options in the place of keywords."""

import ast
import re
import sys

from sunpy_restore import tasks

__all__ = ["PROGRAM", "complain", "in_shell"]

PROGRAM = "sunpy-restore"
"""Name of the command."""

_VALUE = (
    r"'[^']*'|\"[^\"]*\"|\([^()]*\)|\[[^\[\]]*\]|"
    r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?|~?[A-Za-z_](?:[\w.]*\w)?(?:\([^()]*\))?"
)
"""What may follow ``keyword=``: text, a tuple, a list, a number or an expression."""
_START, _END = r"(?<![\w.\-'\"`/])", r"(?![\w=('\"`/]|\.\w)"


def in_shell(message, options, functions=()):
    """
    Name the options of a command in a message that names keywords of functions.

    Parameters
    ----------
    message : `str`
        Message of an error or a warning, such as ``"Pass mask= with True in the pixels to fill."``
    options : mapping
        Keyword to the action of ``argparse`` that reads it.
    functions : iterable of `str`
        Functions whose names are also those of commands.

    Returns
    -------
    `str`
        For example ``"Pass --mask FILE with True in the pixels to fill."``

    Examples
    --------
    >>> import argparse
    >>> from sunpy_restore.cli.wording import in_shell
    >>> method = argparse.ArgumentParser().add_argument("--method")
    >>> in_shell("Use method='clean'.", {"method": method})
    "Use --method 'clean'."
    """
    message = re.sub(
        rf"{_START}({_any(options)})=({_VALUE})?", lambda match: _with_value(options[match[1]], match[2]), message
    )
    # Words with an underscore are no words of the text; the option of another name would not be found by the keyword
    names = [name for name, action in options.items() if "_" in name or name != action.dest]
    message = re.sub(rf"{_START}({_any(names)}){_END}", lambda match: _long(options[match[1]]), message)
    for name in functions:
        message = re.sub(rf"\b{re.escape(name)}\(\)", name.replace("_", "-"), message)
    return message


def complain(message, *, kind="error", code=1, options=()):
    """
    Print an error or a warning in one line.

    Parameters
    ----------
    message : `str` or `Exception`
        What is wrong.
    kind : `str`
        ``"error"``, ``"warning"`` or ``"note"``.
    code : `int`
        Exit code.
    options : mapping
        See `in_shell`.

    Returns
    -------
    `int`
        The exit code.
    """
    text = in_shell(" ".join(str(message).split()), dict(options), [function.name for function in tasks.FUNCTIONS])
    print(f"{PROGRAM}: {kind}: {text}", file=sys.stderr)
    return code


def _any(names):
    """Pattern of one of several names; of none if there are none."""
    return "|".join(sorted(map(re.escape, names), key=len, reverse=True)) or r"(?!)"


def _long(action):
    """The last long spelling of an option, which has hyphens if there are several."""
    return [text for text in action.option_strings if text.startswith("--")][-1]


def _with_value(action, value):
    option = _long(action)
    if action.nargs == 0:
        return option
    unknown = f"{option} {action.metavar}" if action.metavar else option
    if value is None:
        return unknown
    try:
        read = ast.literal_eval(value)
    except (SyntaxError, ValueError):
        # A word such as nan, or an expression that a shell does not have
        return f"{option} {value}" if value.isidentifier() else unknown
    if isinstance(read, list | tuple):
        return f"{option} {(' ' if action.nargs else ',').join(map(str, read))}"
    return f"{option} {value}"
