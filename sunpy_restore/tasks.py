"""The tasks that the package knows."""

from sunpy_restore.backprojection.task import BACKPROJ
from sunpy_restore.desaturation.task import DESATURATE
from sunpy_restore.enhancement.task import CONTINUUM, MAGNETOGRAM
from sunpy_restore.granulation.task import GENERATORS
from sunpy_restore.inpainting.task import INPAINT

__all__ = ["RESTORATIONS", "TASKS", "get_task"]

RESTORATIONS = (CONTINUUM, MAGNETOGRAM, DESATURATE, INPAINT, BACKPROJ)
"""Tasks that make an image of an observation; a new one is listed here."""

TASKS = (*RESTORATIONS, *GENERATORS)
"""All tasks."""


def get_task(name):
    """
    The task of that name.

    Parameters
    ----------
    name : `str`
        Such as ``"enhance-continuum"``.

    Raises
    ------
    ValueError
        No task has that name.
    """
    for task in TASKS:
        if task.name == name:
            return task
    raise ValueError(f"Found the task {name!r}, expected one of {', '.join(task.name for task in TASKS)}.")
