"""
Make the STIX sample, ``sunpy_restore/data/stix_flare.fits``: the back-projection of a flare and its visibilities.

    python tools/make_stix_sample.py FOLDER

FOLDER contains the three files named below, which may be gzipped. They come with the imaging demonstration of
https://github.com/i4Ds/STIX-GSW. The script needs `stixpy` (``pip install stixpy``, with ``--no-deps`` for sunpy 7).
"""

import argparse
from pathlib import Path

import numpy as np
from stix.attitude import sky_header
from stix.observations import visibilities_of

import astropy.units as u
from astropy.io import fits
from astropy.table import QTable

FLARE = "solo_L1_stix-sci-xray-cpd_20200607T213709-20200607T215208_V01_1178428688-49155.fits"
BACKGROUND = "solo_L1_stix-sci-xray-cpd_20200607T003001-20200607T012900_V01_1178082832-49778.fits"
EPHEMERIS = "solo_L2_stix-aux-ephemeris_20200607_V01.fits"
TIMES = ("2020-06-07T21:39:00", "2020-06-07T21:42:49")
SHAPE, PIXEL = (129, 129), 2.0


def found(folder, name):
    """Path of a file in a folder; the file may be gzipped."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.exists():
            return path
    raise SystemExit(f"Found no {name} or {name}.gz in {folder}; expected one of them.")


def back_projection(visibilities):
    """Back-projection with natural weights, x along columns and y along rows."""
    axis = PIXEL * (np.arange(SHAPE[0]) - (SHAPE[0] - 1) / 2)
    x, y = (
        np.exp(-2j * np.pi * np.outer(axis, part.to_value(1 / u.arcsec))) for part in (visibilities.u, visibilities.v)
    )
    values = visibilities.visibilities.value
    return ((y * values) @ x.T).real / len(values)


def table_of(visibilities):
    """Table of the visibilities, with the phase centre and the attitude in its header."""
    values = visibilities.visibilities
    table = QTable(
        {
            "label": [str(label) for label in visibilities.meta["vis_labels"]],
            "u": visibilities.u,
            "v": visibilities.v,
            "real": values.real,
            "imag": values.imag,
            "error": visibilities.amplitude_uncertainty.to(values.unit),
        }
    )
    hdu = fits.BinTableHDU(table, name="VISIBILITIES")
    place, pointing = visibilities.meta["offset"], visibilities.meta["pointing"]
    hdu.header["STX_XC"] = (place.Tx.to_value(u.arcsec), "[arcsec] phase centre in the frame of STIX, x")
    hdu.header["STX_YC"] = (place.Ty.to_value(u.arcsec), "[arcsec] phase centre in the frame of STIX, y")
    hdu.header["STX_X"] = (pointing[0].to_value(u.arcsec), "[arcsec] STIX pointing")
    hdu.header["STX_Y"] = (pointing[1].to_value(u.arcsec), "[arcsec] STIX pointing")
    hdu.header["STX_ROLL"] = (visibilities.meta["roll"].to_value(u.deg), "[deg] roll of the spacecraft")
    return hdu


def main():
    """Write the sample."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--to", type=Path, default=Path(__file__).parents[1] / "sunpy_restore/data/stix_flare.fits")
    options = parser.parse_args()
    visibilities = visibilities_of(
        found(options.folder, FLARE),
        time_range=TIMES,
        background=found(options.folder, BACKGROUND),
        ephemeris=found(options.folder, EPHEMERIS),
    )
    header = fits.Header()
    cards = sky_header(visibilities, SHAPE, PIXEL)
    header.update({key: value for key, value in cards.items() if not key.startswith("naxis")})
    header["FLNM_SCI"] = FLARE
    header["FLNM_BKG"] = BACKGROUND
    header["ALG_USED"] = "back-projection, natural weights, sub-collimators 3-10"
    image = fits.PrimaryHDU(back_projection(visibilities).astype(np.float32), header)
    fits.HDUList([image, table_of(visibilities)]).writeto(options.to, overwrite=True, checksum=True)


if __name__ == "__main__":
    main()
