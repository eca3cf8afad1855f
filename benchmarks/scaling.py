# ruff: noqa: INP001, T201
"""
Measure how `sunpy_restore.restore_archive` scales from one to two processes on this machine.

    python benchmarks/scaling.py [--images 12] [--side 200] [--repeat 3]

The workers import the package and load the network in a first round that does not count. The rounds of one and of two
processes alternate, so that other work on the machine slows both. Run it on a machine that does nothing else.
"""

import argparse
import statistics
import warnings
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from distributed import Client, LocalCluster

import sunpy.map

from sunpy_restore import restore_archive
from sunpy_restore.cli.bench import tiled_sample

_PROCESSES = 1, 2


def write_images(folder, count, side):
    """
    Write images of a sunspot.

    Parameters
    ----------
    folder : `pathlib.Path`
        The folder.
    count : `int`
        Number of images.
    side : `int`
        Rows and columns of each.
    """
    spot = tiled_sample("hmi_continuum_spot", side)
    for number in range(count):
        sunpy.map.Map(np.roll(spot.data, number, axis=0), spot.meta).save(folder / f"{number:03d}.fits")


def main():
    """Print the times of each round and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--images", type=int, default=12, help="number of images of a round")
    parser.add_argument("--side", type=int, default=200, help="rows and columns of an image")
    parser.add_argument("--repeat", type=int, default=3, help="number of rounds")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with TemporaryDirectory() as folder, ExitStack() as stack:
        source = Path(folder) / "source"
        source.mkdir()
        write_images(source, options.images, options.side)
        clients = {}
        for number in _PROCESSES:
            cluster = stack.enter_context(
                LocalCluster(n_workers=number, threads_per_worker=1, dashboard_address=None, protocol="tcp")
            )
            clients[number] = stack.enter_context(Client(cluster, set_as_default=False))
        times = {number: [] for number in _PROCESSES}
        for turn in range(options.repeat + 1):
            for number, client in clients.items():
                with client.as_current():
                    start = perf_counter()
                    report = restore_archive("enhance", source, Path(folder) / f"{turn}-{number}")
                    seconds = perf_counter() - start
                print(f"round {turn}: {number} process(es), {report}: {seconds:.2f} s", flush=True)
                if turn:
                    times[number].append(seconds)
    one, two = (statistics.median(times[number]) for number in _PROCESSES)
    print(
        f"{options.images} images of {options.side} x {options.side}: {one:.2f} s, {two:.2f} s, ratio {one / two:.2f}"
    )


if __name__ == "__main__":
    main()
