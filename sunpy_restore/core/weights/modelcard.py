"""Model cards: the metadata of weights as reStructuredText or Markdown."""

from sunpy_restore.core.weights.markup import RESTRUCTUREDTEXT

__all__ = ["card", "render"]

SECTIONS = {
    "intended_use": "Intended use",
    "limits": "Limits",
    "scores": "Scores",
    "validation": "Validation during training",
    "training_data": "Training data",
    "recipe": "Recipe",
    "hyperparameters": "Hyper-parameters",
}
"""Metadata that have a section of their own, in this order; everything else is in the table at the top."""

TASK, DOI, REFERENCE, INTERVALS = "task", "doi", "reference", "intervals"

INTERVALS_NOTE = (
    "In brackets: 95 % intervals of a bootstrap over the images of a source; without brackets, a source has one image."
)


def render(value, markup=RESTRUCTUREDTEXT):
    """Metadata of any shape: a table where there are records, or keys and values; else a list or text."""
    if isinstance(value, dict) and value:
        if all(isinstance(row, dict) for row in value.values()):
            return records(list(leaves(value)), markup)
        return markup.table([[markup.escape(key), inline(entry, markup)] for key, entry in value.items()])
    if isinstance(value, list):
        if value and all(isinstance(row, dict) for row in value):
            return records(value, markup)
        return "\n".join(f"* {inline(entry, markup)}" for entry in value) + "\n"
    return markup.escape(value) + "\n"


def score_tables(scores, intervals, columns, markup):
    """Scores by source and method: one table for all sources that are scored by the same measures."""
    groups = {}
    for source, methods in scores.items():
        groups.setdefault(frozenset(key for row in methods.values() for key in row), {})[source] = methods
    return "\n".join(_score_table(group, intervals, columns, markup) for group in groups.values())


def _score_table(scores, intervals, columns, markup):
    """One table, whose columns have the headings of the recipe, in its order, and the names of the scores otherwise."""
    found = {key for methods in scores.values() for row in methods.values() for key in row}
    keys = [key for key in columns if key in found]
    keys += [key for methods in scores.values() for row in methods.values() for key in row if key not in columns]
    keys = list(dict.fromkeys(keys))
    rows = [
        [
            markup.escape(source),
            markup.escape(method),
            *(_cell(row.get(key), ranges.get(method, {}).get(key), columns.get(key)) for key in keys),
        ]
        for source, methods in scores.items()
        for ranges in [intervals.get(source, {})]
        for method, row in methods.items()
    ]
    headings = [columns[key].heading if key in columns else key for key in keys]
    return markup.table(rows, ["Test images", "Method", *map(markup.escape, headings)])


def _cell(value, interval, column):
    """A score as text, with its interval where there is one."""
    if value is None:
        return "n/a"
    form = "{:.4g}" if column is None else column.form
    text, *limits = (form.format(number).rstrip("%") for number in (value, *(interval or ())))
    return f"{text} [{', '.join(limits)}]" if limits else text


def validation_table(values, columns, markup):
    """Scores on the validation data, with the headings of the recipe."""
    rows = []
    for key, value in values.items():
        name, _, source = key.partition("/")
        heading = columns[name].heading if name in columns else name
        rows.append([markup.escape(heading), markup.escape(source), _cell(value, None, columns.get(name))])
    return markup.table(rows, ["Score", "Validation images", "Value"])


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


def records(rows, markup):
    """A table of dictionaries, with a column for each of their keys."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    header = [markup.escape(key) for key in keys]
    return markup.table([[inline(row.get(key, "n/a"), markup) for key in keys] for row in rows], header)


def inline(value, markup):
    """A value in one cell."""
    if isinstance(value, dict):
        return ", ".join(f"{markup.escape(key)}: {inline(entry, markup)}" for key, entry in value.items())
    if isinstance(value, list):
        return ", ".join(inline(entry, markup) for entry in value)
    return markup.escape(value)


def card(entry, metadata, title, function, markup=RESTRUCTUREDTEXT, columns=None):
    """
    The model card of a file of weights.

    Parameters
    ----------
    entry : `~sunpy_restore.core.weights.registry.WeightsEntry`
        Its entry in the registry.
    metadata : `dict`
        Its metadata, see `~sunpy_restore.core.weights.store.read_metadata`.
    title, function : `str`
        Title of its task, and the name of the function that uses it.
    markup : `~sunpy_restore.core.weights.markup.RestructuredText`
        The markup language.
    columns : mapping, optional
        Name of a score to its `~sunpy_restore.core.recipes.scoring.ScoreColumn`, for headings with units.

    Returns
    -------
    `str`
        The text of the card.
    """
    escape, code = markup.escape, markup.code
    facts = {
        "Task": f"{escape(title)} ({code(metadata[TASK])})",
        "Function": markup.function(function),
        "Default": "yes" if entry.default else "no",
        "File": f"{code(entry.file)}, {entry.size / 1e6:.2f} MB",
        "SHA-256": code(entry.sha256),
        "Licence": escape(entry.licence),
        "Trained on": escape(entry.trained_on),
        "Paper": markup.link(f"doi:{entry.doi}", f"https://doi.org/{entry.doi}"),
    }
    shown = {TASK, DOI, "licence", REFERENCE, INTERVALS, *SECTIONS}
    facts |= {
        key.replace("_", " ").capitalize(): inline(metadata[key], markup) for key in sorted(metadata.keys() - shown)
    }
    label, description = markup.target(f"weights-{entry.name}"), f"{escape(entry.description)}\n"
    parts = [label, markup.heading(entry.name), description, markup.table(facts.items())]
    sections = {
        "scores": lambda scores: score_tables(scores, metadata.get(INTERVALS, {}), columns or {}, markup),
        "validation": lambda scores: validation_table(scores, columns or {}, markup),
    }
    for key, section in SECTIONS.items():
        if key not in metadata:
            continue
        parts.append(markup.heading(section, 1))
        if key == "scores" and INTERVALS in metadata:
            parts.append(f"{escape(INTERVALS_NOTE)}\n")
        parts.append(sections[key](metadata[key]) if key in sections else render(metadata[key], markup))
    if REFERENCE in metadata:
        parts += [markup.heading("Reference of the scores", 1), render(without_lists(metadata[REFERENCE]), markup)]
    return "\n".join(part for part in parts if part)
