"""
Make the flat field of LASCO C3 in ``sunpy_restore/data/calibration`` from the training images of level 0.5.

    python tools/make_flat_field.py DATA

DATA contains the folder ``lasco/`` of the training data. The flat field is the natural logarithm of the response of the
detector to a smooth corona, rounded to thousandths.
"""

import argparse
from pathlib import Path

import numpy as np

from astropy.io import fits

from sunpy_restore.inpainting.recipe.flat_fields import make_flat_field
from sunpy_restore.inpainting.recipe.scenes import read_exposures

TARGET = Path(__file__).resolve().parents[1] / "sunpy_restore" / "data" / "calibration" / "lasco_c3_flat_field.fits"
STEP = 1e-3
NOTHING = -32768


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the training data")
    exposures = read_exposures(parser.parse_args().data)
    exposures = [exposure for exposure in exposures if exposure.detector == "C3" and exposure.level < 1]
    logarithm = make_flat_field(exposures)
    rounded = np.clip(np.round(np.nan_to_num(logarithm) / STEP), NOTHING + 1, -NOTHING - 1).astype(np.int16)
    values = np.where(np.isfinite(logarithm), rounded, np.int16(NOTHING))
    hdu = fits.CompImageHDU(values, compression_type="HCOMPRESS_1", tile_shape=(128, 128))
    hdu.header["STEP"], hdu.header["NOTHING"] = STEP, NOTHING
    hdu.header["CONTENT"] = "ln of the response of LASCO C3 to a smooth corona"
    for exposure in sorted(exposures, key=lambda exposure: exposure.name):
        hdu.header.add_history(f"{exposure.date} {exposure.name}")
    hdu.writeto(TARGET, overwrite=True)
    print(f"wrote {TARGET}, {TARGET.stat().st_size / 1e6:.2f} MB, {len(exposures)} images")


if __name__ == "__main__":
    main()
