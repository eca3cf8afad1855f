"""
Make the pattern of LASCO C3 in ``sunpy_restore/data/calibration`` out of the frames of level 0.5 to train on.

    python tools/make_pattern.py DATA

DATA holds ``lasco/``, as for the training. The pattern is the natural logarithm of the detector's response to a smooth
corona, rounded to thousandths.
"""

import argparse
from pathlib import Path

import numpy as np

from astropy.io import fits

from sunpy_restore.inpainting.recipe.flat_fields import make_pattern
from sunpy_restore.inpainting.recipe.scenes import read_frames

TARGET = Path(__file__).resolve().parents[1] / "sunpy_restore" / "data" / "calibration" / "lasco_c3_pattern.fits"
STEP = 1e-3
NOTHING = -32768


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the training data")
    frames = read_frames(parser.parse_args().data)
    frames = [frame for frame in frames if frame.detector == "C3" and frame.level < 1]
    pattern = make_pattern(frames)
    rounded = np.clip(np.round(np.nan_to_num(pattern) / STEP), NOTHING + 1, -NOTHING - 1).astype(np.int16)
    hdu = fits.CompImageHDU(np.where(np.isfinite(pattern), rounded, np.int16(NOTHING)), compression_type="HCOMPRESS_1",
                            tile_shape=(128, 128))  # fmt: skip
    hdu.header["STEP"], hdu.header["NOTHING"] = STEP, NOTHING
    hdu.header["CONTENT"] = "ln of the response of LASCO C3 to a smooth corona"
    for frame in sorted(frames, key=lambda frame: frame.name):
        hdu.header.add_history(f"{frame.date} {frame.name}")
    hdu.writeto(TARGET, overwrite=True)
    print(f"wrote {TARGET}, {TARGET.stat().st_size / 1e6:.2f} MB, {len(frames)} frames")


if __name__ == "__main__":
    main()
