import dataclasses
import re
import tempfile

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sunpy_restore.core import weights
from sunpy_restore.core.exceptions import WeightsError

FILE = "net.safetensors"
FAULTS = {
    "cut-off": "the connection was cut off",
    "cut-off-unnoticed": "what came has .* bytes instead of",
    "html": "what came is an HTML page",
    "wrong-file": "what came has another SHA-256",
    "missing": "the server answered 404",
    "busy": "the server answered 503",
    "hangs-up": "no connection",
    "stalls": "nothing came for 0.2 s",
}


@pytest.fixture
def good(good_weights, weights_environment):
    return good_weights


@pytest.fixture
def entry(full_entry, weights_environment):
    return full_entry


def with_urls(entry, *bases):
    return dataclasses.replace(entry, urls=tuple(f"{base}/{entry.file}" for base in bases))


def in_cache():
    folder = weights.cache_folder()
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def error_of(function, *args, kind=WeightsError, **kwargs):
    """The one-line message of the error that a call must raise."""
    with pytest.raises(kind) as info:
        function(*args, **kwargs)
    assert "\n" not in str(info.value)
    return str(info.value)


def test_slow_server(entry, good, server, monkeypatch):
    # The download lasts longer than this, but something comes in between.
    monkeypatch.setattr(weights, "TIMEOUT", (5, 0.8))
    server.files[FILE], server.plan["a"] = good.read_bytes(), ["slow"]
    local = weights.fetch(entry, base_url=server.base("a"))
    assert local.path.read_bytes() == good.read_bytes()
    assert server.requests["a"] == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_temporary_fault(entry, good, server, fault, monkeypatch):
    monkeypatch.setattr(weights, "TIMEOUT", (5, 0.2 if fault == "stalls" else 5))
    server.files[FILE], server.plan["a"] = good.read_bytes(), [fault] * 2
    local = weights.fetch(entry, base_url=server.base("a"))
    assert local.path.read_bytes() == good.read_bytes()
    assert server.requests["a"] == 3
    assert in_cache() == [FILE]


@pytest.mark.parametrize("fault", FAULTS)
def test_lasting_fault(entry, good, server, fault, monkeypatch):
    monkeypatch.setattr(weights, "TIMEOUT", (5, 0.2 if fault == "stalls" else 5))
    server.files[FILE], server.plan["a"] = good.read_bytes(), [fault] * 99
    message = error_of(weights.fetch, entry, base_url=server.base("a"))
    assert "'net-full' (net.safetensors, 0.2 MB) could not be downloaded" in message
    assert re.search(f"{server.base('a')}/{FILE}: {FAULTS[fault]}", message)
    assert "Check the connection" in message
    assert "SUNPY_RESTORE_WEIGHTS_MIRROR" in message
    assert server.requests["a"] == len(weights.WAITS)
    assert in_cache() == []
    server.plan["a"] = []
    assert weights.fetch(entry, base_url=server.base("a")).path.read_bytes() == good.read_bytes()


PLANS = st.lists(st.sampled_from(["right", *sorted(FAULTS.keys() - {"stalls"})]), min_size=3, max_size=3)


# Every example brings its own cache.
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans=st.lists(PLANS, min_size=1, max_size=3))
def test_mirrors_take_turns(full_entry, good_weights, weights_environment, lasting_server, plans):
    server, good = lasting_server, good_weights
    server.files[FILE] = good.read_bytes()
    server.plan = {str(mirror): plan for mirror, plan in enumerate(plans)}
    server.requests.clear()
    turns = [(mirror, plan[attempt]) for attempt in range(3) for mirror, plan in enumerate(plans)]
    right = next((turn for turn, (_, behaviour) in enumerate(turns) if behaviour == "right"), None)
    asked = turns if right is None else turns[: right + 1]
    entry = with_urls(full_entry, *(server.base(mirror) for mirror in server.plan))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SUNPY_RESTORE_CACHE", folder)
        if right is None:
            message = error_of(weights.fetch, entry)
            assert all(url in message for url in entry.urls)
            assert in_cache() == []
        else:
            assert weights.fetch(entry).path.read_bytes() == good.read_bytes()
            assert in_cache() == [FILE]
    for mirror in range(len(plans)):
        assert server.requests[str(mirror)] == sum(turn[0] == mirror for turn in asked)


def test_no_network(entry, server):
    url = server.base("a")
    server.server_close()
    message = error_of(weights.fetch, entry, base_url=url)
    assert f"{url}/{FILE}: no connection (ConnectionError)" in message


@pytest.mark.parametrize("kind", ["ConnectTimeout", "SSLError", "ProxyError"])
def test_no_way_to_the_server(entry, monkeypatch, kind):
    def get(url, **kwargs):
        raise getattr(requests.exceptions, kind)(f"to {url} timed out\nin many words")

    monkeypatch.setattr(requests, "get", get)
    message = error_of(weights.fetch, entry, base_url="https://example.org")
    assert f"https://example.org/{FILE}: no connection ({kind})" in message


def test_address_that_is_none(entry):
    assert "https://:0/net.safetensors: " in error_of(weights.fetch, with_urls(entry, "https://:0"))


def test_waits_between_rounds(entry, good, server, monkeypatch):
    waits = []
    monkeypatch.setattr(weights, "WAITS", (0, 1, 4))
    monkeypatch.setattr(weights.time, "sleep", waits.append)
    server.files[FILE], server.plan["a"], server.plan["b"] = good.read_bytes(), ["busy"] * 9, ["busy", "right"]
    weights.fetch(with_urls(entry, server.base("a"), server.base("b")))
    assert waits == [0, 1]


def test_progress_bar(entry, good, server, capsys):
    server.files[FILE], server.plan["a"] = good.read_bytes(), ["right", "cut-off", "html"]
    weights.fetch(entry, base_url=server.base("a"), progress=False)
    assert "%" not in capsys.readouterr().err
    (weights.cache_folder() / FILE).unlink()
    weights.fetch(entry, base_url=server.base("a"), progress=True)
    assert "100%" in capsys.readouterr().err
