"""Weights, and a local HTTP server with every failure that a download can meet."""

import hashlib
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

HTML = b"<!DOCTYPE html>\n<html><body>Please log in to the network of this hotel.</body></html>\n"


class FailingServer(ThreadingHTTPServer):
    """
    Serves ``files[name]`` at ``url/mirror/name``; ``plan[mirror]`` says how it answers one request after the other.

    Beyond its plan a mirror answers correctly, so that only a long plan is a lasting failure.
    """

    block_on_close = False
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.files, self.plan, self.requests = {}, {}, defaultdict(int)
        self.closing = threading.Event()

    def base(self, mirror):
        return f"{self.url}/{mirror}"


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        _, mirror, name = self.path.split("/")
        number = self.server.requests[mirror]
        self.server.requests[mirror] += 1
        plan = self.server.plan.get(mirror, [])
        answer = plan[number] if number < len(plan) else "correct"
        getattr(self, answer.replace("-", "_"))(self.server.files[name])

    def answer(self, body, *, code=200, content_type="application/octet-stream", length=None):
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def correct(self, data):
        self.answer(data, length=len(data))

    def slow(self, data):
        self.answer(data[:100], length=len(data))
        for part in range(10):
            time.sleep(0.05)
            self.wfile.write(data[100:][part * len(data) // 10 : (part + 1) * len(data) // 10])

    def stalls(self, data):
        self.answer(data[: len(data) // 2], length=len(data))
        self.wfile.flush()
        self.server.closing.wait(30)

    def cut_off(self, data):
        self.answer(data[: len(data) // 2], length=len(data))

    def cut_off_unnoticed(self, data):
        self.answer(data[: len(data) // 2])

    def html(self, data):
        self.answer(HTML, content_type="text/html", length=len(HTML))

    def wrong_file(self, data):
        self.answer(data[::-1], length=len(data))

    def missing(self, data):
        self.answer(HTML, code=404, content_type="text/html", length=len(HTML))

    def busy(self, data):
        self.answer(b"", code=503, length=0)

    def hangs_up(self, data):
        self.close_connection = True


@pytest.fixture
def weights_environment(monkeypatch, tmp_path):
    """An empty cache, no environment variables of the user, and no waits between rounds."""
    from sunpy_restore.core.weights import download

    monkeypatch.setenv("SUNPY_RESTORE_CACHE", str(tmp_path / "cache"))
    for name in ("SUNPY_RESTORE_WEIGHTS_URL", "SUNPY_RESTORE_WEIGHTS_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(download, "_WAITS", (0, 0, 0))
    monkeypatch.setattr(download, "_TIMEOUT", (5, 5))


@pytest.fixture(scope="session")
def good_weights(tmp_path_factory):
    """Path of a weights file of 0.2 MB for the task "enhance"."""
    import torch

    from sunpy_restore.core.weights import store

    path = tmp_path_factory.mktemp("good") / "net.safetensors"
    state = {"kernel": torch.arange(50_000, dtype=torch.float32)}
    store.write(path, state, {"task": "enhance", "architecture": "Net", "hyperparameters": {}})
    return path


@pytest.fixture(scope="session")
def full_entry(good_weights):
    """The registry entry of `good_weights` as full weights that no server is known for."""
    from sunpy_restore.core.weights import store

    data = good_weights.read_bytes()
    return store.WeightsEntry(
        name="net-full",
        task="enhance",
        kind="full",
        file=good_weights.name,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        licence="BSD-3-Clause",
        doi="10.1051/0004-6361/201731344",
        description="A network.",
    )


@contextmanager
def _running():
    with FailingServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def server():
    """A `FailingServer`."""
    with _running() as server:
        yield server


@pytest.fixture(scope="module")
def lasting_server():
    """A `FailingServer` for tests with many examples, each of which sets its plans."""
    with _running() as server:
        yield server
