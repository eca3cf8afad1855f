"""Observations from which the errors of enhanced images are learned."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from astropy.io import fits

from sunpy_restore.core.datasets.imagelist import read_list
from sunpy_restore.core.datasets.splits import find_list_leak
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.enhancement.recipe import calibration as module
from sunpy_restore.enhancement.recipe.degradation import NOISES
from sunpy_restore.enhancement.recipe.listed import LISTS
from sunpy_restore.tasks import get_task

TASKS = ("enhance-continuum", "enhance-magnetogram")
HOURS = 2.0


@pytest.mark.parametrize("task", TASKS)
def test_parts_are_independent(task):
    """Of each other, and of all training images."""
    scenes = module.read_scenes(task)
    parts = {part: [one for one in scenes.entries if one.split == part] for part in "12345"}
    assert sum(map(len, parts.values())) == len(scenes.entries)
    trained = [entry for path in LISTS.glob(f"{task}*.toml") for entry in read_list(path).split("train")]
    groups = [[replace(entry, split="train") for entry in group] for group in (trained, *parts.values())]
    assert all(groups)
    for one, other in combinations(groups, 2):
        kept = [replace(entry, split="validation") for entry in other]
        assert find_list_leak(one + kept, scenes.hashes, HOURS) is None
    sources = {case.source: case.part for case in module.cases(task, "")}
    assert all(sources[case.source] == case.part for case in module.cases(task, ""))
    assert len(sources) > 10
    names = [entry.name for entry in scenes.entries]
    assert len(set(names)) == len(names)
    assert all(entry.licence and entry.unit and entry.pixel_scale for entry in scenes.entries)
    assert {name for entry in scenes.entries for name in entry.files} == set(scenes.hashes)


LIST = """
[[scene]]
name = "granules"
part = "first"
files = ["granules.png"]
unit = "intensity"
pixel_scale = 0.06
options = {{ normalise = "mean", gain = [0.9, 1.1] {lanes} }}

[[scene]]
name = "spot"
part = "second"
files = ["spot.fits"]
rows = [40, 80]
columns = [36, 70]
unit = "intensity"
pixel_scale = 0.504
options = {{ sharpened = true, gain = [1.0, 1.0] {spot} }}

[sha256]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rng = np.random.default_rng(2)
    image = np.clip(160 + 20 * rng.standard_normal((110, 110)), 0, 255).astype(np.uint8)
    Image.fromarray(image).resize((600, 700)).save(tmp_path / "granules.png")
    y, x = np.indices((120, 110))
    spot = 5e4 * (1 - 0.8 * np.exp(-((y - 60) ** 2 + (x - 55) ** 2) / 100))
    fits.writeto(tmp_path / "spot.fits", (spot + 200 * rng.standard_normal(spot.shape)).astype(np.float32))
    (tmp_path / "enhance-continuum.toml").write_text(LIST.format(lanes="", spot=""))
    field = LIST.format(lanes=", lanes = [3], weak = [0.02]", spot=", spot = true")
    (tmp_path / "enhance-magnetogram.toml").write_text(field)
    monkeypatch.setattr(module, "_FOLDER", tmp_path)
    for cached in (module.read_scenes, module._arrays, module._pair):
        cached.cache_clear()
    yield tmp_path
    for cached in (module.read_scenes, module._arrays, module._pair):
        cached.cache_clear()


@pytest.mark.parametrize("task", TASKS)
def test_cases(task, folder):
    cases = recipe_of(get_task(task)).calibration(folder)
    assert {case.part for case in cases} == {"first", "second"}
    assert len({case.group for case in cases}) == len(NOISES[task])
    assert len({case.name for case in cases}) == len(cases)
    chosen = [case for case in cases if ", 0, " in case.name]
    made = {case.name: case.make() for case in chosen}
    for case in chosen:
        observation, truth = made[case.name]
        assert truth.shape == tuple(2 * length for length in observation.data.shape)
        known = np.isfinite(truth)
        assert known.any()
        assert (observation.noise is None) == (task == TASKS[0])
        again = case.make()[0]
        np.testing.assert_array_equal(again.data, observation.data)
        np.testing.assert_array_equal(observation.valid, True if observation.untrusted is None else ~again.untrusted)
    spots = [truth for name, (_, truth) in made.items() if name.startswith("spot")]
    assert spots[0].shape == (40, 34)
    np.testing.assert_array_equal(*spots[:2])
    assert np.nanmin(spots[0]) < 0.3 if task == TASKS[0] else np.nanmax(np.abs(spots[0])) > 1.5


def test_degraded_truth_is_the_observation(folder):
    cases = {case.name: case for case in recipe_of(get_task(TASKS[0])).calibration(folder)}
    for number in range(5):
        observation, truth = cases[f"granules, {number}, noise 0.1 %"].make()
        difference = (observation.telescope.reconvolve(truth) - observation.data)[10:-10, 10:-10]
        # Other point spread functions and stray light explain a few per cent
        assert difference.std() < 0.2 * observation.data.std()
