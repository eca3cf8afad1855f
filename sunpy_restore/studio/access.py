"""What the studio may be asked for, and by whom: files that the user chose, hosts and origins of this machine."""

import os
from pathlib import Path

from sunpy_restore.core.system.filenames import is_image

__all__ = ["Chosen", "is_own_host"]

_LONGEST_LIST = 500


class Chosen:
    """
    The files and folders that the user chose when the studio was started.

    Parameters
    ----------
    paths : iterable of path-like
        Files and folders; the working directory if there are none.

    Raises
    ------
    FileNotFoundError
        One of them does not exist.
    """

    def __init__(self, paths=()):
        given = [Path(path).expanduser() for path in paths] or [Path.cwd()]
        for path in given:
            if not path.exists():
                raise FileNotFoundError(f"{path}: no such file or folder.")
        self.roots = tuple(dict.fromkeys(path.resolve() for path in given))

    @property
    def files(self):
        """The chosen files that are not folders."""
        return [root for root in self.roots if not root.is_dir()]

    @property
    def folders(self):
        """The chosen folders."""
        return [root for root in self.roots if root.is_dir()]

    def resolve(self, path):
        """
        Find a file by the text that the page sent.

        Parameters
        ----------
        path : `str` or path-like
            Absolute, or relative to one of the folders. Symbolic links are followed before the check.

        Returns
        -------
        `pathlib.Path`
            The absolute path.

        Raises
        ------
        FileNotFoundError
            There is no such file in the chosen folders.
        PermissionError
            The file is outside of the chosen files and folders.
        """
        found = self._inside(path)
        if not found.is_file():
            raise FileNotFoundError(f"{path}: no such file.")
        return found

    def new(self, path):
        """
        Check the name of a file that will be written.

        Parameters
        ----------
        path : `str` or path-like
            See `resolve`.

        Returns
        -------
        `pathlib.Path`

        Raises
        ------
        FileExistsError
            The file exists.
        PermissionError
            It is outside of the chosen folders.
        """
        found = self._inside(path)
        if found.exists():
            raise FileExistsError(f"{path} exists; expected the name of a new file.")
        return found

    def listing(self):
        """
        Files that may be opened, as the page offers them.

        Returns
        -------
        `dict` of `str` to `pathlib.Path`
            The chosen files, and the FITS and JPEG 2000 files in the chosen folders, at most 500.
        """
        found = {path.name: path for path in self.files}
        for folder in self.folders:
            for path in sorted(folder.iterdir()):
                if is_image(path.name) and path.is_file() and self._holds(path.resolve()):
                    found[path.name if path.name not in found else str(path)] = path
                if len(found) >= _LONGEST_LIST:
                    break
        return found

    def _holds(self, path):
        return any(path == root or (root.is_dir() and path.is_relative_to(root)) for root in self.roots)

    def _inside(self, path):
        if not str(path).strip() or "\0" in str(path):
            raise FileNotFoundError("Found no name of a file; expected one in the chosen folders.")
        base = self.folders[0] if self.folders else self.roots[0].parent
        found = Path(os.path.realpath(base / Path(path).expanduser()))
        if not self._holds(found):
            raise PermissionError(
                f"{path} is outside of what was chosen when the studio was started "
                f"({', '.join(root.name for root in self.roots)}). Start it again with this file or its folder."
            )
        return found


def is_own_host(host, port):
    """
    Whether the ``Host`` of a request, or the host in its ``Origin``, is that of the server itself.

    A page of another site whose name was made to point to this machine sends its own name.

    Parameters
    ----------
    host : `str`
        Such as ``"127.0.0.1:5006"``.
    port : `int`
        Port of the server.

    Returns
    -------
    `bool`
    """
    return host.lower() in {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
