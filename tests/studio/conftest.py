"""Fixtures of the tests of the studio."""

import shutil
import time

import pytest

from sunpy_restore.core.task import resolve
from sunpy_restore.data import sample_path


class _Direct:
    """Does jobs at once, in this process."""

    def __init__(self):
        self.events, self.cancelled, self.asked = [], 0, []
        self.hold = False

    def start(self, job, **options):
        self.asked.append((job, options))
        if self.hold:
            return
        try:
            self.events.append({"event": "done", "value": resolve(job)(**options)})
        except (TypeError, ValueError) as error:
            self.events.append({"event": "error", "text": str(error)})

    def poll(self):
        events, self.events = self.events, []
        return events

    def cancel(self):
        self.cancelled += 1

    close = cancel


@pytest.fixture
def direct_worker():
    """Does jobs at once; with ``hold``, never."""
    return _Direct()


@pytest.fixture
def folder(tmp_path):
    """A folder with one image, one damaged file, and an image beside it that is out of bounds."""
    inside = tmp_path / "inside"
    inside.mkdir()
    shutil.copy(sample_path("hmi_continuum_quiet"), inside / "quiet.fits")
    (inside / "broken.fits").write_bytes(b"SIMPLE  =                    T" + bytes(100))
    shutil.copy(sample_path("hmi_continuum_quiet"), tmp_path / "secret.fits")
    return inside


@pytest.fixture(scope="session")
def wait_for():
    """``wait_for(condition)``: poll until a condition holds."""

    def wait(condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.05)

    return wait
