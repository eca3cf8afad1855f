"""
Score trained weights and put them into the package.

    python tools/release_weights.py DATA FILE.safetensors [--half] [--method NAME]
    python tools/release_weights.py --describe [DATA]

The first form evaluates FILE on the images in DATA that training never saw, writes the scores into its metadata, copies
it to <task>.safetensors (or <task>-<config>.safetensors, if that is not "compact") in the folder of its entry in the
registry, sunpy_restore/data/weights or full_weights, and updates that entry. --half keeps the trained numbers in half
precision, for networks that are only compared or have to be small; fixed filters and statistics stay as they are.

The second form writes the recipes' present descriptions of the training data into the weights of both folders; with
DATA, also what the recipes measure on the images in it.
"""

import argparse
from pathlib import Path

from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.weights.registry import available
from sunpy_restore.core.weights.registryupdate import refresh
from sunpy_restore.core.weights.store import read, write
from sunpy_restore.tasks import get_task
from sunpy_restore.training import evaluate, format_table, scores


def entry_of(file):
    """The entry in the registry of a file in the package or in full_weights."""
    found = [entry for entry in available() if entry.file == file and entry.folder]
    if not found:
        raise SystemExit(f"Found no entry with the file {file!r} in the registry; expected one. Add it first.")
    return found[0]


def described(metadata, data=None):
    """Metadata with the recipe's description of the training data, and with what it measures on them."""
    recipe = recipe_of(get_task(metadata["task"]))
    config = recipe.configs()[metadata["config"]]
    measured = {} if data is None else recipe.metadata(data, config)
    return metadata | {"training_data": recipe.training_data(config)} | measured


def release(arguments):
    """Score weights and put them into the package."""
    state, metadata = read(arguments.file)
    name = metadata["task"] if metadata["config"] == "compact" else f"{metadata['task']}-{metadata['config']}"
    entry = entry_of(f"{name}.safetensors")
    target = entry.folder / entry.file
    if arguments.half:
        trained = dict(get_task(metadata["task"]).build_network(metadata["hyperparameters"]).named_parameters())
        state = {key: value.half() if key in trained else value for key, value in state.items()}
    metadata = described(metadata, arguments.data) | {"licence": entry.licence}
    write(target, state, metadata)
    rows = evaluate(metadata["task"], arguments.data, methods=arguments.method, weights=target)
    print(format_table(rows, recipe_of(get_task(metadata["task"])).score_columns))
    write(target, state, metadata | {"scores": scores(rows)})
    refresh(target)
    print(f"wrote {target}, {target.stat().st_size / 1e6:.2f} MB")


def describe(data):
    """Bring the descriptions in the weights of the repository up to date."""
    for entry in available():
        if entry.folder is None:
            continue
        path = entry.folder / entry.file
        if not path.is_file():
            continue
        state, metadata = read(path)
        new = described(metadata, data)
        if new != metadata:
            write(path, state, new)
            refresh(path)
            print(f"wrote {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", help="folder of the training data")
    parser.add_argument("file", type=Path, nargs="?", help="weights that training wrote")
    parser.add_argument("--half", action="store_true", help="write half precision")
    parser.add_argument("--method", action="append", metavar="NAME", help="only score this method; may be repeated")
    parser.add_argument("--describe", action="store_true", help="only update the descriptions in the package")
    arguments = parser.parse_args()
    if arguments.describe:
        describe(arguments.data)
    elif arguments.file is None:
        parser.error("DATA and FILE are needed")
    else:
        release(arguments)


if __name__ == "__main__":
    main()
