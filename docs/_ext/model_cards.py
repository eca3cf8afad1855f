"""
Write a model card for every file of weights in the package, from the file's own metadata.

The cards are reStructuredText in ``docs/model_cards``. That folder is made anew at every build, and git ignores it.
"""

import shutil
from pathlib import Path

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

SECTIONS = {
    "scores": "Scores",
    "validation": "Validation during training",
    "training_data": "Training data",
    "recipe": "Recipe",
    "hyperparameters": "Hyper-parameters",
}
"""Metadata that have a section of their own, in this order; everything else is in the table at the top."""

TASK, DOI, REFERENCE = "task", "doi", "reference"


def escape(value):
    """A value as reStructuredText that reads as it is written."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return "".join(f"\\{character}" if character in r"\*`_|" else character for character in " ".join(text.split()))


def heading(text, underline="="):
    text = escape(text)
    return f"{text}\n{underline * len(text)}\n"


def table(rows, header=None):
    """A list table of rows of values, which are reStructuredText."""
    lines = [".. list-table::", f"    :header-rows: {int(header is not None)}", ""]
    for row in [header, *rows] if header else rows:
        lines += [f"    {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def render(value):
    """Metadata of any shape: a table where there are records, or keys and values; else a list or text."""
    if isinstance(value, dict) and value:
        if all(isinstance(row, dict) for row in value.values()):
            return records(list(leaves(value)))
        return table([[escape(key), inline(entry)] for key, entry in value.items()])
    if isinstance(value, list):
        if value and all(isinstance(row, dict) for row in value):
            return records(value)
        return "\n".join(f"* {inline(entry)}" for entry in value) + "\n"
    return escape(value) + "\n"


def score_tables(scores):
    """Scores by source and method: one table, or one per source where these are scored by different measures."""
    measures = [{key for row in methods.values() for key in row} for methods in scores.values()]
    if all(keys == measures[0] for keys in measures):
        return render(scores)
    return "\n".join(f"{heading(source, '^')}\n{render(methods)}" for source, methods in scores.items())


def leaves(value, names=()):
    """The innermost tables of nested ones, each with the names that lead to it in columns without a heading."""
    if value and all(isinstance(inner, dict) for inner in value.values()):
        for name, inner in value.items():
            yield from leaves(inner, (*names, name))
    else:
        yield {" " * depth: name for depth, name in enumerate(names)} | value


def without_lists(values):
    """Numbers and text, and how many values each list has."""
    return {key: f"{len(value)} values" if isinstance(value, list) else value for key, value in values.items()}


def records(rows):
    """A table of dictionaries, with a column for each of their keys."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    return table([[inline(row.get(key, "n/a")) for key in keys] for row in rows], [escape(key) for key in keys])


def inline(value):
    """A value in one cell."""
    if isinstance(value, dict):
        return ", ".join(f"{escape(key)}: {inline(entry)}" for key, entry in value.items())
    if isinstance(value, list):
        return ", ".join(map(inline, value))
    return escape(value)


def card(entry):
    """The card of one registry entry, as text."""
    metadata = read_metadata(entry.folder / entry.file)
    task = get_task(metadata[TASK])
    facts = {
        "Task": f"{escape(task.title)} (``{task.name}``)",
        "Function": f"`sunpy_restore.{function_of(task).name}`",
        "Default": "yes" if entry.default else "no",
        "File": f"``{entry.file}``, {entry.size / 1e6:.2f} MB",
        "SHA-256": f"``{entry.sha256}``",
        "Licence": escape(entry.licence),
        "Trained on": escape(entry.trained_on),
        "Paper": f"`doi:{entry.doi} <https://doi.org/{entry.doi}>`__",
    }
    shown = {TASK, DOI, "licence", REFERENCE, *SECTIONS}
    facts |= {key.replace("_", " ").capitalize(): inline(metadata[key]) for key in sorted(metadata.keys() - shown)}
    label, description = f".. _weights-{entry.name}:\n", f"{escape(entry.description)}\n"
    parts = [label, heading(entry.name), description, table(facts.items())]
    for key, title in SECTIONS.items():
        if key in metadata:
            parts += [heading(title, "-"), (score_tables if key == "scores" else render)(metadata[key])]
    if REFERENCE in metadata:
        parts += [heading("Reference of the scores", "-"), render(without_lists(metadata[REFERENCE]))]
    return "\n".join(parts)


def write_cards(app):
    """Write all cards and their index."""
    folder = Path(app.srcdir) / "model_cards"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    entries = [entry for entry in available() if entry.kind == "compact"]
    for entry in entries:
        (folder / f"{entry.name}.rst").write_text(card(entry), encoding="utf-8")
    index = [INTRODUCTION, ".. toctree::", "    :maxdepth: 1", "", *(f"    {entry.name}" for entry in entries), ""]
    (folder / "index.rst").write_text("\n".join(index), encoding="utf-8")


def setup(app):
    """Write the cards before Sphinx looks for sources."""
    app.connect("builder-inited", write_cards)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
