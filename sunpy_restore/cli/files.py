"""Name of the file that the command line writes for one file."""

import glob
import os
from pathlib import Path

from sunpy_restore.core.system.filenames import FITS_SUFFIXES, result_name

__all__ = ["is_single", "target_of"]


def is_single(sources, output):
    """
    Whether one file is restored, and not an archive.

    Parameters
    ----------
    sources : `list` of `str`
        What the user gave: files, folders, patterns or URLs.
    output : `str`
        What the user gave for the results.

    Returns
    -------
    `bool`
    """
    if len(sources) != 1 or output.rstrip("/").endswith(".zarr"):
        return False
    source = sources[0]
    pattern = glob.has_magic(source) and not Path(source).exists()
    return not (pattern or "://" in source or Path(source).is_dir())


def target_of(source, output, suffix, *, overwrite=False):
    """
    Find the file that the result of a file is written to.

    Parameters
    ----------
    source : `~pathlib.Path`
        The file.
    output : `str`
        A FITS file, or a folder. A folder that does not exist yet ends in a slash.
    suffix : `str`
        Added to the name of a file in a folder.
    overwrite : `bool`
        Whether the result may exist already.

    Returns
    -------
    `~pathlib.Path`

    Raises
    ------
    ValueError
        The output is not the name of a FITS file, or is the source.
    FileNotFoundError
        The source does not exist.
    FileExistsError
        The target exists.
    PermissionError
        The folder of the target cannot be written.
    """
    target = Path(output)
    if target.is_dir() or output.endswith(("/", os.sep)):
        target = target / result_name(source.name, suffix)
    elif not target.name.removesuffix(".gz").endswith(FITS_SUFFIXES):
        raise ValueError(
            f"Found the output {output!r}; expected a name ending in .fits, or a folder. End the name of a new folder "
            f"with {os.sep}."
        )
    if not source.is_file():
        raise FileNotFoundError(f"{source}: no such file.")
    if target.resolve() == source.resolve():
        raise ValueError(f"The output {target} is an input, which would be lost. Give another name.")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists. Give another name, --overwrite or --skip-existing.")
    # No parent exists on a drive that Windows does not have
    folder = next((path for path in target.absolute().parents if path.exists()), None)
    if folder is None or not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise PermissionError(
            f"{target} cannot be written: {folder or target.anchor} is no folder that you may write to. Give another "
            "output."
        )
    return target
