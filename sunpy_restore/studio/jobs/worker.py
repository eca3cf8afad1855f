"""
A process that computes for one tab of the studio.

The page stays fluid while it computes, the computation can be ended at any time, and tabs do not disturb each other.
Run as a program, this module is that process: it reads jobs from its input and writes events, one JSON object a line.
"""

import contextlib
import importlib
import json
import os
import queue
import re
import subprocess
import sys
import threading
import traceback
import warnings

from astropy.io.fits.verify import VerifyWarning

from sunpy_restore.core.task import resolve
from sunpy_restore.tasks import FUNCTIONS

__all__ = ["ProgressText", "Worker"]

_BAR = re.compile(r"(?:(?P<what>[^\r\n|%]*?):?\s+)?(?P<percent>\d{1,3})%\|")
_EXPECTED = (ImportError, MemoryError, OSError, RuntimeError, TypeError, ValueError)


class Worker:
    """
    The process as the page sees it. It starts with the first job and is kept for the next one.

    Attributes
    ----------
    busy : `bool`
        Whether a job is running.
    """

    def __init__(self):
        self.busy = False
        self._process = None
        self._events = queue.SimpleQueue()

    def start(self, job, **options):
        """
        Begin a job.

        Parameters
        ----------
        job : `str`
            ``"module:name"`` of a function whose arguments and result JSON can express.
        **options
            Its keywords.

        Raises
        ------
        RuntimeError
            Another job is running.
        """
        if self.busy:
            raise RuntimeError("Another computation is running; cancel it or wait for it.")
        self.prepare()
        self.busy = True
        try:
            self._process.stdin.write(json.dumps({"job": job, "options": options}) + "\n")
            self._process.stdin.flush()
        except OSError:
            self._events.put({"event": "ended"})

    def prepare(self):
        """Launch the process if there is none, so that it has imported its modules before the first job."""
        if self._process is None or self._process.poll() is not None:
            self._launch()

    def _launch(self):
        self._events = queue.SimpleQueue()
        # Unbuffered and without a terminal, so that Ctrl-C ends the server, which ends its processes
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            encoding="utf-8", start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=_forward, args=(self._process, self._events), daemon=True).start()

    def poll(self):
        """
        Read what the process has reported since the last call.

        Returns
        -------
        `list` of `dict`
            ``event`` is ``"progress"`` (with ``what`` and ``fraction``), ``"warning"`` or ``"error"`` (with ``text``),
            or ``"done"`` (with ``value``).
        """
        events = []
        while not self._events.empty():
            event = self._events.get()
            if event["event"] == "ended":
                if not self.busy:
                    continue
                self._discard()
                event = {"event": "error", "text": "The computation ended unexpectedly, perhaps for want of memory."}
            if event["event"] in ("done", "error"):
                self.busy = False
            events.append(event)
        return events

    def cancel(self):
        """End the running job, and the process with it."""
        self.busy = False
        self._discard()

    close = cancel

    def _discard(self):
        process, self._process = self._process, None
        self._events = queue.SimpleQueue()
        if process is None:
            return
        process.kill()
        process.stdin.close()
        process.wait()


def _forward(process, events):
    """Put the events of a process into a queue; runs in a thread of its own."""
    with process.stdout:
        for line in process.stdout:
            events.put(json.loads(line))
    events.put({"event": "ended"})


class ProgressText:
    """
    A text stream that reads progress bars of tqdm and passes other text on.

    Parameters
    ----------
    report : callable
        ``report(what, fraction)`` is called for each new percentage.
    stream : text stream, optional
        Where other text goes.
    """

    encoding = "utf-8"

    def __init__(self, report, stream=None):
        self._report, self._stream, self._last = report, stream, None

    def write(self, text):
        """Read a text, as streams do."""
        found = list(_BAR.finditer(text))
        if found:
            seen = ((found[-1]["what"] or "").strip(), int(found[-1]["percent"]))
            if seen != self._last:
                self._last = seen
                self._report(seen[0], seen[1] / 100)
        elif self._stream is not None and text.strip("\r\n\x1b[A "):
            self._stream.write(text)
        return len(text)

    def flush(self):
        """Flush other text, as streams do."""
        if self._stream is not None:
            self._stream.flush()

    def isatty(self):
        """A terminal, so that bars are drawn."""
        return True


def _serve(lines, write):
    """Do jobs until there are no more."""

    def say(event, **more):
        write(json.dumps({"event": event} | more) + "\n")

    stderr = sys.stderr
    for function in FUNCTIONS:
        # While the user still looks for a file
        importlib.import_module(function.module)
    for line in lines:
        asked = json.loads(line)
        sys.stderr = ProgressText(lambda what, fraction: say("progress", what=what, fraction=fraction), stderr)
        try:
            with warnings.catch_warnings():
                # Four lines about a tab in a comment of the header
                warnings.simplefilter("ignore", VerifyWarning)
                warnings.showwarning = lambda message, *_, **__: say("warning", text=" ".join(str(message).split()))
                value = resolve(asked["job"])(**asked["options"])
            say("done", value=value)
        except _EXPECTED as error:
            say("error", text=" ".join(str(error).split()) or type(error).__name__)
        # Whatever is wrong, the page says it and the tab stays alive
        except Exception as error:  # noqa: BLE001
            traceback.print_exc(file=stderr)
            say("error", text=f"{type(error).__name__}: {error}")
        finally:
            sys.stderr = stderr


def _main():
    """Keep the output for events: what libraries print goes to standard error."""
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        _serve(sys.stdin, events.write)


if __name__ == "__main__":
    _main()
