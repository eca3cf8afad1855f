"""
Make the sample images of ``sunpy_restore/data`` out of their sources, which ``CREDITS.rst`` there names.

    python tools/make_samples.py DIRECTORY_OF_THE_SOURCES

All files are 16-bit integers, Rice or H compressed: images of AIA and LASCO and the magnetogram without loss, the
continuum images to half a DN/s.
"""

import argparse
from pathlib import Path

import numpy as np

import astropy.units as u
from astropy.io import fits
from astropy.time import Time

from sunpy.coordinates import sun

SAMPLES = Path(__file__).resolve().parents[1] / "sunpy_restore" / "data"
RSUN_REF = 696e6
# Rows and columns of the magnetogram: the spots of NOAA 11158 and some of the plage and quiet Sun around them.
SPOTS = (slice(130, 330), slice(150, 350))
# Rows and columns of the image of AIA: the core of the active region and its fans.
FANS = (slice(300, 556), slice(130, 386))
# Rows of the sunspot series without spot and pores.
GRANULES = slice(0, 40)


def write(name, data, header, *, step, zero=0.0):
    """Write ``data`` as 16-bit integers with the given step."""
    integers = np.round((data - zero) / step)
    limits = np.iinfo(np.int16)
    if integers.min() < limits.min or integers.max() > limits.max:
        raise ValueError(f"{name}: step {step} is too fine for 16 bits")
    hdu = fits.CompImageHDU(integers.astype(np.int16), header, compression_type="RICE_1")
    hdu.header["BSCALE"], hdu.header["BZERO"] = step, zero
    hdu.writeto(SAMPLES / f"{name}.fits", overwrite=True)


def magnetogram(source):
    """Cut the spots of NOAA 11158 out of the JSOC cutout, with its header."""
    with fits.open(source, ignore_blank=True) as hdus:
        data, header = hdus[0].data, hdus[0].header
    rows, columns = SPOTS
    header["CRPIX1"] -= columns.start
    header["CRPIX2"] -= rows.start
    statistics = [key for key in header if key.startswith("DATA") or key in ("TOTVALS", "SATVALS", "MISSVALS")]
    # Those of the errors of the pointing are "nan"; SOURCE lists filtergrams and needs long-string cards.
    for key in [*statistics, "BLANK", "CRDER1", "CRDER2", "CSYSER1", "CSYSER2", "SOURCE"]:
        del header[key]
    header["BUNIT"] = "Gauss"
    header.add_comment("Cut out of a larger cutout for sunpy_restore.")
    write("hmi_magnetogram", data[rows, columns], header, step=0.1)


def euv(source, name, place=np.s_[:, :], remark=None):
    """Take an image of AIA as JSOC delivered it, or a part of it, with its header."""
    with fits.open(source, do_not_scale_image_data=True) as hdus:
        data, header = hdus[1].data, hdus[1].header
    cut = data[place]
    if (cut == header["BLANK"]).any():
        raise ValueError(f"{name}: there are blank pixels")
    for axis, part in ((2, place[0]), (1, place[1])):
        header[f"CRPIX{axis}"] -= part.start or 0
    # Most are those of the full disk
    statistics = [key for key in header if key.startswith("DATA")] + ["TOTVALS", "MISSVALS", "PERCENTD", "NSATPIX"]
    for key in [*statistics, "NSPIKES", "BLANK", "HEADSUM"]:
        del header[key]
    if remark:
        header.add_comment(remark)
    write(name, cut, header, step=1.0)


def coronagraph(source, name):
    """Take an image of LASCO, all of it, as it was sent, with its header."""
    with fits.open(source) as hdus:
        data, header = hdus[0].data, hdus[0].header
    lines = list(header["HISTORY"])
    del header["HISTORY"]
    for line in lines:
        # Tabs are not allowed in headers
        header.add_history(line.replace("\t", " "))
    # By which they were compressed on board, so that little is left
    hdu = fits.CompImageHDU(data.astype(np.int16), header, compression_type="HCOMPRESS_1", tile_shape=(128, 128))
    hdu.writeto(SAMPLES / f"{name}.fits", overwrite=True)


def continuum_header(shape, date):
    """HMI header of an image at disk centre."""
    time = Time(date)
    distance = sun.earth_distance(time).to_value(u.m)
    header = fits.Header()
    header["TELESCOP"], header["INSTRUME"], header["CONTENT"] = "SDO/HMI", "HMI", "CONTINUUM INTENSITY"
    header["WAVELNTH"], header["WAVEUNIT"], header["BUNIT"] = 6173.0, "Angstrom", "DN/s"
    header["DATE-OBS"], header["T_OBS"] = time.isot, time.tai.strftime("%Y.%m.%d_%H:%M:%S_TAI")
    for axis, ctype in ((1, "HPLN-TAN"), (2, "HPLT-TAN")):
        header[f"CTYPE{axis}"], header[f"CUNIT{axis}"] = ctype, "arcsec"
        header[f"CRPIX{axis}"], header[f"CRVAL{axis}"] = (shape[2 - axis] + 1) / 2, 0.0
        header[f"CDELT{axis}"] = 0.504
    header["CROTA2"] = 0.0
    header["RSUN_REF"], header["DSUN_OBS"] = RSUN_REF, round(distance, 1)
    header["RSUN_OBS"] = round(np.rad2deg(np.arcsin(RSUN_REF / distance)) * 3600, 6)
    header["HGLN_OBS"], header["HGLT_OBS"] = 0.0, round(sun.B0(time).deg, 6)
    header["CRLN_OBS"], header["CRLT_OBS"] = round(sun.L0(time).deg, 6), round(sun.B0(time).deg, 6)
    return header


def comment(header, text):
    for line in text.splitlines():
        header.add_comment(line)


def continuum(source, name, frame, rows, known):
    """Take rows of a frame of the sunspot series."""
    with fits.open(source) as hdus:
        data = hdus[0].data[frame][rows]
    header = continuum_header(data.shape, "2013-01-05T00:00:00")
    comment(
        header,
        f"The source has no header. Known: instrument, observable, pixel scale{known}.\n"
        "NOMINAL: pointing (disk centre), roll angle and date, and with them all\n"
        "observer keywords. The source names 2013-01-05 and NOAA 1757, which do\n"
        "not fit together: NOAA 11757 crossed the disk months later.",
    )
    write(name, data, header, step=1.0, zero=38000.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path, help="directory with hmi/, aia/ and lasco/")
    sources = parser.parse_args().sources
    magnetogram(sources / "hmi" / "hmi_blos_20110214_203412.fits.gz")
    series = sources / "hmi" / "hmi_continuum_sunspot_series.fits.gz"
    continuum(series, "hmi_continuum_spot", 0, slice(None), "")
    continuum(series, "hmi_continuum_quiet", 29, GRANULES, ",\nquiet Sun")
    euv(sources / "aia" / "aia.lev1_euv_12s.2014-10-26T124817Z.193.image.fits.gz", "aia_193_flare")
    remark = "Cut out of a larger cutout for sunpy_restore."
    euv(sources / "aia" / "aia_171_cutout_20130310.fits.gz", "aia_171_quiet", FANS, remark)
    coronagraph(sources / "lasco" / "comet_p6p_level0pt5_32082084.fts.gz", "lasco_c3_cme")
    coronagraph(sources / "lasco" / "comet_96p_32082111.fts.gz", "lasco_c3_later")


if __name__ == "__main__":
    main()
