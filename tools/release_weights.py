"""
Score trained weights and put them into the package.

    python tools/release_weights.py DATA FILE.safetensors

evaluates FILE on the images in DATA that training never saw, writes the scores into its metadata, copies it to
sunpy_restore/data/weights/<task>.safetensors, and updates its entry in the registry.
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
    arguments = parser.parse_args()
    state, metadata = read(arguments.file)
    rows = evaluate(metadata["task"], arguments.data, weights=arguments.file)
    print(format_table(rows))
    target = FOLDER / f"{metadata['task']}.safetensors"
    # The recipe's own words, so that a correction of them reaches the model card
    data = import_module(get_task(metadata["task"]).recipe).DATA[metadata["task"]]
    write(target, state, metadata | {"scores": scores(rows), "training_data": data})
    refresh(target)
    print(f"wrote {target}, {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
