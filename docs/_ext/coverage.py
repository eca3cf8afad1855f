"""
Write the tables of the coverage of uncertainties from the files in ``docs/coverage``.

The pages are reStructuredText in ``docs/coverage_tables``. That folder is made anew at every build, and git ignores it.
"""

import csv
import shutil
from pathlib import Path

from sunpy_restore.backprojection.uncertainty import UNBIASED
from sunpy_restore.core.weights.markup import RESTRUCTUREDTEXT
from sunpy_restore.core.weights.store import available
from sunpy_restore.tasks import function_of, get_task

__all__ = ["setup"]

INTRODUCTION = """\
.. _coverage:

*************************
Coverage of uncertainties
*************************

How often the truth lies within the stated uncertainty, in cases that were not used for the training of the weights.
Normally distributed errors are within 1 sigma in 68.3 %, and within 1.96 sigma in 95 %. :doc:`/guide/trust` explains
how the uncertainty is made and what it means.

The shares are cross-validated: the cases have several parts without an image or a region in common, and each part is
tested with a model that was calibrated with the others. The numbers after the shares are their 90 % intervals by a
bootstrap over the *sources*, the independent images or regions from which the cases were made. They are missing where
there are fewer than three sources. *Width* is the mean uncertainty in units of the rms error, and *rms* the rms
uncertainty in the same unit. The width is less than 1 for perfect uncertainties, too, where small and large errors
occur together; the rms is 1. *At least* is the share within 1.96 sigma that new images of the same kind have on
average with a confidence of 90 %, by the inequalities of Hoeffding and Bentkus; it is low where there are few
sources. *For 68 %* and *for 95 %* are the shares within 1 sigma with ``uncertainty=0.68`` and within 1.96 sigma with
``uncertainty=0.95``, whose factors are those for one interval alone. *Sums* is the rms error of sums over 16 x 16
pixels in units of the error that follows from the correlation of the errors (``RSTCORR``). `sunpy_restore.measure`
states this error, except where it knows more: the sums over bloomed columns (``RSTSUMS``) or the visibilities
(``RSTWAVES``).
"""

HEADINGS = [
    "Cases", "Sources", "Within 1 sigma [%]", "Within 1.96 sigma [%]", "For 68 % [%]", "For 95 % [%]", "At least [%]",
    "Width", "rms",
]  # fmt: skip
BY_VISIBILITIES = {"backproj": UNBIASED}
"""Methods of tasks of whose sums the correlation does not describe the error, because the visibilities are used."""
NINETY = 1.645  # standard errors; half width of an interval of 90 %


def percent(text):
    return f"{100 * float(text):.1f}"


def interval(row, level):
    """A share and its interval."""
    share, error = row.get(f"within_{level}"), row.get(f"error_{level}")
    if not share:
        return ""
    if not error:
        return percent(share)
    low, high = (min(max(float(share) + sign * NINETY * float(error), 0), 1) for sign in (-1, 1))
    return f"{percent(share)} ({percent(low)} to {percent(high)})"


def number(text):
    return f"{float(text):.2f}" if text else ""


def numbers(row):
    return [
        row["cases"], row.get("sources", ""), interval(row, "1"), interval(row, "1.96"),
        interval(row, "68"), interval(row, "95"), percent(row["least"]), number(row["width"]), number(row.get("rms")),
    ]  # fmt: skip


def page(name, rows):
    """The tables of a task with its default weights, or of other weights."""
    weights = {entry.name: entry for entry in available()}.get(name)
    task = get_task(weights.task if weights else name)
    title = f"{task.title}: {weights.short_name} weights" if weights else task.title
    lines = [f".. _coverage-{name}:", "", "*" * len(title), title, "*" * len(title), ""]
    lines += [f"Function: `sunpy_restore.{function_of(task).name}`. Task: ``{task.name}``.", ""]
    overall = [row for row in rows if row["stratum"] == row["group"] == "all"]
    divided = [f"``{row['method']}``" for row in overall if not row.get("sources")]
    if divided:
        lines += [f"One division into cases for the fit, the factors and the test: {', '.join(divided)}.", ""]
    others = BY_VISIBILITIES.get(task.name, ())
    table = [
        [f"``{row['method']}``", *numbers(row), "" if row["method"] in others else number(row["sums"])]
        for row in overall
    ]
    lines += [RESTRUCTUREDTEXT.table(table, ["Method", *HEADINGS, "Sums"]), ""]
    if others:
        lines += [
            f"*Sums* is left out for {' and '.join(f'``{method}``' for method in others)}: `sunpy_restore.measure` "
            "derives the errors of their sums from the visibilities (``RSTWAVES``), not from the correlation. "
            ":doc:`/guide/trust` gives the coverage of their fluxes.", "",
        ]  # fmt: skip
    for row in overall:
        own = [each for each in rows if each["method"] == row["method"]]
        heading = f"Method ``{row['method']}``"
        lines += [heading, "=" * len(heading), ""]
        strata = [each for each in own if each["group"] == "all" and each["stratum"] != "all"]
        lines += [RESTRUCTUREDTEXT.table([[e["stratum"], *numbers(e)] for e in strata], ["Pixels", *HEADINGS]), ""]
        groups = [each for each in own if each["stratum"] == "all" and each["group"] != "all"]
        if groups:
            lines += [RESTRUCTUREDTEXT.table([[e["group"], *numbers(e)] for e in groups], ["Cases of", *HEADINGS]), ""]
        both = [each for each in own if "all" not in (each["stratum"], each["group"])]
        if both:
            table = [[each["stratum"], each["group"], *numbers(each)] for each in both]
            lines += [RESTRUCTUREDTEXT.table(table, ["Pixels", "Cases of", *HEADINGS]), ""]
    return "\n".join(lines)


def write_pages(app):
    """Write all pages and their index."""
    folder = Path(app.srcdir) / "coverage_tables"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    names = []
    for path in sorted((Path(app.srcdir) / "coverage").glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        (folder / f"{path.stem}.rst").write_text(page(path.stem, rows), encoding="utf-8")
        names.append(path.stem)
    index = [INTRODUCTION, ".. toctree::", "    :maxdepth: 1", "", *(f"    {name}" for name in names), ""]
    (folder / "index.rst").write_text("\n".join(index), encoding="utf-8")


def setup(app):
    """Write the pages before Sphinx looks for sources."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
