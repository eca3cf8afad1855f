# ruff: noqa: INP001, T201
"""
Measure how much a busy neighbour on one of two processors slows the functions down.

    python benchmarks/busy_neighbour.py [--repeat 5] [--limit 2.2] [FUNCTION ...]

Each function restores a sample of the package in this process, which may use two processors: first while the machine
is otherwise idle, then beside one process that computes all the time and may use the same two. The shortest and the
median wall time and the ratio of the medians are printed. The script fails if a ratio exceeds the limit. Run it on a
machine that does nothing else.
"""

import argparse
import os
import statistics
import subprocess
import sys
import warnings
from contextlib import contextmanager
from time import perf_counter

import numpy as np

import sunpy.map

from sunpy_restore import backproj_to_clean, desaturate, enhance, inpaint, synthesize_granulation
from sunpy_restore.data import sample_path

_PROCESSORS = 2
_BLOCK = np.s_[640:672, 352:384]  # of the coronagraph image, which is lost


def _sample(name):
    return sunpy.map.Map(sample_path(name))


def _with_missing_block():
    whole = _sample("lasco_c3_cme")
    data = whole.data.copy()
    data[_BLOCK] = 0
    return sunpy.map.Map(data, whole.meta)


def functions():
    """
    The functions that are measured.

    Returns
    -------
    `dict`
        Name to a function without arguments.
    """
    dirty, flare, quiet = _sample("stix_flare"), _sample("aia_193_flare"), _sample("aia_171_quiet")
    lost, spot = _with_missing_block(), _sample("hmi_continuum_spot")
    mask = np.zeros(quiet.data.shape, dtype=bool)
    mask[100:120, 100:130] = True
    return {
        "backproj_to_clean": lambda: backproj_to_clean(dirty),
        "inpaint": lambda: inpaint(lost),
        "desaturate": lambda: desaturate(flare),
        "desaturate-mask": lambda: desaturate(quiet, mask=mask),
        "enhance": lambda: enhance(spot),
        "synthesize_granulation": lambda: synthesize_granulation((256, 256), seed=0),
    }


@contextmanager
def busy_neighbour():
    """A process that computes all the time."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def times(function, repeat):
    """
    Wall times of a function.

    Parameters
    ----------
    function : callable
        A function without arguments.
    repeat : `int`
        How often it is called.

    Returns
    -------
    `list` of `float`
        In seconds.
    """
    found = []
    for _ in range(repeat):
        start = perf_counter()
        function()
        found.append(perf_counter() - start)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="FUNCTION")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--limit", type=float, default=2.2)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if hasattr(os, "sched_setaffinity"):
        # The neighbour inherits the processors
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:_PROCESSORS])
    known = functions()
    unknown = set(given.names) - known.keys()
    if unknown:
        parser.error(f"Unknown function {', '.join(sorted(unknown))}; expected some of {', '.join(known)}.")
    slow = []
    print(f"{'function':<24} {'alone [s]':>16} {'beside [s]':>16} {'ratio':>6}")
    for name in given.names or known:
        known[name]()  # loads the network
        alone = times(known[name], given.repeat)
        with busy_neighbour():
            beside = times(known[name], given.repeat)
        ratio = statistics.median(beside) / statistics.median(alone)
        shown = (f"{min(found):>7.3f} {statistics.median(found):>8.3f}" for found in (alone, beside))
        print(f"{name:<24} {' '.join(shown)} {ratio:>6.2f}", flush=True)
        if ratio > given.limit:
            slow.append(name)
    if slow:
        sys.exit(f"More than {given.limit} times slower beside a busy process: {', '.join(slow)}.")


if __name__ == "__main__":
    main()
