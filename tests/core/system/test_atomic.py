"""Laws of files that are written whole or not at all, with processes that are killed and disks that are full."""

import errno
import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import sunpy.map

from sunpy_restore.core.fits.io import load, save
from sunpy_restore.core.system import atomic
from sunpy_restore.core.system.atomic import atomic_path

KILLS = int(os.environ.get("SUNPY_RESTORE_TEST_KILLS", "8"))
HEADER = {"ctype1": "HPLN-TAN", "ctype2": "HPLT-TAN", "cunit1": "arcsec", "cunit2": "arcsec"}
HEADER |= {"cdelt1": 1.0, "cdelt2": 1.0, "date-obs": "2011-02-14T20:00:00"}
# Runs in another process, which imports the package once and then forks one process per trial.
HELPER = f"""
import errno, json, os, pathlib, random, resource, signal, sys, time
import numpy as np, sunpy.map
from astropy.nddata import StdDevUncertainty
from sunpy_restore.core.system.atomic import atomic_path
from sunpy_restore.core.fits.io import load, save

def mask(value, size):
    return np.random.default_rng(value).random((size, size)) < 0.5

def make(value, size):
    smap = sunpy.map.Map(np.full((size, size), value, "f4"), {HEADER!r})
    smap.mask = mask(value, size)
    smap.uncertainty = StdDevUncertainty(np.full((size, size), value, "f4"))
    return smap

def in_child(function, delay=None):
    "Status of a process that runs a function, and is killed after a delay."
    pid = os.fork()
    if pid == 0:
        function()
        os._exit(0)
    if delay is not None:
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]
"""
posix = pytest.mark.skipif(os.name != "posix", reason="signals and file locks of POSIX")


def run(code, *arguments):
    """What a process prints, as JSON."""
    command = [sys.executable, "-c", HELPER + code, *map(str, arguments)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.stderr == ""
    assert found.returncode == 0
    return json.loads(found.stdout)


def small_map(value=0.0):
    return sunpy.map.Map(np.full((3, 4), value), HEADER)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_complete_file_appears_at_the_end(tmp_path):
    with atomic_path(tmp_path / "file.fits.gz") as temporary:
        temporary.write_text("new")
        assert not (tmp_path / "file.fits.gz").exists()
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".")
        assert temporary.name.endswith(".fits.gz")
    assert (tmp_path / "file.fits.gz").read_text() == "new"
    assert names(tmp_path) == ["file.fits.gz"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
def test_error_leaves_the_old_file(error, tmp_path):
    def write():
        with atomic_path(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise error

    (tmp_path / "file").write_text("old")
    with pytest.raises(error):
        write()
    assert (tmp_path / "file").read_text() == "old"
    assert names(tmp_path) == ["file"]


@contextmanager
def interrupted_at(number):
    """Raise `KeyboardInterrupt` where the ``number``-th line of the module begins, as a signal may."""
    lines = itertools.count()

    def trace(frame, event, _):
        if frame.f_code.co_filename != atomic.__file__:
            return None
        if event == "line" and next(lines) == number:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupted_at_any_line(tmp_path):
    for number in range(100):
        (tmp_path / "file").write_text("old")
        try:
            with interrupted_at(number), atomic_path(tmp_path / "file") as temporary:
                temporary.write_text("new")
        except KeyboardInterrupt:
            assert (tmp_path / "file").read_text() in {"old", "new"}
            assert names(tmp_path) == ["file"], number
        else:
            break
    assert 10 < number < 99
    assert (tmp_path / "file").read_text() == "new"


def test_errors_of_the_system_name_the_file(tmp_path):
    with pytest.raises(OSError, match=r"file was not written: No space left on device") as caught:
        with atomic_path(tmp_path / "file"):
            raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.errno == errno.ENOSPC


@posix
def test_permissions_and_links_stay(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to("real")
    with atomic_path(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640
    with atomic_path(tmp_path / "file") as temporary:
        temporary.write_text("new")
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~mask


@posix
def test_files_of_dead_processes_are_removed(tmp_path):
    (tmp_path / ".sunpy_restore-0123.fits").write_text("half")
    (tmp_path / ".hidden").write_text("of the user")
    with atomic_path(tmp_path / "file"):
        pass
    assert names(tmp_path) == [".hidden", "file"]


@posix
def test_files_of_running_processes_stay(tmp_path):
    # A process with nothing of this one but the lock
    temporary = tmp_path / ".sunpy_restore-0123.fits"
    temporary.write_text("of the other process")
    code = f"""
import fcntl, sys
file = open({str(temporary)!r}, "r+")
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"locked\n"
        with atomic_path(tmp_path / "file"):
            pass
        assert temporary.read_text() == "of the other process"
        process.kill()
    with atomic_path(tmp_path / "file"):
        pass
    assert names(tmp_path) == ["file"]


@posix
def test_writers_lock_their_file(tmp_path):
    with atomic_path(tmp_path / "file") as temporary, atomic_path(tmp_path / "other"):
        assert temporary.exists()
    assert names(tmp_path) == ["file", "other"]


def test_many_writers_at_once(tmp_path):
    errors = []

    def write(number):
        try:
            for _ in range(20):
                with atomic_path(tmp_path / f"file{number % 3}") as temporary:
                    temporary.write_text("x" * 10_000)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert names(tmp_path) == ["file0", "file1", "file2"]
    assert {(tmp_path / name).read_text() for name in names(tmp_path)} == {"x" * 10_000}


def test_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    save(small_map(1.0), tmp_path / "image.fits")

    def no_replace(*args):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "replace", no_replace)
    with pytest.raises(OSError, match=r"image.fits was not written: Input/output error"):
        save(small_map(2.0), tmp_path / "image.fits", overwrite=True)
    assert names(tmp_path) == ["image.fits"]
    assert (load(tmp_path / "image.fits").data == 1).all()


@posix
@pytest.mark.slow
def test_killed_process_leaves_the_old_file_or_the_new_one(tmp_path):
    code = """
path, kills, size = pathlib.Path(sys.argv[1]), int(sys.argv[2]), 1000
in_child(lambda: save(make(1, size), path))
start = time.monotonic()
in_child(lambda: save(make(1, size), path, overwrite=True))
duration = time.monotonic() - start
rng, current, outcomes = random.Random(0), 1, []
for value in range(2, 2 + kills):
    status = in_child(lambda: save(make(value, size), path, overwrite=True), rng.uniform(0, 1.1 * duration))
    found = load(path)
    number = int(found.data[0, 0])
    # All of the file is the old one, or all of it the new one.
    whole = (found.data == number).all() and (found.uncertainty.array == number).all()
    whole = whole and (found.mask == mask(number, size)).all() and number in (current, value)
    hidden = [each.name for each in path.parent.iterdir() if each != path]
    outcomes.append([bool(whole), os.WIFSIGNALED(status), number == value, len(hidden)])
    current = number
save(make(1, 10), path.with_name("other.fits"))
print(json.dumps(outcomes))
"""
    outcomes = run(code, tmp_path / "image.fits", KILLS)
    assert len(outcomes) == KILLS
    assert all(whole for whole, _, _, _ in outcomes)
    assert any(killed for _, killed, _, _ in outcomes)
    # Who was not killed has saved.
    assert all(killed or new for _, killed, new, _ in outcomes)
    assert names(tmp_path) == ["image.fits", "other.fits"]


def refusals(folder, size, limits=()):
    """Errors of saving a Map that does not fit. The old file stays, and nothing else."""
    code = """
path, size = sys.argv[1], int(sys.argv[2])
def attempt(limit):
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        save(make(2, size), path, overwrite=True)
    except OSError as error:
        print(json.dumps([errno.errorcode.get(error.errno), str(error)]), end=",", flush=True)
print("[", end="", flush=True)
for limit in map(int, sys.argv[3:]):
    in_child(lambda: attempt(limit))
print("null]")
"""
    save(small_map(1.0), folder / "image.fits")
    errors = run(code, folder / "image.fits", size, *limits)[:-1]
    assert names(folder) == ["image.fits"]
    assert (load(folder / "image.fits").data == 1).all()
    return errors


@posix
@pytest.mark.slow
def test_file_size_limit(tmp_path):
    # In the header, in the image, in the mask
    errors = refusals(tmp_path, 500, [1_000, 200_000, 1_010_000])
    expected = f"[Errno {errno.EFBIG}] {tmp_path}/image.fits was not written: File too large"
    assert errors == [["EFBIG", expected]] * 3


@posix
@pytest.mark.slow
def test_full_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        ((name, message),) = refusals(disk, 500, [0])
    finally:
        subprocess.run(["umount", disk], check=True)
    assert name == "ENOSPC"
    assert message.endswith(f"{disk}/image.fits was not written: No space left on device")
