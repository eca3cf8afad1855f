"""Read and write weights files: safetensors with metadata; of pickles, only checked files of features are read."""

import contextlib
import hashlib
import json
import os
from pathlib import Path

from sunpy_restore.core.exceptions import WeightsError

__all__ = ["PICKLES", "check_suffix", "fault_of", "read", "read_features", "read_metadata", "write"]

PICKLES = (".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth")
"""Suffixes of files that would have to be unpickled."""

_REQUIRED = {"task": str, "architecture": str, "hyperparameters": dict}
_REMEDY = "Expected a .safetensors file written by sunpy_restore.core.weights.write: copy, download or export it again."
# What else is found under the name of a weights file, by its first bytes.
_IMPOSTORS = {
    b"<": "is an HTML page",
    b"version https://git-lfs": "is a Git LFS pointer",
}
_PICKLED = {
    b"PK\x03\x04": "is a pickled checkpoint, which is never loaded because it can run any code",
    b"\x80": "is a pickle, which is never loaded because it can run any code",
}


def read(local):
    """
    Read the tensors and the metadata of a weights file.

    Parameters
    ----------
    local : `~sunpy_restore.core.weights.LocalWeights` or path-like
        The file.

    Returns
    -------
    state_dict : `dict` of `str` to `torch.Tensor`
        On the CPU.
    metadata : `dict`
        As `read_metadata` gives it.

    Raises
    ------
    ValueError
        If the path does not end in ``.safetensors``.
    WeightsError
        If the file cannot be read as weights.
    """
    metadata = read_metadata(local)

    from safetensors.torch import load_file

    return load_file(check_suffix(getattr(local, "path", local))), metadata


def read_features(local):
    """
    Read the tensors of a file of features, such as VGG-19's, which only exists as a pickle.

    This is the one place of the package where something is unpickled: a file of the registry after its SHA-256 was
    checked, by PyTorch's restricted unpickler, which builds tensors and runs no code of the file.

    Parameters
    ----------
    local : `~sunpy_restore.core.weights.LocalWeights`
        The file, as `~sunpy_restore.core.weights.fetch` gives it.

    Returns
    -------
    `dict` of `str` to `torch.Tensor`
        The tensors whose names begin with ``features.``, on the CPU.

    Raises
    ------
    WeightsError
        If the file cannot be read, or holds something else.
    """
    import torch

    try:
        state = torch.load(local.path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise WeightsError(f"the file {local.path} does not exist. Check the path.") from None
    # Which errors there are is left open by PyTorch
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(f"the file {local.path} cannot be read as tensors ({reason}). Fetch it again.") from error
    tensors = state if isinstance(state, dict) else {}
    found = {key: value for key, value in tensors.items() if str(key).startswith("features.")}
    if not found:
        raise WeightsError(f"the file {local.path} has no tensors features.*, expected those of a VGG of torchvision.")
    return found


def read_metadata(local):
    """
    Read only the metadata of a weights file; this does not load torch.

    Parameters
    ----------
    local : `~sunpy_restore.core.weights.LocalWeights` or path-like
        The file.

    Returns
    -------
    `dict` of `str` to `str`, `dict` or `list`
        JSON objects and arrays are decoded, everything else is text.

    Raises
    ------
    ValueError
        If the path does not end in ``.safetensors``.
    WeightsError
        If the file cannot be read as weights, or lacks the metadata that a network is built from.
    """
    from safetensors import SafetensorError, safe_open

    path = check_suffix(getattr(local, "path", local))
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except FileNotFoundError:
        raise WeightsError(f"the weights file {path} does not exist. Check the path.") from None
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"the weights file {path} {_sniff(path) or f'is damaged ({error})'}. {_REMEDY}") from error
    metadata = _decoded(metadata)
    missing = _missing(metadata)
    if missing:
        raise WeightsError(f"the weights file {path} has no {', '.join(missing)} in its metadata. {_REMEDY}")
    return metadata


def write(path, state_dict, metadata):
    """
    Write a weights file. Equal weights and metadata give equal bytes.

    Parameters
    ----------
    path : path-like
        Where to; it must end in ``.safetensors``. An existing file is replaced once the new one is complete.
    state_dict : mapping of `str` to `torch.Tensor`
        The tensors, on any device.
    metadata : mapping of `str`
        At least ``task``, ``architecture`` and ``hyperparameters`` (a mapping); what is not text is written as JSON.

    Raises
    ------
    ValueError
        If the suffix is another one, or the metadata lack one of these keys.
    """
    from safetensors.torch import save

    path = check_suffix(path)
    texts = {k: v if isinstance(v, str) else json.dumps(v, sort_keys=True) for k, v in metadata.items()}
    missing = _missing(_decoded(texts))
    if missing:
        raise ValueError(f"no {', '.join(missing)} in the metadata, expected at least {', '.join(_REQUIRED)}.")
    # safetensors takes neither the channels_last layout nor tensors that share their memory.
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in state_dict.items()}
    data = save(tensors, metadata=texts)
    # It leaves the order of the metadata to chance, and with it the SHA-256: write the header anew, in order. (8 bytes
    # with the length of the header, the header as JSON padded with spaces to a multiple of 8, the tensors.)
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header["__metadata__"] = dict(sorted(texts.items()))
    header = json.dumps(header, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(len(header).to_bytes(8, "little") + header + data[start:])
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _decoded(texts):
    """The metadata with their JSON objects and arrays decoded."""
    metadata = dict(texts)
    for key, text in texts.items():
        if text.startswith(("{", "[")):
            # A text may begin with a bracket, too.
            with contextlib.suppress(ValueError):
                metadata[key] = json.loads(text)
    return metadata


def _missing(metadata):
    return [key for key, kind in _REQUIRED.items() if not isinstance(metadata.get(key), kind)]


def check_suffix(path):
    """
    Refuse what is not called a ``.safetensors`` file.

    Parameters
    ----------
    path : path-like
        The file, which need not exist.

    Returns
    -------
    `~pathlib.Path`

    Raises
    ------
    ValueError
        If the suffix is another one.
    """
    path = Path(path).expanduser()
    if path.suffix == ".safetensors":
        return path
    remedy = ""
    if path.suffix in PICKLES:
        remedy = (
            " Pickled checkpoints are never loaded because they can run any code: read yours where you trust it, with "
            "torch.load(..., weights_only=True), and export it with sunpy_restore.core.weights.write."
        )
    raise ValueError(f"the weights file {str(path)!r} ends in {path.suffix!r}, expected '.safetensors'.{remedy}")


def fault_of(path, *, size, sha256, pickled=False):
    """
    What is wrong with a file that should have this size and SHA-256.

    Parameters
    ----------
    path : path-like
        The file.
    size : `int`
        Bytes.
    sha256 : `str`
        SHA-256 in lower-case hexadecimal.
    pickled : `bool`
        Whether the right file is a pickle, and not safetensors.

    Returns
    -------
    `str` or `None`
        A phrase such as ``"is an HTML page"``; `None` if it is the right file.
    """
    try:
        with Path(path).open("rb") as file:
            found = os.fstat(file.fileno()).st_size
            if found == size and hashlib.file_digest(file, "sha256").hexdigest() == sha256:
                return None
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    other = f"has {found} bytes instead of {size}" if found != size else "has another SHA-256 than the registry says"
    return _sniff(path, pickled=pickled) or other


def _sniff(path, *, pickled=False):
    """What a file is that is not even the beginning of a weights file, or `None`."""
    try:
        with Path(path).open("rb") as file:
            start = file.read(64)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if not start:
        return "is empty"
    # The format begins with the length of its header in 8 bytes, at most 100 MB. That can look like the first byte of a
    # pickle or a page, but none of these goes on like that.
    if not pickled and len(start) >= 8 and int.from_bytes(start[:8], "little") <= 100_000_000:
        return None
    impostors = _IMPOSTORS if pickled else _IMPOSTORS | _PICKLED
    return next((what for magic, what in impostors.items() if start.lstrip().startswith(magic)), None)
