"""
Write a model card for every file of weights in the package and in its repository, from the file's own metadata.

The cards are reStructuredText in ``docs/model_cards``. That folder is made anew at every build, and git ignores it.
"""

import shutil
from pathlib import Path

from sunpy_restore.core.markup import RESTRUCTUREDTEXT
from sunpy_restore.core.modelcard import card
from sunpy_restore.core.weights import available, locate, read_metadata
from sunpy_restore.tasks import function_of, get_task

__all__ = ["setup"]

INTRODUCTION = """\
.. _model-cards:

***********
Model cards
***********

Each card is made from the metadata of the weights file, which `sunpy_restore.core.weights.read_metadata` reads.
:doc:`/guide/weights` explains which weights are in the package and which ones are downloaded. ``sunpy-restore weights
list`` lists all weights of the registry.
"""


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
        task = get_task(metadata["task"])
        text = card(entry, metadata, task.title, function_of(task).name)
        (folder / f"{entry.name}.rst").write_text(text, encoding="utf-8")
    index = [INTRODUCTION, ".. toctree::", "    :maxdepth: 1", "", *(f"    {entry.name}" for entry in entries), ""]
    (folder / "index.rst").write_text("\n".join(index), encoding="utf-8")
    (folder / "table.inc").write_text(overview({entry.name for entry in entries}), encoding="utf-8")


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
