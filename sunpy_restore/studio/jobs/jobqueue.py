"""Jobs of a tab, one after the other, with their progress and messages."""

import itertools
import shutil
import tempfile
import weakref
from pathlib import Path

from sunpy_restore.studio.jobs.worker import Worker

__all__ = ["JobQueue"]


class JobQueue:
    """
    What a tab of the studio computes.

    Parameters
    ----------
    chosen : `~sunpy_restore.studio.access.Chosen`
        Files that may be opened.
    worker : `~sunpy_restore.studio.jobs.worker.Worker`, optional
        The process that computes.

    Attributes
    ----------
    running : `str`
        What is being computed; empty if nothing is.
    progress : `tuple` of `str` and `float`
        Step and fraction of it that is done; the fraction is -1 while it is not known.
    messages : `list` of `tuple` of `str`
        ``"error"``, ``"warning"`` or ``"info"``, and a text, for the page to show and remove.
    """

    def __init__(self, chosen, worker=None):
        self.chosen, self.worker = chosen, worker or Worker()
        self.running, self.progress, self.messages = "", ("", -1.0), []
        self._folder = Path(tempfile.mkdtemp(prefix="sunpy-restore-"))
        # Also if the server ends while the tab is open
        self._remove = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._numbers, self._then, self._waiting = itertools.count(1), None, []

    def new_path(self, name):
        """A path in the temporary folder of the tab, which `close` removes."""
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        return folder / (Path(name).name or "file")

    def compute(self, job, what, then, **options):
        """
        Run a job when those before it have ended.

        Parameters
        ----------
        job, what : `str`
            Reference of the function, and what the page says meanwhile.
        then : callable
            ``then(value)`` is called with its result.
        **options
            Its keywords.
        """
        self._waiting.append((job, what, then, options))
        self._next()

    def _next(self):
        if self.running or not self._waiting:
            return
        job, self.running, self._then, options = self._waiting.pop(0)
        self.progress = ("", -1.0)
        self.worker.start(job, **options)

    def cancel(self):
        """End what is running and forget what waits; what was computed before stays."""
        if not self.running:
            return
        self._say("info", f"Cancelled: {self.running}.")
        self.worker.cancel()
        self.running, self.progress, self._waiting = "", ("", -1.0), []

    def poll(self):
        """
        Take up what the process has reported.

        Returns
        -------
        `bool`
            Whether anything changed.
        """
        events = self.worker.poll()
        for event in events:
            kind = event["event"]
            if kind == "progress":
                self.progress = (event["what"], event["fraction"])
            elif kind == "warning":
                self._say("warning", event["text"])
            else:
                self.running, self.progress = "", ("", -1.0)
                if kind == "error":
                    self._say("error", event["text"])
                else:
                    self._then(event["value"])
        self._next()
        return bool(events)

    def _say(self, kind, text):
        self.messages.append((kind, " ".join(str(text).split())))

    def take_messages(self):
        """Messages since the last call."""
        messages, self.messages = self.messages, []
        return messages

    def close(self):
        """End the process and remove the temporary files."""
        self.worker.close()
        self._remove()
