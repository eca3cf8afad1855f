"""
Draw the curves of the trainings of published networks, and measure how flat they are at the end.

    python tools/make_curves.py docs/training_curves docs/images/training_curves.svg
    python tools/make_curves.py docs/training_curves --add METRICS.csv NAME

The first form draws one panel for each task of the files TASK.NAME.csv in the folder, and prints for each network by
how much the mean error of the validations changed over the last third of its steps.

The second form copies what is needed of the metrics.csv in the logs of a training, or of the CSV file that
gpu_train.py writes, to NAME.csv in the folder.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from svgfile import save_svg

SCORE = "nmse/"
LABEL = "validation: mean squared error / variance"
LAST = 1 / 3


def read_curves(path):
    """
    Read the validations of a training.

    Parameters
    ----------
    path : path-like
        A metrics.csv of Lightning's CSV logger, or a copy of it by `add`.

    Returns
    -------
    steps : `numpy.ndarray`
        Steps before each validation, shape ``(n,)``.
    errors : `dict`
        Name of the validation set to its errors, shape ``(n,)``.

    Raises
    ------
    ValueError
        The file has no validation.
    """
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in (rows[0] if rows else ()) if name.startswith(SCORE)]
    rows = [row for row in rows if names and all(row[name] for name in names)]
    if not rows:
        raise ValueError(f"Found no validation in {path}; expected columns {SCORE}... with values.")
    steps = np.array([int(row["step"]) + 1 for row in rows])
    return steps, {name.removeprefix(SCORE): np.array([float(row[name]) for row in rows]) for name in names}


def add(folder, metrics, name):
    """Copy the validations of a training into the folder."""
    steps, errors = read_curves(metrics)
    with (Path(folder) / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", *(SCORE + source for source in errors)])
        for row in zip(steps - 1, *errors.values(), strict=True):
            writer.writerow([row[0], *(f"{value:.4g}" for value in row[1:])])


def change(steps, errors):
    """Relative change of the mean error of the validation sets over the last third of the steps."""
    mean = np.exp(np.mean([np.log(values) for values in errors.values()], axis=0))
    return float(mean[-1] / np.interp(steps[-1] * (1 - LAST), steps, mean) - 1)


def draw(folder, target):
    """Draw the curves of all files, and print their changes."""
    panels = {}
    for path in sorted(Path(folder).glob("*.csv")):
        task, _, name = path.stem.partition(".")
        panels.setdefault(task, {})[name] = read_curves(path)
    figure = Figure(figsize=(4.6 * len(panels), 3.8), layout="constrained")
    for axes, (task, networks) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        for number, (name, (steps, errors)) in enumerate(networks.items()):
            print(f"{task}, {name}: {change(steps, errors):+.1%} from {1 - LAST:.0%} of {steps[-1]} steps")
            for source, style in zip(errors, ("-", "--", ":"), strict=False):
                label = name if len(errors) == 1 else f"{name}, {source}"
                axes.plot(steps, errors[source], style, marker=".", color=f"C{number}", label=label)
        axes.set(title=task, xlabel="optimiser steps", ylabel=LABEL, yscale="log")
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        low, high = axes.get_ylim()
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 5 * low else range(1, 10)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.legend(fontsize="x-small")
        axes.grid(alpha=0.3)
    save_svg(figure, target)


def main():
    """Draw the curves, or add one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", type=Path, nargs="?")
    parser.add_argument("--add", nargs=2, metavar=("METRICS.csv", "NAME"))
    args = parser.parse_args()
    if args.add:
        add(args.folder, *args.add)
    elif args.target:
        draw(args.folder, args.target)
    else:
        parser.error("a target or --add is needed")


if __name__ == "__main__":
    main()
