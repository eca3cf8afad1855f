"""Read and write weights files, which are safetensors with metadata, and read files of features."""

import contextlib
import json
from pathlib import Path

from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.system.atomic import atomic_path
from sunpy_restore.core.system.filecheck import other_content

__all__ = ["PICKLES", "read", "read_features", "read_metadata", "with_ordered_metadata", "write"]

PICKLES = (".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth")
"""Suffixes of pickles."""

_REQUIRED = {"task": str, "architecture": str, "hyperparameters": dict}
_EXPECTED = "expected a .safetensors file of sunpy_restore.core.weights.store.write. Copy, download or export it again."


def read(local):
    """
    Read the tensors and the metadata of a weights file.

    Parameters
    ----------
    local : `~sunpy_restore.core.weights.store.LocalWeights` or path-like
        The file.

    Returns
    -------
    state_dict : `dict` of `str` to `torch.Tensor`
        On the CPU.
    metadata : `dict`
        See `read_metadata`.

    Raises
    ------
    ValueError
        The path does not end in ``.safetensors``.
    ~sunpy_restore.core.exceptions.WeightsError
        The file cannot be read as weights, or has numbers that are not finite.
    """
    metadata = read_metadata(local)

    from safetensors.torch import load_file

    path = _check_suffix(getattr(local, "path", local))
    state = load_file(path)
    bad = [name for name, tensor in state.items() if not tensor.isfinite().all()]
    if bad:
        raise WeightsError(f"The file {path} has NaN or infinite numbers in {', '.join(bad[:3])}; {_EXPECTED}")
    return state, metadata


def read_features(local):
    """
    Read the tensors of a file of features, such as VGG-19, which is published only as a pickle.

    This is the only place where the package unpickles: a file of the registry whose SHA-256 was checked, by the
    restricted unpickler of PyTorch, which builds tensors and runs no code of the file.

    Parameters
    ----------
    local : `~sunpy_restore.core.weights.store.LocalWeights`
        The file, see `~sunpy_restore.core.weights.store.fetch`.

    Returns
    -------
    `dict` of `str` to `torch.Tensor`
        The tensors whose names begin with ``features.``, on the CPU.

    Raises
    ------
    ~sunpy_restore.core.exceptions.WeightsError
        The file cannot be read or has no such tensors.
    """
    import torch

    try:
        state = torch.load(local.path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise WeightsError(f"Found no file {local.path}; expected a file of features. Check the path.") from None
    # PyTorch does not document its errors
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(f"The file {local.path} cannot be read as tensors ({reason}). Fetch it again.") from error
    tensors = state if isinstance(state, dict) else {}
    found = {key: value for key, value in tensors.items() if str(key).startswith("features.")}
    if not found:
        raise WeightsError(f"Found no tensors features.* in {local.path}; expected those of a VGG of torchvision.")
    return found


def read_metadata(local):
    """
    Read only the metadata of a weights file, without PyTorch.

    Parameters
    ----------
    local : `~sunpy_restore.core.weights.store.LocalWeights` or path-like
        The file.

    Returns
    -------
    `dict` of `str` to `str`, `dict` or `list`
        JSON objects and arrays are decoded, all other values are text.

    Raises
    ------
    ValueError
        The path does not end in ``.safetensors``.
    ~sunpy_restore.core.exceptions.WeightsError
        The file cannot be read as weights, or lacks metadata that a network is built from.
    """
    from safetensors import SafetensorError, safe_open

    path = _check_suffix(getattr(local, "path", local))
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except FileNotFoundError:
        raise WeightsError(f"Found no weights file {path}; expected a .safetensors file. Check the path.") from None
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"The file {path} {other_content(path) or f'is damaged ({error})'}; {_EXPECTED}") from error
    metadata = _decoded(metadata)
    missing = _missing(metadata)
    if missing:
        raise WeightsError(f"The file {path} has no {', '.join(missing)} in its metadata; {_EXPECTED}")
    return metadata


def write(path, state_dict, metadata):
    """
    Write a weights file. The bytes depend only on the weights and metadata.

    Parameters
    ----------
    path : path-like
        The file, which ends in ``.safetensors``. An existing file is replaced when the new one is complete.
    state_dict : mapping of `str` to `torch.Tensor`
        The tensors, on any device.
    metadata : mapping of `str`
        At least ``task``, ``architecture`` and ``hyperparameters`` (a mapping). Values other than text are written as
        JSON.

    Raises
    ------
    ValueError
        The suffix is another one, or the metadata lack one of these keys.
    """
    from safetensors.torch import save

    path = _check_suffix(path)
    texts = {k: v if isinstance(v, str) else json.dumps(v, sort_keys=True) for k, v in metadata.items()}
    missing = _missing(_decoded(texts))
    if missing:
        raise ValueError(f"Found no {', '.join(missing)} in the metadata; expected at least {', '.join(_REQUIRED)}.")
    # safetensors accepts neither the channels_last layout nor tensors that share memory
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in state_dict.items()}
    data = with_ordered_metadata(save(tensors), texts)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def with_ordered_metadata(data, texts):
    """
    Add metadata to the bytes of a safetensors file, so that the bytes depend on nothing else.

    The order in which safetensors writes metadata, and with it the SHA-256, is random.

    Parameters
    ----------
    data : `bytes`
        A file without metadata.
    texts : mapping of `str` to `str`
        The metadata.

    Returns
    -------
    `bytes`
    """
    # The format: length of the header in 8 bytes, header as JSON padded with spaces to a multiple of 8 bytes, tensors
    start = 8 + int.from_bytes(data[:8], "little")
    header = {"__metadata__": dict(sorted(texts.items()))} | json.loads(data[8:start])
    header = json.dumps(header, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[start:]


def _decoded(texts):
    """Decode the JSON objects and arrays in metadata."""
    metadata = dict(texts)
    for key, text in texts.items():
        if text.startswith(("{", "[")):
            # Other text may begin with a bracket, too
            with contextlib.suppress(ValueError):
                metadata[key] = json.loads(text)
    return metadata


def _missing(metadata):
    return [key for key, kind in _REQUIRED.items() if not isinstance(metadata.get(key), kind)]


def _check_suffix(path):
    """Return a path that ends in ``.safetensors``, and refuse all others."""
    path = Path(path).expanduser()
    if path.suffix == ".safetensors":
        return path
    remedy = ""
    if path.suffix in PICKLES:
        remedy = (
            " Pickled checkpoints are never loaded because they can run any code. Read your own with "
            "torch.load(..., weights_only=True) and export it with sunpy_restore.core.weights.store.write."
        )
    raise ValueError(f"Found the weights file {str(path)!r}; expected the suffix '.safetensors'.{remedy}")
