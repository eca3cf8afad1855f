"""Work on the workers of Dask: the active client, a cluster on this machine, and a bounded number of futures."""

import logging
import os
import sys
import time
from contextlib import contextmanager

from sunpy_restore.core.system.memory import working_memory

__all__ = ["active_client", "client_for", "completed", "device_of_worker"]

_AHEAD = 2  # tasks per thread of the workers that are submitted at once
_PAUSE = 0.1  # seconds between two looks at a connection that is lost
_REFRESH = 5.0  # seconds after which workers that have joined are counted


def active_client():
    """
    Find the ``dask.distributed`` client that the user has made active.

    Returns
    -------
    ``distributed.Client`` or `None`
        `None` if there is no client, or inside of a task on a worker.
    """
    if "distributed" not in sys.modules:
        return None
    from distributed import default_client, get_worker

    try:
        get_worker()
    except ValueError:
        pass
    else:
        return None
    try:
        return default_client()
    except ValueError:
        return None


@contextmanager
def client_for(*, workers=None, scheduler=None):
    """
    Connect to the workers that the user asks for.

    Parameters
    ----------
    workers : `int`, optional
        Start as many processes on this machine, each with one thread and its part of the memory.
    scheduler : `str`, optional
        Address of a running scheduler, such as ``"tcp://host:8786"``.

    Yields
    ------
    ``distributed.Client`` or `None`
        By default the active client; `None` if there is none.

    Raises
    ------
    ValueError
        Both are given, the number is not positive, or the address has no host and port.
    ModuleNotFoundError
        The package ``distributed`` is missing.
    ConnectionError
        The scheduler does not answer.
    """
    if workers is None and scheduler is None:
        yield active_client()
        return
    if workers is not None and scheduler is not None:
        raise ValueError(
            f"Found workers={workers} with scheduler={scheduler!r}; expected only one of them. Start the workers of a "
            "scheduler with 'dask worker'."
        )
    if workers is not None and (not isinstance(workers, int) or isinstance(workers, bool) or workers < 1):
        raise ValueError(f"Found workers={workers!r}; expected a positive number.")
    distributed = _distributed()
    if scheduler is not None:
        with _connected(distributed, scheduler) as client:
            yield client
        return
    # Each worker would take a share of all that is free
    share = {"SUNPY_RESTORE_MEMORY": str(int(working_memory() / workers))}
    # Any free port, and for this machine alone
    ports = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    cluster = distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, env=share, silence_logs=logging.ERROR, **ports
    )
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        yield client


def _connected(distributed, scheduler):
    """Client of a scheduler. A client that was made with a wrong address waits for a minute before it ends."""
    from distributed.comm import get_address_host_port

    try:
        if not scheduler.startswith("inproc://"):
            get_address_host_port(scheduler)
    except ValueError as error:
        raise ValueError(
            f"Found scheduler={scheduler!r} ({error}); expected an address such as 'tcp://host:8786', which "
            "'dask scheduler' prints when it starts."
        ) from error
    try:
        return distributed.Client(scheduler, set_as_default=False)
    except OSError as error:
        raise ConnectionError(
            f"No Dask scheduler answers at {scheduler} ({error}). Start it with 'dask scheduler', or use workers= for "
            "processes on this machine."
        ) from error


def _distributed():
    try:
        import distributed
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'Workers need the package distributed. Run: pip install "sunpy_restore[archive]"', name="distributed"
        ) from error
    return distributed


def completed(client, function, items, **options):
    """
    Apply a function to items on the workers of a client, a few at a time.

    A task whose worker dies is given to another worker by the scheduler. After the scheduler was restarted, the tasks
    that it had are submitted again.

    Parameters
    ----------
    client : ``distributed.Client``
        The client.
    function : callable
        ``function(item)``.
    items : iterable
        The items. Only about two per thread of the workers are taken from it before the first result.
    **options
        Keywords for ``distributed.Client.submit``.

    Yields
    ------
    item : object
        An item, in the order in which they are done.
    result : object
        What the function returns for it; `None` after an error.
    error : `Exception` or `None`
        What it raises, or why its worker died.

    Raises
    ------
    ConnectionError
        The scheduler is lost and does not come back within the time that Dask allows for a connection.
    """
    from distributed import CancelledError, as_completed

    items, waiting = iter(items), {}
    queue = as_completed(loop=client.loop)

    def submit(item):
        future = client.submit(function, item, pure=False, **options)
        waiting[future.key] = item
        queue.add(future)

    most, counted, more = 0, -_REFRESH, True
    while True:
        if time.monotonic() - counted > _REFRESH:
            most, counted = _AHEAD * max(1, _threads(client)), time.monotonic()
        while more and len(waiting) < most:
            try:
                submit(next(items))
            except StopIteration:
                more = False
        if not waiting:
            return
        future = next(queue)
        item, status = waiting.pop(future.key), future.status
        if status in ("cancelled", "lost"):
            _wait_for_scheduler(client)
            submit(item)
        elif status == "error":
            yield item, None, future.exception()
        else:
            try:
                result = future.result()
            # The scheduler was lost between the end of the task and the transfer of its result
            except (OSError, CancelledError):
                _wait_for_scheduler(client)
                submit(item)
                continue
            yield item, result, None
        future.release()


def _threads(client):
    _wait_for_scheduler(client)
    return sum(client.nthreads().values())


def _wait_for_scheduler(client):
    """Wait while Dask connects again."""
    while client.status == "connecting":
        time.sleep(_PAUSE)
    if client.status != "running":
        raise ConnectionError(
            "The scheduler of the workers is lost, and does not come back. Start it again, and run the same again: "
            "what is done is not done twice."
        )


def device_of_worker():
    """
    Choose the device for a task on a worker, so that the workers of a machine share its GPUs.

    Returns
    -------
    `str` or `None`
        On a machine with several GPUs that this process sees, that of the number of the worker; else `None`, the
        default. Workers of ``dask-cuda`` see one GPU each.
    """
    if "distributed" not in sys.modules:
        return None
    from distributed import get_worker

    try:
        name = str(get_worker().name)
    except ValueError:
        return None
    import torch

    count = torch.cuda.device_count()
    if count < 2:
        return None
    number = int(name) if name.isdigit() else os.getpid()
    return f"cuda:{number % count}"
