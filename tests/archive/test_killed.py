"""An archive whose process is killed again and again: nothing is lost, and nothing is done twice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FRAMES = int(os.environ.get("SUNPY_RESTORE_FRAMES", "120"))
KILLS = 10
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")

CODE = """
import os, pathlib, random, signal, sys, time, traceback, warnings
warnings.simplefilter("ignore")
from frames import check_folder, doubled, logged, make_frames
from sunpy_restore import restore_archive

folder, number, kills = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
source, sink = folder / "in", folder / sys.argv[4]
make_frames(source, number)
log = folder / "log"
log.touch()
os.environ["FRAMES_LOG"] = str(log)

def start():
    child = os.fork()
    if not child:
        code = 1
        try:
            code = len(restore_archive(doubled, source, sink).failed)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return child

rng = random.Random(number)
killed = 0
for after in sorted(rng.sample(range(number), kills)):
    child = start()
    while log.stat().st_size < 7 * after:
        assert os.waitpid(child, os.WNOHANG)[0] == 0, "ended by itself"
        time.sleep(0.05)
    time.sleep(rng.uniform(0, 0.05))
    os.kill(child, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
assert os.waitstatus_to_exitcode(os.waitpid(start(), 0)[1]) == 0

# Only the frame that was in work when the process was killed is begun again
done = logged(log)
assert sorted(set(done)) == list(range(number))
assert len(done) <= number + killed, (len(done), number, killed)
report = restore_archive(doubled, source, sink)
assert (report.restored, report.done, report.failed) == (0, number, {})
table = report.table()
assert list(table["state"]) == ["done"] * number
assert [pathlib.Path(name).name for name in table["source"]] == [f"{i:05d}.fits" for i in range(number)]
if sink.suffix == ".zarr":
    from sunpy_restore.archive.zarrstore import open_frames
    maps = open_frames(sink)
    assert [float(smap.data.mean().compute()) for smap in maps] == [2.0 * i for i in range(number)]
else:
    check_folder(sink, number)
print(killed, len(done) - number)
"""


@pytest.mark.parametrize(
    "sink", [pytest.param("out", marks=pytest.mark.slow), pytest.param("out.zarr", marks=pytest.mark.slow)]
)
def test_killed_ten_times_at_random(tmp_path, sink):
    if sink.endswith(".zarr"):
        pytest.importorskip("zarr")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    arguments = [sys.executable, "-c", CODE, tmp_path, str(FRAMES), str(KILLS), sink]
    found = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)
    assert found.returncode == 0, found.stderr[-3000:]
    killed, again = map(int, found.stdout.split())
    assert 0 < killed <= KILLS
    assert again <= killed
