"""Sample images, all observed, with which everything runs offline. ``CREDITS.rst`` names their sources."""

from importlib.resources import files
from pathlib import Path

__all__ = ["SAMPLES", "sample_path"]

SAMPLES = {
    "hmi_magnetogram": "HMI line-of-sight magnetogram of NOAA 11158, 2011-02-14, 200 x 200 pixels",
    "hmi_continuum_spot": "HMI continuum intensity of a sunspot, 128 x 128 pixels",
    "hmi_continuum_quiet": "HMI continuum intensity of the quiet Sun beside a sunspot, 40 x 128 pixels",
    "aia_193_flare": "AIA 193 angstrom image of a flare with a saturated core, 2014-10-26, 200 x 200 pixels",
    "aia_171_quiet": "AIA 171 angstrom image of an active region without a flare, 2013-03-10, 256 x 256 pixels",
    "lasco_c3_cme": "LASCO C3 image of a coronal mass ejection, level 0.5, 2002-01-08 20:18, 1024 x 1024 pixels",
    "lasco_c3_later": "LASCO C3 image 12 hours later, level 0.5, 2002-01-09 08:18, 1024 x 1024 pixels",
    "stix_flare": "STIX back-projection of a flare, 6-10 keV, 2020-06-07, with its visibilities, 129 x 129 pixels",
}
"""Names of the samples and their descriptions."""


def sample_path(name):
    """
    Path of a sample file.

    Parameters
    ----------
    name : `str`
        One of `SAMPLES`.

    Returns
    -------
    `pathlib.Path`
        A FITS file that `sunpy.map.Map` opens.

    Raises
    ------
    ValueError
        Unknown name.

    Examples
    --------
    >>> import sunpy.map
    >>> from sunpy_restore.data import sample_path
    >>> sunpy.map.Map(sample_path("hmi_continuum_quiet")).data.shape
    (40, 128)
    """
    if name not in SAMPLES:
        raise ValueError(f"Unknown sample {name!r}; expected one of {', '.join(SAMPLES)}.")
    return Path(str(files(__name__) / f"{name}.fits"))
