"""Score a network and the classical methods on images that were kept back from training."""

import os
from collections import Counter
from pathlib import Path

import numpy as np

from sunpy_restore.core.methods import load_method
from sunpy_restore.core.recipe import ScoreColumn, recipe_of
from sunpy_restore.core.weights import read_metadata, resolve
from sunpy_restore.tasks import get_task

__all__ = ["evaluate", "format_table", "scores"]


def evaluate(task, data, *, methods=None, weights=None, device=None):
    """
    Score the methods of a task on the images that its recipe keeps back.

    Every method runs exactly as users run it, behind the check of the Map.

    Parameters
    ----------
    task : `str`
        Name of the task, such as ``"enhance-continuum"``.
    data : path-like
        Folder of the training data: one that `~sunpy_restore.training.build_dataset` made, or one in the layout that
        the task's recipe describes.
    methods : iterable of `str`, optional
        Rows of the table, see `sunpy_restore.core.recipe.Recipe.variants`; by default all.
    weights : `str` or path-like, or `list` of them, optional
        Weights of the network, see `sunpy_restore.enhance`. Each of several has rows with the name of its configuration
        in place of ``"network"``.
    device : `str`, optional
        Device of the network, see `sunpy_restore.enhance`.

    Returns
    -------
    `list` of `dict`
        One per source of images and method, with the names ``source`` and ``method`` and the scores that
        `sunpy_restore.core.recipe.Recipe.measure` gives: the median of the absolute value over the images of the source
        for names that begin with ``median_``, and the mean for all others. An image without a score does not count.

    Raises
    ------
    ValueError
        Unknown task or method.
    FileNotFoundError
        The data are missing.
    ~sunpy_restore.core.exceptions.WeightsError
        The weights cannot be found or read.
    """
    recipe = recipe_of(get_task(task))
    data = Path(data)
    if not data.is_dir():
        raise FileNotFoundError(f"Found no folder {data}; expected one with the training data.")
    variants = _variants(recipe, methods)
    weights = [weights] if isinstance(weights, str | os.PathLike | None) else list(weights) or [None]
    loaded = _loaded(recipe, variants, weights, device)
    found = {}
    for source, observation, truth in recipe.evaluation_pairs(data):
        for label, (method, options) in loaded.items():
            restored = recipe.restored(observation, method, options)
            if restored is not None:
                found.setdefault((source, label), []).append(recipe.measure(observation, restored, truth))
    return [{"source": source, "method": label} | _together(images) for (source, label), images in found.items()]


def _variants(recipe, methods):
    known = recipe.variants()
    if methods is None:
        return known
    methods = list(methods)
    unknown = [method for method in methods if method not in known]
    if unknown:
        raise ValueError(f"Unknown method {unknown[0]!r}; expected one of {', '.join(known)}.")
    return {method: known[method] for method in methods}


def _loaded(recipe, variants, weights, device):
    """Methods and options by label: those of each network first, then those that use none."""
    names = [None] if len(weights) == 1 else _names(recipe.task, weights)
    result = {}
    for given, name in zip(weights, names, strict=True):
        own = {label: variant for label, variant in variants.items() if variant.method == "network"}
        method = load_method(recipe.task, weights=given, device=device) if own else None
        for label, variant in own.items():
            label = label if name is None else name + label.removeprefix("network")
            result[label] = method, variant.options
    for label, variant in variants.items():
        if variant.method != "network":
            method = None if variant.method is None else load_method(recipe.task, variant.method)
            result[label] = method, variant.options
    order = list(variants) if names == [None] else list(result)
    return {label: result[label] for label in order}


def _names(task, weights):
    """Names of the configurations of weights, with the weights where the name alone is not unique."""
    metadata = [read_metadata(resolve(given, task=task.name)) for given in weights]
    names = [found.get("config", found["architecture"]) for found in metadata]
    count = Counter(names)
    return [name if count[name] == 1 else f"{name} ({given})" for given, name in zip(weights, names, strict=True)]


def _together(images):
    """The scores of several images as one."""
    result = {}
    for key in dict.fromkeys(key for measured in images for key in measured):
        values = [measured[key] for measured in images if measured.get(key) is not None]
        if values:
            result[key] = float(np.median(np.abs(values)) if key.startswith("median_") else np.mean(values))
    return result


def format_table(rows, columns=None):
    """
    Format scores as a table for a terminal.

    Parameters
    ----------
    rows : `list` of `dict`
        As `evaluate` gives them.
    columns : mapping, optional
        Name of a score to `~sunpy_restore.core.recipe.ScoreColumn`, such as the ``score_columns`` of a recipe. By
        default all scores are shown by their names.

    Returns
    -------
    `str`

    Examples
    --------
    >>> from sunpy_restore.core.recipe import ScoreColumn
    >>> from sunpy_restore.training.evaluation import format_table
    >>> columns = {"psnr": ScoreColumn("PSNR [dB]", "{:.2f}"), "residual": ScoreColumn("residual [%]", "{:.2%}")}
    >>> print(format_table([{"source": "MURaM", "method": "bicubic", "psnr": 30.123, "residual": 0.0123}], columns))
    source  method   PSNR [dB]  residual [%]
    MURaM   bicubic      30.12          1.23
    """
    if columns is None:
        names = dict.fromkeys(key for row in rows for key in row if key not in ("source", "method"))
        columns = {name: ScoreColumn(name, "{:.4g}") for name in names}
    columns = {key: column for key, column in columns.items() if any(key in row for row in rows)}
    table = [["source", "method", *(column.heading for column in columns.values())]]
    for row in rows:
        cells = (_cell(column, row.get(key)) for key, column in columns.items())
        table.append([row["source"], row["method"], *cells])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    align = [str.ljust, str.ljust, *[str.rjust] * len(columns)]
    lines = ("  ".join(pad(*cell) for pad, *cell in zip(align, line, widths, strict=True)) for line in table)
    return "\n".join(line.rstrip() for line in lines)


def _cell(column, value):
    return "-" if value is None else column.form.format(value).rstrip("%")


def scores(rows):
    """
    Arrange scores as nested dictionaries, as the metadata of weights hold them.

    Parameters
    ----------
    rows : `list` of `dict`
        As `evaluate` gives them.

    Returns
    -------
    `dict`
        ``{source: {method: {score: value}}}``, values with four significant digits.
    """
    result = {}
    for row in rows:
        values = {key: float(f"{value:.4g}") for key, value in row.items() if key not in ("source", "method")}
        result.setdefault(row["source"], {})[row["method"]] = values
    return result
