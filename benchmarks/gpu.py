# ruff: noqa: INP001, T201
"""
Measure all functions on a device, within a few minutes.

    python benchmarks/gpu.py [--device cuda] [--small] [--minutes 5] [--json FILE]

The first table has the time of each function, everything included, and the peak memory of the GPU. The second one has
the time of the network of `sunpy_restore.enhance` alone in several precisions, and its largest difference from single
precision relative to the range of the result: half precision may only be used where that is at most 1e-4.
"""

import argparse
import json
import warnings
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from sunpy_restore import backproj_to_clean, desaturate, enhance, inpaint, synthesize_granulation
from sunpy_restore.cli.bench import tiled_sample
from sunpy_restore.core.fits.inputs import read_map
from sunpy_restore.core.inference.network import load_network
from sunpy_restore.data import sample_path
from sunpy_restore.enhancement.task import CONTINUUM, MAGNETOGRAM

REPEATS = 3


def sample(name, side=None):
    """A sample of the package, repeated and cut to a square if a side is given."""
    return read_map(sample_path(name)) if side is None else tiled_sample(name, side)


def filling(function, name, box):
    """A function that fills a box of a sample."""
    observed = read_map(sample_path(name))
    mask = np.zeros(observed.data.shape, bool)
    mask[box] = True
    return lambda device: function(observed, mask=mask, device=device)


def functions(small):
    """What is measured."""
    for name in ("hmi_continuum_spot", "hmi_magnetogram"):
        for side in (100,) if small else (400, 1024, 4096):
            image = sample(name, side)
            yield f"enhance, {name}, {side} x {side}", lambda device, image=image: enhance(image, device=device)
    yield "inpaint, one block", filling(inpaint, "lasco_c3_cme", np.s_[640:672, 384:416])
    yield "desaturate, 20 x 20 pixels", filling(desaturate, "aia_171_quiet", np.s_[40:60, 40:60])
    dirty = sample("stix_flare")
    yield "backproj_to_clean, 129 x 129", lambda device: backproj_to_clean(dirty, device=device)
    side = 64 if small else 2048
    yield (
        f"synthesize_granulation, {side} x {side}",
        lambda device: synthesize_granulation((side, side), seed=0, device=device),
    )


def synchronized(device):
    """The time when the device has nothing left to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter()


def measured(function, device, deadline, repeats=REPEATS):
    """Time of the first run and shortest time of the others in seconds; peak memory of the GPU in bytes."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    times = []
    for _ in range(repeats + 1):
        start = synchronized(device)
        function()
        times.append(synchronized(device) - start)
        if perf_counter() > deadline:
            break
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    return times[0], min(times[1:], default=None), peak


def precisions(device):
    """Contexts in which the network is applied."""
    cudnn = torch.backends.cudnn
    if device.type == "cuda":
        yield "single", cudnn.flags(enabled=True, allow_tf32=False)
        yield "TF32", cudnn.flags(enabled=True, allow_tf32=True)
        yield "float16", torch.autocast("cuda", torch.float16)
    else:
        yield "single", nullcontext()
    yield "bfloat16", torch.autocast(device.type, torch.bfloat16)


def networks(device, small):
    """Time of the networks alone, and their difference from single precision."""
    side = 64 if small else 1024
    for task in (CONTINUUM, MAGNETOGRAM):
        network = load_network(task)[0].eval().to(device, memory_format=torch.channels_last)
        generator = torch.Generator().manual_seed(0)
        tiles = (task is CONTINUUM) + 0.1 * torch.randn((1, len(task.channels), side, side), generator=generator)
        tiles[:, 1:] = 0.01
        tiles = tiles.to(device, memory_format=torch.channels_last)
        expected = None
        for name, context in precisions(device):
            with torch.inference_mode(), context:
                network(tiles)
                start = synchronized(device)
                result = network(tiles)
                seconds = synchronized(device) - start
            result = result.float()
            expected = result if expected is None else expected
            error = float((result - expected).abs().max() / (expected.max() - expected.min()))
            yield f"{task.name}, {side} x {side}, {name}", seconds, error


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="PyTorch device (default: %(default)s)")
    parser.add_argument("--small", action="store_true", help="small images, to try the script")
    parser.add_argument("--minutes", type=float, default=5, help="begin nothing new after this time")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    device, deadline = torch.device(args.device), perf_counter() + 60 * args.minutes
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
    print(f"{name}, PyTorch {torch.__version__}")
    found = {"device": name, "networks": {}, "functions": {}}
    print(f"{'network':<52}  {'time [s]':>9}  {'difference / range':>18}")
    for label, seconds, error in networks(device, args.small):
        print(f"{label:<52}  {seconds:>9.4f}  {error:>18.1e}", flush=True)
        found["networks"][label] = {"seconds": seconds, "difference": error}
    print(f"{'function':<52}  {'first [s]':>9}  {'then [s]':>9}  {'GPU memory [GB]':>15}")
    for label, function in functions(args.small):
        if perf_counter() > deadline:
            print(f"{label:<52}  not measured, the time is over")
            continue
        repeats = 1 if args.small else REPEATS
        first, then, peak = measured(lambda function=function: function(args.device), device, deadline, repeats)
        later, memory = "n/a" if then is None else f"{then:.3f}", "n/a" if peak is None else f"{peak / 1e9:.2f}"
        print(f"{label:<52}  {first:>9.3f}  {later:>9}  {memory:>15}", flush=True)
        found["functions"][label] = {"first": first, "then": then, "peak": peak}
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
