"""
Engines that compute networks on the CPU: PyTorch, ONNX Runtime and OpenVINO.

PyTorch always works, and computes every network first. Where another engine is installed and a process has much work
with a network, all are measured with a part of the user's own image; the fastest one goes on. The choice is kept in the
user's cache. An engine whose result differs from that of PyTorch is never used.
"""

import importlib.util
import logging
import os
import threading
import time
from functools import cache

import numpy as np

from sunpy_restore.core.inference.enginefiles import built, exported
from sunpy_restore.core.system.threads import allowed_threads

__all__ = ["ENGINES", "TOLERANCE", "VARIABLE", "EngineFunction", "installed", "requested"]

ENGINES = ("torch", "onnxruntime", "openvino")
"""Names of the engines."""

VARIABLE = "SUNPY_RESTORE_ENGINE"
"""Environment variable with the name of an engine, or ``auto``."""

TOLERANCE = 1e-4
"""Largest difference from the result of PyTorch, relative to its range."""

_MEASURE_AFTER = 60.0  # seconds of work, compared with which a measurement is short
_LOAD_AFTER = 10.0  # seconds of work, compared with which it is short to load an engine that was measured before
_GAIN = 0.9  # of the time of PyTorch, which another engine must stay below
_SIDE = 256  # pixels of the part that is measured
_REPEATS = 3

_log = logging.getLogger(__name__)


@cache
def installed(engine):
    """Whether an engine can be imported, with what it needs to read a network."""
    needed = {"torch": (), "onnxruntime": ("onnxruntime",), "openvino": ("openvino",)}[engine]
    exporting = ("onnx", "onnxscript") if needed else ()
    return all(importlib.util.find_spec(name) is not None for name in needed + exporting)


def requested():
    """
    The engine that the user asks for with ``SUNPY_RESTORE_ENGINE``.

    Returns
    -------
    `str`
        ``"auto"``, the default, or one of `ENGINES`.

    Raises
    ------
    ValueError
        There is no such engine, or it is not installed.
    """
    name = os.environ.get(VARIABLE, "").strip().lower() or "auto"
    if name != "auto" and name not in ENGINES:
        raise ValueError(f"Found {VARIABLE}={name!r}; expected one of auto, {', '.join(ENGINES)}.")
    if name != "auto" and not installed(name):
        raise ValueError(
            f"Found {VARIABLE}={name!r}, which is not installed; expected an engine of this environment. Install it "
            "with the extra 'fast' (onnx, onnxscript, onnxruntime, openvino), or set the variable to 'auto'."
        )
    return name


class EngineFunction:
    """
    A network as a function of arrays.

    Parameters
    ----------
    module : `torch.nn.Module`
        The network on the CPU, in evaluation mode.
    plain : callable
        The function with PyTorch, see `~sunpy_restore.core.inference.function.network_function`.
    options : `dict`
        Keywords with which the network is called.
    """

    def __init__(self, module, plain, options):
        self._module, self._plain, self._options = module, plain, options
        self._lock = threading.Lock()
        self._ready, self._failed = {}, set()
        self._active = "torch", 1
        self._spent, self._pace, self._sample, self._cache = 0.0, None, None, None

    def __call__(self, tiles):
        """Apply the network to tiles; if another engine fails, with PyTorch."""
        name, workers = self._active
        # Threads of an engine do not survive a fork
        other = None if name == "torch" else self._ready.get((name, workers, os.getpid()))
        if other is not None:
            try:
                return other(np.ascontiguousarray(tiles, dtype=np.float32))
            # The engines do not document their errors
            except Exception:
                if requested() == name:
                    raise
                _log.debug("The engine %s failed; PyTorch goes on.", name, exc_info=True)
                self._failed.add(name)
                self._active = "torch", 1
        start = time.thread_time()
        result = self._plain(tiles)
        seconds = time.thread_time() - start
        self._spent += seconds
        self._pace = seconds / (tiles.shape[0] * tiles.shape[2] * tiles.shape[3])
        self._sample = tiles[:1]
        return result

    def choose(self, channels, pixels, workers):
        """
        Choose the engine for the next calls.

        Parameters
        ----------
        channels : `int`
            Channels of the input.
        pixels : `int`
            Pixels to which the network is going to be applied.
        workers : `int`
            Threads that are going to call this function at once.

        Raises
        ------
        ValueError
            See `requested`; or the engine that the user asks for cannot compute the network.
        """
        wanted, workers = requested(), max(workers, allowed_threads())
        with self._lock:
            if wanted == "torch":
                self._active = "torch", 1
            elif wanted == "auto":
                self._active = self._fastest(pixels, workers), workers
            else:
                self._force(wanted, channels, workers)

    def _force(self, name, channels, workers):
        stride = getattr(self._module, "stride", 1)
        side = -(-96 // stride) * stride
        sample = np.random.default_rng(0).random((1, channels, side, side), dtype=np.float32)
        try:
            self._prepare(name, workers, sample)
        # The engines do not document their errors
        except Exception as error:
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise ValueError(
                f"Found {VARIABLE}={name!r}, which cannot compute the network {type(self._module).__name__} "
                f"({reason}). Set the variable to 'auto' or 'torch'."
            ) from error
        self._active = name, workers

    def _fastest(self, pixels, workers):
        """The engine with the shortest time; PyTorch as long as the work is too short to load another one."""
        others = [name for name in ENGINES[1:] if name not in self._failed and installed(name)]
        if not others:
            return "torch"
        work = self._spent + (self._pace or 0.0) * pixels
        name, before = self._active
        if name in others and (name, before, os.getpid()) in self._ready and before == workers:
            return name
        if work < _LOAD_AFTER or self._sample is None:
            return "torch"
        times = self._kept().read_times(workers)
        if times is None and work < _MEASURE_AFTER:
            return "torch"
        if times is None:
            times = self._measured(others, workers)
            self._kept().write_times(workers, times)
        best = min((name for name in times if name == "torch" or name in others), key=times.get)
        if best == "torch" or times[best] > _GAIN * times["torch"]:
            return "torch"
        try:
            self._prepare(best, workers, self._part())
        # The engines do not document their errors
        except Exception:  # noqa: BLE001
            _log.debug("The engine %s cannot be used.", best, exc_info=True)
            self._failed.add(best)
            return "torch"
        return best

    def _kept(self):
        if self._cache is None:
            from sunpy_restore.core.inference.enginecache import EngineCache, key_of

            self._cache = EngineCache(key_of(self._module, self._options))
        return self._cache

    def _part(self):
        """A part of an image that the network was applied to."""
        stride = getattr(self._module, "stride", 1)
        ny, nx = (max(min(length, _SIDE) // stride * stride, 1) for length in self._sample.shape[2:])
        return np.ascontiguousarray(self._sample[:, :, :ny, :nx], dtype=np.float32)

    def _prepare(self, name, workers, sample):
        place = name, workers, os.getpid()
        if place in self._ready:
            return self._ready[place]
        cache = self._kept()
        data = cache.read_network()
        if data is None:
            data = exported(self._module, self._options, sample)
            cache.write_network(data)
        self._ready[place] = built(name, data, workers)
        return self._ready[place]

    def _measured(self, others, workers):
        """Time of each engine whose results agree with those of PyTorch, in seconds."""
        part = self._part()
        functions = {"torch": self._plain}
        for name in others:
            try:
                function = self._prepare(name, workers, part)
                if self._agrees(function, part):
                    functions[name] = function
            # The engines do not document their errors
            except Exception:  # noqa: BLE001
                _log.debug("The engine %s cannot compute the network.", name, exc_info=True)
        times = dict.fromkeys(functions, np.inf)
        for _ in range(_REPEATS if len(functions) > 1 else 1):
            for name, function in functions.items():
                start = time.perf_counter()
                function(part)
                times[name] = min(times[name], time.perf_counter() - start)
        return times

    def _agrees(self, function, part):
        stride = getattr(self._module, "stride", 1)
        smaller = part[:, :, : -4 * stride or None, : -2 * stride or None]
        for tiles in (part, np.ascontiguousarray(smaller)):
            expected = self._plain(tiles)
            if not np.abs(function(tiles) - expected).max() <= TOLERANCE * np.ptp(expected):
                return False
        return True
