"""
Make the mean corona of LASCO C2 and C3 in ``sunpy_restore/data/calibration`` from the training images of level 0.5.

    python tools/make_mean_corona.py DATA

DATA contains the folder ``lasco/`` of the training data.
"""

import argparse
from pathlib import Path

from sunpy_restore.inpainting.lasco.flat_field import flat_field
from sunpy_restore.inpainting.lasco.header import Lasco
from sunpy_restore.inpainting.lasco.mean_corona import WAVES
from sunpy_restore.inpainting.recipe.mean_coronas import make_mean_corona
from sunpy_restore.inpainting.recipe.scenes import read_exposures

TARGET = Path(__file__).resolve().parents[1] / "sunpy_restore" / "data" / "calibration" / "lasco_mean_corona.csv"
HEAD = """\
# Mean corona of LASCO at level 0.5, in natural logarithms: profile by distance from the Sun in pixels of the detector,
# and amplitudes of waves in azimuth, counted from x to y. The profile contains the mean vignetting and the rings around
# the occulter; the flat field of C3 was removed. From the images
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the training data")
    exposures = [one for one in read_exposures(parser.parse_args().data) if one.level < 1]
    lines, names = [], []
    for detector in ("C2", "C3"):
        own = sorted((one for one in exposures if one.detector == detector), key=lambda one: one.date)
        response = flat_field(own[0].image.shape, Lasco(detector=detector, level=0.5, center=own[0].center))
        corona = make_mean_corona(own, response)
        names.append(f"# {detector}: " + ", ".join(one.name for one in own))
        lines += [
            ",".join([detector, f"{radius:g}", *(f"{value:.4f}" for value in values)])
            for radius, *values in zip(corona.radius, corona.profile, *corona.waves, strict=True)
        ]
    text = [HEAD + "\n".join(names), ",".join(["detector", "radius", "profile", *WAVES]), *lines]
    TARGET.write_text("\n".join(text) + "\n")
    print(f"wrote {TARGET}, {TARGET.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
