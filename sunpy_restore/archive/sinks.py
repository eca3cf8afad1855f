"""Where the results of an archive go: a folder of FITS files, or a Zarr store."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from astropy.io import fits

from sunpy_restore.archive.zarrstore import ZarrStore
from sunpy_restore.core.fits.inputs import is_truncated
from sunpy_restore.core.system.filenames import FITS_SUFFIXES, result_name

__all__ = ["KEYWORD", "FitsFolder", "sink_of"]

KEYWORD = "RSTARCH"
"""Header keyword with what identifies source, options and weights."""


def sink_of(sink, name):
    """
    Find out where results go.

    Parameters
    ----------
    sink : path-like
        A folder, or a Zarr store, whose name ends in ``.zarr``.
    name : `str`
        Name of the function, which is added to the names of files.

    Returns
    -------
    `FitsFolder` or `~sunpy_restore.archive.zarrstore.ZarrStore`

    Raises
    ------
    TypeError, ValueError
        The sink is something else, such as the name of one FITS file.
    """
    if not isinstance(sink, str | os.PathLike):
        raise TypeError(f"Found {type(sink).__name__} as the sink; expected a folder, or a name ending in .zarr.")
    text = os.fspath(sink)
    if "://" in text:
        raise ValueError(f"Found the URL {text!r} as the sink; expected a folder, or a Zarr store on this machine.")
    path = Path(text).expanduser().absolute()
    if path.suffix == ".zarr":
        return ZarrStore(str(path))
    if path.name.removesuffix(".gz").endswith(FITS_SUFFIXES) and not path.is_dir():
        raise ValueError(
            f"Found the output {text!r} for an archive; expected a folder, in which each image has a file."
        )
    if path.exists() and not path.is_dir():
        raise ValueError(f"Found the file {path} as the output of an archive; expected a folder.")
    return FitsFolder(str(path), name)


@dataclass(frozen=True)
class FitsFolder:
    """
    A folder of FITS files, which are written whole or not at all.

    Parameters
    ----------
    path : `str`
        The folder.
    suffix : `str`
        Added to the names of files.
    """

    path: str
    suffix: str

    @property
    def ledger(self):
        """File of the ledger."""
        return Path(self.path, "ledger.sqlite")

    @property
    def ready(self):
        """Whether several frames may be written at once."""
        return True

    def target(self, relative):
        """Name of the result of a source, below the folder."""
        path = PurePosixPath(relative)
        return str(path.with_name(result_name(path.name, self.suffix)))

    def where(self, frame, path=None):
        """Path of the result, in the folder or another spelling of it."""
        return str(Path(path or self.path, frame.target))

    def exists(self, frame):
        """Whether there is a file of that name."""
        return Path(self.where(frame)).exists()

    def holds(self, frame):
        """Whether the complete result of this source with these settings is there."""
        path = self.where(frame)
        try:
            # A copy of a folder can end within a file, whose first header is then complete
            return fits.getheader(path).get(KEYWORD) == frame.key and not is_truncated(path)
        except (OSError, ValueError):
            return False

    def wrote(self, path):
        """Whether a file is a result of an archive."""
        try:
            return KEYWORD in fits.getheader(path)
        except (OSError, ValueError):
            return False

    def prepare(self, length):
        """Nothing has to be prepared."""

    def write(self, image, frame):
        """Write a Map, in place of an older file."""
        from sunpy_restore.core.fits.io import save

        image.meta[KEYWORD.lower()] = frame.key
        target = Path(self.where(frame))
        target.parent.mkdir(parents=True, exist_ok=True)
        save(image, target, overwrite=True)
