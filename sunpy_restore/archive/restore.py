"""The function `sunpy_restore.restore_archive`."""

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sunpy_restore import tasks
from sunpy_restore.archive.identity import digest, settings_of
from sunpy_restore.archive.ledger import Ledger, read_ledger
from sunpy_restore.archive.options import check_options, without_defaults
from sunpy_restore.archive.sinks import sink_of
from sunpy_restore.archive.sources import sources_of
from sunpy_restore.archive.work import Outcome, Work
from sunpy_restore.core.cluster import client_for, completed
from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.task import MapFunction

__all__ = ["Archive", "ArchiveReport", "opened_archive", "restore_archive"]


@dataclass(frozen=True)
class ArchiveReport:
    """
    What `sunpy_restore.restore_archive` did.

    Parameters
    ----------
    restored : `int`
        Images that were restored now.
    done : `int`
        Images that had been restored before, by the same function with the same options and weights.
    failed : `dict`
        Sources that were not restored, and why.
    ledger : `~pathlib.Path`
        File of the ledger.
    """

    restored: int
    done: int
    failed: dict = field(default_factory=dict)
    ledger: Path | None = None

    def table(self):
        """
        All images of the archive, in order.

        Returns
        -------
        `~astropy.table.Table`
            See `~sunpy_restore.archive.ledger.read_ledger`.
        """
        return read_ledger(self.ledger)

    def __str__(self):
        lines = [f"{self.restored} images restored, {self.done} done before, {len(self.failed)} failed"]
        return "\n".join([*lines, *(f"{source}: {error}" for source, error in self.failed.items())])


def restore_archive(
    verb, source, sink, *, workers=None, scheduler=None, overwrite=False, skip_existing=False, progress=False, **options
):
    """
    Restore many files, on one machine or on a cluster, and continue after an interruption.

    Each image is read, restored and written by itself, so that the memory does not grow with their number. A ledger,
    ``ledger.sqlite`` in the folder or ``NAME.zarr.sqlite`` beside the store, has the state of each. Called again with
    the same arguments, after whatever end, the function restores what is left. An image that fails does not stop the
    others, and is tried again by the next call.

    Parameters
    ----------
    verb : `str` or callable
        Name of a function of the package, such as ``"enhance"``, the function, or a function of your own that takes a
        Map and returns one. Workers must be able to import it.
    source : path-like, `str`, iterable of them, `~sunpy.net.fido_factory.UnifiedResponse` or ``parfive.Results``
        A file, a folder with the folders below it, a pattern such as ``"2014/*/*.fits"``, a URL of ``fsspec`` such as
        ``"s3://bucket/2014/*.fits"``, or several of these; or the result of a search with Fido, which is downloaded
        first, or of its download.
    sink : path-like
        A folder of FITS files, in which folders below that of the source are kept, or a Zarr store, whose name ends in
        ``.zarr``, if all results have one shape. Workers must see it under the same path.
    workers : `int`, optional
        Start as many processes on this machine, with one thread each.
    scheduler : `str`, optional
        Address of a Dask scheduler, such as ``"tcp://host:8786"``. By default the images go to the active
        ``dask.distributed`` client; without one, to this process.
    overwrite : `bool`
        Replace results of other options, or of sources that have changed since.
    skip_existing : `bool`
        Leave such results as they are, and do not restore their sources.
    progress : `bool`
        Show a progress bar.
    **options
        Keywords of the function, for all images.

    Returns
    -------
    `~sunpy_restore.archive.restore.ArchiveReport`
        How many were restored, and which failed.

    Raises
    ------
    TypeError, ValueError
        Unknown function; options with which a function of the package could restore no image, such as an unknown method
        or an uncertainty that is not calibrated; wrong sink; two sources would have the same result; or both
        ``workers`` and ``scheduler``.
    ~sunpy_restore.core.exceptions.WeightsError
        The weights cannot be found.
    FileNotFoundError
        There is no such source.
    FileExistsError
        A result of other options, or a file of that name, exists.
    BlockingIOError
        Another run writes to the sink.
    PermissionError
        The sink cannot be written.
    ConnectionError
        The scheduler does not answer, or is lost. What is done is in the ledger.
    ModuleNotFoundError
        Workers need ``distributed``, a Zarr store needs ``zarr``: the extra ``archive``.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        Warnings of the function, which name the file.

    Notes
    -----
    Header keyword: ``RSTARCH`` identifies source, options and weights. The result of a process that was killed before
    its ledger was written is recognised by it.

    Examples
    --------
    >>> from sunpy_restore import restore_archive
    >>> from sunpy_restore.data import sample_path
    >>> folder = getfixture("tmp_path")
    >>> files = [sample_path("hmi_continuum_spot"), sample_path("hmi_magnetogram")]
    >>> print(restore_archive("enhance", files, folder / "enhanced", method="bicubic"))
    2 images restored, 0 done before, 0 failed
    >>> print(restore_archive("enhance", files, folder / "enhanced", method="bicubic"))
    0 images restored, 2 done before, 0 failed
    """
    from tqdm import tqdm

    restored, failed = 0, {}
    with opened_archive(verb, source, sink, overwrite=overwrite, skip_existing=skip_existing, **options) as archive:
        outcomes = archive.run(workers=workers, scheduler=scheduler)
        bar = tqdm(
            outcomes, desc=archive.name, unit="image", total=archive.total, initial=archive.done, disable=not progress
        )
        for outcome in bar:
            restored += outcome.error is None
            for text in outcome.warnings:
                warn_user(f"{outcome.frame.source}: {text}")
        failed = archive.failed()
    return ArchiveReport(restored, archive.done, failed, archive.ledger.path)


@contextmanager
def opened_archive(verb, source, sink, *, overwrite=False, skip_existing=False, **options):
    """
    Find the sources of an archive and open its ledger; see `restore_archive`.

    Yields
    ------
    `Archive`
    """
    function = _function(verb)
    settings = _settings(function, options)
    name = getattr(function, "name", getattr(function, "__name__", type(function).__name__))
    place = sink_of(sink, name)
    found, missing = sources_of(source, without=Path(place.path).resolve())
    rows = _rows(found, place, settings)
    place.ledger.parent.mkdir(parents=True, exist_ok=True)
    with Ledger(place.ledger) as ledger:

        def state_of(frame, known):
            if not place.exists(frame):
                return "waiting"
            if known or place.holds(frame):
                return "done"
            if overwrite:
                return "waiting"
            if skip_existing:
                return "left out"
            raise FileExistsError(
                f"{place.where(frame)} exists, and is no result of this source with these options. Choose another "
                "sink, or set overwrite=True or skip_existing=True."
            )

        counts = ledger.register(rows, state_of)
        del found, rows
        work = Work(_reference(function), place, isinstance(function, MapFunction), options)
        yield Archive(name, work, ledger, counts["waiting"], counts["done"], missing, counts["left out"])


def _function(verb):
    """The record of a function of the package, or a function of the user."""
    functions = {function.name: function for function in tasks.FUNCTIONS if isinstance(function, MapFunction)}
    if isinstance(verb, str):
        if verb not in functions:
            raise ValueError(f"Unknown function {verb!r}; expected one of {', '.join(functions)}.")
        return functions[verb]
    if isinstance(verb, MapFunction):
        return verb
    if not callable(verb):
        raise TypeError(f"Found {type(verb).__name__} as the function; expected one of {', '.join(functions)}.")
    known = functions.get(getattr(verb, "__name__", None))
    return known if known is not None and known.module == verb.__module__ else verb


def _settings(function, options):
    """Identify the function with its options, which are checked if it is one of the package."""
    if not isinstance(function, MapFunction):
        return settings_of(_origin(function), (), options)
    check_options(function, options)
    return settings_of(function.name, function.tasks, without_defaults(function, options))


def _reference(function):
    return f"{function.module}:{function.name}" if isinstance(function, MapFunction) else function


def _origin(function):
    return f"{function.__module__}.{getattr(function, '__qualname__', type(function).__qualname__)}"


def _rows(found, place, settings):
    """Source, target and key of each frame. Results that are next to their sources are no sources."""
    targets = {_resolved(Path(place.path, place.target(source.relative))) for source in found}
    both = targets & {_resolved(source.name) for source in found}
    results = {path for path in both if place.wrote(path)}
    if lost := both - results:
        raise ValueError(f"The output {min(lost)} is an input, which would be lost. Give another folder.")
    taken, rows = {}, []
    for source in found:
        if results and _resolved(source.name) in results:
            continue
        target = place.target(source.relative)
        if target in taken:
            if _resolved(source.name) == _resolved(taken[target]):
                continue
            raise ValueError(
                f"{taken[target]} and {source.name} would both be written to {target}. Restore them in two runs with "
                "different outputs; files of the same name in several folders can be given as the folder above these."
            )
        taken[target] = source.name
        rows.append((source.name, target, digest(source.identity, settings)))
    return rows


def _resolved(name):
    return name if "://" in str(name) else str(Path(name).resolve())


@dataclass(frozen=True)
class Archive:
    """
    An archive whose ledger is open.

    Parameters
    ----------
    name : `str`
        Name of the function.
    work : `~sunpy_restore.archive.work.Work`
        What is done with each frame.
    ledger : `~sunpy_restore.archive.ledger.Ledger`
        The ledger.
    waiting, done : `int`
        Number of frames that are to be restored, and of those that were.
    missing : `dict`
        Sources that could not be downloaded, found or listed, and why.
    left_out : `int`
        Number of sources whose results were left as they are.
    """

    name: str
    work: Work
    ledger: Ledger
    waiting: int
    done: int
    missing: dict
    left_out: int = 0

    @property
    def total(self):
        """Number of frames."""
        return self.waiting + self.done

    def where(self, frame, given):
        """Place of a result, in the words of the user."""
        return self.work.sink.where(frame, os.fspath(given))

    def failed(self):
        """Sources that were not restored, and why."""
        return self.missing | self.ledger.failed()

    def run(self, *, workers=None, scheduler=None):
        """
        Restore the frames that are not done.

        Parameters
        ----------
        workers, scheduler
            See `restore_archive`.

        Yields
        ------
        `~sunpy_restore.archive.work.Outcome`
            One for each, after it was recorded.
        """
        if not self.waiting:
            return
        self.work.sink.prepare(self.ledger.length())
        with client_for(workers=workers, scheduler=scheduler) as client:
            frames = self.ledger.waiting()
            # The first result has the shape of all images of a store
            while client is not None and not self.work.sink.ready and (frame := next(frames, None)) is not None:
                yield self._recorded(*next(completed(client, self.work, [frame])))
            together = ((frame, self.work(frame), None) for frame in frames)
            for result in together if client is None else completed(client, self.work, frames):
                yield self._recorded(*result)

    def _recorded(self, frame, outcome, error):
        if error is not None:
            # Not an error of the function, but for example that its worker died
            outcome = Outcome(frame, f"{type(error).__name__}: {error}")
        self.ledger.record(frame, outcome.error)
        return outcome
