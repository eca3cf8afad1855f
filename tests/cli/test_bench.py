"""The table of times beside other programs."""

import pytest

from sunpy_restore.cli import bench as module
from sunpy_restore.cli.bench import COMPARISONS, Comparison, bench


def test_functions_run_alternately_and_the_first_run_does_not_count():
    calls = []
    comparison = Comparison("ours", "theirs", "numpy", lambda *_: (lambda: calls.append(0), lambda: calls.append(1)))
    heading, line = bench(repeat=2, comparisons=[comparison])
    assert calls == [0, 1] * 3
    assert heading.split("  ")[0] == "function"
    assert line.split()[0] == "ours"
    assert float(line.split()[-1]) >= 0


def test_programs_that_are_not_installed_are_left_out():
    calls = []
    comparison = Comparison("ours", "theirs", "no_such_package", lambda *_: (lambda: calls.append(0), None))
    *_, line = bench(repeat=1, comparisons=[comparison])
    assert line.endswith("not installed")
    assert calls == [0, 0]


@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda comparison: comparison.name)
def test_what_is_compared_can_be_run(comparison, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SIDE", 60)
    monkeypatch.setattr(module, "_ITERATIONS", 2)
    pytest.importorskip(comparison.package)
    for function in comparison.prepare(tmp_path, True):
        assert function() is not None
