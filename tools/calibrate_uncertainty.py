"""
Calibrate the uncertainty of a task, and put it into the package.

    python tools/calibrate_uncertainty.py TASK DATA [--method NAME] [--weights NAME] [--cases N] [--shares-only]

It writes the error models of the methods to sunpy_restore/data/uncertainty/TASK.safetensors, those of other methods in
it are kept, and the coverage in the tests to docs/coverage/TASK.csv. Those of other weights than the default ones are
written next to these, and their coverage to docs/coverage/WEIGHTS.csv. With --shares-only, existing error models are
kept, and only their ratios for single shares of the truth and the coverage with these ratios are calibrated again.
"""

import argparse
import csv
from pathlib import Path

from sunpy_restore.core.uncertainty.errorfile import FOLDER, SUFFIX, read_models, write_models
from sunpy_restore.core.weights.store import resolve
from sunpy_restore.training.calibration import calibrate

TABLES = Path(__file__).parents[1] / "docs" / "coverage"
COLUMNS = (
    "method", "stratum", "group", "cases", "sources", "within_1", "error_1", "within_1.96", "error_1.96", "least",
    "width", "rms", "sums", "for_95", "within_68", "error_68", "within_95", "error_95",
)  # fmt: skip
KEYS, OF_SHARES = COLUMNS[:3], COLUMNS[-4:]


def shown(value):
    """A value of the table as text."""
    return f"{value:.3f}" if isinstance(value, float) else "" if value is None else str(value)


def write_table(path, rows, shares_only=False):
    """
    Write the coverage of some methods, and keep the rows of others.

    With ``shares_only``, the rows of methods that are in the table keep all columns but those of single shares.
    """
    found = []
    if path.is_file():
        with path.open(newline="") as file:
            found = list(csv.DictReader(file, restval=""))
    rows = [{key: shown(row[key]) for key in COLUMNS} for row in rows]
    if shares_only:
        measured = {tuple(row[key] for key in KEYS): {key: row[key] for key in OF_SHARES} for row in rows}
        found = [row | measured.get(tuple(row[key] for key in KEYS), {}) for row in found]
        methods = {row["method"] for row in found}
        table = found + [row for row in rows if row["method"] not in methods]
    else:
        methods = {row["method"] for row in rows}
        table = [row for row in found if row["method"] not in methods] + rows
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task")
    parser.add_argument("data", type=Path, help="folder of the training data")
    parser.add_argument("--method", action="append", metavar="NAME", help="only this method; may be repeated")
    parser.add_argument("--weights", metavar="NAME", help="weights in the registry, by default those of the task")
    parser.add_argument("--cases", type=int, help="largest number of cases of each part")
    parser.add_argument("--shares-only", action="store_true", help="keep the error models")
    arguments = parser.parse_args()
    name, path = arguments.task, FOLDER / f"{arguments.task}.safetensors"
    if arguments.weights is not None:
        local = resolve(arguments.weights, task=arguments.task)
        name, path = local.name, local.path.with_suffix(SUFFIX)
    known = read_models(path) if path.is_file() else {}
    models, rows = calibrate(
        arguments.task, arguments.data, methods=arguments.method, weights=arguments.weights, cases=arguments.cases,
        progress=True, keep=known if arguments.shares_only else None,
    )  # fmt: skip
    for row in rows:
        print("  ".join(f"{shown(row[key]):>12}" for key in COLUMNS))
    path.parent.mkdir(exist_ok=True)
    write_models(path, arguments.task, known | models)
    write_table(TABLES / f"{name}.csv", rows, arguments.shares_only)
    print(f"wrote {path}, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
