"""The README says what is true: its table, its commands, its Python and its links."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
SCRIPT = ROOT / "tools" / "update_readme.py"

pytestmark = pytest.mark.skipif(not README.is_file(), reason="README.md is not here: the tests are not in a clone")


@pytest.fixture(scope="module")
def readme():
    return README.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script():
    if not SCRIPT.is_file():
        pytest.skip("tools/update_readme.py is not here: the tests are not in a clone")
    spec = importlib.util.spec_from_file_location("update_readme", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_table_is_that_of_the_weights(readme, script):
    assert script.updated(readme) == readme, "run python tools/update_readme.py"


def test_table_follows_the_metadata(readme, script, monkeypatch):
    original = script.scores

    def better(task):
        scores = original(task)
        for rows in scores.values():
            for row in rows.values():
                row.update({score: 2 * value for score, value in row.items()})
        return scores

    monkeypatch.setattr(script, "scores", better)
    changed = [
        new for new, old in zip(script.updated(readme).split("\n"), readme.split("\n"), strict=True) if new != old
    ]
    # The ratio of inpaint does not change where all errors are twice as large
    assert [line.split("`")[1] for line in changed] == [
        "enhance",
        "enhance",
        "desaturate",
        "backproj_to_clean",
        "synthesize_granulation",
    ]


def test_table_has_the_best_classical_method(script):
    rows = {"network": {"error": 0.1}, "first": {"error": 0.5}, "second": {"error": 0.3}, "physics": {"error": 0.0}}
    assert script.best(rows, "error") == (0.3, "second")


@pytest.mark.parametrize(("command", "part"), [("sunpy-restore demo", "demo"), ("pytest -n 2", "pytest")])
def test_command_is_in_one_block(readme, command, part):
    assert sum(command in block.splitlines() for block in blocks(readme, "bash")) == 1
    # Scripts look for a part of the command
    assert sum(part in block for block in blocks(readme, "bash")) == 1


def test_python_runs(readme, tmp_path, monkeypatch):
    (code,) = blocks(readme, "python")
    assert len([line for line in code.splitlines() if line]) == 5
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(README), "exec"), {})
    assert [path.name for path in tmp_path.iterdir()] == ["enhanced.fits"]


def test_files_exist(readme):
    links = re.findall(r"\]\((?!https?://)([^)]+)\)", readme)
    assert "docs/images/overview.png" in links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_papers_are_in_the_credits(readme):
    listed = "".join((ROOT / name).read_text(encoding="utf-8") for name in ("CITATION.cff", "docs/credits.rst"))
    found = re.findall(r"\[doi:([^\]]+)\]\(https://doi\.org/([^)]+)\)", readme)
    assert len(found) >= 5
    assert all(shown == target and shown in listed for shown, target in found)


def test_readme_is_short(readme):
    assert len(readme.splitlines()) < 100
