"""Names of image files."""

from pathlib import PurePosixPath

__all__ = ["FITS_SUFFIXES", "is_fits", "is_image", "result_name", "stem"]

FITS_SUFFIXES = (".fits", ".fit", ".fts")
"""Endings of the names of FITS files, which may be followed by ``.gz``."""


def is_fits(name):
    """
    Whether a file has the name of a FITS file, in lower or upper case, compressed or not.

    Parameters
    ----------
    name : `str`
        The name.

    Returns
    -------
    `bool`
    """
    return name.lower().removesuffix(".gz").endswith(FITS_SUFFIXES)


def is_image(name):
    """
    Whether a file has the name of a FITS or JPEG 2000 file.

    Parameters
    ----------
    name : `str`
        The name.

    Returns
    -------
    `bool`
    """
    return is_fits(name) or name.lower().endswith(".jp2")


def stem(name):
    """
    Name of a file without the suffixes of images.

    Parameters
    ----------
    name : `str`
        The name.

    Returns
    -------
    `str`

    Examples
    --------
    >>> from sunpy_restore.core.system.filenames import stem
    >>> stem("a.b.fits.gz"), stem("a.FITS"), stem("a.jp2"), stem("a.b")
    ('a.b', 'a', 'a', 'a.b')
    """
    name = name[:-3] if name.lower().endswith(".gz") else name
    return PurePosixPath(name).stem if name.lower().endswith((*FITS_SUFFIXES, ".jp2")) else name


def result_name(name, function):
    """
    Name of the file with the result of a function.

    Parameters
    ----------
    name : `str`
        Name of the file that is restored.
    function : `str`
        Name of the function.

    Returns
    -------
    `str`

    Examples
    --------
    >>> from sunpy_restore.core.system.filenames import result_name
    >>> result_name("hmi.fits.gz", "enhance")
    'hmi_enhance.fits'
    """
    return f"{stem(name)}_{function}.fits"
