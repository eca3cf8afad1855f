"""
Write the version, date and addresses of a release into all files that state them.

    python tools/prepare_release.py 0.1.0 --date 2026-11-28 --repository https://github.com/sunpy/sunpy_restore
    python tools/prepare_release.py 0.1.0 --check

The addresses in ``[project.urls]`` of ``pyproject.toml`` are the constants; without ``--repository`` and ``--tracker``
they remain. The first command replaces them in the files below, derives ``.zenodo.json`` from ``CITATION.cff``, and
copies the dependencies of ``pyproject.toml`` into the recipe for conda. The second one writes nothing: it fails, with a
list, where a file disagrees or the repository has no owner yet. The package takes its version from the git tag and not
from these files.
"""

import argparse
import json
import re
import sys
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
ADDRESSED = (
    "pyproject.toml",
    "README.md",
    "CONTRIBUTING.rst",
    "CITATION.cff",
    "conda/recipe/recipe.yaml",
    "sunpy_restore/citation.py",
)
"""Files that state an address of the project."""

CONDA_NAMES = {"astropy": "astropy-base", "dask": "dask-core", "matplotlib": "matplotlib-base", "torch": "pytorch"}
"""Names on conda-forge that differ from those on PyPI."""

_LINES = {
    "CITATION.cff": {"version: ": "{version}", "date-released: ": "{date}"},
    "conda/recipe/recipe.yaml": {'  version: "': '{version}"'},
    "sunpy_restore/citation.py": {"YEAR = ": "{date:%Y}"},
}
"""By file: starts of lines, and what follows them."""


def addresses(texts):
    """The repository and the tracker of ``pyproject.toml``."""
    urls = tomllib.loads(texts["pyproject.toml"])["project"]["urls"]
    return urls["Repository"], urls["Tracker"]


def conda_requirements(pyproject):
    """The dependencies of the package as lines of the recipe for conda."""
    required = map(Requirement, tomllib.loads(pyproject)["project"]["dependencies"])
    return sorted(f"    - {CONDA_NAMES.get(item.name, item.name)} {item.specifier}\n" for item in required)


def zenodo(citation):
    """Metadata for Zenodo from the text of ``CITATION.cff``."""
    cff = yaml.safe_load(citation)
    related = [{"identifier": cff["repository-code"], "relation": "isSupplementTo", "resource_type": "software"}]
    related += [
        {"identifier": reference["doi"], "relation": "references", "resource_type": "publication"}
        for reference in cff["references"]
        if "doi" in reference
    ]
    metadata = {
        "title": cff["title"],
        "upload_type": "software",
        "description": cff["abstract"],
        "version": str(cff["version"]),
        "publication_date": f"{cff['date-released']}",
        "access_right": "open",
        "license": cff["license"],
        "creators": [{"name": author["name"]} for author in cff["authors"]],
        "keywords": cff["keywords"],
        "related_identifiers": related,
    }
    return json.dumps(metadata, indent=2, ensure_ascii=False) + "\n"


def prepared(texts, version, day, repository=None, tracker=None):
    """
    Write a release into texts of files.

    Parameters
    ----------
    texts : `dict` of `str` to `str`
        By file, relative to the root of the repository.
    version : `str`
        Such as ``"0.1.0"``.
    day : `datetime.date`
        Of the release.
    repository, tracker : `str`, optional
        New addresses; by default those of ``pyproject.toml``, and ``issues`` of a new repository.

    Returns
    -------
    `dict` of `str` to `str`
        Also with ``.zenodo.json``.
    """
    old_repository, old_tracker = addresses(texts)
    new_tracker = tracker or (f"{repository}/issues" if repository else old_tracker)
    # Not one after the other: the address of the tracker may begin with that of the repository
    new = {old_tracker: new_tracker, old_repository: repository or old_repository}
    pattern = re.compile("|".join(re.escape(old) + r"(?![\w-])" for old in sorted(new, key=len, reverse=True)))
    result = {name: pattern.sub(lambda found: new[found[0]], text) for name, text in texts.items()}
    for name, lines in _LINES.items():
        for start, value in lines.items():
            line = start + value.format(version=version, date=day)
            result[name], found = re.subn(rf"^{re.escape(start)}.*$", line, result[name], flags=re.MULTILINE)
            if found != 1:
                raise SystemExit(f"{name}: found {found} lines that begin with {start!r}; expected one.")
    recipe = result["conda/recipe/recipe.yaml"]
    start = recipe.index("    - python >=", recipe.index("  run:\n"))
    start, end = recipe.index("\n", start) + 1, recipe.index("\ntests:\n")
    requirements = "".join(conda_requirements(result["pyproject.toml"]))
    result["conda/recipe/recipe.yaml"] = recipe[:start] + requirements + recipe[end:]
    result[".zenodo.json"] = zenodo(result["CITATION.cff"])
    return result


def read(root=ROOT):
    """Texts of the files that a release changes."""
    return {name: (root / name).read_text(encoding="utf-8") for name in (*ADDRESSED, ".zenodo.json")}


def problems(texts, version):
    """What keeps these files from being released as ``version``, as a list of sentences."""
    day = yaml.safe_load(texts["CITATION.cff"])["date-released"]
    expected = prepared(texts, version, day)
    found = [f"{name} does not state release {version} of {day}." for name in texts if texts[name] != expected[name]]
    urls = addresses(texts)
    found += [
        f"{name} names neither {' nor '.join(urls)}." for name in ADDRESSED if not any(u in texts[name] for u in urls)
    ]
    if "/OWNER/" in urls[0]:
        found.append("The repository has no owner yet: set it with --repository.")
    return found


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("version")
    parser.add_argument("--date", type=date.fromisoformat, default=datetime.now(UTC).date(), help="default: today")
    parser.add_argument("--repository", help="address of the source repository")
    parser.add_argument("--tracker", help="address of the issue tracker")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file disagrees")
    options = parser.parse_args(arguments)
    texts = read()
    if options.check:
        found = problems(texts, options.version)
        print("\n".join(found) or f"All files state release {options.version}.")
        return bool(found)
    for name, text in prepared(texts, options.version, options.date, options.repository, options.tracker).items():
        (ROOT / name).write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
