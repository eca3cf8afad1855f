"""The files of an archive: folders, patterns, lists, URLs of fsspec, and results of searches."""

import glob
import os
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from sunpy_restore.archive.identity import digest, stat_identity
from sunpy_restore.core.system.filenames import is_image

__all__ = ["Source", "local_file", "sources_of"]


@dataclass(frozen=True, slots=True)
class Source:
    """
    One file of an archive.

    Parameters
    ----------
    name : `str`
        Path or URL.
    relative : `str`
        Its path below the folder that was given, with slashes, or its name.
    identity : `str`
        Changes when the content does.
    """

    name: str
    relative: str
    identity: str


def sources_of(source, *, without=None):
    """
    Find the files of an archive.

    Parameters
    ----------
    source : path-like, `str`, iterable of them, `~sunpy.net.fido_factory.UnifiedResponse` or ``parfive.Results``
        A file; a folder, of which all FITS and JPEG 2000 files are taken, with those in folders below; a pattern such
        as ``"2014/*/*.fits"``; a URL of ``fsspec`` such as ``"s3://bucket/2014/*.fits"``; several of these; or the
        result of a search, which is downloaded first.
    without : `~pathlib.Path`, optional
        Folder whose files are left out, such as that of the results.

    Returns
    -------
    sources : `list` of `Source`
        The files, in order; those of a folder or a pattern by their names.
    failed : `dict`
        Files that could not be downloaded or found, and folders that could not be read, and why.

    Raises
    ------
    FileNotFoundError
        There is no such file, or a folder or pattern has none.
    TypeError
        The source is something else.
    """
    if type(source).__module__.startswith("sunpy.net."):
        from sunpy.net import Fido

        source = Fido.fetch(source)
    errors = getattr(source, "errors", ())
    failed = {str(getattr(error, "url", error)): str(getattr(error, "exception", error)) for error in errors}
    given = [source] if isinstance(source, str | os.PathLike) else source
    if not isinstance(given, Iterable):
        raise TypeError(
            f"Found {type(source).__name__} as the source; expected a file, a folder, a pattern, a URL, a list of "
            "them, or the result of a search with Fido."
        )
    found = []
    for one in given:
        if not isinstance(one, str | os.PathLike):
            raise TypeError(
                f"Found {type(one).__name__} among the sources; expected names of files. Pass Maps to the function."
            )
        one = os.fspath(one)
        found += _of_url(one) if "://" in one else _of_path(one, without, failed)
    return found, failed


def _of_path(text, without, failed):
    """Files of a path; those that cannot be read are added to ``failed``."""
    path = Path(text).expanduser()
    if path.is_dir():
        walk = os.walk(path, onerror=lambda error: failed.update({error.filename: str(error)}))
        base, inside = path, [Path(folder, name) for folder, _, names in walk for name in names if _is_image(name)]
    elif path.exists():
        base, inside = path.parent, [path]
    elif glob.has_magic(text):
        base = Path(*_before_magic(path.parts))
        pattern = str(path.relative_to(base)) if base.parts else text
        inside = [file for file in base.glob(pattern) if not (file.is_dir() or _is_hidden(file, path))]
    else:
        raise FileNotFoundError(f"{text}: no such file.")
    # A folder of results may be in that of the sources, or contain it
    if without is not None and path not in inside and base.resolve() in without.parents:
        inside = [file for file in inside if without not in file.resolve().parents]
    if not inside and not failed:
        raise FileNotFoundError(f"{text}: no files found; expected FITS or JPEG 2000 files.")
    sources = []
    for file in sorted(inside, key=lambda file: file.relative_to(base).parts):
        try:
            sources.append(Source(str(file), file.relative_to(base).as_posix(), stat_identity(file)))
        except OSError as error:
            # A link to nothing, or a file that was removed in the meantime
            failed[str(file)] = error.strerror or str(error)
    return sources


def _of_url(url):
    import fsspec

    system, path = fsspec.core.url_to_fs(url)
    if glob.has_magic(path):
        base, inside = str(PurePosixPath(*_before_magic(PurePosixPath(path).parts))), system.glob(path)
    elif system.isdir(path):
        base, inside = path, [name for name in system.find(path) if _is_image(PurePosixPath(name).name)]
    else:
        base, inside = path.rpartition("/")[0], [path] if system.exists(path) else []
    if not inside:
        raise FileNotFoundError(f"{url}: no such file.")
    return [
        Source(
            system.unstrip_protocol(name),
            name.removeprefix(base).lstrip("/"),
            f"{PurePosixPath(name).name} {digest(str(system.ukey(name)))}",
        )
        for name in sorted(inside)
    ]


def _before_magic(parts):
    """Parts of a pattern before the first one that is a pattern."""
    number = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return parts[: min(number, len(parts) - 1)]


def _is_hidden(file, pattern):
    """Whether a file is hidden, as those that macOS adds to archives, and the pattern does not ask for such files."""
    return file.name.startswith(".") and not pattern.name.startswith(".")


def _is_image(name):
    return is_image(name) and not name.startswith(".")


@contextmanager
def local_file(name):
    """
    Get a file of an archive onto this machine while it is read.

    Parameters
    ----------
    name : `str`
        Path or URL.

    Yields
    ------
    `~pathlib.Path`
    """
    if "://" not in name:
        yield Path(name)
        return
    import fsspec

    system, path = fsspec.core.url_to_fs(name)
    with TemporaryDirectory(prefix="sunpy_restore-") as folder:
        local = Path(folder, PurePosixPath(path).name)
        system.get_file(path, str(local))
        yield local
