"""The command ``sunpy-restore``. What a subcommand needs is imported when it runs."""

import importlib
import os
import signal
import sys
import threading
import warnings
from contextlib import contextmanager
from functools import partial

from sunpy_restore.cli.parser import build_parser
from sunpy_restore.cli.wording import complain as complain_with

__all__ = ["main"]

_CLOSED_PIPE = 141  # as of programs that end by SIGPIPE, which not all systems have

_EXTRA = {"lightning", "pytorch_lightning", "tensorboard", "tensorboardX", "torchmetrics"}
_EXTRA |= {"onnx", "onnxruntime", "onnxscript"}
_APP = {"bokeh", "panel", "tornado"}


def main(argv=None):
    """
    Run a command.

    Parameters
    ----------
    argv : `list` of `str`, optional
        The arguments; by default those of the process.

    Returns
    -------
    `int`
        Exit code: 0; 1 after an error or if a check is flagged; 141 if the reader of the output has closed the pipe;
        130 and 143 after an interruption.
    """
    try:
        try:
            return _main(argv)
        finally:
            # At exit, a closed pipe would be an error
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        # The reader has closed the pipe; nothing is left to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _CLOSED_PIPE


def _main(argv):
    args = build_parser().parse_args(argv)
    complain = partial(complain_with, options=args.options)
    if args.command != "weights":
        # It replaces warnings.showwarning when it is imported
        importlib.import_module("sunpy")
    with warnings.catch_warnings():
        warnings.showwarning = partial(_show, complain)
        try:
            with _cleaning_up():
                return _run(args, complain)
        except _Terminated as error:
            return complain(_ended("terminated", error), code=128 + signal.SIGTERM)
        except KeyboardInterrupt as error:
            return complain(_ended("interrupted", error), code=130)


def _ended(how, error):
    """How the command ended, and how it can be continued if the error tells."""
    return f"{how}; {error}" if str(error) else how


def _show(complain, message, category, *_, **__):
    """Print a warning."""
    from sunpy_restore.core.messages import text_of_warning

    if text := text_of_warning(message, category):
        complain(text, kind="warning")


class _Terminated(KeyboardInterrupt):
    """The process was asked to end."""


@contextmanager
def _cleaning_up():
    """End as after Ctrl-C when a batch system ends the process, so that temporary files are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(*_):
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(args, complain):
    """Run the command; errors that a user can correct are reported in one line."""
    try:
        return args.run(args) or 0
    except BrokenPipeError:
        raise
    except ModuleNotFoundError as error:
        # Lightning names no module if that of a logger is missing
        if error.name in ("h5py", "distributed", "zarr") and not args.debug:
            return complain(error)
        module = None if error.name is None else error.name.partition(".")[0]
        if args.debug or (module is not None and module not in _EXTRA | _APP):
            raise
        if module in _APP:
            return complain(f'{args.command} needs more packages ({error}). Run: pip install "sunpy_restore[app]"')
        return complain(f'{args.command} needs more packages ({error}). Run: pip install "sunpy_restore[train]"')
    except (MemoryError, OSError, RuntimeError, TypeError, ValueError) as error:
        if args.debug:
            raise
        return complain(error)
