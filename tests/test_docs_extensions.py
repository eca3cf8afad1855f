"""What the extensions of the documentation write."""

import csv
import importlib.util
import tomllib
from pathlib import Path
from urllib.error import URLError

import pytest

from sunpy_restore.core.weights.store import available, locate, read_metadata

DOCS = Path(__file__).parents[1] / "docs"

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="docs are not here: the tests are not in a clone")

INSIDE = [entry for entry in available() if entry.kind == "compact"]


def load(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / "_ext" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cards():
    return load("model_cards")


@pytest.mark.parametrize("entry", INSIDE, ids=lambda entry: entry.name)
def test_card_has_use_limits_training_and_paper(entry, cards):
    text = cards.described(entry, read_metadata(locate(entry)), DOCS)
    for heading in ("Intended use", "Limits", "Scores", "Training data", "Training", "How to cite"):
        assert f"\n{heading}\n{'-' * len(heading)}\n" in text, heading
    assert f"{{{entry.doi}}}" in text


def test_last_listed_stage_is_that_of_the_file():
    stages = tomllib.loads((DOCS / "_ext" / "training_stages.toml").read_text(encoding="utf-8"))
    entries = {entry.name: entry for entry in INSIDE}
    assert stages.keys() <= entries.keys()
    for name, rows in stages.items():
        metadata = read_metadata(locate(entries[name]))
        assert str(rows[-1]["steps"]) == metadata["steps"], name
        assert metadata["commit"].startswith(rows[-1]["commit"]), name
        assert f"{rows[-1]['seconds']} s" == metadata["wall_time"], name


def test_licences_of_the_training_data_are_named(cards):
    described = {
        entry.name: read_metadata(locate(entry))["training_data"]
        for entry in available()
        if entry.task == "enhance-continuum" and entry.folder
    }
    text = cards.sources(described["enhance-continuum-paper"])
    assert "`https://github.com/HelioML/HelioML <https://github.com/HelioML/HelioML>`__" in text
    assert "MIT, " in text
    for name in ("compact", "light"):
        assert "HelioML" not in cards.sources(described[f"enhance-continuum-{name}"])


@pytest.mark.parametrize("path", sorted((DOCS / "coverage").glob("*.csv")), ids=lambda path: path.stem)
def test_every_table_of_coverage_has_a_page(path):
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    text = load("coverage").page(path.stem, rows)
    for method in {row["method"] for row in rows}:
        assert f"\nMethod ``{method}``\n" in text
    assert ("light weights" in text) == ("light" in path.stem)


def test_sums_whose_errors_follow_from_the_visibilities_are_left_out():
    with (DOCS / "coverage/backproj.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    coverage = load("coverage")
    text = coverage.page("backproj", rows)
    assert "*Sums* is left out for ``network`` and ``forward-fit``" in text
    for row in rows:
        if row["stratum"] == row["group"] == "all":
            cells = text.partition(f"    * - ``{row['method']}``\n")[2].splitlines()
            expected = "" if row["method"] in ("network", "forward-fit") else f"{float(row['sums']):.2f}"
            assert cells[len(coverage.HEADINGS)].partition("-")[2].strip() == expected


def test_inventories_that_cannot_be_read_are_left_out(monkeypatch):
    inventories = load("inventories")
    projects = {"here": "https://here.org/", "there": "https://there.org/"}

    class Answer:
        def __enter__(self):
            return self

        def __exit__(self, *arguments):
            pass

    def open_(request, timeout):
        if "there" in request.full_url:
            raise URLError("no network")
        return Answer()

    monkeypatch.setattr(inventories, "urlopen", open_)
    monkeypatch.delenv("READTHEDOCS", raising=False)
    assert inventories.reachable(projects) == {"here": ("https://here.org/", None)}
    assert inventories.reachable(projects, "0") == {}
    assert list(inventories.reachable(projects, "1")) == ["here", "there"]
    monkeypatch.setenv("READTHEDOCS", "True")
    assert list(inventories.reachable(projects)) == ["here", "there"]
