"""Files in and out of the command line: from names to targets, and Maps read and written whole."""

import os
from pathlib import Path

import numpy as np

__all__ = ["read_map", "read_mask", "targets_of", "write_map"]

_SUFFIXES = (".fits", ".fit", ".fts")


def targets_of(sources, output, verb, *, overwrite=False):
    """
    Where the result of each file goes.

    All is checked before the first file is opened, so that nothing is found out late and no file lost by mistake.

    Parameters
    ----------
    sources : iterable of `~pathlib.Path`
        The files.
    output : `str`
        A FITS file for one source, or a folder; one that does not exist yet ends in a slash unless there are several
        sources.
    verb : `str`
        Added to the names of files in a folder.
    overwrite : `bool`
        Whether results may exist already.

    Returns
    -------
    `dict`
        Source to target, in order.

    Raises
    ------
    ValueError
        The output is no name of a FITS file, a source, or the same for two sources.
    FileNotFoundError
        A source does not exist.
    FileExistsError
        A target exists.
    """
    sources, target = list(sources), Path(output)
    if len(sources) > 1 or target.is_dir() or output.endswith(("/", os.sep)):
        if target.exists() and not target.is_dir():
            raise ValueError(f"Found the file {target} as the output of {len(sources)} inputs, expected a folder.")
        targets = [target / f"{_stem(source)}_{verb}.fits" for source in sources]
    else:
        if not target.name.removesuffix(".gz").endswith(_SUFFIXES):
            raise ValueError(f"Found the output {output!r}, expected a name ending in .fits, or a folder.")
        targets = [target]
    taken, inputs = {}, {source.resolve() for source in sources}
    for source, target in zip(sources, targets, strict=True):
        if not source.is_file():
            raise FileNotFoundError(f"{source}: there is no such file.")
        if target in taken:
            raise ValueError(f"{taken[target]} and {source} would both go to {target}. Restore them one by one.")
        if target.resolve() in inputs:
            raise ValueError(f"The output {target} is an input, which would be lost. Give another name.")
        if target.exists() and not overwrite:
            raise FileExistsError(f"{target} exists. Give another name, or --overwrite.")
        taken[target] = source
    return {source: target for target, source in taken.items()}


def _stem(path):
    name = path.name.removesuffix(".gz")
    return Path(name).stem if name.endswith((*_SUFFIXES, ".jp2")) else name


def read_map(path):
    """
    The one Map of a file.

    Parameters
    ----------
    path : `~pathlib.Path`
        Whatever `sunpy.map.Map` opens.

    Raises
    ------
    ValueError
        It can't be opened as a Map, or holds several.
    """
    import sunpy.map

    try:
        found = sunpy.map.Map(path)
    # sunpy has many readers, and each fails in its own way
    except Exception as error:
        reason = str(error).removeprefix(f"Failed to read {path}").partition("If you want to bypass")[0].strip()
        reason = reason or type(error).__name__
        raise ValueError(f"sunpy can't open it as a Map ({reason}). Expected a FITS file with an image.") from error
    if isinstance(found, list):
        raise ValueError(f"Found {len(found)} images, expected one. Save them as one file each.")
    return found


def read_mask(path):
    """
    The mask of an image, as a file.

    Parameters
    ----------
    path : path-like
        A file ``.npy``, or a FITS file with one image.

    Returns
    -------
    `numpy.ndarray` of `bool`
        True where the file is not zero.

    Raises
    ------
    ValueError
        It can't be opened, holds no image or several, or has values that are not finite.
    """
    from astropy.io import fits

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file.")
    try:
        if path.suffix == ".npy":
            images = [np.load(path, allow_pickle=False)]
        else:
            with fits.open(path) as hdus:
                images = [hdu.data for hdu in hdus if hdu.is_image and hdu.data is not None]
    # Damaged files fail in many ways
    except Exception as error:
        raise ValueError(
            f"{path} can't be opened as a mask ({error}). Expected a file .npy, or FITS with an image."
        ) from error
    if len(images) != 1:
        raise ValueError(f"{path}: found {len(images)} images, expected one as the mask.")
    if images[0].dtype.kind not in "biuf" or not np.isfinite(images[0]).all():
        raise ValueError(f"{path}: expected numbers as the mask, found NaN or text ({images[0].dtype}).")
    return images[0] != 0


def write_map(smap, target):
    """
    Write a FITS file, whole or not at all; one that exists is replaced.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.
    target : `~pathlib.Path`
        Its file; missing folders are made.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{os.getpid()}.{target.name}")
    try:
        smap.save(temporary, filetype="fits")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
