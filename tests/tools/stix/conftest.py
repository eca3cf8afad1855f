"""The modules of ``tools/stix``, which are in the repository but not in the package."""

from importlib import import_module
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[3] / "tools"


@pytest.fixture(scope="session")
def stix_tools():
    """``stix_tools(name)`` imports a module of ``tools/stix``."""
    if not (TOOLS / "stix").is_dir():
        pytest.skip(f"{TOOLS} is not there, as it is not part of the package")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TOOLS)
        yield lambda name: import_module(f"stix.{name}")


@pytest.fixture(scope="session")
def attitude(stix_tools):
    return stix_tools("attitude")


@pytest.fixture(scope="session")
def observations(stix_tools):
    return stix_tools("observations")


@pytest.fixture(scope="session")
def paired(stix_tools):
    return stix_tools("paired")
