"""
Learn what good images of a task look like, and put it into the package.

    python tools/calibrate_likeness.py TASK DATA [--margin M]

It writes the ranges of the properties of good observations to sunpy_restore/data/likeness/TASK.json. Each day or region
in turn is left out of them, and tells how often a good image would be taken for an unusual one; the margins, which are
those for all days, stay.
"""

import argparse
from pathlib import Path

from sunpy_restore.core.likeness import FOLDER, excess, learn, write_likeness
from sunpy_restore.core.recipe import recipe_of
from sunpy_restore.core.task import resolve
from sunpy_restore.tasks import get_task


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task")
    parser.add_argument("data", type=Path, help="folder of the training data")
    parser.add_argument("--margin", type=float, default=0.5, help="see sunpy_restore.core.likeness.learn")
    arguments = parser.parse_args()
    task = get_task(arguments.task)
    fingerprint = resolve(task.fingerprint)
    images = recipe_of(task).good_images(arguments.data)
    found = {name: fingerprint(make()) for name, make in images}
    groups = [name.partition(",")[0] for name in found]
    beyond = excess(list(found.values()), groups)
    for group in dict.fromkeys(groups):
        own = [name for name, other in zip(found, groups, strict=True) if other == group]
        rest = [found[name] for name in found if name not in own]
        if not rest:
            continue
        ranges = learn(rest, margin=arguments.margin, beyond=beyond)
        alarms = [(name, *ranges.measure(found[name])) for name in own]
        unusual = [alarm for alarm in alarms if alarm[1] > 1]
        print(f"{group}: {len(unusual)} of {len(own)} good images are unusual if it is left out")
        for name, score, reasons in unusual:
            print(f"  {name}: {score:.2f}, {'; '.join(reasons)}")
    likeness = learn(list(found.values()), margin=arguments.margin, beyond=beyond)
    for name, low, high in zip(likeness.names, likeness.low, likeness.high, strict=True):
        print(f"  {name}: {low:.4g} to {high:.4g}")
    FOLDER.mkdir(exist_ok=True)
    write_likeness(FOLDER / f"{task.name}.json", likeness)


if __name__ == "__main__":
    main()
