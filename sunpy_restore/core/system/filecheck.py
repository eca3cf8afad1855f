"""Check files by size and hash, and recognize what else they contain."""

import hashlib
import os
from pathlib import Path

from sunpy_restore.core.system.unchanged import kept_while_unchanged

__all__ = ["file_error", "file_sha256", "git_blob_id", "other_content"]

# Other content that is met in a weights file, by its first bytes
_OTHER_CONTENT = {
    b"<": "is an HTML page",
    b"version https://git-lfs": "is a Git LFS pointer",
}
_PICKLED = {
    b"PK\x03\x04": "is a pickled checkpoint, which is never loaded because it can run any code",
    b"\x80": "is a pickle, which is never loaded because it can run any code",
}


def file_error(path, *, size=0, sha256="", git_blob="", pickled=False):
    """
    Compare a file with its size and SHA-256.

    Parameters
    ----------
    path : path-like
        The file.
    size : `int`
        Expected size in bytes.
    sha256 : `str`
        Expected SHA-256 in lower-case hexadecimal.
    git_blob : `str`
        Expected id in a git repository, in place of both.
    pickled : `bool`
        Whether the expected file is a pickle instead of safetensors.

    Returns
    -------
    `str` or `None`
        The error as a phrase such as ``"is an HTML page"``; `None` if the file is correct.
    """
    try:
        if git_blob:
            if git_blob_id(path) == git_blob:
                return None
            return other_content(path, pickled=True) or "is another file than in the registry (git blob id)"
        found = Path(path).stat().st_size
        if found == size and file_sha256(path) == sha256:
            return None
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    other = f"has {found} bytes instead of {size}" if found != size else "has another SHA-256 than in the registry"
    return other_content(path, pickled=pickled) or other


@kept_while_unchanged(maxsize=1024)
def file_sha256(path):
    """
    Compute the SHA-256 of a file, once unless the file changes.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    `str`
        In lower-case hexadecimal.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_blob_id(path):
    """
    Compute the id that a file has in a git repository.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    `str`
        40 hexadecimal digits.
    """
    with Path(path).open("rb") as file:
        # git's own format, a SHA-1 over the length and the content
        digest = hashlib.sha1(b"blob %d\0" % os.fstat(file.fileno()).st_size, usedforsecurity=False)
        return hashlib.file_digest(file, lambda: digest).hexdigest()


def other_content(path, *, pickled=False):
    """
    Recognize the content of a file that does not begin like a weights file.

    Parameters
    ----------
    path : path-like
        The file.
    pickled : `bool`
        Whether the expected file is a pickle instead of safetensors.

    Returns
    -------
    `str` or `None`
        The content as a phrase such as ``"is an HTML page"``; `None` if it is not recognized.
    """
    try:
        with Path(path).open("rb") as file:
            start = file.read(64)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if not start:
        return "is empty"
    # Safetensors begin with the length of the header in 8 bytes, at most 100 MB. Its first byte may be that of a pickle
    # or of a page, but never all 8 bytes
    if not pickled and len(start) >= 8 and int.from_bytes(start[:8], "little") <= 100_000_000:
        return None
    known = _OTHER_CONTENT if pickled else _OTHER_CONTENT | _PICKLED
    return next((content for magic, content in known.items() if start.lstrip().startswith(magic)), None)
