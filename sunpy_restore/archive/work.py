"""The work on one image of an archive, on whatever machine."""

import traceback
import warnings
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sunpy_restore.archive.sources import local_file
from sunpy_restore.core.messages import text_of_warning
from sunpy_restore.core.system.cluster import device_of_worker

__all__ = ["Outcome", "Work", "restored_from", "text_of"]


class Outcome(NamedTuple):
    """
    What became of a frame.

    Parameters
    ----------
    frame : `~sunpy_restore.archive.ledger.Frame`
        The frame.
    error : `str` or `None`
        Why it failed.
    trace : `str` or `None`
        Where.
    warnings : `tuple` of `str`
        Warnings.
    """

    frame: Any
    error: str | None = None
    trace: str | None = None
    warnings: tuple = ()


@dataclass(frozen=True)
class Work:
    """
    Restores frames and writes the results.

    Parameters
    ----------
    function : reference
        The function, see `~sunpy_restore.core.task.resolve`.
    sink : `~sunpy_restore.archive.sinks.FitsFolder` or `~sunpy_restore.archive.zarrstore.ZarrStore`
        Where results go.
    on_device : `bool`
        Whether the function has the keyword ``device``.
    options : `dict`
        Keywords of the function.
    """

    function: Any
    sink: Any
    on_device: bool = False
    options: dict = field(default_factory=dict)

    def __call__(self, frame):
        """
        Restore a frame; whatever is wrong with it, others can be restored.

        Parameters
        ----------
        frame : `~sunpy_restore.archive.ledger.Frame`
            The frame.

        Returns
        -------
        `Outcome`
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            error = trace = None
            try:
                # A worker may have done it whose scheduler was lost
                if not self.sink.holds(frame):
                    self._restore(frame)
            # Damaged files fail in many ways
            except Exception as problem:  # noqa: BLE001
                error, trace = text_of(problem), traceback.format_exc()
        texts = dict.fromkeys(
            text_of_warning(one.message, one.category) for one in caught if issubclass(one.category, UserWarning)
        )
        return Outcome(frame, error, trace, tuple(filter(None, texts)))

    def _restore(self, frame):
        options = dict(self.options)
        device = device_of_worker() if self.on_device and options.get("device") is None else None
        if device is not None:
            options["device"] = device
        self.sink.write(restored_from(frame.source, self.function, options), frame)


def restored_from(name, function, options):
    """
    Restore the image in a file.

    Parameters
    ----------
    name : `str`
        Path, or URL of ``fsspec``.
    function : reference
        The function.
    options : `dict`
        Its keywords.

    Returns
    -------
    `~sunpy.map.GenericMap`
    """
    from sunpy_restore.core.fits.inputs import read_map
    from sunpy_restore.core.task import resolve

    with local_file(name) as path:
        return resolve(function)(read_map(path), **options)


def text_of(error):
    """
    Text of an error in a list of errors.

    Parameters
    ----------
    error : `Exception`
        The error.

    Returns
    -------
    `str`
        Errors that a user cannot be expected to know begin with their type.
    """
    expected = isinstance(error, MemoryError | OSError | RuntimeError | TypeError | ValueError)
    return str(error) if expected else f"{type(error).__name__}: {error} (--debug shows where)"
