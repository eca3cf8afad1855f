"""Summarize the scores of images: means and medians with their intervals, tables, and metadata of weights."""

import numpy as np
from scipy.stats import bootstrap

from sunpy_restore.core.recipes.recipe import ScoreColumn

__all__ = ["format_table", "intervals", "scores", "together"]


def together(images):
    """
    Put the scores of several images together.

    Parameters
    ----------
    images : `list` of `dict`
        Scores of each image.

    Returns
    -------
    `dict`
        See `~sunpy_restore.training.evaluate`.
    """
    result = {}
    for key in dict.fromkeys(key for measured in images for key in measured):
        values = [measured[key] for measured in images if measured.get(key) is not None]
        if values:
            result[key] = float(_statistic(key)(values))
    return result


def intervals(found, *, seed=0):
    """
    Intervals of the scores of `~sunpy_restore.training.evaluate`, by a bootstrap over the images of each source.

    Parameters
    ----------
    found : `dict`
        See `~sunpy_restore.training.evaluation.score_images`.
    seed : `int`
        Seed of the bootstrap.

    Returns
    -------
    `dict`
        ``{source: {method: {score: [low, high]}}}``: percentiles with a confidence level of 95 %, with four significant
        digits. Scores of fewer than two images have none.
    """
    result = {}
    for (source, label), images in found.items():
        row = {}
        for key in dict.fromkeys(key for measured in images for key in measured):
            values = [measured[key] for measured in images if measured.get(key) is not None]
            if len(values) > 1:
                statistic = _statistic(key)
                low, high = bootstrap(
                    (np.asarray(values, dtype=float),), statistic, method="percentile", rng=seed, vectorized=True
                ).confidence_interval
                row[key] = [float(f"{low:.4g}"), float(f"{high:.4g}")]
        result.setdefault(source, {})[label] = row
    return result


def _statistic(key):
    """What the scores of several images are put together by."""
    if key.startswith("median_"):
        return lambda values, axis=-1: np.median(np.abs(values), axis=axis)
    return lambda values, axis=-1: np.mean(values, axis=axis)


def format_table(rows, columns=None):
    """
    Format scores as a table for a terminal.

    Parameters
    ----------
    rows : `list` of `dict`
        As `~sunpy_restore.training.evaluate` gives them.
    columns : mapping, optional
        Name of a score to `~sunpy_restore.core.recipes.recipe.ScoreColumn`, such as the ``score_columns`` of a recipe.
        By default all scores are shown by their names.

    Returns
    -------
    `str`

    Examples
    --------
    >>> from sunpy_restore.core.recipes.recipe import ScoreColumn
    >>> from sunpy_restore.training import format_table
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
        As `~sunpy_restore.training.evaluate` gives them.

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
