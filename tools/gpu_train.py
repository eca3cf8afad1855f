"""
Train one or several configurations at once on one GPU, within a given time, and score them.

    python tools/gpu_train.py JOBS.toml DATA OUT --minutes 9 [--half] [--score]
    python tools/gpu_train.py TASK:CONFIG DATA OUT --minutes 9 [--set KEY=VALUE]...

The file of jobs is TOML: a table ``[[job]]`` each, with ``task``, ``config``, optionally ``name``, ``changes`` (a
table, as ``--set`` of ``sunpy-restore train`` takes them) and ``workers``. Jobs of one task share the views of its
images, which are made first. A job ends after its steps, or when the time is over. As soon as it ends, its weights file
(in half precision with ``--half``) and the curves of its losses and validations are in OUT as NAME.safetensors and
NAME.csv. With ``--score``, NAME.txt has the scores of these weights and of the classical methods; a fifth of the time
is kept for them. Checkpoints are in a folder for temporary files. Whatever has not ended when the time is over is
killed.
"""

import argparse
import os
import shutil
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

from sunpy_restore.core.datasets.made import Made
from sunpy_restore.core.recipes.configfile import changed, parse_changes
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.tasks import get_task
from sunpy_restore.training import evaluate, format_table, train

_START = time.time()
_SCRATCH = Path(tempfile.mkdtemp(prefix="gpu_train"))
_RESERVE = 45  # seconds for the last validation and the files
_SCORING = 0.2  # part of the time that is kept for the scores
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


def _run(job, args):
    name = job.get("name", f"{job['task']}-{job['config']}")
    try:
        torch.set_num_threads(1)
        left = args.minutes * 60 * (1 - _SCORING * args.score) - (time.time() - _START) - _RESERVE
        _say(name, "starts")
        path = train(
            job["task"], args.data, _SCRATCH / name, config=_config(job), progress=False,
            workers=job.get("workers", _WORKERS), minutes=left / 60,
        )  # fmt: skip
        target = args.out / f"{name}.safetensors"
        metadata = _store(path, target, args.half)
        for curves in path.parent.glob("logs/*/metrics.csv"):
            shutil.copyfile(curves, args.out / f"{name}.csv")
        _say(name, "trained:", *(metadata[key] for key in ("steps", "wall_time", "validation")))
        if args.score:
            rows = evaluate(job["task"], args.data, weights=target)
            table = format_table(rows, recipe_of(get_task(job["task"])).score_columns)
            (args.out / f"{name}.txt").write_text(f"{table}\n", encoding="utf-8")
            _say(name, "scored")
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
    sys.stdout.flush()
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
    failed = _wait([_forked(_run, job, args) for job in jobs])
    if failed:
        raise SystemExit(1)


def _jobs(args):
    if Path(args.jobs).suffix == ".toml":
        if args.set:
            raise SystemExit("Found --set with a file of jobs; expected the changes in the file.")
        return tomllib.loads(Path(args.jobs).read_text(encoding="utf-8"))["job"]
    task, _, config = args.jobs.partition(":")
    workers = max(0, (os.cpu_count() or 1) - 2)
    return [{"task": task, "config": config or "compact", "changes": parse_changes(args.set), "workers": workers}]


def main():
    """Run the jobs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", metavar="JOBS.toml or TASK:CONFIG")
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a value of TASK:CONFIG")
    parser.add_argument("--half", action="store_true", help="write weights in half precision")
    parser.add_argument("--score", action="store_true", help="score the weights, too")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    # All processes are of one group, and none outlives the time
    os.setpgrp()
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(0, signal.SIGKILL))
    signal.alarm(round(60 * args.minutes))
    groups = {}
    for job in _jobs(args):
        groups.setdefault(job["task"], []).append(job)
    # The recipes that make views in advance share the processors
    processes = max(2, (os.cpu_count() or 2) // 2 + 1)
    failed = _wait([_forked(_group, jobs, args, processes) for jobs in groups.values()])
    _say("all done")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
