"""Build networks and load their weights."""

from sunpy_restore.core.exceptions import WeightsError

__all__ = ["fit", "load_network"]

_LONGEST_REASON = 300  # characters of an error of PyTorch


def load_network(task, weights=None, *, progress=False):
    """
    Load a network of a task with its weights.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Task`
        The task.
    weights
        See `sunpy_restore.enhance`; or a `~sunpy_restore.core.weights.store.LocalWeights`.
    progress : `bool`
        Show the download of weights.

    Returns
    -------
    network : `torch.nn.Module`
        The network.
    local : `~sunpy_restore.core.weights.store.LocalWeights`
        The file.

    Raises
    ------
    ~sunpy_restore.core.exceptions.WeightsError
        The file cannot be found or read, or no network of the task fits it.
    """
    import torch

    from sunpy_restore.core.weights import store as files

    found = isinstance(weights, files.LocalWeights)
    local = weights if found else files.resolve(weights, task=task.name, progress=progress)
    hyperparameters = files.read_metadata(local)["hyperparameters"]
    # Networks draw their first weights from the global generator, in the default precision
    with torch.random.fork_rng(devices=[]):
        network = _built(task, hyperparameters, local).float()
    fit(network, local)
    return network, local


def _built(task, hyperparameters, local):
    """The network that the metadata of a weights file describe."""
    try:
        return task.build_network(hyperparameters)
    # Networks do not check their hyperparameters, and PyTorch does not document its errors
    except Exception as error:
        reason = " ".join(str(error).split())
        raise WeightsError(
            f"The hyperparameters in {local.path} do not describe a network of the task {task.name!r} "
            f"({type(error).__name__}: {_shortened(reason)}); expected those of a trained one. Fetch or train the "
            "weights again."
        ) from error


def _shortened(text):
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]} ..."


def fit(network, local, *, convert=None):
    """
    Load the tensors of a weights file into a network.

    Parameters
    ----------
    network : `torch.nn.Module`
        The network.
    local : `~sunpy_restore.core.weights.store.LocalWeights`
        The file, see `sunpy_restore.core.weights.store.resolve`.
    convert : callable, optional
        ``convert(network, state) -> state`` that changes the tensors before they are loaded.

    Raises
    ------
    ~sunpy_restore.core.exceptions.WeightsError
        The tensors do not fit the network.
    """
    from sunpy_restore.core.weights.store import read

    state = read(local)[0]
    try:
        state = state if convert is None else convert(network, state)
        _check_numbers(network, state)
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = _shortened(" ".join(str(error).split()))
        raise WeightsError(
            f"The tensors in {local.path} do not fit the network of its metadata or of the configuration: "
            f"{reason}; expected those of this network. Fetch or train the weights again."
        ) from error


def _check_numbers(network, state):
    """Refuse vectors in place of numbers, of which PyTorch 2.5 loads the first value."""
    for name, value in network.state_dict().items():
        shape = tuple(state[name].shape) if name in state else ()
        if value.ndim == 0 and shape not in [(), (1,)]:
            raise RuntimeError(f"size mismatch for {name}: found the shape {shape}, expected ()")
