"""A network beside the classical methods, on images that were kept back from its training."""

from importlib import import_module
from pathlib import Path

import numpy as np

from sunpy_restore.core.metrics import flux_error, psnr, residual_fraction
from sunpy_restore.core.restorer import load_restorer
from sunpy_restore.tasks import get_task

__all__ = ["EDGE", "evaluate", "format_table", "scores"]

EDGE = 12
"""
Input pixels at each edge that are not scored: what lies beyond is a guess, and the methods guess differently.

Of a narrow image, a quarter of its width.
"""

_HEADINGS = {
    "psnr": "PSNR [dB]",
    "nmse": "NMSE",
    "contrast": "contrast",
    "residual": "residual [%]",
    "mean_error": "mean error",
    "net_flux_error": "net flux [%]",
    "unsigned_flux_error": "unsigned flux [%]",
}
_FORMATS = {"psnr": "{:.2f}", "nmse": "{:.4f}", "contrast": "{:.3f}", "mean_error": "{:+.5f}"}


def evaluate(task, data, *, methods=None, weights=None, device=None):
    """
    Score a task's methods on the images that its recipe keeps back.

    Parameters
    ----------
    task : `str`
        Name of the task, such as ``"enhance-continuum"``.
    data : path-like
        Folder of the training data, in the layout that the task's recipe describes.
    methods : iterable of `str`, optional
        ``"network"`` and names of classical methods; by default all.
    weights, device
        Of the network, see `sunpy_restore.enhance`.

    Returns
    -------
    `list` of `dict`
        One per source of images and method, with the names ``source`` and ``method`` and these scores, means over the
        source's images away from their edges:

        ``psnr``
            Peak signal-to-noise ratio in dB, over the range of the truth.
        ``nmse``
            Mean squared error over the variance of the truth.
        ``contrast``
            Standard deviation over that of the truth.
        ``residual``
            Restored image seen through the instrument again: sum of absolute differences to the observation, noise
            included, over the sum of absolute values.
        ``mean_error``
            Difference of the means, in the unit of the task.
        ``net_flux_error``, ``unsigned_flux_error``
            Of magnetograms: error of the net flux in units of the unsigned flux; relative error of the unsigned flux,
            binned to the pixels of the observation.

    Raises
    ------
    ValueError
        No such task or method.
    FileNotFoundError
        The data are missing.
    ~sunpy_restore.core.exceptions.WeightsError
        The weights can't be found or read.
    """
    task = get_task(task)
    if not Path(data).is_dir():
        raise FileNotFoundError(f"Found no folder {data}, expected one with the training data.")
    methods = ["network", *task.classical] if methods is None else list(methods)
    restorers = {
        method: load_restorer(task, method, weights=weights if method == "network" else None, device=device)
        for method in methods
    }
    recipe = import_module(task.recipe)
    found = {}
    for source, observed, truth in recipe.evaluation_pairs(task.name, data):
        for method, restorer in restorers.items():
            measured = _measure(task, observed, restorer(observed), truth)
            found.setdefault((source, method), []).append(measured)
    return [
        {"source": source, "method": method} | {key: float(np.mean([m[key] for m in images])) for key in images[0]}
        for (source, method), images in found.items()
    ]


def _measure(task, observed, restored, truth):
    """Scores of one restored image."""
    restored = np.asarray(restored, dtype=float)
    edge = min(EDGE, min(observed.shape) // 4)
    again, observed = (_inner(image, edge) for image in (task.reconvolve(restored), observed))
    restored, truth = (_inner(image, task.scale * edge) for image in (restored, truth))
    measured = {
        "psnr": psnr(truth, restored),
        "nmse": float(np.mean((restored - truth) ** 2) / truth.var()),
        "contrast": float(restored.std() / truth.std()),
        "residual": residual_fraction(again, observed),
        "mean_error": float(restored.mean() - truth.mean()),
    }
    if truth.min() >= 0:
        return measured
    truth, restored = (_binned(image, task.scale) for image in (truth, restored))
    return measured | {
        # The net flux of a bipolar region is a small difference, of which no error is a meaningful fraction
        "net_flux_error": float((restored.sum() - truth.sum()) / np.abs(truth).sum()),
        "unsigned_flux_error": flux_error(truth, restored, unsigned=True),
    }


def _inner(image, edge):
    return image[edge : image.shape[0] - edge, edge : image.shape[1] - edge]


def _binned(image, factor):
    ny, nx = (n // factor for n in image.shape)
    return image.reshape(ny, factor, nx, factor).mean(axis=(1, 3))


def format_table(rows):
    """
    Scores as a table for a terminal.

    Parameters
    ----------
    rows : `list` of `dict`
        As `evaluate` gives them.

    Returns
    -------
    `str`

    Examples
    --------
    >>> from sunpy_restore.training.evaluation import format_table
    >>> print(format_table([{"source": "MURaM", "method": "bicubic", "psnr": 30.123, "residual": 0.0123}]))
    source  method   PSNR [dB]  residual [%]
    MURaM   bicubic      30.12          1.23
    """
    keys = [key for key in _HEADINGS if any(key in row for row in rows)]
    table = [["source", "method", *(_HEADINGS[key] for key in keys)]]
    table += [[row["source"], row["method"], *(_cell(key, row.get(key)) for key in keys)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    align = [str.ljust, str.ljust, *[str.rjust] * len(keys)]
    lines = ("  ".join(pad(*cell) for pad, *cell in zip(align, line, widths, strict=True)) for line in table)
    return "\n".join(line.rstrip() for line in lines)


def _cell(key, value):
    if value is None:
        return "-"
    return _FORMATS[key].format(value) if key in _FORMATS else f"{100 * value:{'+' if 'flux' in key else ''}.2f}"


def scores(rows):
    """
    Scores as nested dictionaries, as the metadata of weights hold them.

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
