"""Model cards: the metadata of weights as reStructuredText."""

__all__ = ["card", "heading", "render", "table"]

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


def card(entry, metadata, title, function):
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

    Returns
    -------
    `str`
        reStructuredText.
    """
    facts = {
        "Task": f"{escape(title)} (``{metadata[TASK]}``)",
        "Function": f"`sunpy_restore.{function}`",
        "Default": "yes" if entry.default else "no",
        "File": f"``{entry.file}``, {entry.size / 1e6:.2f} MB",
        "SHA-256": f"``{entry.sha256}``",
        "Licence": escape(entry.licence),
        "Trained on": escape(entry.trained_on),
        "Paper": f"`doi:{entry.doi} <https://doi.org/{entry.doi}>`__",
    }
    shown = {TASK, DOI, "licence", REFERENCE, INTERVALS, *SECTIONS}
    facts |= {key.replace("_", " ").capitalize(): inline(metadata[key]) for key in sorted(metadata.keys() - shown)}
    label, description = f".. _weights-{entry.name}:\n", f"{escape(entry.description)}\n"
    parts = [label, heading(entry.name), description, table(facts.items())]
    for key, section in SECTIONS.items():
        if key not in metadata:
            continue
        parts.append(heading(section, "-"))
        if key != "scores":
            parts.append(render(metadata[key]))
            continue
        if INTERVALS in metadata:
            parts.append(f"{escape(INTERVALS_NOTE)}\n")
        parts.append(score_tables(with_intervals(metadata[key], metadata.get(INTERVALS, {}))))
    if REFERENCE in metadata:
        parts += [heading("Reference of the scores", "-"), render(without_lists(metadata[REFERENCE]))]
    return "\n".join(parts)
