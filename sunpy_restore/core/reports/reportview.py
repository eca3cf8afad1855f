"""Reports as HTML and as figures."""

import copy
from html import escape

import numpy as np
from matplotlib.colors import Normalize

__all__ = ["as_html", "draw"]

_COLOURS = {"pass": "#1b7837", "flag": "#b2182b", "not checked": "#666666"}
_WIDEST = 3.0
"""Half-width of the axis of the checks, in half-widths of the range that passes."""


def as_html(report):
    """
    Write a report as an HTML table.

    Parameters
    ----------
    report : `~sunpy_restore.core.reports.report.Report`
        The report.

    Returns
    -------
    `str`
    """
    rows = []
    for check in report:
        cells = (check.name, "", "") if check.not_checked else (check.name, check.shown, check.limit)
        verdict = f"not checked: {check.not_checked}" if check.not_checked else check.verdict
        rows.append(
            "<tr>"
            + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            + f'<td style="color: {_COLOURS[check.verdict]}; font-weight: bold">{escape(verdict)}</td>'
            + f'<td style="text-align: left">{escape(check.meaning)}</td></tr>'
        )
    head = "".join(f"<th>{name}</th>" for name in ("Check", "Value", "Limit", "Result", "Meaning"))
    return (
        f"<table><caption>{escape(report.title)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def draw(report, figure=None):
    """
    Draw the original, the restored image and the checks of a report.

    Parameters
    ----------
    report : `~sunpy_restore.core.reports.report.Report`
        The report.
    figure : `~matplotlib.figure.Figure`, optional
        An empty figure; by default a new one of `matplotlib.pyplot`.

    Returns
    -------
    `~matplotlib.figure.Figure`
    """
    if figure is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=(13, 1.5 + max(4.0, 0.42 * len(report))), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.7))
    for row, (title, smap) in enumerate((("Original", report.original), ("Restored", report.restored))):
        axes = figure.add_subplot(grid[row, 0], projection=smap)
        image = smap.plot(axes=axes, title=title, norm=_norm(smap, report))
        for coordinate in axes.coords:
            coordinate.set_ticks(number=4)
            coordinate.set_ticklabel(exclude_overlapping=True)
        figure.colorbar(image, ax=axes, label="no unit in the header" if smap.unit is None else f"{smap.unit:unicode}")
    _draw_checks(figure.add_subplot(grid[:, 1]), report)
    figure.suptitle(report.title)
    return figure


def _norm(smap, report):
    """Norm of a Map, with one range for both Maps if they have the same unit."""
    maps = [report.original, report.restored] if report.original.unit == report.restored.unit else [smap]
    # The stretch is that of the original
    norm = copy.deepcopy(maps[0].plot_settings.get("norm")) or Normalize()
    values = np.concatenate([one.data[np.isfinite(one.data)] for one in maps])
    if values.size:
        norm.vmin, norm.vmax = values.min(), values.max()
    return norm


def _draw_checks(axes, report):
    """Each value on an axis on which its limits are at -1 and 1, or at 1."""
    axes.axvspan(-1, 1, color="#d9d9d9", zorder=0)
    for row, check in enumerate(report):
        colour = _COLOURS[check.verdict]
        if check.not_checked:
            axes.text(_WIDEST * 1.08, row, "not checked", va="center", color=colour)
            continue
        axes.plot(np.clip(_place(check), -_WIDEST, _WIDEST), row, "o", color=colour)
        axes.text(_WIDEST * 1.08, row, f"{check.shown}  ({check.limit})", va="center", color=colour)
    axes.set(
        yticks=range(len(report)), yticklabels=[check.name for check in report], ylim=(len(report) - 0.5, -0.5),
        xlim=(-1.05 * _WIDEST, 1.05 * _WIDEST), xticks=(-1, 0, 1), xticklabels=("lower limit", "", "upper limit"),
    )  # fmt: skip


def _place(check):
    """Position of a value relative to its limits; values that are not finite are far outside."""
    value, low, high = check.value, check.low, check.high
    if not np.isfinite(value):
        return _WIDEST
    if low == high:
        return 0.0 if check.passed else _WIDEST * np.sign(value - low)
    if np.isfinite(low) and np.isfinite(high):
        return (2 * value - low - high) / (high - low)
    limit, sign = (high, 1) if np.isfinite(high) else (low, -1)
    # One limit only: the distance from zero, as far as that tells the side
    return sign * (1 + (value - limit) * sign / max(abs(limit), 1e-9))
