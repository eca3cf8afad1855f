import hashlib
import json
import re
import tomllib
from pathlib import Path

import pytest

from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.uncertainty.errorfile import SUFFIX
from sunpy_restore.core.weights import registry, registryupdate, store

ENTRY = {
    "task": "a task",
    "kind": "full",
    "file": "net.safetensors",
    "sha256": "0" * 64,
    "size": 10,
    "licence": "BSD-3-Clause",
    "doi": "10.1051/0004-6361/201731344",
    "description": "A network.",
}
SHIPPED = store.available()
HERE = [entry for entry in SHIPPED if entry.kind in ("compact", "full") and store.locate(entry) is not None]


def toml(base_url="", **tables):
    lines = [f'base_url = "{base_url}"', 'folder = "packaged"']
    for name, table in tables.items():
        # Strings, numbers, booleans and lists of JSON are TOML
        lines += [f"\n[weights.{name}]", *(f"{key} = {json.dumps(item)}" for key, item in table.items())]
    return "\n".join(lines) + "\n"


@pytest.fixture
def write_registry(tmp_path):
    def write(**kwargs):
        path = tmp_path / "registry.toml"
        path.write_text(toml(**kwargs))
        return path

    return write


def test_entries_by_task(write_registry):
    path = write_registry(a=ENTRY, b=ENTRY | {"task": "other"}, c=ENTRY | {"default": True})
    assert [entry.name for entry in store.available(registry=path)] == ["a", "b", "c"]
    assert [entry.name for entry in store.available("a task", registry=path)] == ["a", "c"]
    assert store.available("none", registry=path) == ()
    assert store.default_for("a task", registry=path).name == "c"


def test_base_url_comes_before_the_mirrors(write_registry):
    urls = ["https://b/net.safetensors", "https://c/net.safetensors"]
    path = write_registry(base_url="https://a/", full=ENTRY | {"urls": urls}, compact=ENTRY | {"kind": "compact"})
    full, compact = store.available(registry=path)
    assert full.folder is None
    assert full.urls == ("https://a/net.safetensors", *urls)
    assert compact.urls == ()
    assert compact.folder == path.parent / "packaged"


FEATURES = {key: value for key, value in ENTRY.items() if key != "task"} | {"kind": "features", "file": "vgg.pth"}


def test_features_belong_to_no_task(write_registry):
    urls = ["https://b/vgg.pth"]
    path = write_registry(base_url="https://a", net=ENTRY, vgg=FEATURES | {"urls": urls})
    entry = store.entry_named("vgg", registry=path)
    assert entry.task == ""
    # They are published by other projects
    assert entry.urls == tuple(urls)
    assert entry in store.available(registry=path)
    assert entry not in store.available("a task", registry=path)
    for wrong, message in [
        ({"task": "a task"}, "found task = 'a task'; expected none"),
        ({"file": "vgg.safetensors"}, "found file = 'vgg.safetensors'; expected a file name that ends in .pth"),
        ({"file": "vgg.tpth"}, "ends in .pth"),
    ]:
        path = write_registry(vgg=FEATURES | wrong)
        with pytest.raises(ValueError, match=message):
            store.available(registry=path)
    with pytest.raises(ValueError, match="found task = ''; expected the name of a task"):
        store.available(registry=write_registry(a={key: value for key, value in ENTRY.items() if key != "task"}))


def test_entry_by_name(write_registry):
    path = write_registry(a=ENTRY, b=ENTRY)
    assert store.entry_named("b", registry=path).name == "b"
    with pytest.raises(ValueError, match="Unknown weights 'c'; expected one of a, b"):
        store.entry_named("c", registry=path)
    with pytest.raises(ValueError, match="expected one of none"):
        store.entry_named("c", registry=write_registry())


def test_no_default(write_registry):
    path = write_registry(a=ENTRY, b=ENTRY | {"task": "other", "default": True})
    with pytest.raises(WeightsError, match=r"no default weights for the task 'a task' .* it has 'a'\. Pass weights="):
        store.default_for("a task", registry=path)
    with pytest.raises(WeightsError, match=r"no default weights for the task 'none' .* it has none\."):
        store.default_for("none", registry=path)


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("kind", "huge"),
        ("file", "net.xsafetensors"),
        ("file", "net.pt"),
        ("file", "../net.safetensors"),
        ("file", "a\\net.safetensors"),
        ("file", ".safetensors"),
        ("sha256", "0" * 63),
        ("sha256", "A" * 64),
        ("size", 0),
    ],
)
def test_invalid_values_are_refused(write_registry, key, wrong):
    path = write_registry(a=ENTRY | {key: wrong})
    with pytest.raises(ValueError, match=f"Weights 'a' in the registry: found {key} = .*; expected"):
        store.available(registry=path)


@pytest.mark.parametrize("name", ["a", "b"])
def test_refresh_changes_one_entry_only(tmp_path, write_registry, name):
    tables = {key: ENTRY | {"file": f"{key}.safetensors", "urls": [f"https://x/{key}"]} for key in "ab"}
    path = write_registry(**tables)
    path.write_text("# A comment = kept.\n" + path.read_text())
    before = path.read_text()
    file = tmp_path / f"{name}.safetensors"
    file.write_bytes(b"new weights")
    registryupdate.refresh(file, registry=path)
    digest = hashlib.sha256(b"new weights").hexdigest()
    entries = {entry.name: entry for entry in store.available(registry=path)}
    assert (entries[name].sha256, entries[name].size) == (digest, 11)
    lines = zip(before.splitlines(), path.read_text().splitlines(), strict=True)
    changed = [(old, new) for old, new in lines if old != new]
    assert changed == [(f'sha256 = "{"0" * 64}"', f'sha256 = "{digest}"'), ("size = 10", "size = 11")]
    other = next(entry for key, entry in entries.items() if key != name)
    assert (other.sha256, other.size) == ("0" * 64, 10)


def test_refresh_needs_one_entry(tmp_path, write_registry):
    file = tmp_path / "net.safetensors"
    file.write_bytes(b"new weights")
    sizeless = {key: value for key, value in ENTRY.items() if key != "size"}
    for tables, message in [
        ({}, "Found 0 entries with the file 'net.safetensors' in .*; expected exactly one"),
        ({"a": ENTRY, "b": ENTRY}, "Found 2 entries"),
        ({"a": sizeless}, "Found 0 lines 'size = ...' in the entry of 'net.safetensors' in .*; expected one"),
    ]:
        path = write_registry(**tables)
        before = path.read_text()
        with pytest.raises(ValueError, match=message):
            registryupdate.refresh(file, registry=path)
        assert path.read_text() == before


@pytest.mark.parametrize("name", ["a", "b", "c.d"])
def test_addresses_are_added_to_one_entry_only(write_registry, name):
    tables = {"a": ENTRY | {"urls": ["https://x/1", "https://y/1"]}, "b": ENTRY, '"c.d"': ENTRY | {"urls": []}}
    path = write_registry(**tables)
    path.write_text("# urls = kept.\n" + path.read_text())
    before = {entry.name: entry for entry in store.available(registry=path)}
    registryupdate.add_urls(name, ["https://y/2", "https://z/2"], registry=path)
    found = {entry.name: entry for entry in store.available(registry=path)}
    assert found.pop(name).urls == (*before.pop(name).urls[:1], "https://y/2", "https://z/2")
    assert found == before
    registryupdate.add_urls(name, ["https://y/3"], registry=path)
    assert store.entry_named(name, registry=path).urls[-2:] == ("https://z/2", "https://y/3")
    text = path.read_text()
    assert text.startswith("# urls = kept.\n")
    registryupdate.add_urls(name, ["https://y/3"], registry=path)
    assert path.read_text() == text


def test_addresses_that_cannot_be_added(write_registry):
    path = write_registry(a=ENTRY)
    path.write_text(path.read_text() + 'urls = [\n"https://x/1",\n]\n')
    before = path.read_text()
    for name, url, message in [
        ("a", "https://y/1", r"Found 0 lines for the urls of 'a' in .*; expected urls = \[...\] on one line"),
        ("b", "https://y/1", "Unknown weights 'b'"),
        ("a", "file:///y", "Found the address 'file:///y' for the weights 'a'; expected https://..."),
    ]:
        with pytest.raises(ValueError, match=message):
            registryupdate.add_urls(name, [url], registry=path)
    assert path.read_text() == before


# The registry of the package, which may have any number of entries


def test_shipped_registry_is_valid():
    data = tomllib.loads(registry.REGISTRY.read_text(encoding="utf-8"))
    assert len(SHIPPED) == len(data.get("weights", {}))
    assert data["base_url"] == "" or data["base_url"].startswith("https://")


@pytest.mark.parametrize(("kind", "key"), [("compact", "folder"), ("full", "full_folder")])
def test_every_file_has_an_entry(kind, key):
    folder = registry.REGISTRY.parent / tomllib.loads(registry.REGISTRY.read_text(encoding="utf-8"))[key]
    if kind == "full" and not folder.is_dir():
        pytest.skip(f"{folder} is not there, as it is not part of the package")
    files = sorted(path.name for path in folder.glob("*") if path.suffix not in (".py", ".rst", ".md"))
    expected = {entry.file for entry in SHIPPED if entry.kind == kind}
    found = {name for name in files if not name.startswith((".", "__")) and not name.endswith(SUFFIX)}
    # Full weights over 8 MB are not in the repository, but at their addresses
    hosted = {entry.file for entry in SHIPPED if entry.kind == "full" and entry.urls}
    assert found <= expected
    assert expected - found <= hosted


def test_one_default_for_each_shipped_task():
    tasks = {entry.task for entry in SHIPPED if entry.kind != "features"}
    defaults = sorted(entry.task for entry in SHIPPED if entry.default)
    assert defaults == sorted(tasks)
    # Only a method that is not the default of its function may need weights that are not in the package
    assert {task for task in tasks if store.default_for(task).kind != "compact"} <= {"synthesize-vae"}


def test_file_names_are_unique():
    assert len({entry.file for entry in SHIPPED}) == len(SHIPPED)


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
def test_files_are_named_as_their_entries(entry):
    """Only the weights of the configuration ``compact`` have the name of the task alone."""
    if entry.kind == "features":
        return
    assert Path(entry.file).stem == (entry.task if entry.short_name == "compact" else entry.name)
    if entry in HERE and not entry.default:
        assert store.read_metadata(store.locate(entry))["config"] == entry.short_name


def test_short_names():
    assert store.entry_named("enhance-continuum-paper-light").short_name == "paper-light"
    light = ["enhance-continuum-light", "enhance-magnetogram-light"]
    assert [entry.name for entry in store.entries_named("light")] == light
    assert [entry.name for entry in store.entries_named(light[1])] == light[1:]
    assert [entry.name for entry in store.entries_named("vgg19")] == ["vgg19"]
    assert len(store.entries_named("compact")) == len({entry.task for entry in SHIPPED} - {""})
    with pytest.raises(ValueError, match="Unknown weights 'distilled'; expected one of enhance-continuum-compact"):
        store.entries_named("distilled")


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
def test_shipped_entry(entry):
    assert entry.name.startswith(entry.task)
    assert re.fullmatch(r"[A-Za-z0-9.+-]+", entry.licence)
    assert re.fullmatch(r"10\.\d{4,9}/\S+", entry.doi)
    assert entry.description.strip()
    assert all(url.startswith("https://") for url in entry.urls)


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
def test_shipped_entry_names_its_training_data_and_their_terms(entry):
    assert entry.trained_on.strip()
    if entry in HERE:
        described = store.read_metadata(store.locate(entry))["training_data"]
        # HelioML states two licences
        for text in (entry.trained_on, described):
            assert ("MURaM" in text) == ("unclear" in text) == ("HelioML" in text) == ("CC BY-NC-ND 4.0" in text)
        assert ("MURaM" in entry.trained_on) == ("MURaM" in described)


def test_shipped_features_are_those_of_torchvision():
    """Names of files of torchvision have the first digits of the SHA-256."""
    entry = store.entry_named("vgg19")
    assert entry.kind == "features"
    assert entry.file == f"vgg19-{entry.sha256[:8]}.pth"
    assert entry.urls[0].endswith(f"/{entry.file}")


@pytest.mark.parametrize("entry", HERE, ids=lambda entry: entry.name)
def test_shipped_weights(entry, monkeypatch):
    monkeypatch.delenv("SUNPY_RESTORE_WEIGHTS_URL", raising=False)
    assert entry.size <= 8_000_000
    local = store.verify(entry)
    assert store.resolve(entry.name, task=entry.task) == local
    state, metadata = store.read(local)
    assert all(tensor.isfinite().all() for tensor in state.values())
    expected = "architecture commit hyperparameters licence normalization scores task training_data"
    assert set(expected.split()) <= metadata.keys()
    assert metadata["licence"] == entry.licence
