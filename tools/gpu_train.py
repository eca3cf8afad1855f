"""
Train several configurations at once on one GPU, within a given time.

The file of jobs is TOML: a table ``[[job]]`` each, with ``task``, ``config``, optionally ``name``, ``changes`` (a
table, as ``--set`` of ``sunpy-restore train`` takes them) and ``workers``. Jobs of one task share the views of its
images, which are made first. A job ends after its steps, or when the time is over. Its weights file is in OUT as soon
as it ends, in half precision with ``--half``; checkpoints and logs are in a folder for temporary files. Whatever has
not ended when the time is over is killed.

    python tools/gpu_train.py JOBS.toml DATA OUT --minutes 9 [--half]
"""

import argparse
import os
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from sunpy_restore.core.configfile import changed
from sunpy_restore.core.made import Made
from sunpy_restore.core.recipe import recipe_of
from sunpy_restore.tasks import get_task
from sunpy_restore.training import train

_START = time.time()
_SCRATCH = Path(tempfile.mkdtemp(prefix="gpu_train"))
_RESERVE = 45  # seconds for the last validation and the files
_WORKERS = 2


def _say(*words):
    print(f"[{time.time() - _START:6.1f}]", *words, flush=True)


def _config(job):
    recipe = recipe_of(get_task(job["task"]))
    return changed(recipe.configs()[job["config"]], job.get("changes", {}), recipe.options)


def _share_views(recipe, jobs, data, processes):
    """Make the views of the images once; jobs with fewer views take the first ones."""
    if len(jobs) == 1:
        return
    pairs = [recipe.datasets(data, _config(job))[0] for job in jobs]
    made = [each for each in pairs if isinstance(getattr(each, "views", None), Made)]
    if not made:
        return
    shared = max((each.views for each in made), key=len)
    shared.make_all(processes)
    make = recipe.datasets

    def datasets(directory, config):
        training, validation = make(directory, config)
        if isinstance(getattr(training, "views", None), Made):
            training.views.items[:] = shared.items[: len(training.views)]
        return training, validation

    type(recipe).datasets = lambda self, directory, config: datasets(directory, config)


def _run(job, data, out, minutes, half):
    name = job.get("name", f"{job['task']}-{job['config']}")
    try:
        torch.set_num_threads(1)
        left = minutes * 60 - (time.time() - _START) - _RESERVE
        _say(name, "starts")
        path = train(
            job["task"], data, _SCRATCH / name, config=_config(job), progress=False,
            workers=job.get("workers", _WORKERS), minutes=left / 60,
        )  # fmt: skip
        metadata = _store(path, out / f"{name}.safetensors", half)
        _say(name, "done:", *(metadata[key] for key in ("steps", "wall_time", "validation")))
    except BaseException:
        traceback.print_exc()
        _say(name, "FAILED")
        raise


def _store(source, target, half):
    with safe_open(source, "pt") as file:
        tensors, metadata = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()
    if half:
        tensors = {key: value.half() if value.is_floating_point() else value for key, value in tensors.items()}
    save_file(tensors, target, metadata)
    return metadata


def _forked(function, *arguments):
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        function(*arguments)
        code = 0
    finally:
        os._exit(code)


def _wait(pids):
    return [pid for pid in pids if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]


def _group(jobs, args, processes):
    recipe = recipe_of(get_task(jobs[0]["task"]))
    _share_views(recipe, jobs, args.data, processes)
    _say(jobs[0]["task"], "views made")
    failed = _wait([_forked(_run, job, args.data, args.out, args.minutes, args.half) for job in jobs])
    if failed:
        raise SystemExit(1)


def main():
    """Run the jobs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--half", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    # All processes are of one group, and none outlives the time
    os.setpgrp()
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(0, signal.SIGKILL))
    signal.alarm(round(60 * args.minutes))
    groups = {}
    for job in tomllib.loads(args.jobs.read_text())["job"]:
        groups.setdefault(job["task"], []).append(job)
    # The recipes that make views in advance share the processors
    processes = max(2, (os.cpu_count() or 2) // 2 + 1)
    failed = _wait([_forked(_group, jobs, args, processes) for jobs in groups.values()])
    _say("all done")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
