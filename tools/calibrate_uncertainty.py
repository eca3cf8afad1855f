"""
Calibrate the uncertainty of a task, and put it into the package.

    python tools/calibrate_uncertainty.py TASK DATA [--method NAME] [--weights NAME] [--cases N]

It writes the error models of the methods to sunpy_restore/data/uncertainty/TASK.safetensors, those of other methods in
it are kept, and the coverage in the tests to docs/coverage/TASK.csv. Those of other weights than the default ones are
written beside them, and their coverage to docs/coverage/TASK-WEIGHTS.csv.
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
    "width", "rms", "sums", "for_95",
)  # fmt: skip


def shown(value):
    """A value of the table as text."""
    return f"{value:.3f}" if isinstance(value, float) else "" if value is None else str(value)


def write_table(path, rows):
    """Write the coverage of some methods, and keep that of others."""
    methods = {row["method"] for row in rows}
    kept = []
    if path.is_file():
        with path.open(newline="") as file:
            kept = [row for row in csv.DictReader(file, restval="") if row["method"] not in methods]
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept + [{key: shown(row[key]) for key in COLUMNS} for row in rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task")
    parser.add_argument("data", type=Path, help="folder of the training data")
    parser.add_argument("--method", action="append", metavar="NAME", help="only this method; may be repeated")
    parser.add_argument("--weights", metavar="NAME", help="weights in the registry, by default those of the task")
    parser.add_argument("--cases", type=int, help="largest number of cases of each part")
    arguments = parser.parse_args()
    models, rows = calibrate(
        arguments.task, arguments.data, methods=arguments.method, weights=arguments.weights, cases=arguments.cases,
        progress=True,
    )  # fmt: skip
    for row in rows:
        print("  ".join(f"{shown(row[key]):>12}" for key in COLUMNS))
    name, path = arguments.task, FOLDER / f"{arguments.task}.safetensors"
    if arguments.weights is not None:
        local = resolve(arguments.weights, task=arguments.task)
        name, path = local.name, local.path.with_suffix(SUFFIX)
    path.parent.mkdir(exist_ok=True)
    write_models(path, arguments.task, (read_models(path) if path.is_file() else {}) | models)
    write_table(TABLES / f"{name}.csv", rows)
    print(f"wrote {path}, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
