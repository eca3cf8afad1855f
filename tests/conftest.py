"""Settings of all tests."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

import sunpy_restore
from sunpy_restore.core.weights.store import entry_named, locate

ROOT = Path(__file__).parents[1]
FULL_WEIGHTS = ROOT / "full_weights"

# A package that is not installed from this clone in editable mode does not look for the full weights here
if FULL_WEIGHTS.is_dir() and Path(sunpy_restore.__file__).parents[1] != ROOT:
    os.environ.setdefault("SUNPY_RESTORE_WEIGHTS_MIRROR", str(FULL_WEIGHTS))

# Without limits of time, which a busy machine misses
UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("full", **UNTIMED)
settings.register_profile("fast", **UNTIMED, max_examples=20)

# The programs in it are run by hand, and need atheris
collect_ignore = ["fuzz"]


def pytest_addoption(parser):
    """Where the tests in a browser write screenshots."""
    parser.addoption("--screenshots", metavar="DIR", help="folder for the screenshots of the studio")


def pytest_configure(config):
    """Draw fewer examples in the fast tier, ``pytest -m "not slow"``."""
    settings.load_profile("fast" if "not slow" in config.option.markexpr else "full")
    share_cores(getattr(config.option, "numprocesses", None))


def share_cores(processes):
    """Divide the threads of PyTorch between the test processes, which inherit the environment."""
    if processes:
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, torch.get_num_threads() // processes)))


@pytest.fixture(scope="session")
def list_without_hashes():
    """``list_without_hashes(folder, name)``: put a list of the package into a folder, for files of other content."""

    def write(folder, name):
        (path,) = Path(sunpy_restore.__file__).parent.glob(f"*/recipe/data/{name}.toml")
        text = path.read_text(encoding="utf-8").partition("[sha256]")[0]
        (folder / path.name).write_text(text, encoding="utf-8")

    return write


@pytest.fixture(scope="session")
def full_weights():
    """``full_weights(name)``: the path of full weights; outside of a clone, without them, the test is skipped."""

    def find(name):
        path = locate(entry_named(name))
        if path is None:
            pytest.skip(f"the full weights {name} are not on this machine")
        return path

    return find
