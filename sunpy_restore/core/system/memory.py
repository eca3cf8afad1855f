"""How much memory may be used, and errors if that of the computer is too small."""

import os
from contextlib import contextmanager
from pathlib import Path

import astropy.units as u

__all__ = ["device_memory", "enough_memory", "is_out_of_memory", "working_memory"]

_SHARE = 0.25  # of the memory that is free
_MOST = 1.5e9  # bytes
_DEVICE_SHARE = 0.4  # of the free memory of a GPU; convolutions need as much again for a moment

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


def working_memory():
    """
    Memory that a function may use besides its images.

    Returns
    -------
    `float`
        Bytes: the value of the environment variable ``SUNPY_RESTORE_MEMORY``, such as ``"500 MB"``; by default a
        quarter of the memory that is free, but at most 1.5 GB.

    Raises
    ------
    ValueError
        The environment variable is no amount of memory.
    """
    given = os.environ.get("SUNPY_RESTORE_MEMORY")
    if given:
        try:
            size = u.Quantity(given).to_value("byte") if not given.strip().isdigit() else float(given)
        except (TypeError, ValueError, u.UnitsError):
            size = 0.0
        if not size > 0:
            raise ValueError(f"Found SUNPY_RESTORE_MEMORY={given!r}; expected an amount of memory such as '500 MB'.")
        return size
    free = _free_memory()
    return _MOST if free is None else min(_SHARE * free, _MOST)


def device_memory(device):
    """
    Memory that a network may use on a device.

    Parameters
    ----------
    device : `torch.device`
        The device.

    Returns
    -------
    `float`
        Bytes: on CUDA, a share of what is free on the GPU, unless ``SUNPY_RESTORE_MEMORY`` is set; on other devices,
        see `working_memory`.
    """
    if device.type != "cuda" or os.environ.get("SUNPY_RESTORE_MEMORY"):
        return working_memory()
    import torch

    return _DEVICE_SHARE * torch.cuda.mem_get_info(device)[0]


def _free_memory():
    """Bytes of memory that is free, `None` if the system does not tell."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * float(line.split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return None


def _memory():
    """Bytes of memory, `None` if the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
