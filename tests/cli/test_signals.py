"""A batch that is interrupted, terminated or killed: nothing half-written, and the next run completes it."""

import json
import os
import subprocess
import sys

import pytest

from sunpy_restore.data import sample_path

KILLS = int(os.environ.get("SUNPY_RESTORE_KILLS", "4"))
FILES = 6
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")]

CODE = """
import contextlib, io, json, os, pathlib, random, signal, sys, time, warnings
warnings.simplefilter("ignore")
from sunpy_restore import load
from sunpy_restore.cli.main import main

out, number, kills = pathlib.Path(sys.argv[1]), getattr(signal, sys.argv[2]), int(sys.argv[3])
command = ["enhance", *sys.argv[4:], "-o", str(out) + "/", "--method", "bicubic"]

def start(*more):
    child = os.fork()
    if not child:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            code = main([*command, *more])
        os._exit(code)
    return child

def end(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def names():
    return sorted(path.name for path in out.iterdir() if not path.name.startswith("ledger")) if out.exists() else []

begin = time.monotonic()
codes = [end(start())]
duration, complete = time.monotonic() - begin, names()
rng, rounds = random.Random(0), []
for _ in range(kills):
    for name in names():
        (out / name).unlink()
    # Without the ledger nothing is known of the images
    (out / "ledger.sqlite").unlink(missing_ok=True)
    child = start()
    time.sleep(rng.uniform(0, 1.1 * duration))
    os.kill(child, number)
    code, found = end(child), names()
    whole = [bool(load(out / name).data.shape) for name in found if not name.startswith(".")]
    again = end(start("--skip-existing"))
    rounds.append([code, len(whole), len(found) - len(whole), again, names() == complete])
print(json.dumps([codes, complete, rounds]))
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_stopped_batch(tmp_path, name):
    sample = sample_path("hmi_magnetogram").read_bytes()
    sources = [tmp_path / f"image{index}.fits" for index in range(FILES)]
    for source in sources:
        source.write_bytes(sample)
    arguments = [sys.executable, "-c", CODE, tmp_path / "out", name, str(KILLS), *sources]
    output = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    codes, complete, rounds = json.loads(output)
    assert codes == [0]
    assert complete == [f"image{index}_enhance.fits" for index in range(FILES)]
    assert len(rounds) == KILLS
    stopped = {"SIGINT": {130, -2}, "SIGTERM": {143, -15}, "SIGKILL": {-9}}[name]
    for code, _, hidden, again, whole in rounds:
        # A process may end before the signal comes
        assert code in stopped | {0}
        # Only a process that cannot clean up leaves a temporary file, which the next run removes
        assert hidden == 0 or code < 0
        assert (again, whole) == (0, True)
