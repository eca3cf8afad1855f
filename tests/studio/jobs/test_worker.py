"""The process that computes for a tab."""

import io

import pytest
from tqdm import tqdm

from sunpy_restore.studio.jobs.worker import ProgressText, Worker


def test_progress_bars_are_read_and_other_text_passes():
    seen, other = [], io.StringIO()
    stream = ProgressText(lambda what, fraction: seen.append((what, fraction)), other)
    for _ in tqdm(range(4), desc="Pool", file=stream, mininterval=0, miniters=1):
        pass
    stream.write("a line\n")
    assert seen[0] == ("Pool", 0.0)
    assert seen[-1] == ("Pool", 1.0)
    assert ("Pool", 0.5) in seen
    assert other.getvalue() == "a line\n"


@pytest.fixture
def worker():
    worker = Worker()
    yield worker
    worker.close()


def results(worker, wait_for):
    events = []
    wait_for(lambda: events.extend(worker.poll()) or not worker.busy)
    return events


@pytest.mark.slow
def test_jobs_give_values_and_errors_and_can_be_cancelled(worker, wait_for):
    worker.start("sunpy_restore.core.task:resolve", reference="math:pi")
    (event,) = results(worker, wait_for)
    assert event["event"] == "done"
    worker.start("sunpy_restore.core.fits.inputs:read_map", path="missing.fits")
    (event,) = results(worker, wait_for)
    assert event["event"] == "error"
    assert "missing.fits" in event["text"]
    process = worker._process
    worker.start("time:sleep", seconds=60)
    with pytest.raises(RuntimeError, match="Another computation"):
        worker.start("time:sleep")
    worker.cancel()
    assert process.poll() is not None
    assert not worker.busy
    assert worker.poll() == []
    worker.start("sunpy_restore.core.task:resolve", reference="math:inf")
    assert results(worker, wait_for)[0]["event"] == "done"


@pytest.mark.slow
def test_a_process_that_dies_is_an_error(worker, wait_for):
    worker.start("os:abort")
    (event,) = results(worker, wait_for)
    assert "ended unexpectedly" in event["text"]
