"""
Write a model card for every file of weights in the package and in its repository, from the file's own metadata.

The cards are reStructuredText in ``docs/model_cards``. That folder is made anew at every build, and git ignores it.
"""

import re
import shutil
import tomllib
from pathlib import Path

import sunpy_restore
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.weights.markup import RESTRUCTUREDTEXT
from sunpy_restore.core.weights.modelcard import card
from sunpy_restore.core.weights.store import available, locate, read_metadata
from sunpy_restore.tasks import function_of, get_task

__all__ = ["setup"]

INTRODUCTION = """\
.. _model-cards:

***********
Model cards
***********

A card describes a file of weights: what it is for and what it is not for, how accurate it is, and how it was trained.
The cards are made from the metadata of the files, which `sunpy_restore.core.weights.store.read_metadata` reads.
:doc:`/guide/weights` explains which weights are in the package and which ones are downloaded. ``sunpy-restore weights
list`` lists all weights of the registry.
"""

CITE = """\
Cite the software (:doc:`/credits`) and the paper of the method:

.. code-block:: bibtex

"""

MARKUP = RESTRUCTUREDTEXT


KINDS = ("compact", "full", "features", "keras")


def write_cards(app):
    """Write all cards and their index."""
    folder = Path(app.srcdir) / "model_cards"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    # An installed package does not know this clone
    mirror = Path(app.srcdir).parent / "full_weights"
    entries = [entry for entry in available() if entry.kind in ("compact", "full") and locate(entry, mirror=mirror)]
    for entry in entries:
        metadata = read_metadata(locate(entry, mirror=mirror))
        (folder / f"{entry.name}.rst").write_text(described(entry, metadata, app.srcdir), encoding="utf-8")
    index = [INTRODUCTION, ".. toctree::", "    :maxdepth: 1", "", *(f"    {entry.name}" for entry in entries), ""]
    (folder / "index.rst").write_text("\n".join(index), encoding="utf-8")
    (folder / "table.inc").write_text(overview({entry.name for entry in entries}), encoding="utf-8")


def described(entry, metadata, folder):
    """The card of a file, with what is not in its metadata."""
    task = get_task(metadata["task"])
    recipe = recipe_of(task)
    function = function_of(task).name
    use = f"{task.title}, with sunpy_restore.{function}."
    known = {"intended_use": recipe.intended_use or use, "limits": recipe.limits} | metadata
    stages = training(entry, known)
    left = {"steps", "wall_time", "device", "config", "commit"}
    known = {key: value for key, value in known.items() if key not in left}
    text = card(entry, known, task.title, function, columns=recipe.score_columns)
    text = inserted(text, "Training data", sources(metadata["training_data"]))
    cite = CITE + re.sub("^(?=.)", "    ", bibtex(entry.doi, folder), flags=re.MULTILINE)
    return "\n".join([text, MARKUP.heading("Training", 1), stages, MARKUP.heading("How to cite", 1), cite])


def inserted(text, heading, table):
    """A card with a table at the end of a section."""
    before, title, after = text.partition(MARKUP.heading(heading, 1))
    section, line, rest = after.partition("\n\n")
    return f"{before}{title}{section}{line}{table}\n{rest}" if title else text


def training(entry, metadata):
    """The stages of a training: those that are listed, or the one that the metadata describe."""
    with Path(__file__).with_name("training_stages.toml").open("rb") as file:
        stages = tomllib.load(file).get(entry.name)
    if stages is None:
        seconds = re.fullmatch(r"(\d+) s", metadata["wall_time"])
        stages = [
            {
                "stage": f"Configuration ``{metadata['config']}``",
                "steps": metadata["steps"],
                "seconds": seconds and int(seconds[1]),
                "device": {"cpu": "CPU"}.get(metadata["device"], "GPU"),
                "commit": metadata["commit"].split(",")[0],
                "sha256": entry.sha256,
            }
        ]
    rows = [
        [
            stage["stage"],
            str(stage["steps"]),
            f"{stage['seconds'] / 3600:.2f}" if stage.get("seconds") else "not recorded",
            stage.get("device", "not recorded"),
            f"``{stage['commit']}``" if "commit" in stage else "not recorded",
            f"``{stage['sha256'][:12]}``" if "sha256" in stage else "not recorded",
        ]
        for stage in stages
    ]
    return MARKUP.table(rows, ["Stage", "Steps", "Time [h]", "Device", "Commit", "SHA-256 of the weights (begin)"])


def sources(description):
    """The images of a training with their terms of use; nothing for simulated scenes."""
    for path in sorted(Path(sunpy_restore.__file__).parent.glob("*/recipe/data/*.toml")):
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        if data["description"].split() == description.split():
            licences = {source["name"]: source["licence"] for source in data["source"] if "licence" in source}
            teams = {source["name"]: source["credit"] for source in data["source"] if "credit" in source}
            rows = [
                [
                    MARKUP.escape(source["name"]),
                    source["split"],
                    str(len(source["files"])),
                    linked(licences.get(source["name"], "see the data it is made from")),
                    MARKUP.escape(teams.get(source["name"], "n/a")),
                ]
                for source in data["source"]
            ]
            return MARKUP.table(rows, ["Images", "Used for", "Files", "Licence and source", "Credit"])
    return ""


def linked(text):
    """Text in which addresses are links."""
    return " ".join(linked_word(word) for word in text.split())


def linked_word(word):
    """A word, which is a link if it is an address."""
    address, mark = re.fullmatch("(.*?)([,;]?)", word).groups()
    return MARKUP.link(address, address) + mark if "://" in address else MARKUP.escape(word)


def bibtex(doi, folder):
    """The entry of a paper."""
    entries = re.split(r"\n(?=@)", (Path(folder) / "papers.bib").read_text(encoding="utf-8"))
    (found,) = (entry for entry in entries if f"{{{doi}}}" in entry)
    return found.strip() + "\n"


def overview(described):
    """A table of all weights in the registry, with links to the cards that exist."""
    rows = [
        [
            f":ref:`{entry.name} <weights-{entry.name}>`" if entry.name in described else f"``{entry.name}``",
            f"`sunpy_restore.{function_of(get_task(entry.task)).name}`" if entry.task else "training",
            f"``{entry.kind}``",
            "yes" if entry.default else "no",
            f"{entry.size / 1e6:.1f}" if entry.size else "n/a",
        ]
        for entry in sorted(available(), key=lambda entry: KINDS.index(entry.kind))
    ]
    return RESTRUCTUREDTEXT.table(rows, ["Weights", "Function", "Kind", "Default of the task", "Size [MB]"])


def setup(app):
    """Write the cards before Sphinx looks for sources."""
    app.connect("builder-inited", write_cards)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
