"""
Hash the results of all functions and methods on the samples, to see whether a change of the code changes them.

    python tools/hash_results.py before.json
    python tools/hash_results.py after.json --compare before.json

Hashes are comparable on one machine with one release of each dependency; PyTorch runs on one thread. Only the public
functions and the samples are used, so the script runs before and after a change of anything else.
"""

import argparse
import hashlib
import json
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch

import astropy.units as u

import sunpy.map

import sunpy_restore
from sunpy_restore.data import sample_path

_MASKED_KEYWORDS = {"rstsha", "rstvers", "history", "keycomments"}


def public(name):
    """A public function, imported when it is called."""
    return lambda *args, **kwargs: getattr(sunpy_restore, name)(*args, **kwargs)


backproj_to_clean, desaturate, enhance, inpaint, synthesize_granulation = map(
    public, ("backproj_to_clean", "desaturate", "enhance", "inpaint", "synthesize_granulation")
)


def sample(name):
    """The Map of a sample."""
    return sunpy.map.Map(sample_path(name))


def digest(array):
    """Hash of type, shape and values of an array."""
    array = np.ascontiguousarray(array)
    head = f"{array.dtype.str} {array.shape} ".encode()
    return hashlib.sha256(head + array.tobytes()).hexdigest()[:16]


def hashes_of(smap):
    """Hashes of data, mask and header of a Map."""
    mask = "none" if smap.mask is None else digest(np.broadcast_to(smap.mask, smap.data.shape))
    header = {key: value for key, value in smap.meta.items() if key not in _MASKED_KEYWORDS}
    header = hashlib.sha256(json.dumps(header, sort_keys=True, default=str).encode()).hexdigest()[:16]
    fill = digest(sunpy_restore.filled(smap))
    return {"data": digest(smap.data), "mask": mask, "filled": fill, "header": header, "class": type(smap).__name__}


def boxes(shape, seed=0, side=12, count=5):
    """A mask of boxes at random places."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, dtype=bool)
    rows, columns = (rng.integers(0, length - side, count) for length in shape)
    for row, column in zip(rows, columns, strict=True):
        mask[row : row + side, column : column + side] = True
    return mask


def lossy():
    """The LASCO sample without some blocks, one of them at the occulter."""
    whole = sample("lasco_c3_cme")
    data = whole.data.copy()
    for row, column, rows, columns in ((640, 352, 64, 64), (512, 576, 32, 96), (256, 256, 96, 32), (480, 800, 32, 32)):
        data[row : row + rows, column : column + columns] = 0
    return sunpy.map.Map(data, whole.meta)


def visibilities():
    """Visibilities of the STIX sample."""
    try:
        from sunpy_restore.backprojection.visibilities.measured import open_visibilities
    except ImportError:
        from sunpy_restore.backprojection.visibilities.measured import open_visibilities
    return open_visibilities(sample_path("stix_flare"))


def cases():
    """Names of the cases and functions that give a Map or a list of Maps."""
    for name in ("hmi_magnetogram", "hmi_continuum_spot", "hmi_continuum_quiet"):
        for method in ("network", "bicubic", "richardson-lucy"):
            yield f"enhance {name} {method}", partial(enhance, sample(name), method=method)
    yield "enhance hmi_continuum_spot wiener", partial(enhance, sample("hmi_continuum_spot"), method="wiener")
    yield "enhance list", lambda: enhance([sample("hmi_magnetogram"), sample("hmi_continuum_quiet")])
    masked = sample("hmi_continuum_spot")
    masked.mask = boxes(masked.data.shape)
    yield "enhance masked", partial(enhance, masked)
    holed = sample("hmi_continuum_spot")
    holed.data[boxes(holed.data.shape, 1, 5)] = np.nan
    yield "enhance nan", partial(enhance, holed)

    flare, quiet = sample("aia_193_flare"), sample("aia_171_quiet")
    for method in ("network", "biharmonic", "diffraction"):
        for consistency in (None, "diffraction", "none"):
            if (method, consistency) != ("diffraction", "none"):
                yield (
                    f"desaturate flare {method} {consistency}",
                    partial(desaturate, flare, method=method, consistency=consistency),
                )
    for method in ("network", "biharmonic"):
        yield (
            f"desaturate quiet mask {method}",
            partial(desaturate, quiet, mask=boxes(quiet.data.shape), method=method, consistency="none"),
        )
    yield "desaturate quiet mask default", partial(desaturate, quiet, mask=boxes(quiet.data.shape))
    yield "desaturate list", partial(desaturate, [flare, quiet])

    lost, later = lossy(), sample("lasco_c3_later")
    for method in ("network", "harmonic", "biharmonic", "radial"):
        yield f"inpaint {method}", partial(inpaint, lost, method=method)
    for method in ("network", "temporal"):
        yield f"inpaint neighbours {method}", partial(inpaint, lost, method=method, neighbours=[later])
    yield "inpaint texture", partial(inpaint, lost, texture=True)
    yield "inpaint mask", partial(inpaint, lost, mask=boxes(lost.data.shape, 3, 40))
    yield "inpaint submap", partial(inpaint, sunpy.map.Map(lost.data[300:800, 200:900], cut(lost.meta, 200, 300)))
    yield "inpaint list", partial(inpaint, [lost, later], method="harmonic")

    dirty = sample("stix_flare")
    for method in ("network", "clean"):
        yield f"backproj {method}", partial(backproj_to_clean, dirty, method=method)
        yield (
            f"backproj visibilities {method}",
            lambda method=method: backproj_to_clean(dirty, method=method, visibilities=visibilities()),
        )
    yield "backproj list", lambda: backproj_to_clean([dirty, dirty], visibilities=[visibilities(), visibilities()])

    for method in ("spectrum", "convolutional"):
        yield f"synthesize {method}", partial(synthesize_granulation, (150, 333), method=method, seed=5)
    yield "synthesize scale", partial(synthesize_granulation, (100, 120), seed=2, scale=70 * u.km)
    for method in ("gan", "vae"):
        for stitching in ("seam", "greedy", "latent"):
            yield (
                f"synthesize {method} {stitching}",
                partial(synthesize_granulation, (200, 260), method=method, stitching=stitching, seed=3),
            )
    yield "synthesize genetic", partial(synthesize_granulation, (150, 150), method="gan", stitching="genetic", seed=3)
    yield "synthesize refined", partial(synthesize_granulation, (200, 200), method="gan", seed=3, refine_worst=1)


def cut(meta, column, row):
    """The header of a cutout that starts at a column and a row."""
    return {**meta, "crpix1": meta["crpix1"] - column, "crpix2": meta["crpix2"] - row}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="JSON file of the hashes")
    parser.add_argument("--compare", type=Path, metavar="JSON", help="hashes from before the change")
    parser.add_argument("--only", metavar="TEXT", default="", help="only cases whose name begins with this")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    found = {}
    for name, run in cases():
        if not name.startswith(arguments.only):
            continue
        result = run()
        results = result if isinstance(result, list) else [result]
        found |= {name if len(results) == 1 else f"{name} {i}": hashes_of(one) for i, one in enumerate(results)}
        print(name, file=sys.stderr)
    arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if arguments.compare is None:
        return 0
    before = json.loads(arguments.compare.read_text(encoding="utf-8"))
    before = {name: values for name, values in before.items() if name.startswith(arguments.only)}
    differ = [
        f"{name}: {key}"
        for name in sorted(before.keys() | found.keys())
        for key in ("data", "mask", "filled", "header", "class")
        if before.get(name, {}).get(key) != found.get(name, {}).get(key)
    ]
    print(f"{len(found)} results, {len(differ)} differences", *differ, sep="\n")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
