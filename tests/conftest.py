"""Settings of all tests."""

from pathlib import Path

import pytest
from hypothesis import settings

import sunpy_restore

# Without deadlines, which a busy machine misses
settings.register_profile("full", deadline=None)
settings.register_profile("fast", deadline=None, max_examples=20)


def pytest_configure(config):
    """Draw fewer examples in the fast tier, ``pytest -m "not slow"``."""
    settings.load_profile("fast" if "not slow" in config.option.markexpr else "full")


@pytest.fixture(scope="session")
def list_without_hashes():
    """``list_without_hashes(folder, name)``: put a list of the package into a folder, for files of other content."""

    def write(folder, name):
        (path,) = Path(sunpy_restore.__file__).parent.glob(f"*/recipe/data/{name}.toml")
        text = path.read_text(encoding="utf-8").partition("[sha256]")[0]
        (folder / path.name).write_text(text, encoding="utf-8")

    return write
