"""
Write a model card for every file of weights in the package, from the file's own metadata.

The cards are reStructuredText in ``docs/model_cards``. That folder is made anew at every build, and git ignores it.
"""

import shutil
from pathlib import Path

from sunpy_restore.core.modelcard import card
from sunpy_restore.core.weights import available, read_metadata
from sunpy_restore.tasks import function_of, get_task

__all__ = ["setup"]

INTRODUCTION = """\
.. _model-cards:

***********
Model cards
***********

The package includes these weights. Each card is made from the metadata of its file, which
`sunpy_restore.core.weights.read_metadata` reads. ``sunpy-restore weights list`` lists all weights of the registry.
"""


def write_cards(app):
    """Write all cards and their index."""
    folder = Path(app.srcdir) / "model_cards"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    entries = [entry for entry in available() if entry.kind == "compact"]
    for entry in entries:
        metadata = read_metadata(entry.folder / entry.file)
        task = get_task(metadata["task"])
        text = card(entry, metadata, task.title, function_of(task).name)
        (folder / f"{entry.name}.rst").write_text(text, encoding="utf-8")
    index = [INTRODUCTION, ".. toctree::", "    :maxdepth: 1", "", *(f"    {entry.name}" for entry in entries), ""]
    (folder / "index.rst").write_text("\n".join(index), encoding="utf-8")


def setup(app):
    """Write the cards before Sphinx looks for sources."""
    app.connect("builder-inited", write_cards)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
