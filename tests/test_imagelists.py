"""The lists of training images of the package."""

import os
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

import sunpy_restore
from sunpy_restore.core.datasets.imagelist import read_list
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.desaturation.recipe import scenes as disks
from sunpy_restore.enhancement.recipe.listed import LISTS as LISTS_OF_ENHANCE
from sunpy_restore.enhancement.recipe.listed import OPTIONS
from sunpy_restore.granulation.recipe import textures
from sunpy_restore.inpainting.recipe import scenes as exposures
from sunpy_restore.tasks import all_tasks, get_task

ROOT = Path(sunpy_restore.__file__).parent
PROJECT = Path(__file__).parents[1] / "pyproject.toml"
LISTS = sorted(ROOT.glob("*/recipe/data/*.toml"))
KNOWN = {"enhancement": OPTIONS, "desaturation": disks.OPTIONS, "granulation": textures.OPTIONS}

UNUSED = {"desaturation": disks.UNUSED, "granulation": textures.UNUSED, "inpainting": exposures.UNUSED}

every_list = pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)


@every_list
def test_lists_are_valid(path):
    """And their splits do not leak."""
    images = read_list(path, KNOWN.get(path.parts[-4], {}), unused=UNUSED.get(path.parts[-4], ()))
    names = [name for entry in images.entries for name in entry.files]
    assert set(images.hashes) >= {name for name in names if not set(name) & set("*?[")}
    assert all(any(fnmatch(name, pattern) or name == pattern for pattern in names) for name in images.hashes)
    assert all(len(digest) == 64 for digest in images.hashes.values())
    for entry in images.split("train"):
        assert entry.licence, entry.name
        assert entry.unit, entry.name
        assert entry.pixel_scale or entry.pixel_km, entry.name


def test_every_configuration_has_its_list():
    """Except for the task whose images are simulated."""
    used = set()
    for task in all_tasks():
        recipe = recipe_of(task)
        if recipe.splitting is not None:
            used |= {recipe.list_name(config) for config in recipe.configs().values()}
    assert used == {path.stem for path in LISTS}


@pytest.mark.skipif(not PROJECT.exists(), reason="needs the source tree")
def test_the_lists_are_in_the_wheel():
    patterns = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]["sunpy_restore"]
    for path in LISTS:
        assert any(fnmatch(path.relative_to(ROOT).as_posix(), pattern) for pattern in patterns), path


def test_no_name_of_a_training_image_stands_in_the_code():
    names = {
        Path(name).name.removesuffix(".gz").rpartition(".")[0] for path in LISTS for name in read_list(path).hashes
    }
    assert len(names) > 80
    for path in ROOT.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not [name for name in names if name in text], path


@pytest.mark.parametrize(
    ("task", "name"),
    [("enhance-continuum", "compact"), ("enhance-continuum", "paper"), ("enhance-magnetogram", "compact")],
)
def test_descriptions_of_enhance_agree_with_the_lists(task, name):
    """Shares, columns and frames."""
    recipe = recipe_of(get_task(task))
    config = recipe.configs()[name]
    images, text = read_list(LISTS_OF_ENHANCE / f"{recipe.list_name(config)}.toml"), recipe.training_data(config)
    train = images.split("train")
    assert sum(entry.weight for entry in train) == pytest.approx(1)
    spots = sum(entry.weight for entry in train if entry.name.startswith("SST"))
    for entry in train:
        share = spots if entry.name.startswith("SST") else entry.weight
        assert f"({share:.0%})".replace("%", " %") in text, entry.name
    for entry in images.entries:
        if entry.columns and entry.split == "train":
            assert f"columns {entry.columns[0]}-{entry.columns[1] - 1}" in text, entry.name


@pytest.mark.skipif("SUNPY_RESTORE_TEST_DATA" not in os.environ, reason="needs the training data of the package")
@every_list
def test_the_files_are_those_of_the_lists(path):
    images = read_list(path)
    for entry in images.entries:
        assert images.paths(entry, os.environ["SUNPY_RESTORE_TEST_DATA"])
