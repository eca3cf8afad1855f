"""Manifests are read as they were written; images are read when they are needed."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from sunpy_restore.core.datasets.item import Item
from sunpy_restore.core.datasets.manifest import Images, Manifest, described, has_manifest, read_manifest


@pytest.fixture
def folder(tmp_path):
    items = []
    for index, split in enumerate(("train", "train", "validation")):
        image = np.full((4, 6), index, dtype=np.float32) + np.arange(6, dtype=np.float32) / 10
        save_file({"image": image}, tmp_path / f"{index}.safetensors", {"sha256": str(index)})
        items.append(
            Item(
                origin=f"own/{index}", sha256=str(index), shard=f"{index}.safetensors", shape=(4, 6), group="HMI",
                unit="kG", pixel_scale=0.5, time=f"2011-02-1{index}T00:00:00.000", split=split, licence="CC0",
                columns=(2, 5) if index == 1 else None,
            )
        )  # fmt: skip
    Manifest(tmp_path, "task", 2.0, items, [("own/x", "Because.")]).write()
    return tmp_path


def test_manifest_is_read_as_written(folder):
    manifest = read_manifest(folder, "task")
    assert (manifest.gap, manifest.refused) == (2.0, [("own/x", "Because.")])
    manifest.write()
    assert read_manifest(folder) == manifest
    assert [item.columns for item in manifest.items] == [None, (2, 5), None]
    np.testing.assert_allclose(manifest.read(manifest.items[1])[0], [1.2, 1.3, 1.4])
    assert has_manifest(folder)
    text = described(folder)["training_data"]
    assert all(part in text for part in ("HMI: 2 for train, 1 for validation", "2011-02-10 to 2011-02-12", "CC0"))


def test_folder_without_a_manifest(tmp_path):
    assert not has_manifest(tmp_path)
    assert described(tmp_path) == {}


def test_images_are_read_once_and_prepared(folder):
    manifest, count = read_manifest(folder), []
    images = Images(manifest, manifest.split("train"), lambda image: count.append(1) or image + 10)
    assert not count
    assert len(images) == 2
    assert images[-1] is images[1]
    assert images[0][0, 0] == 10
    assert len(count) == 2
    with pytest.raises(IndexError):
        images[2]
    assert sum(1 for _ in images) == 2


def test_wrong_manifests_are_refused(folder):
    path = folder / "manifest.json"
    content = json.loads(path.read_text())

    def changed(**changes):
        path.write_text(json.dumps(content | changes))
        return folder

    with pytest.raises(ValueError, match=r"for task .*expected some for another"):
        read_manifest(folder, "another")
    with pytest.raises(ValueError, match="version 9"):
        read_manifest(changed(format=9))
    with pytest.raises(ValueError, match="damaged"):
        read_manifest(changed(items=[content["items"][0] | {"split": "test"}]))
    with pytest.raises(ValueError, match="damaged"):
        read_manifest(changed(items=[{}]))
    with pytest.raises(ValueError, match="no images for the split 'validation'"):
        read_manifest(changed(items=content["items"][:2])).split("validation")
    path.write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        read_manifest(folder)


def test_lost_or_exchanged_shards_are_noticed(folder):
    manifest = read_manifest(folder)
    (folder / "0.safetensors").rename(folder / "2.safetensors")
    for index, message in ((0, "cannot be read"), (2, "Found the image 0")):
        with pytest.raises(ValueError, match=message):
            manifest.read(manifest.items[index])
