"""Files of error models, which are safetensors with metadata: one for each task, or one beside weights."""

import json
import shlex
from pathlib import Path

import numpy as np

from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.system.atomic import atomic_path
from sunpy_restore.core.system.unchanged import kept_while_unchanged
from sunpy_restore.core.uncertainty.conformal import SHARES
from sunpy_restore.core.uncertainty.errormodel import ErrorModel
from sunpy_restore.core.weights.weightsfile import with_ordered_metadata

__all__ = ["FOLDER", "SUFFIX", "check_calibrated", "error_model", "read_models", "write_models"]

FOLDER = Path(__file__).parents[2] / "data" / "uncertainty"
"""Folder of the error models that come with the package, ``<task>.safetensors``."""

SUFFIX = ".uncertainty.safetensors"
"""Ending of the name of a file of error models beside a weights file, in place of ``.safetensors``."""


def write_models(path, task, models):
    """
    Write error models.

    Parameters
    ----------
    path : path-like
        The file.
    task : `str`
        Name of the task.
    models : mapping of `str` to `~sunpy_restore.core.uncertainty.errormodel.ErrorModel`
        Name of the method to its model.
    """
    from safetensors.numpy import save

    arrays, described = {}, {}
    for method, model in models.items():
        own = {"low": model.low, "high": model.high, "factors": model.factors}
        for index, (weight, bias) in enumerate(model.layers):
            own |= {f"weight{index}": weight, f"bias{index}": bias}
        own |= {f"ratios{index}": ratios for index, ratios in enumerate(model.ratios.values())}
        arrays |= {f"{method}/{name}": np.ascontiguousarray(array, np.float32) for name, array in own.items()}
        described[method] = {
            "features": model.features, "strata": model.strata, "layers": len(model.layers),
            "correlation": list(model.correlation.items()), "sha256": model.sha256, "widths": list(model.ratios),
        }  # fmt: skip
    metadata = {"task": task, "models": json.dumps(described)}
    with atomic_path(path) as temporary:
        temporary.write_bytes(with_ordered_metadata(save(arrays), metadata))


def read_models(path):
    """
    Read error models.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    `dict` of `str` to `~sunpy_restore.core.uncertainty.errormodel.ErrorModel`

    Raises
    ------
    ~sunpy_restore.core.exceptions.WeightsError
        The file cannot be read, or has numbers that are not finite.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            described = json.loads(file.metadata()["models"])
            models = {method: _model(file, method, record) for method, record in described.items()}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"The file {path} cannot be read ({error}); expected error models that 'sunpy-restore calibrate' has "
            "written. Make it again."
        ) from error
    return models


def _model(file, method, record):
    arrays = {name: file.get_tensor(f"{method}/{name}") for name in ("low", "high", "factors")}
    layers = [
        tuple(file.get_tensor(f"{method}/{name}{index}") for name in ("weight", "bias"))
        for index in range(record["layers"])
    ]
    # Files of earlier versions have no ratios
    ratios = {width: file.get_tensor(f"{method}/ratios{index}") for index, width in enumerate(record.get("widths", ()))}
    parts = [*arrays.values(), *ratios.values(), *(part for layer in layers for part in layer)]
    if not all(np.isfinite(part).all() for part in parts):
        raise ValueError("numbers that are not finite")
    return ErrorModel(
        features=tuple(record["features"]), strata=tuple(record["strata"]), layers=layers,
        correlation=dict(map(tuple, record["correlation"])), sha256=record["sha256"], ratios=ratios, **arrays,
    )  # fmt: skip


def error_model(method, name, share=None):
    """
    Find the error model of a method.

    Parameters
    ----------
    method : `~sunpy_restore.core.restoration.methods.Method`
        The method.
    name : `str`
        Its name in the header of the result, which tells whether the result was corrected.
    share : `float`, optional
        Share of the truth for which it needs factors, one of `~sunpy_restore.core.uncertainty.conformal.SHARES`.

    Returns
    -------
    `~sunpy_restore.core.uncertainty.errormodel.ErrorModel`

    Raises
    ------
    ValueError
        There is none for the method or for its weights, or it has no factors for the share.
    """
    models = _models_of(method)
    if name in models:
        return _with_share(models[name], method, share)
    if method.is_network and method.path is not None:
        own = Path(method.path).with_suffix(SUFFIX)
        raise ValueError(
            f"Found no calibrated uncertainty of the weights {method.model!r} with method {name!r}; expected it in "
            f"{own.name} beside them. Use the default weights, make the file with '{_calibration(method)}', or leave "
            "out uncertainty."
        )
    raise ValueError(
        f"Found no calibrated uncertainty of method {name!r} of {method.task.name}; expected another method. Leave out "
        "uncertainty."
    )


def check_calibrated(method, share=None):
    """
    Refuse a method whose uncertainty is not calibrated, before it restores an image.

    Parameters
    ----------
    method : `~sunpy_restore.core.restoration.methods.Method`
        The method.
    share : `float`, optional
        See `error_model`.

    Raises
    ------
    ValueError
        There is no error model for the method, with or without a correction, or for its weights, or none has factors
        for the share.
    """
    found = [model for name, model in _models_of(method).items() if name.partition("+")[0] == method.name]
    if not found:
        error_model(method, method.name)
    for model in found:
        _with_share(model, method, share)


def _with_share(model, method, share):
    """An error model, if it has factors for the share."""
    if share is None or SHARES[share] in model.ratios:
        return model
    raise ValueError(
        f"Found a share of {share}; expected uncertainty=True, because the errors of {method.model or method.name} "
        f"were calibrated without factors for single shares. Calibrate them again with '{_calibration(method)}'."
    )


def _calibration(method):
    """Command that calibrates the uncertainty of a method."""
    weights = f" --weights {shlex.quote(str(method.path))}" if method.is_network and method.path is not None else ""
    return f"sunpy-restore calibrate {method.task.name}{weights} --data DIR"


def _models_of(method):
    """The error models of a method with its weights, by the names in the header of the result."""
    found = _read_if_any(FOLDER / f"{method.task.name}.safetensors")
    found = {name: model for name, model in found.items() if model.sha256 in ("", method.sha256)}
    if method.is_network and method.path is not None:
        own = _read_if_any(Path(method.path).with_suffix(SUFFIX))
        found = {name: model for name, model in own.items() if model.sha256 == method.sha256} | found
    return found


def _read_if_any(path):
    """The models of a file; none if there is no file."""
    return _read_once(path) if path.is_file() else {}


@kept_while_unchanged(maxsize=8)
def _read_once(path):
    return read_models(path)
