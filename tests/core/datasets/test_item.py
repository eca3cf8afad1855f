"""Items of manifests are read as they were written, and know which of them have no pixel in common."""

import json
from dataclasses import asdict, replace

import pytest

from sunpy_restore.core.datasets.item import Item, item_of

ITEM = Item(
    origin="own/a", sha256="a", shard="a.safetensors", shape=(40, 60), group="HMI", unit="kG", pixel_scale=0.5,
    columns=(0, 20), corners=((0.0, 1.0), (2.0, 3.0), (4.0, 5.0)),
)  # fmt: skip


@pytest.mark.parametrize("item", [ITEM, replace(ITEM, columns=None, corners=None, split="train")])
def test_items_are_read_as_they_were_written(item):
    found = item_of(json.loads(json.dumps(asdict(item))))
    assert found == item
    assert hash((found.shape, found.least, found.columns, found.corners))


def test_unknown_and_missing_parameters_are_refused():
    with pytest.raises(TypeError, match="colour"):
        item_of(asdict(ITEM) | {"colour": "red"})
    with pytest.raises(TypeError, match="origin"):
        item_of({"sha256": "a"})


def test_regions_of_one_image_are_apart_without_a_common_column():
    assert ITEM.apart(replace(ITEM, columns=(20, 60)))
    assert not ITEM.apart(replace(ITEM, columns=(19, 60)))
    assert not ITEM.apart(replace(ITEM, columns=None))
