"""Save images with their masks and uncertainties in one FITS file, and load them."""

import gzip
import os
from pathlib import Path

from astropy.io import fits

import sunpy.map

from sunpy_restore.core.fits.checksums import verified_source
from sunpy_restore.core.fits.imagefile import losses, read_hdus, to_hdus
from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.system.atomic import atomic_path
from sunpy_restore.core.system.filenames import is_fits

__all__ = ["load", "save"]


def save(image, path, *, overwrite=False):
    """
    Save images with masks, filled pixels, uncertainties and headers in one FITS file.

    The file holds each image as `sunpy.map.Map` opens it, and extensions with what a Map's own ``save`` leaves out:
    ``MASK``, ``FILLED`` and ``UNCERT`` (compressed without loss, with one axis) and ``RSTMETA``, a table of the header
    values that FITS cannot hold. The filled pixels are in the header, too, unless their record is too long for it. The
    header of the image names the extensions: ``RSTNMASK`` is the number of masked pixels, ``RSTNFILL`` that of filled
    pixels, and ``RSTUNC`` the type of the uncertainty. All HDUs have checksums.

    Parameters
    ----------
    image : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        The images, of any real data type. An NDCube has the axes (y, x) or (time, y, x) and a FITS WCS. Plot settings
        are not saved.
    path : path-like
        Name of the file. It ends in ``.fits``, ``.fit`` or ``.fts``, or one of these and ``.gz``.
    overwrite : `bool`
        Whether to replace the file if it exists. The old file is kept until the new one is complete.

    Raises
    ------
    FileExistsError
        The file exists and ``overwrite`` is `False`.
    OSError
        The file cannot be written, for example because the disk is full.
    TypeError
        ``image`` is of another type, or its data are not real numbers.
    ValueError
        The name has another ending, or a part of the image cannot be saved, such as a WCS that is no FITS WCS.

    Warns
    -----
    `~sunpy_restore.core.exceptions.RestoreWarning`
        The header of a Map belongs to another class of Maps, which `load` will return.

    See Also
    --------
    load

    Examples
    --------
    >>> import sunpy.map
    >>> from sunpy_restore.core.fits.io import load, save
    >>> from sunpy_restore.data import sample_path
    >>> smap = sunpy.map.Map(sample_path("aia_193_flare"))
    >>> smap.mask = smap.data > 16000
    >>> path = getfixture("tmp_path") / "flare.fits"
    >>> save(smap, path)
    >>> bool((load(path).mask == smap.mask).all())
    True
    """
    path = _checked_path(path)
    if not is_fits(path.name):
        raise ValueError(f"Found the file name {path.name!r}; expected one that ends in .fits or .fits.gz.")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists. Choose another name, or set overwrite=True.")
    hdus, opened_as = to_hdus(image)
    with atomic_path(path) as temporary, _open(temporary) as file:
        fits.HDUList(hdus).writeto(_Stream(file), checksum=True)
    for found, expected in dict.fromkeys(opened_as):
        warn_user(f"The header of the {found} is that of a {expected}, which is what opens from {path}.")


def load(path):
    """
    Load what `save` has written, or open another file as a Map.

    Parameters
    ----------
    path : path-like
        A file that `save` has written, or any other file that `sunpy.map.Map` opens.

    Returns
    -------
    `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        What was saved: the same type, data, mask, filled pixels, uncertainty and header. Of another file, the result of
        `sunpy.map.Map`.

    Raises
    ------
    TypeError
        The path is no path.
    FileNotFoundError
        There is no such file.
    ValueError
        The file is damaged, its mask or uncertainty does not have the shape of the image, or it does not open as a
        Map.

    Warns
    -----
    `~sunpy_restore.core.exceptions.RestoreWarning`
        A mask or an uncertainty is lost, because the file was saved again by a program that does not keep it.

    See Also
    --------
    save
    """
    path = _checked_path(path)
    if not path.is_file():
        kind = "a folder; expected a FITS file" if path.is_dir() else "no such file"
        raise FileNotFoundError(f"{path}: {kind}.")
    source = verified_source(path)
    if source is None:
        result, notes = _open_other(path)
    else:
        try:
            with source() as file, fits.open(file, ignore_blank=True) as hdus:
                result, notes = read_hdus(hdus)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    for note in dict.fromkeys(notes):
        warn_user(f"{path}: {note}")
    return result


def _open(path):
    # The highest level takes a minute for 4096 x 4096 integers of which few differ.
    return gzip.open(path, "wb", compresslevel=4) if path.suffix == ".gz" else path.open("wb")


def _checked_path(path):
    """The path, refused if it is something else; swapped arguments are common."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"Found {type(path).__name__} as the path; expected the name of one file. Call save(image, path), and load "
            "several files one by one."
        )
    return Path(path).expanduser()


class _Stream:
    """A file as a stream: into a file astropy writes with `numpy.ndarray.tofile`, whose errors do not say why."""

    def __init__(self, file):
        for name in ("name", "write", "tell", "seek", "flush", "close"):
            setattr(self, name, getattr(file, name))


def _open_other(path):
    try:
        found = sunpy.map.Map(path)
    # sunpy has many readers, and each has its own errors
    except Exception as error:
        # The advice of sunpy is about an argument that load does not have
        reason = str(error).removeprefix(f"Failed to read {path}").partition("If you want to bypass")[0].strip()
        reason = reason or type(error).__name__
        raise ValueError(f"{path} does not open as a Map ({reason}); expected a file with an image.") from error
    maps = found if isinstance(found, list) else [found]
    return found, [note for smap in maps for note in losses(smap.meta)]
