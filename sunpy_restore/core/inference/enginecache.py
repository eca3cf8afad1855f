"""The user's cache of engines: networks as ONNX, and the time of each engine on this machine."""

import hashlib
import json
import math
import platform
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sunpy_restore.core.system.atomic import atomic_path
from sunpy_restore.core.weights.store import cache_folder

__all__ = ["EngineCache", "key_of"]

_LIBRARIES = ("torch", "onnx", "onnxscript", "onnxruntime", "openvino", "sunpy_restore")


class EngineCache:
    """
    The files of one network. A folder that cannot be written, or a damaged file, only costs the time that it saves.

    Parameters
    ----------
    key : `str`
        See `key_of`.
    """

    def __init__(self, key):
        self._key, self._times = key, {}
        self.folder = cache_folder() / "engines"

    def read_network(self):
        """The network as ONNX, `bytes`; `None` if there is none or it is damaged."""
        with suppress(OSError):
            data = (self.folder / f"{self._key}.onnx").read_bytes()
            digest, content = data[:32], data[32:]
            return content if hashlib.sha256(content).digest() == digest else None

    def write_network(self, data):
        """Keep the network, after its SHA-256."""
        self._write(".onnx", hashlib.sha256(data).digest() + data)

    def read_times(self, workers):
        """Seconds of each engine with this number of threads, a `dict`; `None` if they were not measured."""
        if workers not in self._times:
            with suppress(OSError, ValueError, AttributeError):
                found = json.loads((self.folder / f"{self._key}-{workers}.json").read_text())
                if "torch" in found and all(math.isfinite(float(value)) for value in found.values()):
                    self._times[workers] = found
        return self._times.get(workers)

    def write_times(self, workers, times):
        """Keep the seconds of each engine."""
        self._times[workers] = times
        self._write(f"-{workers}.json", json.dumps(times).encode())

    def _write(self, suffix, data):
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            with atomic_path(self.folder / f"{self._key}{suffix}") as path:
                Path(path).write_bytes(data)


def key_of(module, options):
    """
    A name for a network on this machine with these versions of the libraries.

    Parameters
    ----------
    module : `torch.nn.Module`
        The network.
    options : `dict`
        Keywords with which it is called.

    Returns
    -------
    `str`
    """
    digest = hashlib.sha256(repr((_machine(), str(module), sorted(options.items()))).encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


@lru_cache(maxsize=1)
def _machine():
    """Processor and versions."""
    processor = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line for line in lines if line.startswith("model name")), processor)
    return platform.node(), processor, tuple(map(_version, _LIBRARIES))


def _version(library):
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"
