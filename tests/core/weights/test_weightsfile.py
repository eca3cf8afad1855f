import json
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.weights import store

METADATA = {"task": "a task", "architecture": "Net", "hyperparameters": {"blocks": 5}}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
plain_texts = texts.filter(lambda text: not text.startswith(("{", "[")))
nested = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(texts, values, max_size=3),
    max_leaves=5,
).filter(lambda value: isinstance(value, list | dict))


@given(
    arrays=st.dictionaries(st.text("abc.01_", min_size=1), st.lists(st.integers(0, 3), max_size=4), min_size=1),
    extra=st.dictionaries(texts.filter(lambda key: key != "__metadata__"), plain_texts | nested, max_size=4),
)
def test_round_trip(tmp_path_factory, arrays, extra):
    path = tmp_path_factory.mktemp("weights") / "net.safetensors"
    state = {name: torch.randn(shape) for name, shape in arrays.items()}
    metadata = extra | METADATA
    store.write(path, state, metadata)
    read_state, read_metadata = store.read(path)
    assert read_metadata == metadata == store.read_metadata(path)
    assert read_state.keys() == state.keys()
    assert all(torch.equal(read_state[name], state[name]) for name in state)


def test_network_survives(tmp_path):
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    net[0].bias.data = net[1].bias.data  # tied
    store.write(tmp_path / "net.safetensors", net.state_dict(), METADATA)
    state, _ = store.read(store.LocalWeights(tmp_path / "net.safetensors", "net", ""))
    other = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    other.load_state_dict(state)
    image = torch.randn(1, 3, 8, 8)
    torch.testing.assert_close(other.eval()(image), net.eval()(image))


def test_equal_weights_give_equal_bytes(tmp_path):
    state = {name: torch.arange(5.0) for name in "abc"}
    metadata = METADATA | {f"key{i}": str(i) for i in range(20)}
    store.write(tmp_path / "a.safetensors", state, metadata)
    first = (tmp_path / "a.safetensors").read_bytes()
    store.write(tmp_path / "a.safetensors", dict(reversed(state.items())), dict(reversed(metadata.items())))
    assert (tmp_path / "a.safetensors").read_bytes() == first
    # The tensors stay aligned to 8 bytes, which readers that map the file into memory need
    assert int.from_bytes(first[:8], "little") % 8 == 0


def test_other_readers_understand_the_file(tmp_path):
    from safetensors import safe_open

    store.write(tmp_path / "a.safetensors", {"kernel": torch.ones(2, 3)}, METADATA | {"seed": 7})
    with safe_open(tmp_path / "a.safetensors", framework="numpy") as file:
        assert json.loads(file.metadata()["hyperparameters"]) == {"blocks": 5}
        assert file.metadata()["seed"] == "7"
        np.testing.assert_array_equal(file.get_tensor("kernel"), np.ones((2, 3)))


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    store.write(path, {"a": torch.zeros(2)}, METADATA)
    before = path.read_bytes()

    def full_disk(self, data):
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full_disk)
    with pytest.raises(OSError, match="No space"):
        store.write(path, {"a": torch.ones(2)}, METADATA)
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]
    assert path.read_bytes() == before


@pytest.mark.parametrize("key", ["task", "architecture", "hyperparameters"])
def test_metadata_that_a_network_needs(tmp_path, key):
    from safetensors.torch import save_file

    metadata = {name: value for name, value in METADATA.items() if name != key}
    with pytest.raises(ValueError, match=f"Found no {key} in the metadata; expected at least task, architecture"):
        store.write(tmp_path / "a.safetensors", {"a": torch.zeros(2)}, metadata)
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in metadata.items()}
    save_file({"a": torch.zeros(2)}, tmp_path / "a.safetensors", texts)
    with pytest.raises(WeightsError, match=f"has no {key} in its metadata; expected a .safetensors file"):
        store.read(tmp_path / "a.safetensors")


def test_hyperparameters_are_a_mapping(tmp_path):
    for wrong in ("five blocks", [5], "{5}"):
        with pytest.raises(ValueError, match="no hyperparameters in the metadata"):
            store.write(tmp_path / "a.safetensors", {}, METADATA | {"hyperparameters": wrong})
    store.write(tmp_path / "a.safetensors", {}, METADATA | {"hyperparameters": '{"blocks": 5}'})
    assert store.read_metadata(tmp_path / "a.safetensors") == METADATA


def test_text_that_only_begins_like_json(tmp_path):
    metadata = METADATA | {"training_data": "[1] MURaM, [2] HMI", "note": "{curly"}
    store.write(tmp_path / "a.safetensors", {}, metadata)
    assert store.read_metadata(tmp_path / "a.safetensors") == metadata


def test_file_without_metadata(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(2)}, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match="has no task, architecture, hyperparameters in its metadata"):
        store.read(tmp_path / "a.safetensors")


def _write(path):
    store.write(path, {}, METADATA)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".pkl", ".bin"])
@pytest.mark.parametrize("function", [store.read, store.read_metadata, _write])
def test_pickles_are_refused_by_name(tmp_path, suffix, function):
    path = tmp_path / f"net{suffix}"
    torch.save({"a": torch.zeros(2)}, path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=rf"net{suffix}'; expected the suffix '.safetensors'. .* any code"):
        function(path)
    assert path.read_bytes() == before


class _Bomb:
    def __reduce__(self):
        return (pytest.fail, ("the pickle was loaded",))


def _torch_checkpoint(path):
    torch.save({"a": torch.zeros(2), "bomb": _Bomb()}, path)


def _old_torch_checkpoint(path):
    torch.save({"a": torch.zeros(2), "bomb": _Bomb()}, path, _use_new_zipfile_serialization=False)


def _flipped_header(path):
    data = bytearray(path.read_bytes())
    data[8] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_torch_checkpoint, "is a pickled checkpoint, which is never loaded"),
        (_old_torch_checkpoint, "is a pickle, which is never loaded"),
        (lambda path: path.write_bytes(pickle.dumps(_Bomb())), "is a pickle, which is never loaded"),
        (lambda path: path.write_text("\n<!doctype html><html></html>"), "is an HTML page"),
        (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "is a Git LFS pointer"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"\0" * 100), "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:5]), "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:50]), "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\0"), "is damaged"),
        (_flipped_header, "is damaged"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot be read"),
    ],
)
@pytest.mark.parametrize("function", [store.read, store.read_metadata])
def test_damaged_files(tmp_path, damage, message, function):
    path = tmp_path / "net.safetensors"
    store.write(path, {"a": torch.zeros(100)}, METADATA)
    assert function(path)
    damage(path)
    with pytest.raises(WeightsError) as error:
        function(path)
    assert f"{path} {message}" in str(error.value)
    assert "export it again" in str(error.value)
    assert "\n" not in str(error.value)


def test_file_that_does_not_exist(tmp_path):
    with pytest.raises(WeightsError, match=r"Found no weights file .*net\.safetensors; expected .* Check the path\."):
        store.read(tmp_path / "net.safetensors")


@pytest.mark.parametrize("first", [b"<", b"\x80"])
def test_correct_files_that_begin_like_other_content(tmp_path, first):
    # The first byte is the length of the header modulo 256
    path = tmp_path / "net.safetensors"
    store.write(path, {"a": torch.ones(1)}, METADATA)
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = data[8:end] + b" " * (-(end - 8 - first[0]) % 256)
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[end:])
    assert path.read_bytes()[:1] == first
    state, metadata = store.read(path)
    assert (state["a"].item(), metadata["task"]) == (1, "a task")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="is damaged"):
        store.read(path)


# Files of features, which other projects publish as pickles


def _features(path, *, zipped=False, **more):
    state = {"features.0.weight": torch.ones(2, 3), "classifier.0.bias": torch.zeros(4), **more}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    return store.LocalWeights(path, "vgg", "")


@pytest.mark.parametrize("zipped", [False, True])
def test_features_are_read_in_both_formats_of_torch(tmp_path, zipped):
    state = store.read_features(_features(tmp_path / "vgg.pth", zipped=zipped))
    assert list(state) == ["features.0.weight"]
    torch.testing.assert_close(state["features.0.weight"], torch.ones(2, 3))


@pytest.mark.parametrize("zipped", [False, True])
def test_no_code_is_run_for_features(tmp_path, zipped):
    local = _features(tmp_path / "vgg.pth", zipped=zipped, bomb=_Bomb())
    with pytest.raises(WeightsError, match=r"vgg\.pth cannot be read as tensors \(.*\)\. Fetch it again"):
        store.read_features(local)


def test_other_files_are_no_features(tmp_path):
    path = tmp_path / "vgg.pth"
    local = store.LocalWeights(path, "vgg", "")
    with pytest.raises(WeightsError, match=r"Found no file .*vgg\.pth; expected a file of features"):
        store.read_features(local)
    path.write_bytes(b"")
    with pytest.raises(WeightsError, match="cannot be read as tensors"):
        store.read_features(local)
    for state in ({"layer.weight": torch.zeros(2)}, torch.zeros(3)):
        torch.save(state, path)
        with pytest.raises(WeightsError, match=r"Found no tensors features\.\* in .*; expected those of a VGG"):
            store.read_features(local)


def test_features_are_no_weights(tmp_path):
    with pytest.raises(ValueError, match=r"vgg\.pth'; expected the suffix '\.safetensors'"):
        store.read(_features(tmp_path / "vgg.pth"))


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(tmp_path, number):
    path = tmp_path / "net.safetensors"
    store.write(path, {"fine": torch.ones(3), "layer.weight": torch.tensor([1.0, number])}, METADATA)
    with pytest.raises(WeightsError, match=r"net\.safetensors has NaN or infinite numbers in layer\.weight; expected"):
        store.read(path)
