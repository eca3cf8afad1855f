"""One run over an archive: find its sources, open its ledger, and restore the frames that are not done."""

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sunpy_restore import tasks
from sunpy_restore.archive.identity import digest, settings_of
from sunpy_restore.archive.ledger import Ledger
from sunpy_restore.archive.options import check_options, without_defaults
from sunpy_restore.archive.sinks import sink_of
from sunpy_restore.archive.sources import sources_of
from sunpy_restore.archive.work import Outcome, Work
from sunpy_restore.core.system.cluster import client_for, completed
from sunpy_restore.core.task import MapFunction

__all__ = ["Archive", "opened_archive"]


@contextmanager
def opened_archive(verb, source, sink, *, overwrite=False, skip_existing=False, **options):
    """
    Find the sources of an archive and open its ledger; see `sunpy_restore.restore_archive`.

    Yields
    ------
    `Archive`
    """
    if overwrite and skip_existing:
        raise ValueError(
            "Found overwrite=True and skip_existing=True; expected at most one of them. Choose whether other results "
            "in the sink are replaced or kept."
        )
    function = _function(verb)
    settings = _settings(function, options)
    name = getattr(function, "name", getattr(function, "__name__", type(function).__name__))
    place = sink_of(sink, name)
    found, missing = sources_of(source, without=Path(place.path).resolve())
    rows, twins = _rows(found, place, settings)
    missing |= twins
    place.ledger.parent.mkdir(parents=True, exist_ok=True)
    with Ledger(place.ledger) as ledger:

        def state_of(frame, known):
            if not place.exists(frame):
                return "waiting"
            if known or place.holds(frame):
                return "done"
            if overwrite:
                return "waiting"
            if not skip_existing:
                missing[frame.source] = (
                    f"{place.where(frame)} exists, and is no result of this source with these options. Choose another "
                    "sink, or set overwrite=True or skip_existing=True."
                )
            return "left out"

        counts = ledger.register(rows, state_of)
        del found, rows
        work = Work(_reference(function), place, isinstance(function, MapFunction), options)
        left_out = counts["left out"] if skip_existing else 0
        yield Archive(name, work, ledger, counts["waiting"], counts["done"], missing, left_out)


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
    """
    Source, target and key of each frame, and the sources whose target is that of an earlier one, with the reasons.

    Results that are next to their sources are no sources.
    """
    targets = {_resolved(Path(place.path, place.target(source.relative))) for source in found}
    both = targets & {_resolved(source.name) for source in found}
    results = {path for path in both if place.wrote(path)}
    if lost := both - results:
        raise ValueError(f"The output {min(lost)} is an input, which would be lost. Give another folder.")
    taken, rows, twins = {}, [], {}
    for source in found:
        if results and _resolved(source.name) in results:
            continue
        target = place.target(source.relative)
        if target in taken:
            if _resolved(source.name) == _resolved(taken[target]):
                continue
            twins[source.name] = (
                f"It would be written to {target}, as {taken[target]}. Restore it in another run with another output; "
                "files of the same name in several folders can be given as the folder above these."
            )
            continue
        taken[target] = source.name
        rows.append((source.name, target, digest(source.identity, settings)))
    return rows, twins


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
        Sources that could not be downloaded, found or listed, or whose result would replace another file, and the
        reasons.
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
            See `sunpy_restore.restore_archive`.

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
