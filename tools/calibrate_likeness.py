"""
Learn what good images of a task look like, and put it into the package.

    python tools/calibrate_likeness.py TASK DATA [--margin M] [--pooled]

It writes the ranges of the properties of good observations to sunpy_restore/data/likeness/TASK.json. Each day or region
in turn is left out of them, and tells how often a good image would be taken for an unusual one; the margins, which are
those for all days, stay.
"""

import argparse
from pathlib import Path

from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.reports.likeness import FOLDER, excess, joint_excess, learn, write_likeness
from sunpy_restore.core.task import resolve
from sunpy_restore.tasks import get_task


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task")
    parser.add_argument("data", type=Path, help="folder of the training data")
    parser.add_argument("--margin", type=float, default=0.5, help="see sunpy_restore.core.reports.likeness.learn")
    parser.add_argument(
        "--pooled", action="store_true",
        help="do not widen the limit of the combination of properties, for real images of one region only",
    )  # fmt: skip
    arguments = parser.parse_args()
    task = get_task(arguments.task)
    fingerprint = resolve(task.fingerprint)
    images = recipe_of(task).good_images(arguments.data)
    found = {name: fingerprint(make()) for name, make in images}
    groups = [name.partition(",")[0] for name in found]
    beyond = excess(list(found.values()), groups)
    joint = 1.0
    if not arguments.pooled:
        joint = joint_excess(list(found.values()), groups, margin=arguments.margin, beyond=beyond)
    options = {"margin": arguments.margin, "beyond": beyond, "joint": joint}
    for group in dict.fromkeys(groups):
        own = [name for name, other in zip(found, groups, strict=True) if other == group]
        rest = [found[name] for name in found if name not in own]
        if not rest:
            continue
        ranges = learn(rest, **options)
        alarms = [(name, *ranges.measure(found[name])) for name in own]
        unusual = [alarm for alarm in alarms if alarm[1] > 1]
        print(f"{group}: {len(unusual)} of {len(own)} good images are unusual if it is left out")
        for name, score, reasons in unusual:
            print(f"  {name}: {score:.2f}, {'; '.join(reasons)}")
    likeness = learn(list(found.values()), **options)
    for name, low, high in zip(likeness.names, likeness.low, likeness.high, strict=True):
        print(f"  {name}: {low:.4g} to {high:.4g}")
    FOLDER.mkdir(exist_ok=True)
    write_likeness(FOLDER / f"{task.name}.json", likeness)


if __name__ == "__main__":
    main()
