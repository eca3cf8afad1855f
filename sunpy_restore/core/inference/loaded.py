"""Networks that were loaded are kept, so that a second call does not load them again."""

import threading
from collections import OrderedDict

from sunpy_restore.core.inference.function import choose_device
from sunpy_restore.core.inference.network import load_network
from sunpy_restore.core.inference.tilednetwork import TiledNetwork
from sunpy_restore.core.task import Restoration
from sunpy_restore.core.weights import store as files

__all__ = ["forget_networks", "ready_network"]

_MOST = 6  # networks that are kept, those that were used last

_kept = OrderedDict()
_lock = threading.Lock()


def ready_network(task, weights=None, device=None, *, progress=False):
    """
    Load a network, or take one that this process has loaded from a file with the same content for the same device.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Task`
        The task.
    weights, device
        See `sunpy_restore.enhance`.
    progress : `bool`
        Show the download of weights.

    Returns
    -------
    network : `~sunpy_restore.core.inference.tilednetwork.TiledNetwork` or `torch.nn.Module`
        Ready for the ``network_method`` of the task. It is shared; do not change it.
    local : `~sunpy_restore.core.weights.store.LocalWeights`
        The file.
    """
    local = files.resolve(weights, task=task.name, progress=progress)
    device = choose_device(device)
    key = (id(task), local.sha256, str(device))
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            # The task is kept with the network, so that its id belongs to no other one
            return _kept[key][1], local
    network, local = load_network(task, local, progress=progress)
    tiled = isinstance(task, Restoration)
    network = TiledNetwork.of(task, network, device) if tiled else network.eval().to(device)
    with _lock:
        _kept[key] = task, network
        while len(_kept) > _MOST:
            _kept.popitem(last=False)
    return network, local


def forget_networks():
    """Free the memory of the networks that are kept."""
    with _lock:
        _kept.clear()
