"""Engines give the results of PyTorch, and are used where this saves time."""

import os
import signal
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from sunpy_restore.core.inference import engines
from sunpy_restore.core.inference.engines import ENGINES, TOLERANCE, VARIABLE, requested
from sunpy_restore.core.inference.function import network_function
from sunpy_restore.core.inference.network import load_network
from sunpy_restore.core.inference.tilednetwork import TiledNetwork
from sunpy_restore.core.system.threads import single_threaded
from sunpy_restore.tasks import get_task

OTHERS = [
    pytest.param(name, marks=pytest.mark.skipif(not engines.installed(name), reason=f"{name} is not installed"))
    for name in ENGINES[1:]
]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SUNPY_RESTORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path / "cache" / "engines"


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1, padding_mode="reflect"), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1)
    )


@pytest.fixture
def function(network):
    return network_function(network, "cpu")


def tiles(ny=40, nx=52, batch=1):
    return np.random.default_rng(0).random((batch, 2, ny, nx), dtype=np.float32)


@pytest.fixture
def fake(monkeypatch):
    """Replace the other engines by functions; count how often they are built."""

    def fake(**functions):
        count = dict.fromkeys(functions, 0)

        def built(name, data, workers):
            count[name] += 1
            assert data == b"network"
            return functions[name]

        monkeypatch.setattr(engines, "built", built)
        monkeypatch.setattr(engines, "exported", lambda module, options, sample: b"network")
        monkeypatch.setattr(engines, "installed", lambda name: name == "torch" or name in functions)
        return count

    return fake


@pytest.fixture
def much_work(monkeypatch):
    monkeypatch.setattr(engines, "_LOAD_AFTER", 0.0)
    monkeypatch.setattr(engines, "_MEASURE_AFTER", 0.0)


def slow_torch(function):
    """The time of PyTorch does not matter in these tests; it sleeps."""
    plain = function._plain

    def slow(given):
        time.sleep(0.02)
        return plain(given)

    function._plain = slow
    return plain


# The user's choice


@pytest.mark.parametrize("name", ["fastest", "onnx", "torch2"])
def test_unknown_engines_are_refused(monkeypatch, function, name):
    monkeypatch.setenv(VARIABLE, name)
    with pytest.raises(ValueError, match=f"Found SUNPY_RESTORE_ENGINE='{name}'; expected one of auto, torch"):
        function.choose(2, 100, 1)


def test_an_engine_that_is_missing_is_refused(monkeypatch, fake, function):
    fake()
    monkeypatch.setenv(VARIABLE, "openvino")
    with pytest.raises(ValueError, match=r"'openvino', which is not installed; .* extra 'fast'"):
        function.choose(2, 100, 1)


@pytest.mark.parametrize("text", ["", " ", "AUTO", "auto"])
def test_by_default_the_engine_is_chosen(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    assert requested() == "auto"


def test_a_forced_engine_that_fails_is_an_error(monkeypatch, fake, function):
    def fails(given):
        raise RuntimeError("no such operation")

    fake(openvino=fails)
    monkeypatch.setenv(VARIABLE, "openvino")
    function.choose(2, 100, 1)
    with pytest.raises(RuntimeError, match="no such operation"):
        function(tiles())


def test_a_forced_engine_without_the_network_is_an_error(monkeypatch, fake, function):
    fake(openvino=None)
    monkeypatch.setattr(engines, "exported", lambda *args: 1 / 0)
    monkeypatch.setenv(VARIABLE, "openvino")
    with pytest.raises(ValueError, match=r"cannot compute the network Sequential \(division by zero\)"):
        function.choose(2, 100, 1)


# Agreement


@pytest.mark.parametrize("engine", OTHERS)
def test_engines_agree_with_pytorch(monkeypatch, function, engine):
    expected = {size: function(tiles(*size)) for size in ((40, 52), (33, 71))}
    both = function(tiles(batch=2))
    monkeypatch.setenv(VARIABLE, engine)
    function.choose(2, 100, 2)
    for size, result in expected.items():
        np.testing.assert_allclose(function(tiles(*size)), result, atol=TOLERANCE * np.ptp(result))
    np.testing.assert_allclose(function(tiles(batch=2)), both, atol=TOLERANCE * np.ptp(both))
    assert function._active[0] == engine
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(function, [tiles()] * 8):
            np.testing.assert_allclose(result, expected[40, 52], atol=TOLERANCE * np.ptp(result))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("engine", OTHERS)
def test_engines_work_after_a_fork(monkeypatch, function, engine):
    expected = function(tiles())
    monkeypatch.setenv(VARIABLE, engine)
    function.choose(2, 100, 1)
    function(tiles())
    child = os.fork()
    if not child:
        status = 1
        try:
            # Threads of PyTorch do not outlive a fork; tiles are computed by one thread each
            with single_threaded():
                # Before the engine is loaded again, PyTorch computes
                first = np.allclose(function(tiles()), expected, atol=1e-4)
                function.choose(2, 100, 1)
                status = 0 if first and np.allclose(function(tiles()), expected, atol=1e-4) else 1
        finally:
            os._exit(status)
    ended, status, patience = 0, 0, time.monotonic() + 120
    while not ended and time.monotonic() < patience:
        time.sleep(0.05)
        ended, status = os.waitpid(child, os.WNOHANG)
    if not ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert ended
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.slow
@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("name", ["enhance-continuum", "enhance-magnetogram", "desaturate"])
def test_engines_agree_for_the_weights_in_the_package(monkeypatch, name, engine):
    task = get_task(name)
    network = TiledNetwork.of(task, load_network(task)[0], "cpu")
    rng = np.random.default_rng(0)
    channels = 1 + 0.1 * rng.standard_normal((len(task.channels), 90, 77)).astype(np.float32)
    if "mask" in task.channels:
        channels[task.channels.index("mask")] = 0
        channels[task.channels.index("mask"), 30:50, 20:45] = 1
    elif name == "enhance-magnetogram":
        channels[1] = 0.01
    channels = channels[0] if len(channels) == 1 else channels
    expected = network(channels)
    monkeypatch.setenv(VARIABLE, engine)
    for tile in (None, 48):
        found = network(channels, tile=tile)
        np.testing.assert_allclose(found, expected, atol=TOLERANCE * np.ptp(expected))
    assert network.choose.__self__._active[0] == engine


# The measurement


def test_short_work_is_left_to_pytorch(fake, function):
    count = fake(openvino=None)
    for _ in range(3):
        function.choose(2, 10_000, 1)
        function(tiles())
    assert function._active[0] == "torch"
    assert count == {"openvino": 0}


def test_the_fastest_engine_is_used_and_remembered(fake, much_work, network, function, cache):
    plain = slow_torch(function)
    count = fake(openvino=plain)
    function.choose(2, 10_000, 1)
    assert function._active[0] == "torch"  # there is no image yet
    function(tiles())
    function.choose(2, 10_000, 1)
    assert function._active[0] == "openvino"
    assert count == {"openvino": 1}
    assert sorted(path.suffix for path in cache.iterdir()) == [".json", ".onnx"]
    # Another process reads the choice, even if the engine would now be slow
    other = network_function(network, "cpu")
    other(tiles())
    other._measured = None
    other.choose(2, 10_000, 1)
    assert other._active[0] == "openvino"


def test_an_engine_that_is_not_faster_is_not_used(fake, much_work, function):
    plain = function._plain

    def slow(given):
        time.sleep(0.05)
        return plain(given)

    fake(openvino=slow)
    function(tiles())
    function.choose(2, 10_000, 1)
    assert function._active[0] == "torch"


@pytest.mark.parametrize("error", [1e-3, np.nan])
def test_an_engine_with_other_results_is_never_used(fake, much_work, function, error):
    plain = slow_torch(function)
    fake(openvino=lambda given: plain(given) + error)
    function(tiles())
    function.choose(2, 10_000, 1)
    assert function._active[0] == "torch"


def test_an_engine_that_fails_is_replaced_by_pytorch(fake, much_work, function):
    plain, broken = slow_torch(function), []

    def sometimes(given):
        if broken:
            raise RuntimeError("gone")
        return plain(given)

    fake(openvino=sometimes)
    function(tiles())
    function.choose(2, 10_000, 1)
    assert function._active[0] == "openvino"
    broken.append(True)
    np.testing.assert_array_equal(function(tiles()), plain(tiles()))
    function.choose(2, 10_000, 1)
    assert function._active[0] == "torch"


# The cache


def test_a_damaged_cache_is_measured_again(fake, much_work, network, function, cache):
    plain = slow_torch(function)
    fake(openvino=plain)
    function(tiles())
    function.choose(2, 10_000, 1)
    for path in cache.iterdir():
        path.write_bytes(b"{")
    other = network_function(network, "cpu")
    plain = slow_torch(other)
    other(tiles())
    other.choose(2, 10_000, 1)
    assert other._active[0] == "openvino"


def test_a_cache_that_cannot_be_written_is_harmless(fake, much_work, function, cache):
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    fake(openvino=slow_torch(function))
    function(tiles())
    function.choose(2, 10_000, 1)
    assert function._active[0] == "openvino"
    assert stat.S_ISREG(cache.stat().st_mode)


def test_other_weights_are_another_network(network, cache):
    from sunpy_restore.core.inference.enginecache import key_of

    before = key_of(network, {})
    assert key_of(network, {}) == before
    assert key_of(network, {"trim": 12}) != before
    with torch.no_grad():
        network[0].weight[0, 0, 0, 0] += 1
    assert key_of(network, {}) != before
