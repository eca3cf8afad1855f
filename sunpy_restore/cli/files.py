"""Names of the files that the command line writes."""

import os
from pathlib import Path

__all__ = ["targets_of"]

_SUFFIXES = (".fits", ".fit", ".fts")


def targets_of(sources, output, suffix, *, overwrite=False, skip_existing=False):
    """
    Find the file that the result of each file is written to.

    All names are checked before the first file is opened.

    Parameters
    ----------
    sources : iterable of `~pathlib.Path`
        The files.
    output : `str`
        A FITS file for one source, or a folder. A folder that does not exist yet ends in a slash unless there are
        several sources.
    suffix : `str`
        Added to the names of files in a folder.
    overwrite : `bool`
        Whether results may exist already, and are replaced.
    skip_existing : `bool`
        Leave out sources whose result exists.

    Returns
    -------
    `dict`
        Source to target, in order.

    Raises
    ------
    ValueError
        The output is not the name of a FITS file, is a source, or is the same for two sources; or a source is a folder.
    FileNotFoundError
        A source does not exist.
    FileExistsError
        A target exists.
    """
    sources, target = list(sources), Path(output)
    if len(sources) > 1 and _is_fits(target) and not target.is_dir():
        raise ValueError(
            f"Found the output {output!r} for {len(sources)} inputs; expected a folder, in which each has a file."
        )
    if len(sources) > 1 or target.is_dir() or output.endswith(("/", os.sep)):
        if target.exists() and not target.is_dir():
            raise ValueError(f"Found the file {target} as the output of {len(sources)} inputs; expected a folder.")
        targets = [target / f"{_stem(source)}_{suffix}.fits" for source in sources]
    else:
        if not _is_fits(target):
            raise ValueError(f"Found the output {output!r}; expected a name ending in .fits, or a folder.")
        targets = [target]
    taken, inputs = {}, {source.resolve() for source in sources}
    for source, target in zip(sources, targets, strict=True):
        if source.is_dir():
            raise ValueError(f"{source} is a folder; expected files. Give those in it, such as {source / '*.fits'}.")
        if not source.is_file():
            raise FileNotFoundError(f"{source}: no such file.")
        if target in taken:
            raise ValueError(f"{taken[target]} and {source} would both go to {target}. Restore them one by one.")
        if target.resolve() in inputs:
            raise ValueError(f"The output {target} is an input, which would be lost. Give another name.")
        if target.exists() and skip_existing:
            continue
        if target.exists() and not overwrite:
            raise FileExistsError(f"{target} exists. Give another name, --overwrite or --skip-existing.")
        taken[target] = source
    return {source: target for target, source in taken.items()}


def _is_fits(path):
    return path.name.removesuffix(".gz").endswith(_SUFFIXES)


def _stem(path):
    name = path.name.removesuffix(".gz")
    return Path(name).stem if name.endswith((*_SUFFIXES, ".jp2")) else name
