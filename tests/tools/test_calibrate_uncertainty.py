"""Tables of coverage: the rows of other methods are kept, and with single shares only also the other columns."""

import csv
import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("lightning")

SCRIPT = Path(__file__).parents[2] / "tools" / "calibrate_uncertainty.py"

if not SCRIPT.is_file():
    pytest.skip("tools are not here: the tests are not in a clone", allow_module_level=True)

SPEC = importlib.util.spec_from_file_location("calibrate_uncertainty", SCRIPT)
TOOL = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(TOOL)


def row(method, value):
    return dict.fromkeys(TOOL.COLUMNS, value) | {"method": method, "stratum": "all", "group": "all"}


def table(path):
    with path.open(newline="") as file:
        return [(row["method"], row["width"], row["within_95"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize("shares_only", [False, True])
def test_rows_of_other_methods_are_kept(tmp_path, shares_only):
    path = tmp_path / "task.csv"
    TOOL.write_table(path, [row("network", 0.1), row("bicubic", 0.2)])
    TOOL.write_table(path, [row("network", 0.3), row("new", 0.4)], shares_only)
    width = "0.100" if shares_only else "0.300"
    assert sorted(table(path)) == [
        ("bicubic", "0.200", "0.200"), ("network", width, "0.300"), ("new", "0.400", "0.400"),
    ]  # fmt: skip
