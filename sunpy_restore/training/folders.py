"""Folders with training data and for results, and errors for files that are missing in them."""

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

__all__ = ["existing_folder", "training_data", "writable_folder"]


def existing_folder(path, what):
    """
    Check that a folder exists.

    Parameters
    ----------
    path : path-like
        The folder.
    what : `str`
        What it should contain, for the message.

    Returns
    -------
    `pathlib.Path`

    Raises
    ------
    FileNotFoundError
        There is no such folder.
    """
    path = Path(path)
    if path.is_file():
        raise FileNotFoundError(f"Found a file {path}; expected a folder with {what}.")
    if not path.is_dir():
        raise FileNotFoundError(f"Found no folder {path}; expected one with {what}.")
    return path


def writable_folder(path):
    """
    Make a folder for results if there is none, and check that files can be written to it.

    Parameters
    ----------
    path : path-like
        The folder.

    Returns
    -------
    `pathlib.Path`

    Raises
    ------
    NotADirectoryError
        There is a file of that name.
    PermissionError
        The folder cannot be made or written.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"Found the file {path} as the output; expected a folder.")
    try:
        path.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise PermissionError(
            f"The folder {path} cannot be written ({error.strerror or error}). Choose one that you may write to."
        ) from error


@contextmanager
def training_data(path, task):
    """
    Check the folder with the training data of a task, and name files that are missing in it.

    Parameters
    ----------
    path : path-like
        The folder.
    task : `str`
        Name of the task.

    Yields
    ------
    `pathlib.Path`
        The folder.

    Raises
    ------
    FileNotFoundError
        There is no such folder, or a file is missing in it that the recipe of the task reads. The message then says how
        to make such a folder.
    """
    folder = existing_folder(path, "the training data")
    try:
        yield folder
    except FileNotFoundError as error:
        # Without a message of its own, the error is that of the system
        problem = str(error) if error.errno is None else f"Found no file {error.filename}; expected one to train on."
        raise FileNotFoundError(
            f"{problem} {folder.resolve()} has not the files of the {task} recipe. For files of your own, make the "
            f"folder with 'sunpy-restore dataset {task} --from DIR --out DIR' or sunpy_restore.training.build_dataset."
        ) from error
