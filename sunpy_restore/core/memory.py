"""Refuse images that are larger than the memory of the computer."""

import os
from contextlib import contextmanager

__all__ = ["enough_memory", "is_out_of_memory"]

_MESSAGES = ("out of memory", "can't allocate memory", "not enough memory", "failed to allocate")


@contextmanager
def enough_memory(needed, what, remedy):
    """
    Refuse work that needs more memory than the computer has, before and while it runs.

    Parameters
    ----------
    needed : `int`
        Bytes that are needed at least.
    what : `str`
        What needs them, such as ``"an image of shape (9, 9)"``.
    remedy : `str`
        What the user can do instead, as a sentence.

    Raises
    ------
    ValueError
        The memory is too small.
    """
    memory = _memory()
    if memory is not None and needed > memory:
        raise ValueError(
            f"Found {what}, which needs {needed / 1e9:.3g} GB or more; expected one that fits into the memory of "
            f"{memory / 1e9:.3g} GB. {remedy}"
        )
    try:
        yield
    except MemoryError as error:
        raise ValueError(f"Found {what}, for which the memory is too small ({error}). {remedy}") from error


def is_out_of_memory(error):
    """
    Whether an error says that the memory of the computer or of a GPU is too small.

    Parameters
    ----------
    error : `Exception`
        The error. PyTorch has a class of its own for GPUs only, and raises a `RuntimeError` on the CPU.

    Returns
    -------
    `bool`
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(text in str(error).lower() for text in _MESSAGES)


def _memory():
    """Bytes of memory, `None` if the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
