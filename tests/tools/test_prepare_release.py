"""All files state the same addresses and the same release, and the script that writes them changes all of them."""

import importlib.util
import json
import re
import tomllib
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import sunpy_restore
from sunpy_restore import citation

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tools" / "prepare_release.py"

pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="tools/ is not here: the tests are not in a clone")
yaml = pytest.importorskip("yaml")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("prepare_release", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def texts(script):
    return script.read()


def test_files_agree(script, texts):
    stated = yaml.safe_load(texts["CITATION.cff"])
    found = script.problems(texts, str(stated["version"]))
    assert [problem for problem in found if "no owner" not in problem] == [], "run python tools/prepare_release.py"


def test_no_other_file_states_an_address(script, texts):
    """Documentation and package refer to the constants."""
    repository, _ = script.addresses(texts)
    files = [path for name in ("docs", "sunpy_restore", "examples") for path in (ROOT / name).rglob("*.*")]
    files = [path for path in files if path.suffix in (".py", ".rst", ".toml") and "_build" not in path.parts]
    assert len(files) > 300
    stating = {str(path.relative_to(ROOT)) for path in files if repository in path.read_text(encoding="utf-8")}
    assert {name.replace("\\", "/") for name in stating} == {"sunpy_restore/citation.py"}


@pytest.mark.parametrize("tracker", [None, "https://tracker.example/bugs"])
def test_new_addresses_are_everywhere(script, texts, tracker):
    repository = "https://git.example/solar/restore"
    old, old_tracker = script.addresses(texts)
    new = script.prepared(texts, "3.2.1", date(2031, 5, 7), repository, tracker)
    assert script.addresses(new) == (repository, tracker or f"{repository}/issues")
    assert [name for name, text in new.items() if old in text or old_tracker in text] == []
    assert script.problems(new, "3.2.1") == []
    assert len(script.problems(new, "3.2.2")) >= 3
    cff = yaml.safe_load(new["CITATION.cff"])
    assert (cff["version"], cff["date-released"], cff["url"]) == ("3.2.1", date(2031, 5, 7), repository)
    assert json.loads(new[".zenodo.json"])["publication_date"] == "2031-05-07"
    assert "YEAR = 2031" in new["sunpy_restore/citation.py"]


def test_a_single_other_address_is_found(script, texts):
    repository, _ = script.addresses(texts)
    wrong = texts | {"CITATION.cff": texts["CITATION.cff"].replace(repository, "https://git.example/other")}
    stated = str(yaml.safe_load(texts["CITATION.cff"])["version"])
    assert any(problem.startswith("CITATION.cff names neither") for problem in script.problems(wrong, stated))


def test_citation_is_that_of_the_file(texts):
    fields = dict(re.findall(r"^  (\w+) += \{+(.*?)\}+,$", sunpy_restore.__citation__, re.MULTILINE))
    cff = yaml.safe_load(texts["CITATION.cff"])
    assert sunpy_restore.__citation__.startswith("@software{sunpy_restore,\n")
    assert fields == {
        "author": cff["authors"][0]["name"],
        "title": cff["title"],
        "year": f"{cff['date-released']:%Y}",
        "version": version("sunpy_restore"),
        "url": cff["repository-code"],
    }
    assert citation.REPOSITORY == fields["url"]


def test_zenodo_has_the_papers(texts):
    metadata = json.loads(texts[".zenodo.json"])
    cff = yaml.safe_load(texts["CITATION.cff"])
    listed = {entry["identifier"] for entry in metadata["related_identifiers"]}
    assert listed == {cff["repository-code"], *(entry["doi"] for entry in cff["references"] if "doi" in entry)}
    assert metadata["license"] == cff["license"]


@pytest.mark.parametrize("added", [(), ("zarr>=3.0", "dask[array]>=2024.8")])
def test_conda_recipe_requires_what_the_package_requires(script, texts, added):
    lines = "".join(f'  "{requirement}",\n' for requirement in added)
    texts = texts | {
        "pyproject.toml": texts["pyproject.toml"].replace("dependencies = [\n", f"dependencies = [\n{lines}")
    }
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    required = {
        script.CONDA_NAMES.get(requirement.name, requirement.name): str(requirement.specifier)
        for requirement in map(Requirement, project["dependencies"])
    }
    recipe = yaml.safe_load(script.prepared(texts, "0.1.0", date(2026, 11, 28))["conda/recipe/recipe.yaml"])
    first, *others = recipe["requirements"]["run"]
    assert first == "python >=${{ python_min }}"
    assert dict(line.split() for line in others) == required
    assert recipe["about"]["license"] == project["license"]
    assert recipe["about"]["summary"] == project["description"]
    assert [line.strip() for line in recipe["build"]["python"]["entry_points"]] == [
        f"{name} = {target}" for name, target in project["scripts"].items()
    ]


def test_conda_command_of_the_installation_page_names_every_dependency(script, texts):
    """Apart from PyTorch, which the page has as CPU and as GPU build."""
    page = ROOT / "docs" / "installation.rst"
    if not page.is_file():
        pytest.skip("the documentation is not here")
    command = re.search(
        r"conda create -n restore (.*?)\n\s+conda activate", page.read_text(encoding="utf-8"), re.DOTALL
    )
    named = set(command[1].replace("\\", " ").split())
    required = {line.split()[1] for line in script.conda_requirements(texts["pyproject.toml"])}
    assert named >= required - {"pytorch"} | {"pytorch-cpu"}
