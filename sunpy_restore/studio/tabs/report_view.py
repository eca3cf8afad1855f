"""Reports of restored images in the page."""

import html

from sunpy_restore.core.reports.report import Check, Report
from sunpy_restore.core.reports.reportview import as_html

__all__ = ["report_html"]


def report_html(result):
    """
    The table of the checks of a result.

    Parameters
    ----------
    result : `~sunpy_restore.studio.state.restoration.Result` or `None`
        The result.

    Returns
    -------
    `str`
        HTML.
    """
    if result is None:
        return ""
    if result.report is None:
        return f"<p>Not checked: {html.escape(result.reason)}</p>"
    bounds = {"low": float("-inf"), "high": float("inf"), "value": float("nan")}
    checks = []
    for entry in result.report["checks"]:
        fields = {key: value for key, value in entry.items() if key != "passed"}
        checks.append(Check(**fields | {key: default for key, default in bounds.items() if fields[key] is None}))
    report = Report(
        task=result.report["task"], method=result.report["method"], checks=tuple(checks), restored=None, original=None
    )
    return as_html(report)
