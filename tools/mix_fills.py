"""
Combine two networks of `desaturate` to a mixture, and fit the weights of their fills.

    python tools/mix_fills.py DATA SATURATED.safetensors GENERAL.safetensors OUT.safetensors [--average FILE SHARE]

SATURATED is a network that was trained with saturated pixels, or a mixture that contains one; GENERAL one that was
trained with masks of many origins; with --average, its weights are averaged with those of the same network in FILE,
which count as SHARE. The views of the training days by which the weights are fitted are made from DATA.
"""

import argparse
from pathlib import Path

from sunpy_restore.core.weights.store import read, write
from sunpy_restore.desaturation.recipe.mixture import fit_shares, mixture_of, mixture_views, statistics


def averaged(state, path, share):
    """Average of the weights of a network and of the general one in a file."""
    other, share = read(path)[0], float(share)
    other = {name.removeprefix("general."): part for name, part in other.items() if not name.startswith("saturated.")}
    return {name: (1 - share) * part + share * other[name] for name, part in state.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the training data")
    parser.add_argument("saturated", type=Path, help="weights for saturated pixels")
    parser.add_argument("general", type=Path, help="weights for pixels of any brightness")
    parser.add_argument("out", type=Path, help="file to write")
    parser.add_argument("--average", nargs=2, metavar=("FILE", "SHARE"), help="average the general network")
    arguments = parser.parse_args()
    (saturated, about), (general, metadata) = read(arguments.saturated), read(arguments.general)
    if arguments.average:
        general = averaged(general, *arguments.average)
    hyperparameters, mixture = mixture_of((about["hyperparameters"], saturated), (metadata["hyperparameters"], general))
    found = statistics(mixture, mixture_views(arguments.data))
    loss = fit_shares(mixture, found)
    print(f"{len(found['view'])} regions in {found['view'].max() + 1} views, loss {loss:.3f} in the views held back")
    metadata |= {"architecture": hyperparameters["architecture"], "hyperparameters": hyperparameters}
    write(arguments.out, {name: part.contiguous() for name, part in mixture.state_dict().items()}, metadata)


if __name__ == "__main__":
    main()
