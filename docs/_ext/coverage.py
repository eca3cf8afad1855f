"""
Write the tables of the coverage of uncertainties from the files in ``docs/coverage``.

The pages are reStructuredText in ``docs/coverage_tables``. That folder is made anew at every build, and git ignores it.
"""

import csv
import shutil
from pathlib import Path

from sunpy_restore.core.markup import RESTRUCTUREDTEXT
from sunpy_restore.tasks import function_of, get_task

__all__ = ["setup"]

INTRODUCTION = """\
.. _coverage:

*************************
Coverage of uncertainties
*************************

How often the truth lies within the stated uncertainty, in cases that were used neither for the training of the weights
nor for the calibration of the uncertainty. Normally distributed errors are within 1 sigma in 68.3 %, and within
1.96 sigma in 95 %. :doc:`/guide/trust` explains how the uncertainty is made and what it means. *Width* is the mean
uncertainty in units of the rms error. *At least* is the share within 1.96 sigma that new images of the same kind have
on average with a confidence of 90 %, by the inequalities of Hoeffding and Bentkus; it is low where there are few cases.
*Sums* is the rms error of sums over 16 x 16 pixels in units of the error that `sunpy_restore.measure` states.
"""

HEADINGS = ["Cases", "Within 1 sigma [%]", "Within 1.96 sigma [%]", "At least [%]", "Width"]


def percent(text):
    return f"{100 * float(text):.1f}"


def numbers(row):
    return [
        row["cases"], percent(row["within_1"]), percent(row["within_1.96"]), percent(row["least"]),
        f"{float(row['width']):.2f}",
    ]  # fmt: skip


def page(name, rows):
    """The tables of a task."""
    task = get_task(name)
    title = task.title
    lines = [f".. _coverage-{name}:", "", "*" * len(title), title, "*" * len(title), ""]
    lines += [f"Function: `sunpy_restore.{function_of(task).name}`. Task: ``{name}``.", ""]
    overall = [row for row in rows if row["stratum"] == row["group"] == "all"]
    table = [[f"``{row['method']}``", *numbers(row), row["sums"] and f"{float(row['sums']):.2f}"] for row in overall]
    lines += [RESTRUCTUREDTEXT.table(table, ["Method", *HEADINGS, "Sums"]), ""]
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
