"""
Learn what good images of a task look like, and put it into the package.

    python tools/calibrate_likeness.py TASK DATA [--margin M]

It writes the ranges of the properties of good observations to sunpy_restore/data/likeness/TASK.json. Every third image
is left out of them, and tells how often a good image would be taken for an unusual one.
"""

import argparse
from pathlib import Path

from sunpy_restore.core.likeness import FOLDER, learn, write_likeness
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
    names = list(found)
    tested = names[::3]
    ranges = learn([found[name] for name in names if name not in tested], margin=arguments.margin)
    alarms = [(name, *ranges.measure(found[name])) for name in tested]
    unusual = [alarm for alarm in alarms if alarm[1] > 1]
    print(f"{len(unusual)} of {len(tested)} good images that were left out are unusual")
    for name, score, reasons in unusual:
        print(f"  {name}: {score:.2f}, {'; '.join(reasons)}")
    likeness = learn(list(found.values()), margin=arguments.margin)
    for name, low, high in zip(likeness.names, likeness.low, likeness.high, strict=True):
        print(f"  {name}: {low:.4g} to {high:.4g}")
    FOLDER.mkdir(exist_ok=True)
    write_likeness(FOLDER / f"{task.name}.json", likeness)


if __name__ == "__main__":
    main()
