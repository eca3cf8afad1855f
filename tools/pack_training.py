"""
Pack the training images of tasks for a machine without a network, see gpu_train.sh.

The files of the lists of the tasks are copied to OUT with their folders, as far as they are in DATA. Desaturation has
many images; ``--most`` keeps that many files of each entry of its list, spread evenly over their order.

    python tools/pack_training.py DATA OUT TASK... [--site SITE.tar.xz] [--most N]
"""

import argparse
import shutil
import sys
from pathlib import Path

from sunpy_restore.core.datasets.imagelist import find_list, read_list
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.task import resolve
from sunpy_restore.tasks import get_task

_LIMIT = 60e6  # bytes


def _files(task, data, most):
    recipe = recipe_of(get_task(task))
    folder = Path(sys.modules[resolve(get_task(task).recipe).__module__].__file__).with_name("data")
    names = {recipe.list_name(config) for config in recipe.configs().values()}
    for name in sorted(names):
        if not (folder / f"{name}.toml").exists():
            continue
        images = read_list(find_list(name, folder, data))
        for entry in images.entries:
            paths = images.paths(entry, data)
            step = max(1, -(-len(paths) // most)) if most else 1
            yield from paths[::step]


def main():
    """Copy the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("tasks", nargs="+")
    parser.add_argument("--site", type=Path, help="archive of Python packages that the machine lacks")
    parser.add_argument("--most", type=int, help="files of an entry")
    args = parser.parse_args()
    chosen = {path for task in args.tasks for path in _files(task, args.data, args.most)}
    for path in sorted(chosen):
        target = args.out / path.relative_to(args.data)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    if args.site:
        shutil.copyfile(args.site, args.out / "site.tar.xz")
    size = sum(path.stat().st_size for path in args.out.rglob("*") if path.is_file())
    print(f"{len(chosen)} files, {size / 1e6:.1f} MB in {args.out}")
    if size > _LIMIT:
        sys.exit(f"This is more than {_LIMIT / 1e6:.0f} MB. Choose fewer tasks, or a smaller --most.")


if __name__ == "__main__":
    main()
