"""Archives on workers of Dask: two processes, one of which is killed, and a scheduler that is restarted."""

import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from sunpy_restore.core.system import cluster

pytest.importorskip("distributed")
HERE = Path(__file__).parent
START = """
import os, pathlib, subprocess, sys, time, warnings
warnings.simplefilter("ignore")
import dask
from frames import *
from sunpy_restore import restore_archive

folder = pathlib.Path(sys.argv[1])
source = folder / "in"
log = folder / "log"
log.touch()
os.environ["FRAMES_LOG"] = str(log)
"""

WORKERS = """
def main():
    make_frames(source, 12)
    # A worker that dies is replaced, and its image given to another one
    report = restore_archive(once_fatal, source, folder / "out", workers=2)
    assert (report.restored, report.failed) == (12, {}), report
    check_folder(folder / "out", 12, "once_fatal")
    assert sorted(set(logged(log))) == list(range(12))
    assert (folder / "log.died").exists()
    # An image that ends every worker is a failure, and the others are restored, except for one that waits at the worker
    # when this ends, because no second attempt is allowed here
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        report = restore_archive(always_fatal, source, folder / "all.zarr", workers=2)
    assert any(path.endswith("00001.fits") for path in report.failed), report
    assert all("KilledWorker" in reason for reason in report.failed.values()), report
    assert len(report.failed) <= 2, report
    assert report.restored == 12 - len(report.failed)

if __name__ == "__main__":
    main()
"""

RESTART = """
def start():
    options = ["--port", sys.argv[2], "--no-dashboard", "--host", "127.0.0.1"]
    parts = [["scheduler", *options]] + [["worker", ADDRESS, "--no-nanny", "--nthreads", "1", "--no-dashboard"]] * 2
    names = ["distributed.cli.dask_" + name for name, *_ in parts]
    return [subprocess.Popen([sys.executable, "-m", name, *rest], stderr=subprocess.DEVNULL)
            for name, (_, *rest) in zip(names, parts)]

ADDRESS = "tcp://127.0.0.1:" + sys.argv[2]

def main():
    import threading
    dask.config.set({"distributed.comm.timeouts.connect": "120s"})
    make_frames(source, 40)
    running = start()
    def restart():
        while log.stat().st_size < 7 * 10:
            time.sleep(0.01)
        running[0].kill()
        # Without a scheduler the workers end by themselves
        for process in running:
            process.wait()
        running[:] = start()
    thread = threading.Thread(target=restart)
    thread.start()
    try:
        report = restore_archive(slowly, source, folder / "out", scheduler=ADDRESS)
    finally:
        thread.join()
        for process in running:
            process.kill()
            process.wait()
    assert (report.restored, report.failed) == (40, {}), report
    check_folder(folder / "out", 40, "slowly")
    done = logged(log)
    assert sorted(set(done)) == list(range(40))
    # What was in work, or done and not known to be, when the scheduler was lost
    assert len(done) <= 40 + 4, done

if __name__ == "__main__":
    main()
"""


def run(code, *arguments):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]), "OMP_NUM_THREADS": "1"}
    path = Path(arguments[0]) / "script.py"
    path.write_text(START + code)
    found = subprocess.run(
        [sys.executable, path, *map(str, arguments)], capture_output=True, text=True, check=False, env=environment
    )
    assert found.returncode == 0, found.stderr[-3000:]


@pytest.mark.slow
def test_workers_that_are_killed(tmp_path):
    pytest.importorskip("zarr")
    run(WORKERS, tmp_path)


@pytest.mark.slow
def test_a_scheduler_that_is_restarted(tmp_path, free_port):
    run(RESTART, tmp_path, free_port)


@pytest.fixture
def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_workers_share_the_devices_of_a_machine(monkeypatch):
    import distributed
    import torch

    assert cluster.device_of_worker() is None
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for name, device in ((0, "cuda:0"), (3, "cuda:1")):
        monkeypatch.setattr(distributed, "get_worker", lambda name=name: types.SimpleNamespace(name=name))
        assert cluster.device_of_worker() == device
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert cluster.device_of_worker() is None
