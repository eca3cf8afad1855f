"""Threads of PyTorch: one for each tile, so that a busy neighbour does not make all of them wait."""

import threading
from contextlib import contextmanager
from functools import cache, wraps

__all__ = ["allowed_threads", "in_one_blas_thread", "in_one_thread", "single_threaded", "workers_for"]

_lock = threading.Lock()
_users = 0
_before = 1
_blas_lock = threading.Lock()


def workers_for(device):
    """
    Number of threads that may compute at once.

    Parameters
    ----------
    device : `torch.device`
        Device of the network.

    Returns
    -------
    `int`
        On the CPU the number of threads that PyTorch may use (``torch.set_num_threads``, ``OMP_NUM_THREADS``). In
        threads other than the main one, such as those of Dask, 1: they share the processor with each other already. On
        CUDA 2: while the GPU computes a tile, the other thread reads and writes the tiles before and after it.
    """
    import torch

    if threading.current_thread() is not threading.main_thread():
        return 1
    if device.type == "cpu":
        return torch.get_num_threads()
    return 2 if device.type == "cuda" else 1


def allowed_threads():
    """
    Number of threads that the user allows PyTorch, also within `single_threaded`.

    Returns
    -------
    `int`
    """
    import torch

    with _lock:
        return _before if _users else torch.get_num_threads()


@contextmanager
def single_threaded():
    """
    Let each operation of PyTorch run in the thread that calls it.

    The threads of PyTorch wait for each other after every operation: if another program needs one of their processors,
    all wait. The number of threads that the user has set is restored at the end.
    """
    global _before, _users

    import torch

    with _lock:
        if _users == 0:
            _before = torch.get_num_threads()
        _users += 1
    torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
        torch.set_num_threads(_before)


def in_one_thread(function):
    """
    Make a function whose operations of PyTorch run in the thread that calls it, within `single_threaded`.

    Parameters
    ----------
    function : callable
        The function.

    Returns
    -------
    callable
    """
    import torch

    def alone(*args):
        # New threads do not inherit the number of the thread that made them
        if torch.get_num_threads() != 1:
            torch.set_num_threads(1)
        return function(*args)

    return alone


def in_one_blas_thread(function):
    """
    Make a function whose products of matrices run in one thread each.

    These matrices are so small that several threads hardly help, and they wait for each other if another program needs
    one of their processors. The number of threads that the user has set is restored at the end.

    Parameters
    ----------
    function : callable
        The function.

    Returns
    -------
    callable
    """

    @wraps(function)
    def limited(*args, **kwargs):
        # The number is that of the whole process: the thread that is first sets and restores it
        if not _blas_lock.acquire(blocking=False):
            return function(*args, **kwargs)
        try:
            with _blas_libraries().limit(limits=1, user_api="blas"):
                return function(*args, **kwargs)
        finally:
            _blas_lock.release()

    return limited


@cache
def _blas_libraries():
    """The libraries of linear algebra of this process, which take milliseconds to find."""
    # SciPy brings a library of its own
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
