"""Folders with training data, and errors for files that are missing in them."""

from contextlib import contextmanager
from pathlib import Path

__all__ = ["existing_folder", "training_data"]


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
