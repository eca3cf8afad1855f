"""
Make pairs of back-projections and CLEAN images from STIX pixel data, for ``sunpy-restore dataset backproj --pairs``.

    python tools/make_stix_pairs.py PIXEL_DATA EPHEMERIS --to FOLDER

PIXEL_DATA and EPHEMERIS are those of ``make_stix_flares.py``, as is the time of the images. They have 256 pixels of 1
arcsec. The script needs `stixpy` (``pip install stixpy``, with ``--no-deps`` for sunpy 7).
"""

import argparse
from pathlib import Path

from make_stix_flares import flares_in
from stix.observations import visibilities_of
from stix.paired import paired


def main():
    """Write two files per flare; files that no image can be made of are named."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("pixel_data", type=Path)
    parser.add_argument("ephemeris", type=Path)
    parser.add_argument("--to", type=Path, required=True)
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    for name, path, ephemeris in flares_in(options.pixel_data, options.ephemeris):
        try:
            pair = paired(visibilities_of(path, ephemeris=ephemeris))
        except (IndexError, KeyError, OSError, ValueError) as error:
            print(f"{path.name}: {error}")
            continue
        for kind, smap in zip(("dirty", "clean"), pair, strict=True):
            smap.save(options.to / f"{name}_{kind}.fits", overwrite=True)


if __name__ == "__main__":
    main()
