"""``tools/gpu_train.sh`` and ``tools/gpu_train.py``, which are in the repository but not in the package, on a CPU."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

pytest.importorskip("lightning")

from sunpy_restore.core.weights.store import read_metadata
from sunpy_restore.training import build_dataset

TOOLS = Path(__file__).parents[2] / "tools"
TINY = ["network.blocks=1", "network.channels=4", "patch_size=8", "batch_size=2", "options.views=2"]

if not (TOOLS / "gpu_train.sh").is_file() or os.name != "posix":
    pytest.skip("tools are not here, or this is no POSIX system", allow_module_level=True)


@pytest.fixture
def data(tmp_path):
    """Training data of one random texture."""
    field = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((160, 400)), 3.5, mode="wrap")
    (tmp_path / "own").mkdir()
    np.save(tmp_path / "own" / "fine.npy", (1000 * (1 + 0.1 * field / field.std())).astype(np.float32))
    (tmp_path / "own" / "fine.toml").write_text('pixel_scale = 0.1\nunit = "DN"\ninstrument = "Fine"\n')
    build_dataset("enhance-continuum", tmp_path / "own", tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def run(tmp_path):
    """Run a program with the Python of this process, and return the folder of its results."""
    (tmp_path / "bin").mkdir()
    # A link would leave the virtual environment
    program = tmp_path / "bin" / "python3"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    paths = [str(TOOLS.parent), os.environ.get("PYTHONPATH", "")]
    changed = {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": ":".join(filter(None, paths)),
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
    }

    def run(*command):
        done = subprocess.run(
            [str(part) for part in command], env=os.environ | changed, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_a_configuration_is_trained_and_scored(run, data, tmp_path):
    out = tmp_path / "out"
    changes = [*TINY, "steps=2", "validation_interval=1"]
    log = run(TOOLS / "gpu_train.sh", "enhance-continuum", "paper", 4, data, out, *changes)
    assert (out / "log.txt").read_text() == log
    metadata = read_metadata(out / "enhance-continuum-paper.safetensors")
    assert (metadata["steps"], metadata["architecture"]) == ("2", "Enhance")
    with (out / "enhance-continuum-paper.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    validations = [name for name in rows[0] if "Fine" in name]
    assert validations
    assert all(sum(bool(row[name]) for row in rows) == 2 for name in validations)
    table = (out / "enhance-continuum-paper.txt").read_text()
    assert {"network", "richardson-lucy", "bicubic"} <= {line.split()[1] for line in table.splitlines()[1:]}


@pytest.mark.slow
def test_jobs_of_a_file_share_their_views(run, data, tmp_path):
    common = 'task = "enhance-continuum"\nconfig = "paper"\nworkers = 0\n'
    table = ", ".join(f'"{key}" = {value}' for key, _, value in (change.partition("=") for change in TINY))
    jobs = "".join(
        f'[[job]]\n{common}name = "{name}"\nchanges = {{steps = {steps}, {table}}}\n'
        for name, steps in (("one", 1), ("two", 2))
    )
    (tmp_path / "jobs.toml").write_text(jobs)
    program = [sys.executable, TOOLS / "gpu_train.py"]
    run(*program, tmp_path / "jobs.toml", data, tmp_path / "out", "--minutes", 4, "--half")
    for name, steps in (("one", 1), ("two", 2)):
        assert read_metadata(tmp_path / "out" / f"{name}.safetensors")["steps"] == str(steps)
    assert not list((tmp_path / "out").glob("*.txt"))
