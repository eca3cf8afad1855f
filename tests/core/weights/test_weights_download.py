import dataclasses
import pickle
import re
import subprocess
import sys
import tempfile

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.weights import download, store

FILE = "net.safetensors"
FAILURES = {
    "cut-off": "the connection was cut off",
    "cut-off-unnoticed": "the received file has .* bytes instead of",
    "html": "the received file is an HTML page",
    "wrong-file": "the received file has another SHA-256",
    "missing": "the server answered 404",
    "busy": "the server answered 503",
    "hangs-up": "no connection",
    "stalls": "no data for 0.2 s",
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
    folder = store.cache_folder()
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def error_of(function, *args, kind=WeightsError, **kwargs):
    """The one-line message of the error that a call must raise."""
    with pytest.raises(kind) as info:
        function(*args, **kwargs)
    assert "\n" not in str(info.value)
    return str(info.value)


def test_slow_server(entry, good, server, monkeypatch):
    # The download lasts longer than this, but data arrive in between
    monkeypatch.setattr(download, "_TIMEOUT", (5, 0.4))
    server.files[FILE], server.plan["a"] = good.read_bytes(), ["slow"]
    local = store.fetch(entry, base_url=server.base("a"))
    assert local.path.read_bytes() == good.read_bytes()
    assert server.requests["a"] == 1


@pytest.mark.parametrize("failure", FAILURES)
def test_temporary_failure(entry, good, server, failure, monkeypatch):
    monkeypatch.setattr(download, "_TIMEOUT", (5, 0.2 if failure == "stalls" else 5))
    server.files[FILE], server.plan["a"] = good.read_bytes(), [failure] * 2
    local = store.fetch(entry, base_url=server.base("a"))
    assert local.path.read_bytes() == good.read_bytes()
    assert server.requests["a"] == 3
    assert in_cache() == [FILE]


@pytest.mark.parametrize("failure", FAILURES)
def test_lasting_failure(entry, good, server, failure, monkeypatch):
    monkeypatch.setattr(download, "_TIMEOUT", (5, 0.2 if failure == "stalls" else 5))
    server.files[FILE], server.plan["a"] = good.read_bytes(), [failure] * 99
    message = error_of(store.fetch, entry, base_url=server.base("a"))
    assert "'net-full' (net.safetensors, 0.2 MB) could not be downloaded" in message
    assert re.search(f"{server.base('a')}/{FILE}: {FAILURES[failure]}", message)
    assert "Check the connection" in message
    assert "SUNPY_RESTORE_WEIGHTS_MIRROR" in message
    assert server.requests["a"] == len(download._WAITS)
    assert in_cache() == []
    server.plan["a"] = []
    assert store.fetch(entry, base_url=server.base("a")).path.read_bytes() == good.read_bytes()


PLANS = st.lists(st.sampled_from(["correct", *sorted(FAILURES.keys() - {"stalls"})]), min_size=3, max_size=3)


# Every example has its own cache
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans=st.lists(PLANS, min_size=1, max_size=3))
def test_mirrors_take_turns(full_entry, good_weights, weights_environment, lasting_server, plans):
    server, good = lasting_server, good_weights
    server.files[FILE] = good.read_bytes()
    server.plan = {str(mirror): plan for mirror, plan in enumerate(plans)}
    server.requests.clear()
    turns = [(mirror, plan[attempt]) for attempt in range(3) for mirror, plan in enumerate(plans)]
    first = next((turn for turn, (_, answer) in enumerate(turns) if answer == "correct"), None)
    asked = turns if first is None else turns[: first + 1]
    entry = with_urls(full_entry, *(server.base(mirror) for mirror in server.plan))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SUNPY_RESTORE_CACHE", folder)
        if first is None:
            message = error_of(store.fetch, entry)
            assert all(url in message for url in entry.urls)
            assert in_cache() == []
        else:
            assert store.fetch(entry).path.read_bytes() == good.read_bytes()
            assert in_cache() == [FILE]
    for mirror in range(len(plans)):
        assert server.requests[str(mirror)] == sum(turn[0] == mirror for turn in asked)


def test_no_network(entry, server):
    url = server.base("a")
    server.server_close()
    message = error_of(store.fetch, entry, base_url=url)
    assert f"{url}/{FILE}: no connection (ConnectionError)" in message


@pytest.mark.parametrize("kind", ["ConnectTimeout", "SSLError", "ProxyError"])
def test_unreachable_server(entry, monkeypatch, kind):
    def get(url, **kwargs):
        raise getattr(requests.exceptions, kind)(f"to {url} timed out\nin many words")

    monkeypatch.setattr(requests, "get", get)
    message = error_of(store.fetch, entry, base_url="https://example.org")
    assert f"https://example.org/{FILE}: no connection ({kind})" in message


def test_invalid_address(entry):
    assert "https://:0/net.safetensors: " in error_of(store.fetch, with_urls(entry, "https://:0"))


def test_waits_between_rounds(entry, good, server, monkeypatch):
    waits = []
    monkeypatch.setattr(download, "_WAITS", (0, 1, 4))
    monkeypatch.setattr(download.time, "sleep", waits.append)
    server.files[FILE], server.plan["a"], server.plan["b"] = good.read_bytes(), ["busy"] * 9, ["busy", "correct"]
    store.fetch(with_urls(entry, server.base("a"), server.base("b")))
    assert waits == [0, 1]


def test_progress_bar(entry, good, server, capsys):
    server.files[FILE], server.plan["a"] = good.read_bytes(), ["correct", "cut-off", "html"]
    store.fetch(entry, base_url=server.base("a"), progress=False)
    assert "%" not in capsys.readouterr().err
    (store.cache_folder() / FILE).unlink()
    store.fetch(entry, base_url=server.base("a"), progress=True)
    assert "100%" in capsys.readouterr().err


FETCH = """
import pickle, sys
from sunpy_restore.core.weights import store
entry = pickle.loads(bytes.fromhex(sys.argv[1]))
print(store.fetch(entry, base_url=sys.argv[2]).path)
"""


def test_processes_that_fetch_at_once_get_the_whole_file(entry, good, server):
    server.files[FILE], server.plan["a"] = good.read_bytes(), ["slow"] * 4
    command = [sys.executable, "-c", FETCH, pickle.dumps(entry).hex(), server.base("a")]
    jobs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    found = {job.communicate(timeout=120)[0].strip() for job in jobs}
    assert [job.returncode for job in jobs] == [0] * 4
    assert found == {str(store.cache_folder() / FILE)}
    assert (store.cache_folder() / FILE).read_bytes() == good.read_bytes()
    assert in_cache() == [FILE]
