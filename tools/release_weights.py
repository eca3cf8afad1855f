"""
Score trained weights and put them into the package.

    python tools/release_weights.py DATA FILE.safetensors [--half] [--method NAME]

evaluates FILE on the images in DATA that training never saw, writes the scores into its metadata, copies it to
sunpy_restore/data/weights/<task>.safetensors (or <task>-<config>.safetensors, if that is not "compact"), and updates
its entry in the registry. --half keeps the numbers in half precision, for networks that are only there to be compared.
"""

import argparse
from importlib import import_module
from pathlib import Path

from sunpy_restore.core.registry import refresh
from sunpy_restore.core.weights import read, write
from sunpy_restore.tasks import get_task
from sunpy_restore.training.evaluation import evaluate, format_table, scores

FOLDER = Path(__file__).parents[1] / "sunpy_restore" / "data" / "weights"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the training data")
    parser.add_argument("file", type=Path, help="weights that training wrote")
    parser.add_argument("--half", action="store_true", help="write half precision")
    parser.add_argument("--method", action="append", metavar="NAME", help="only score this method; may be repeated")
    arguments = parser.parse_args()
    state, metadata = read(arguments.file)
    name = metadata["task"] if metadata["config"] == "compact" else f"{metadata['task']}-{metadata['config']}"
    target = FOLDER / f"{name}.safetensors"
    if arguments.half:
        state = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    # The recipe's own words, so that a correction of them reaches the model card
    data = import_module(get_task(metadata["task"]).recipe).DATA[metadata["task"]]
    metadata = metadata | {"training_data": data}
    write(target, state, metadata)
    rows = evaluate(metadata["task"], arguments.data, methods=arguments.method, weights=target)
    print(format_table(rows))
    write(target, state, metadata | {"scores": scores(rows)})
    refresh(target)
    print(f"wrote {target}, {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
