"""Options of the functions of the package, checked before an archive is restored."""

import inspect
from functools import partial

import numpy as np

from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.restoration.methods import Method, check_method
from sunpy_restore.core.restoration.verb import check_choices
from sunpy_restore.core.task import resolve
from sunpy_restore.core.uncertainty.errorfile import check_calibrated
from sunpy_restore.core.uncertainty.share import check_uncertainty, share_of

__all__ = ["check_options", "of_any", "without_defaults"]


def check_options(function, options):
    """
    Refuse options with which a function could restore no image.

    Parameters
    ----------
    function : `~sunpy_restore.core.task.MapFunction`
        The function.
    options : `dict`
        Its keywords.

    Raises
    ------
    TypeError
        The function has no such keyword, or a keyword that is on or off is not boolean.
    ValueError
        Unknown method or choice; weights for a classical method or for other tasks; ``samples``, of which each image
        has several; or an uncertainty that is calibrated for no task of the function with this method and weights.
    ~sunpy_restore.core.exceptions.WeightsError
        The weights cannot be found.
    """
    known = _defaults(function)
    for name in options:
        if name not in known or name == "progress":
            expected = ", ".join(key for key in known if key not in ("progress", "samples"))
            raise TypeError(f"Unknown keyword {name!r} of {function.name}; expected one of {expected}.")
    values = known | options
    check_choices(function, values)
    check_uncertainty(values["uncertainty"])
    if values["samples"] is not None:
        raise ValueError(
            f"Found samples={values['samples']!r}; expected None, because an archive has one result for each image. "
            f"Draw samples of single images with {function.name}()."
        )
    _check_device(values["device"])
    _check_methods(function.tasks, values["method"], values["weights"], values["uncertainty"])


def without_defaults(function, options):
    """
    Leave out options that have their default.

    Parameters
    ----------
    function : `~sunpy_restore.core.task.MapFunction`
        The function.
    options : `dict`
        Its keywords.

    Returns
    -------
    `dict`
    """
    defaults = _defaults(function)
    return {name: value for name, value in options.items() if not _is_same(value, defaults[name])}


def _defaults(function):
    """Keywords of a function, and their defaults."""
    parameters = inspect.signature(resolve(f"{function.module}:{function.name}")).parameters
    return {name: one.default for name, one in parameters.items() if one.kind is one.KEYWORD_ONLY}


def _is_same(value, default):
    if value is default:
        return True
    return isinstance(value, bool | np.bool_ | str) and isinstance(default, bool | str) and value == default


def _check_device(device):
    """Refuse what is not the name of a device; workers may have one that this computer lacks."""
    if device is None:
        return
    import torch

    try:
        torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"Found device={device!r}; expected the name of a PyTorch device such as 'cpu', 'cuda' or 'mps', or None "
            "to choose one."
        ) from error


def _check_methods(tasks, name, weights, uncertainty):
    """Refuse a method that no task has with these weights, or whose uncertainty is calibrated for no task."""
    methods = of_any(tasks, lambda task: _unloaded(task, name, weights))
    if uncertainty:
        of_any(methods, partial(check_calibrated, share=share_of(uncertainty)))


def of_any(items, function):
    """
    Call a function for each of some items, of which it may fail for some, but not for all.

    Parameters
    ----------
    items : iterable
        The items.
    function : callable
        The function of one item.

    Returns
    -------
    `list`
        The results for those items for which there is one.

    Raises
    ------
    TypeError, ValueError, ~sunpy_restore.core.exceptions.WeightsError
        The function failed for all items. The error is that of the first one.
    """
    found, errors = [], []
    for item in items:
        try:
            found.append(function(item))
        except (TypeError, ValueError, WeightsError) as error:
            errors.append(error)
    if not found:
        raise errors[0]
    return found


def _unloaded(task, name, weights):
    """A method without its function."""
    from sunpy_restore.core.weights.store import resolve as find_weights

    check_method(task, name, weights)
    if name != "network":
        return Method(task, name, None)
    local = find_weights(weights, task=task.name)
    return Method(task, name, None, local.name, local.sha256, local.path)
