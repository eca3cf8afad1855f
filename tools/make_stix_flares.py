"""
Make back-projections with visibilities from STIX pixel data, for ``sunpy-restore evaluate backproj --observations``.

    python tools/make_stix_flares.py PIXEL_DATA EPHEMERIS --to FOLDER

PIXEL_DATA is a folder of level 1 pixel data and EPHEMERIS one of auxiliary files of the same days; both may be gzipped.
The time is the minute around the maximum at 6-10 keV. No background is subtracted. The script needs `stixpy` (``pip
install stixpy``, with ``--no-deps`` for sunpy 7).
"""

import argparse
import re
from pathlib import Path

import numpy as np
from make_stix_sample import PIXEL, SHAPE, back_projection, table_of
from stix.attitude import sky_header
from stix.observations import visibilities_of

from astropy.io import fits


def flare_of(path, ephemeris):
    """The HDUs of a flare."""
    visibilities = visibilities_of(path, ephemeris=ephemeris)
    header = fits.Header()
    cards = sky_header(visibilities, SHAPE, PIXEL)
    header.update({key: value for key, value in cards.items() if not key.startswith("naxis")})
    header["FLNM_SCI"] = path.name
    return fits.HDUList(
        [fits.PrimaryHDU(back_projection(visibilities).astype(np.float32), header), table_of(visibilities)]
    )


def flares_in(pixel_data, ephemeris):
    """Day and number of each file of pixel data in a folder, its path, and the ephemeris of its day."""
    for path in sorted(pixel_data.glob("solo_L1_stix-sci-xray-cpd_*.fits*")):
        day, number = re.search(r"cpd_(\d{8})T.*_V\d+_(\d+)-", path.name).groups()
        files = sorted(ephemeris.glob(f"solo_*_stix-aux-ephemeris_{day}_*"))
        if files:
            yield f"{day}_{number}", path, files[-1]
        else:
            print(f"{path.name}: no ephemeris of {day}")


def main():
    """Write one file per flare; files that no image can be made of are named."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("pixel_data", type=Path)
    parser.add_argument("ephemeris", type=Path)
    parser.add_argument("--to", type=Path, required=True)
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    for name, path, ephemeris in flares_in(options.pixel_data, options.ephemeris):
        try:
            flare_of(path, ephemeris).writeto(options.to / f"{name}.fits", overwrite=True)
        except (IndexError, KeyError, OSError, ValueError) as error:
            print(f"{path.name}: {error}")


if __name__ == "__main__":
    main()
