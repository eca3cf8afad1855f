"""Model cards: the metadata of weights as reStructuredText or Markdown."""

from sunpy_restore.core.markup import RESTRUCTUREDTEXT

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


def score_tables(scores, markup):
    """Scores by source and method: one table, or one per source where these are scored by different measures."""
    measures = [{key for row in methods.values() for key in row} for methods in scores.values()]
    if all(keys == measures[0] for keys in measures):
        return render(scores, markup)
    return "\n".join(f"{markup.heading(source, 2)}\n{render(methods, markup)}" for source, methods in scores.items())


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


def with_intervals(scores, intervals):
    """Scores by source and method, each as text with its interval where there is one."""
    return {
        source: {
            method: {
                key: _with_interval(value, intervals.get(source, {}).get(method, {}).get(key))
                for key, value in row.items()
            }
            for method, row in methods.items()
        }
        for source, methods in scores.items()
    }


def _with_interval(value, interval):
    return value if interval is None else f"{value:.4g} [{interval[0]:.4g}, {interval[1]:.4g}]"


def card(entry, metadata, title, function, markup=RESTRUCTUREDTEXT):
    """
    The model card of a file of weights.

    Parameters
    ----------
    entry : `~sunpy_restore.core.registry.WeightsEntry`
        Its entry in the registry.
    metadata : `dict`
        Its metadata, see `~sunpy_restore.core.weights.read_metadata`.
    title, function : `str`
        Title of its task, and the name of the function that uses it.
    markup : `~sunpy_restore.core.markup.RestructuredText`
        The markup language.

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
    for key, section in SECTIONS.items():
        if key not in metadata:
            continue
        parts.append(markup.heading(section, 1))
        if key != "scores":
            parts.append(render(metadata[key], markup))
            continue
        if INTERVALS in metadata:
            parts.append(f"{escape(INTERVALS_NOTE)}\n")
        parts.append(score_tables(with_intervals(metadata[key], metadata.get(INTERVALS, {})), markup))
    if REFERENCE in metadata:
        parts += [markup.heading("Reference of the scores", 1), render(without_lists(metadata[REFERENCE]), markup)]
    return "\n".join(part for part in parts if part)
