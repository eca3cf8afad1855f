"""``tools/publish_weights.py``, which is in the repository but not in the package, with a local server."""

import hashlib
import importlib.util
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from sunpy_restore.core.weights import download, store
from sunpy_restore.core.weights.registry import entry_named

SCRIPT = Path(__file__).parents[2] / "tools" / "publish_weights.py"
NAMES = ["enhance-continuum-paper", "synthesize-gan-paper"]
TOKEN = "a-token"


class Zenodo(ThreadingHTTPServer):
    """As much of Zenodo's API of depositions as an upload needs; files can be downloaded once they are published."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.draft, self.public, self.metadata = {}, {}, None
        self.calls, self.failing, self.damaged = [], "", False


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def answer(self, value, code=200):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_call(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server, path = self.server, self.path.partition("?")[0]
        call = f"{self.command} {path}"
        server.calls.append(call)
        if self.command == "GET":
            known = path in server.public
            return self.answer(server.public[path] if known else b"", 200 if known else 404)
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.answer({"message": "Invalid token"}, 401)
        if server.failing and server.failing in call:
            return self.answer({"message": "Validation error."}, 400)
        if call == "POST /api/deposit/depositions":
            return self.answer({"id": 7, "links": {"bucket": f"{server.url}/api/files/b"}}, 201)
        if call.startswith("PUT /api/files/b/"):
            server.draft[path.rpartition("/")[2]] = body
            return self.answer({"checksum": f"md5:{hashlib.md5(body, usedforsecurity=False).hexdigest()}"})
        if call == "PUT /api/deposit/depositions/7":
            server.metadata = json.loads(body)["metadata"]
            return self.answer({})
        if call == "POST /api/deposit/depositions/7/actions/publish":
            for name, data in server.draft.items():
                server.public[f"/records/8/files/{name}"] = data[::-1] if server.damaged else data
            return self.answer({"id": 7, "record_id": 8}, 202)
        if call == "DELETE /api/deposit/depositions/7":
            server.draft.clear()
            return self.answer(b"", 204)
        return self.answer(b"", 404)

    do_GET = do_POST = do_PUT = do_DELETE = handle_call


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with Zenodo() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def hub(server, monkeypatch):
    """A stand-in for huggingface_hub, whose commits are downloaded from the local server."""
    commits = []

    class HfApi:
        endpoint = server.url

        def create_repo(self, repo_id, *, repo_type, exist_ok):
            assert (repo_type, exist_ok) == ("model", True)

        def upload_folder(self, *, repo_id, folder_path, allow_patterns, commit_message):
            for name in allow_patterns:
                server.public[f"/{repo_id}/resolve/abc/{name}"] = (Path(folder_path) / name).read_bytes()
            commits.append(commit_message)
            return SimpleNamespace(oid="abc")

    module = ModuleType("huggingface_hub")
    module.HfApi = HfApi
    # Another host name for the same server
    endpoint = server.url.replace("127.0.0.1", "localhost")
    module.hf_hub_url = lambda repo, file, *, revision, endpoint=endpoint: (
        f"{endpoint}/{repo}/resolve/{revision}/{file}"
    )
    HfApi.endpoint = endpoint
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    return commits


@pytest.fixture(scope="module")
def script():
    if not SCRIPT.is_file():
        pytest.skip("tools/publish_weights.py is not here: the tests are not in a clone")
    spec = importlib.util.spec_from_file_location("publish_weights", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def clone(tmp_path):
    """A clone with two full weights, and compact ones in its registry."""
    (tmp_path / "pyproject.toml").touch()
    folder = tmp_path / "full_weights"
    folder.mkdir()
    lines = ['base_url = ""', 'folder = "packaged"', 'full_folder = "full_weights"']
    for name, architecture in zip(NAMES, ("Enhance", "TileGenerator"), strict=True):
        path = folder / f"{name}.safetensors"
        task = name.removesuffix("-paper")
        scores = {"a | b": {"network": {"psnr": 30.0}, "wiener": {"psnr": 28.0}}}
        metadata = {"task": task, "architecture": architecture, "hyperparameters": {"width": 2}, "scores": scores}
        store.write(path, {"kernel": torch.full((5,), float(len(name)))}, metadata)
        for kind in ("full", "compact") if name == NAMES[0] else ("full",):
            table = {
                "task": task,
                "kind": kind,
                "file": path.name,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "size": path.stat().st_size,
                "licence": "BSD-3-Clause",
                "doi": "10.1000/182",
                "description": "A network of <two> layers.",
                "trained_on": "Images.",
            }
            lines += ["", f"[weights.{name if kind == 'full' else 'compact'}]"]
            lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    (tmp_path / "registry.toml").write_text("\n".join([*lines, ""]))
    return tmp_path


@pytest.fixture
def publish(script, clone, monkeypatch):
    monkeypatch.setattr(script, "WAITS", (0, 0))
    monkeypatch.delenv("SUNPY_RESTORE_WEIGHTS_MIRROR", raising=False)
    out, registry = clone / "out", clone / "registry.toml"
    return lambda *arguments: script.main([*arguments, "--out", str(out), "--registry", str(registry)])


def urls(clone, name):
    return entry_named(name, registry=clone / "registry.toml").urls


def test_upload_is_prepared(publish, clone):
    before = (clone / "registry.toml").read_text()
    publish()
    found = sorted(path.relative_to(clone / "out").as_posix() for path in (clone / "out").rglob("*.*"))
    expected = [f"{name}/{file}" for name in NAMES for file in ("README.md", f"{name}.safetensors")]
    assert found == ["README.md", *expected]
    for name, pipeline in zip(NAMES, ("image-to-image", "unconditional-image-generation"), strict=True):
        folder = clone / "out" / name
        assert (folder / f"{name}.safetensors").read_bytes() == (
            clone / "full_weights" / f"{name}.safetensors"
        ).read_bytes()
        _, front, card = (folder / "README.md").read_text().split("---\n", 2)
        values = {key: json.loads(value) for key, value in (line.split(": ", 1) for line in front.splitlines())}
        assert values["license"] == "bsd-3-clause"
        assert values["pipeline_tag"] == pipeline
        assert entry_named(name, registry=clone / "registry.toml").sha256 in card
        # Rows of a table have one number of cells, whatever the names of the sources
        rows = [line for line in card.splitlines() if line.startswith(r"| a \| b")]
        # The recipe of enhance has a heading and a format for this score
        digits = ".00" if name == NAMES[0] else ""
        assert rows == [rf"| a \| b | network | 30{digits} |", rf"| a \| b | wiener | 28{digits} |"]
        assert ("PSNR [dB]" in card.replace("\\", "")) == (name == NAMES[0])
        assert r"A network of \<two\> layers." in card
        assert f'`weights="{name}"`' in card
    assert (clone / "registry.toml").read_text() == before


def test_both_hosts_are_mirrors_of_one_entry(publish, clone, server, hub, tmp_path, monkeypatch):
    publish("--zenodo", TOKEN, "--zenodo-url", server.url, "--huggingface", "sun/restore")
    assert len(hub) == 1
    assert server.metadata["license"] == "bsd-3-clause"
    assert server.metadata["related_identifiers"] == [{"identifier": "10.1000/182", "relation": "references"}]
    assert "A network of &lt;two&gt; layers." in server.metadata["description"]
    assert set(server.draft) == {f"{name}{suffix}" for name in NAMES for suffix in (".safetensors", ".md")}
    host = server.url.replace("127.0.0.1", "localhost")
    for name in NAMES:
        assert urls(clone, name) == (
            f"{server.url}/records/8/files/{name}.safetensors?download=1",
            f"{host}/sun/restore/resolve/abc/{name}/{name}.safetensors",
        )
    assert urls(clone, "compact") == ()
    # An installed package, which has no clone next to it, downloads from either
    (clone / "pyproject.toml").unlink()
    monkeypatch.setenv("SUNPY_RESTORE_CACHE", str(tmp_path / "cache"))
    for name in NAMES:
        local = store.fetch(entry_named(name, registry=clone / "registry.toml"))
        assert local.path.parent == tmp_path / "cache"
        del server.public[f"/records/8/files/{name}.safetensors"]
        local.path.unlink()
        monkeypatch.setattr(download, "_WAITS", (0,))
        assert store.fetch(entry_named(name, registry=clone / "registry.toml")) == local


def test_one_is_uploaded_again(publish, clone, server, hub):
    publish("--zenodo", TOKEN, "--zenodo-url", server.url, "--huggingface", "sun/restore")
    before = (clone / "registry.toml").read_text().splitlines()
    server.draft.clear()
    publish(NAMES[1], "--huggingface", "sun/restore")
    assert not server.draft
    assert (clone / "registry.toml").read_text().splitlines() == before
    # The front page lists what the repository has
    page = server.public["/sun/restore/resolve/abc/README.md"].decode()
    assert all(f"{name}/README.md" in page for name in NAMES)
    publish(NAMES[1], "--huggingface", "sun/other")
    page = server.public["/sun/other/resolve/abc/README.md"].decode()
    assert [f"{name}/README.md" in page for name in NAMES] == [False, True]
    after = (clone / "registry.toml").read_text().splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    # The address at Zenodo stays, that of the same host is replaced
    ((old, new),) = changed
    assert old.replace("sun/restore", "sun/other") == new


@pytest.mark.parametrize("failing", ["PUT /api/files", "PUT /api/deposit", "publish"])
def test_failed_upload_leaves_no_draft(publish, clone, server, failing):
    server.failing = failing
    before = (clone / "registry.toml").read_text()
    with pytest.raises(SystemExit, match=r"failed: 400 Bad Request\. .*Validation error"):
        publish("--zenodo", TOKEN, "--zenodo-url", server.url)
    assert server.calls[-1] == "DELETE /api/deposit/depositions/7"
    assert not server.draft
    assert (clone / "registry.toml").read_text() == before


def test_wrong_token_is_not_shown(publish, server):
    with pytest.raises(SystemExit, match="failed: 401 Unauthorized") as info:
        publish("--zenodo", "wrong-token", "--zenodo-url", server.url)
    assert "wrong-token" not in str(info.value)


def test_addresses_that_do_not_have_the_file_are_not_registered(publish, clone, server):
    server.damaged = True
    before = (clone / "registry.toml").read_text()
    with pytest.raises(SystemExit, match=r"were uploaded, but .*/records/8/files/.* does not have them \(SHA-256"):
        publish("--zenodo", TOKEN, "--zenodo-url", server.url)
    assert (clone / "registry.toml").read_text() == before


def test_files_other_than_in_the_registry_are_refused(publish, clone, server):
    path = clone / "full_weights" / f"{NAMES[1]}.safetensors"
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(SystemExit, match=f"Weights '{NAMES[1]}': .* has another SHA-256 than in the registry"):
        publish("--zenodo", TOKEN, "--zenodo-url", server.url)
    assert not server.calls
    publish(NAMES[0])


def test_other_requests_are_refused(publish, clone, server, monkeypatch):
    with pytest.raises(SystemExit, match="Found 'compact', of the kind 'compact'; expected full weights"):
        publish("compact")
    with pytest.raises(SystemExit, match="Unknown weights 'none'"):
        publish("none")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(SystemExit, match="pip install huggingface_hub"):
        publish("--huggingface", "sun/restore")
    text = (clone / "registry.toml").read_text()
    (clone / "registry.toml").write_text(text.replace("BSD-3-Clause", "MIT", 1))
    with pytest.raises(SystemExit, match="Found the licences BSD-3-Clause, MIT; a record has one"):
        publish("--zenodo", TOKEN, "--zenodo-url", server.url)
    assert not server.calls
