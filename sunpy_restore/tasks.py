"""The functions of the package and the tasks that they perform."""

from sunpy_restore.backprojection.task import BACKPROJ_TO_CLEAN
from sunpy_restore.desaturation.task import DESATURATE
from sunpy_restore.enhancement.task import ENHANCE
from sunpy_restore.granulation.task import SYNTHESIZE_GRANULATION
from sunpy_restore.inpainting.task import INPAINT

__all__ = ["FUNCTIONS", "all_tasks", "function_of", "get_task"]

FUNCTIONS = (ENHANCE, DESATURATE, INPAINT, BACKPROJ_TO_CLEAN, SYNTHESIZE_GRANULATION)
"""All functions; a new one is listed here."""


def all_tasks():
    """
    All tasks of all functions.

    Returns
    -------
    `list` of `~sunpy_restore.core.task.Task`
    """
    return [task for function in FUNCTIONS for task in function.tasks]


def get_task(name):
    """
    Find a task by its name.

    Parameters
    ----------
    name : `str`
        Such as ``"enhance-continuum"``.

    Raises
    ------
    ValueError
        No task has that name.
    """
    tasks = {task.name: task for task in all_tasks()}
    if name not in tasks:
        raise ValueError(f"Unknown task {name!r}; expected one of {', '.join(tasks)}.")
    return tasks[name]


def function_of(task):
    """
    Find the function that performs a task.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Task`
        The task.

    Returns
    -------
    `~sunpy_restore.core.task.Function`
    """
    return next(function for function in FUNCTIONS if task in function.tasks)
