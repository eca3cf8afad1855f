import dataclasses
import errno
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pooch
import pytest

from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.weights import store

FILE = "net.safetensors"


@pytest.fixture
def good(good_weights, weights_environment):
    return good_weights


@pytest.fixture
def entry(full_entry, weights_environment):
    return full_entry


@pytest.fixture
def registry(entry, good, tmp_path):
    """A registry with a compact default and a full file."""
    (tmp_path / "packaged").mkdir()
    (tmp_path / "packaged" / FILE).write_bytes(good.read_bytes())
    lines = ['base_url = ""', 'folder = "packaged"']
    for kind in ("compact", "full"):
        table = vars(entry) | {"kind": kind, "default": kind == "compact"}
        lines += [f"[weights.net-{kind}]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in table.items() if key not in ("name", "folder")]
    path = tmp_path / "registry.toml"
    path.write_text("\n".join(lines))
    return path


def in_cache():
    folder = store.cache_folder()
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def error_of(function, *args, kind=WeightsError, **kwargs):
    """The one-line message of the error that a call must raise."""
    with pytest.raises(kind) as info:
        function(*args, **kwargs)
    assert "\n" not in str(info.value)
    return str(info.value)


# Names, paths, tasks


def test_names_and_paths_lead_to_the_same_weights(registry, good, server):
    server.files[FILE] = good.read_bytes()
    default = store.resolve(task="enhance", registry=registry)
    assert default.path == registry.parent / "packaged" / FILE
    assert default == store.resolve("net-compact", task="enhance", registry=registry)
    full = store.resolve("net-full", task="enhance", registry=registry, base_url=server.base("a"))
    assert full.path == store.cache_folder() / FILE
    own = store.resolve(good, task="enhance", registry=registry)
    assert own == store.resolve(str(good), task="enhance", registry=registry)
    assert [local.name for local in (default, full, own)] == ["net-compact", "net-full", FILE]
    assert {local.sha256 for local in (default, full, own)} == {pooch.file_hash(str(good))}
    assert {local.path.read_bytes() for local in (default, full, own)} == {good.read_bytes()}
    assert store.read(full)[0]["kernel"].tolist() == list(range(50_000))


def test_other_values_are_refused(registry, tmp_path):
    def message(value, kind):
        return error_of(store.resolve, value, task="enhance", registry=registry, kind=kind)

    names = "expected a name in the registry ('net-compact', 'net-full' for the enhance task)"
    assert names in message("net-large", ValueError)
    assert names in message("net-v1.0", ValueError)
    assert names in message("", ValueError)
    assert names in message(tmp_path, ValueError)
    assert "never loaded because they can run any code" in message("own.pt", ValueError)
    assert "never loaded because they can run any code" in message(tmp_path / "own.pth", ValueError)
    assert f"Found no weights file {tmp_path / 'own.safetensors'}; expected" in message(
        tmp_path / "own.safetensors", WeightsError
    )
    assert "Found weights of type int; expected a name in the registry, a path or None" in message(3, TypeError)
    assert "Found weights of type bytes" in message(b"net-full", TypeError)


def test_wrong_task(registry, good):

    def expected(name):
        return f"Found weights for the task 'enhance' ({name}); expected weights for the task 'inpaint'."

    assert error_of(store.resolve, good, task="inpaint", registry=registry, kind=ValueError) == expected(good)
    message = error_of(store.resolve, "net-full", task="inpaint", registry=registry, kind=ValueError)
    assert message == expected("'net-full'")
    # The registry says "inpaint", the file itself "enhance"
    registry.write_text(registry.read_text().replace('task = "enhance"', 'task = "inpaint"'))
    packaged = registry.parent / "packaged" / FILE
    message = error_of(store.resolve, task="inpaint", registry=registry, kind=ValueError)
    assert message == expected(packaged)
    compact = store.default_for("inpaint", registry=registry)
    assert error_of(store.verify, compact, kind=ValueError) == expected(packaged)


def test_wrong_task_names_the_weights_to_use():
    light = store.entry_named("enhance-continuum-light")
    for given in (light.name, light.folder / light.file):
        message = error_of(store.resolve, given, task="enhance-magnetogram", kind=ValueError)
        assert "Found weights for the task 'enhance-continuum'" in message
        assert "Use 'enhance-magnetogram-light', or 'light' for" in message
    message = error_of(store.resolve, light.name, task="inpaint", kind=ValueError)
    assert "expected weights for the task 'inpaint'. The registry has 'inpaint-compact' for this task." in message
    message = error_of(store.resolve, "light", task="inpaint", kind=ValueError)
    assert (
        "Unknown weights 'light'; expected a name in the registry ('inpaint-compact' for the inpaint task)" in message
    )


def test_damaged_package(registry):
    packaged = registry.parent / "packaged" / FILE
    packaged.write_bytes(packaged.read_bytes()[:-1])
    message = error_of(store.resolve, task="enhance", registry=registry)
    assert f"{packaged} has {len(packaged.read_bytes())} bytes instead of" in message
    assert "Install sunpy_restore again" in message
    packaged.unlink()
    message = error_of(store.resolve, task="enhance", registry=registry)
    assert f"{packaged} does not exist. Install sunpy_restore again" in message


# Places on this machine


def test_nothing_is_downloaded_by_default(entry):
    message = error_of(store.fetch, entry)
    assert "'net-full' (net.safetensors, 0.2 MB) are not on this machine and have no address" in message
    assert "SUNPY_RESTORE_WEIGHTS_URL (or base_url=)" in message
    assert "SUNPY_RESTORE_WEIGHTS_MIRROR (or mirror=)" in message
    assert in_cache() == []


@pytest.mark.parametrize("by_argument", [True, False])
def test_mirror_folder_is_used_in_place(entry, good, monkeypatch, by_argument):
    if by_argument:
        monkeypatch.setenv("SUNPY_RESTORE_WEIGHTS_MIRROR", "/the/argument/wins")
        local = store.fetch(entry, mirror=good.parent)
    else:
        monkeypatch.setenv("SUNPY_RESTORE_WEIGHTS_MIRROR", str(good.parent))
        local = store.fetch(entry)
        assert store.locate(entry) == good
    assert local.path == good
    assert in_cache() == []


@pytest.mark.parametrize("by_argument", [True, False])
def test_base_url(entry, good, server, monkeypatch, by_argument):
    server.files[FILE] = good.read_bytes()
    monkeypatch.setenv("SUNPY_RESTORE_WEIGHTS_URL", server.base("environment") + "/")
    local = store.fetch(entry, base_url=server.base("argument") if by_argument else None)
    assert local.path.read_bytes() == good.read_bytes()
    assert dict(server.requests) == {"argument" if by_argument else "environment": 1}


def test_invalid_base_url(entry):
    message = error_of(store.fetch, entry, base_url="/data/weights", kind=ValueError)
    assert "Found the base URL '/data/weights' of the weights; expected http://... or https://..." in message
    assert "mirror=" in message


@pytest.fixture
def clone(entry, good, tmp_path):
    """A clone of a repository with the file of an entry, whose folder is not in the package."""
    folder = tmp_path / "clone" / "full_weights"
    folder.mkdir(parents=True)
    (folder.parent / "pyproject.toml").touch()
    (folder / FILE).write_bytes(good.read_bytes())
    return dataclasses.replace(entry, folder=folder)


def test_clone_of_the_repository_needs_no_setting(clone, good, tmp_path):
    assert store.fetch(clone).path == store.verify(clone).path == clone.folder / FILE
    assert in_cache() == []
    # The folder of the user goes first, but only with the correct file
    assert store.fetch(clone, mirror=good.parent).path == good
    (tmp_path / FILE).write_bytes(b"<html>")
    assert store.fetch(clone, mirror=tmp_path).path == clone.folder / FILE


def test_folder_next_to_an_installed_package_is_not_used(clone, good, server):
    (clone.folder.parent / "pyproject.toml").unlink()
    assert store.locate(clone) is None
    message = error_of(store.fetch, clone)
    assert "have no address. The file is in the folder 'full_weights' of the source repository. Set SUNPY_" in message
    assert str(clone.folder) not in message
    server.files[FILE] = good.read_bytes()
    assert store.fetch(clone, base_url=server.base("a")).path == store.cache_folder() / FILE


def test_damaged_file_in_a_clone_falls_back_on_the_server(clone, good, server):
    (clone.folder / FILE).write_bytes(b"version https://git-lfs.github.com/spec/v1")
    assert f"{clone.folder / FILE}: is a Git LFS pointer" in error_of(store.fetch, clone)
    server.files[FILE] = good.read_bytes()
    assert store.fetch(clone, base_url=server.base("a")).path == store.cache_folder() / FILE


def test_damaged_mirror_folder_falls_back_on_the_server(entry, good, server, tmp_path):
    (tmp_path / FILE).write_bytes(b"<html>")
    assert "net.safetensors: is an HTML page" in error_of(store.fetch, entry, mirror=tmp_path)
    server.files[FILE] = good.read_bytes()
    local = store.fetch(entry, mirror=tmp_path, base_url=server.base("a"))
    assert local.path.read_bytes() == good.read_bytes()
    assert (tmp_path / FILE).read_bytes() == b"<html>"


def test_second_time_needs_no_server(entry, good, server):
    server.files[FILE] = good.read_bytes()
    first = store.fetch(entry, base_url=server.base("a"))
    before = first.path.stat().st_mtime_ns
    assert store.fetch(entry, base_url=server.base("a")) == first == store.fetch(entry) == store.verify(entry)
    assert dict(server.requests) == {"a": 1}
    assert first.path.stat().st_mtime_ns == before
    assert first.path.stat().st_mode & 0o044 == 0o044


@pytest.mark.parametrize("damage", [lambda data: data[:-10], lambda data: data[::-1], lambda data: b""])
def test_damaged_cache_is_replaced(entry, good, server, damage):
    server.files[FILE] = good.read_bytes()
    local = store.fetch(entry, base_url=server.base("a"))
    local.path.write_bytes(damage(good.read_bytes()))
    assert "Run 'sunpy-restore weights fetch net-full'" in error_of(store.verify, entry)
    assert f"Tried: {local.path}: " in error_of(store.fetch, entry)
    assert store.fetch(entry, base_url=server.base("a")) == local
    assert local.path.read_bytes() == good.read_bytes()
    assert in_cache() == [FILE]


def test_verify_downloads_nothing(entry, server):
    assert store.locate(entry) is None
    message = error_of(store.verify, dataclasses.replace(entry, urls=(server.base("a"),)))
    assert "net.safetensors is not on this machine. Run 'sunpy-restore weights fetch net-full'" in message
    assert not server.requests


# Features, which other projects publish as a pickle


@pytest.fixture
def features(entry, server):
    """An entry of features, which a server has."""
    import torch

    state = {"features.0.weight": torch.arange(6.0)}
    content = io.BytesIO()
    torch.save(state, content, _use_new_zipfile_serialization=False)
    data = content.getvalue()
    server.files["vgg.pth"] = data
    changed = {"name": "vgg", "task": "", "kind": "features", "file": "vgg.pth", "size": len(data)}
    digest = hashlib.sha256(data).hexdigest()
    return dataclasses.replace(entry, **changed, sha256=digest, urls=(f"{server.base('a')}/vgg.pth",))


def test_features_are_fetched_like_weights(features, server):
    local = store.fetch(features)
    assert local.path == store.cache_folder() / "vgg.pth"
    assert store.verify(features) == store.fetch(features) == local
    assert dict(server.requests) == {"a": 1}
    assert store.read_features(local)["features.0.weight"].tolist() == list(range(6))


def test_damaged_features(features, server):
    """The message names the error, and not that the file is a pickle, which it should be."""
    local = store.fetch(features)
    data = local.path.read_bytes()
    for damaged, message in [
        (data[:-1], f"has {len(data) - 1} bytes instead of {len(data)}"),
        (data[:-1] + b"x", "has another SHA-256 than in the registry"),
        (b"<html>", "is an HTML page"),
        (b"", "is empty"),
    ]:
        local.path.write_bytes(damaged)
        assert f"{local.path} {message}. Run 'sunpy-restore weights fetch vgg'" in error_of(store.verify, features)
    server.plan["a"] = ["missing"] * 9
    message = error_of(store.fetch, features)
    assert "'vgg' (vgg.pth, 0.0 MB) could not be downloaded" in message
    assert "the server answered 404" in message


def test_features_are_no_weights_of_a_task(registry, features):
    table = vars(features)
    lines = ["", "[weights.vgg]"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in table.items() if key not in ("name", "task", "folder")]
    registry.write_text(registry.read_text() + "\n".join(lines))
    message = error_of(store.resolve, "vgg", task="enhance", registry=registry, kind=ValueError)
    assert "Found features for training ('vgg'); expected weights for the task 'enhance'" in message
    message = error_of(store.resolve, "net", task="enhance", registry=registry, kind=ValueError)
    assert "'vgg'" not in message


# Caches that cannot be written


def test_cache_below_a_file(entry, good, server, monkeypatch):
    server.files[FILE] = good.read_bytes()
    monkeypatch.setenv("SUNPY_RESTORE_CACHE", str(good / "cache"))
    message = error_of(store.fetch, entry, base_url=server.base("a"))
    assert f"cannot be written to the cache {good / 'cache'} (" in message
    assert "Set SUNPY_RESTORE_CACHE to a writable folder" in message


@pytest.mark.parametrize("number", ["EACCES", "EROFS", "ENOSPC"])
def test_cache_that_cannot_be_written(entry, good, server, monkeypatch, number):
    number = getattr(errno, number)
    real = tempfile.NamedTemporaryFile

    def refuse(*args, **kwargs):
        if str(kwargs.get("dir", "")).startswith(str(store.cache_folder())):
            raise OSError(number, os.strerror(number))
        return real(*args, **kwargs)

    server.files[FILE] = good.read_bytes()
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    message = error_of(store.fetch, entry, base_url=server.base("a"))
    assert f"cannot be written to the cache {store.cache_folder()} (" in message
    assert "Set SUNPY_RESTORE_CACHE to a writable folder" in message
    # A file that is in the cache is used
    (store.cache_folder() / FILE).write_bytes(good.read_bytes())
    assert store.fetch(entry).path == store.cache_folder() / FILE


def test_cache_of_the_user(monkeypatch):
    monkeypatch.setenv("SUNPY_RESTORE_CACHE", "")
    assert store.cache_folder() == Path(pooch.os_cache("sunpy_restore"))
    monkeypatch.setenv("SUNPY_RESTORE_CACHE", "~/weights")
    assert store.cache_folder() == Path.home() / "weights"


# Several at once, and interrupted


def test_concurrent_downloads(entry, good, server):
    server.files[FILE], server.plan["a"] = good.read_bytes(), ["slow"] * 8
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(store.fetch, entry, base_url=server.base("a")) for _ in range(8)]
    found = [job.result() for job in jobs]
    assert set(found) == {store.LocalWeights(store.cache_folder() / FILE, "net-full", entry.sha256)}
    assert found[0].path.read_bytes() == good.read_bytes()
    assert in_cache() == [FILE]


@pytest.mark.slow
def test_killed_download(registry, good, server):
    server.files[FILE], server.plan["a"] = good.read_bytes(), ["stalls"]
    code = "import sys; from sunpy_restore.core.weights import download, store; download._TIMEOUT = (5, 60); "
    code += "store.resolve('net-full', task='enhance', registry=sys.argv[1], base_url=sys.argv[2])"
    with subprocess.Popen([sys.executable, "-c", code, str(registry), server.base("a")]) as process:
        deadline = time.monotonic() + 120
        while not any(path.stat().st_size for path in store.cache_folder().glob("*")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    assert FILE not in in_cache()
    local = store.resolve("net-full", task="enhance", registry=registry, base_url=server.base("a"))
    assert local.path.read_bytes() == good.read_bytes()


@pytest.mark.slow
def test_torch_is_not_loaded_for_metadata(good):
    code = "import sys; from sunpy_restore.core.weights import store; store.available(); "
    code += "store.read_metadata(sys.argv[1]); print(sys.modules.keys() & {'torch', 'lightning'})"
    output = subprocess.run([sys.executable, "-c", code, good], capture_output=True, text=True, check=True).stdout
    assert output.split() == ["set()"]
