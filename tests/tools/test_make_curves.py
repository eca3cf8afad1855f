"""``tools/make_curves.py``: what is kept of the log of a training, and how flat its curve is."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tools" / "make_curves.py"

if not SCRIPT.is_file():
    pytest.skip("tools are not here: the tests are not in a clone", allow_module_level=True)

SPEC = importlib.util.spec_from_file_location("make_curves", SCRIPT)
MODULE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(MODULE)

LOG = """epoch,loss,lr-Adam,nmse/one,nmse/other two,step
,,0.001,,,49
0,3.5,,,,49
0,,,0.41234,0.2,99
0,2.5,,,,149
0,,,0.2,0.1,199
0,,,0.1,0.2,299
"""


def test_the_validations_of_a_log_are_kept(tmp_path):
    (tmp_path / "metrics.csv").write_text(LOG)
    MODULE.add(tmp_path, tmp_path / "metrics.csv", "task.name")
    for file in ("metrics.csv", "task.name.csv"):
        steps, errors = MODULE.read_curves(tmp_path / file)
        np.testing.assert_array_equal(steps, [100, 200, 300])
        np.testing.assert_allclose(errors["one"], [0.41234, 0.2, 0.1], rtol=5e-4)
        np.testing.assert_array_equal(errors["other two"], [0.2, 0.1, 0.2])


def test_a_log_without_validations_is_refused(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,loss,step\n0,1.0,49\n")
    with pytest.raises(ValueError, match="Found no validation in"):
        MODULE.read_curves(tmp_path / "metrics.csv")


def test_the_change_is_that_over_the_last_third():
    """Of the geometric mean, so that no set dominates: here it stays while both errors change."""
    steps = np.array([100, 200, 300])
    errors = {"one": np.array([9.0, 2.0, 1.0]), "two": np.array([9.0, 1.0, 2.0])}
    assert MODULE.change(steps, errors) == pytest.approx(0)
    assert MODULE.change(steps, {"one": np.array([9.0, 2.0, 1.5])}) == pytest.approx(-0.25)


def test_the_figure_shows_every_training_in_the_repository(tmp_path, capsys):
    MODULE.draw(ROOT / "docs" / "training_curves", tmp_path / "curves.svg")
    names = [path.stem.replace(".", ", ") for path in (ROOT / "docs" / "training_curves").glob("*.csv")]
    assert sorted(line.partition(":")[0] for line in capsys.readouterr().out.splitlines()) == sorted(names)
    assert len(names) >= 4
    text = (tmp_path / "curves.svg").read_text(encoding="utf-8")
    assert len(text) > 10_000
    assert not any(line.endswith(" ") for line in text.splitlines())
