"""A network beside the classical methods, on images that were kept back from its training."""

import os
from collections import Counter
from importlib import import_module
from pathlib import Path

import numpy as np

from sunpy_restore.core.restorer import load_restorer
from sunpy_restore.core.weights import read_metadata, resolve
from sunpy_restore.tasks import get_task

__all__ = ["evaluate", "format_table", "scores"]

_COLUMNS = {
    "psnr": ("PSNR [dB]", "{:.2f}"),
    "psnr_whole": ("PSNR, whole [dB]", "{:.2f}"),
    "ssim": ("SSIM", "{:.4f}"),
    "ssim_whole": ("SSIM, whole", "{:.4f}"),
    "nmse": ("NMSE", "{:.4f}"),
    "scaled_error": ("error [%]", "{:.1%}"),
    "both_found": ("both found [%]", "{:.0%}"),
    "median_position": ("position off [arcsec]", "{:.2f}"),
    "median_chi_squared": ("chi square", "{:.2f}"),
    "log_error": ("log error", "{:.4f}"),
    "contrast": ("contrast", "{:.3f}"),
    "residual": ("residual [%]", "{:.2%}"),
    "mean_error": ("mean error", "{:+.5f}"),
    "flux_error": ("flux [%]", "{:+.2%}"),
    "median_flux_error": ("flux, median [%]", "{:.2%}"),
    "net_flux_error": ("net flux [%]", "{:+.2%}"),
    "unsigned_flux_error": ("unsigned flux [%]", "{:+.2%}"),
    "median_hidden_flux_error": ("hidden flux [%]", "{:.2%}"),
    "hole_error": ("error in holes [%]", "{:.2%}"),
    "median_hole_error": ("median [%]", "{:.2%}"),
    "noise_floor": ("noise [%]", "{:.2%}"),
    "profile_error": ("profile [sigma]", "{:.2f}"),
    "median_profile_error": ("profile, median [sigma]", "{:.2f}"),
    "border_jump": ("border jump [sigma]", "{:+.3f}"),
    "border_step": ("border step [sigma]", "{:+.3f}"),
    "contrast_ratio": ("contrast", "{:.3f}"),
    "histogram_ks": ("histogram", "{:.4f}"),
    "spectrum_worst": ("spectrum [%]", "{:.1%}"),
    "spectrum_chi2": ("spectrum, chi square", "{:.2f}"),
    "granules_ks": ("granule areas", "{:.3f}"),
    "granules_density_ratio": ("granules", "{:.3f}"),
    "repetition": ("repetition [%]", "{:.2%}"),
    "seam_ratio": ("seams", "{:.3f}"),
    "nearest_copy": ("nearest copy", "{:.2f}"),
    "seeds_apart": ("seeds apart", "{:.2f}"),
    "peak_distance": ("peak off [px]", "{:.2f}"),
    "median_peak_distance": ("peak off [px]", "{:.2f}"),
}
"""Heading and format of a score; the sign of a percentage stands in the heading."""


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
    weights : `str` or path-like, or `list` of them, optional
        Of the network, see `sunpy_restore.enhance`. Of several, each network has a row with the name of its
        configuration in place of ``"network"``.
    device : `str`, optional
        Of the network, see `sunpy_restore.enhance`.

    Returns
    -------
    `list` of `dict`
        One per source of images and method, with the names ``source`` and ``method`` and the scores that the recipe's
        ``measure`` gives: of those whose name begins with ``median_`` the median of the absolute value over the
        source's images, of others the mean. An image without a score, or with `None`, does not count.

    Raises
    ------
    ValueError
        No such task or method.
    FileNotFoundError
        The data are missing.
    ~sunpy_restore.core.exceptions.WeightsError
        The weights can't be found or read.

    Notes
    -----
    These doors of the task's recipe are used, where ``task`` is the name:

    ``evaluation_pairs(task, directory)``
        Yields the name of a source, what was observed, and the truth.
    ``measure(task, observed, restored, truth)``
        Gives scores by name.
    ``restorers(task, methods, *, weights, device)``
        May be left out where methods take what ``evaluation_pairs`` yields. Gives functions ``restorer(observed) ->
        restored`` by name, for the methods listed or, for `None`, all; names of those that use the network begin with
        ``"network"``. One that does not apply to an image gives `None`.
    """
    task = get_task(task)
    if not Path(data).is_dir():
        raise FileNotFoundError(f"Found no folder {data}, expected one with the training data.")
    methods = None if methods is None else list(methods)
    weights = [weights] if isinstance(weights, str | os.PathLike | None) else list(weights) or [None]
    if len(weights) == 1:
        restorers = _restorers(task, methods, weights[0], device)
    else:
        restorers = _restorers_of_several(task, methods, weights, device)
    recipe = import_module(task.recipe)
    found = {}
    for source, observed, truth in recipe.evaluation_pairs(task.name, data):
        for method, restorer in restorers.items():
            restored = restorer(observed)
            if restored is None:
                continue
            measured = recipe.measure(task.name, observed, restored, truth)
            found.setdefault((source, method), []).append(measured)
    return [{"source": source, "method": method} | _together(images) for (source, method), images in found.items()]


def _restorers(task, methods, weights, device):
    """The methods by name, as the recipe prepares them or as the task has them."""
    recipe = import_module(task.recipe)
    if hasattr(recipe, "restorers"):
        return recipe.restorers(task.name, methods, weights=weights, device=device)
    return {
        method: load_restorer(task, method, weights=weights if method == "network" else None, device=device)
        for method in (["network", *task.classical] if methods is None else methods)
    }


def _restorers_of_several(task, methods, weights, device):
    """The networks by the names of their configurations, then the other methods."""
    metadata = {given: read_metadata(resolve(given, task=task.name)) for given in weights}
    names = {given: found.get("config", found["architecture"]) for given, found in metadata.items()}
    count = Counter(names.values())
    networks, others = {}, {}
    for given, name in names.items():
        label = name if count[name] == 1 else f"{name} ({given})"
        for method, restorer in _restorers(task, methods, given, device).items():
            if method.startswith("network"):
                networks[label + method.removeprefix("network")] = restorer
            else:
                others.setdefault(method, restorer)
    return networks | others


def _together(images):
    """The scores of several images as one."""
    result = {}
    for key in dict.fromkeys(key for measured in images for key in measured):
        values = [measured[key] for measured in images if measured.get(key) is not None]
        if values:
            result[key] = float(np.median(np.abs(values)) if key.startswith("median_") else np.mean(values))
    return result


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
    keys = [key for key in _COLUMNS if any(key in row for row in rows)]
    table = [["source", "method", *(_COLUMNS[key][0] for key in keys)]]
    table += [[row["source"], row["method"], *(_cell(key, row.get(key)) for key in keys)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    align = [str.ljust, str.ljust, *[str.rjust] * len(keys)]
    lines = ("  ".join(pad(*cell) for pad, *cell in zip(align, line, widths, strict=True)) for line in table)
    return "\n".join(line.rstrip() for line in lines)


def _cell(key, value):
    return "-" if value is None else _COLUMNS[key][1].format(value).rstrip("%")


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
