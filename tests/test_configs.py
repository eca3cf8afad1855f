"""The configuration files of the recipes."""

import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

import sunpy_restore
from sunpy_restore.core.configfile import check
from sunpy_restore.core.recipe import recipe_of
from sunpy_restore.tasks import all_tasks, get_task

ROOT = Path(sunpy_restore.__file__).parent
PROJECT = Path(__file__).parents[1] / "pyproject.toml"


@pytest.mark.parametrize("task", all_tasks(), ids=lambda task: task.name)
def test_configurations_are_valid(task):
    recipe = recipe_of(task)
    for config in recipe.configs().values():
        check(config, recipe.options)


@pytest.mark.skipif(not PROJECT.exists(), reason="needs the source tree")
def test_the_files_are_in_the_wheel():
    found = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("*/recipe/**/*.toml"))
    assert len(found) >= 19
    patterns = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]["sunpy_restore"]
    for name in found:
        assert any(fnmatch(name, pattern) for pattern in patterns), name


@pytest.mark.parametrize(("name", "penalty"), [("enhance-continuum", 1e-6), ("enhance-magnetogram", 1e-5)])
def test_paper_configurations_of_enhance(name, penalty):
    """Diaz Baso & Asensio Ramos (2018), section 2.3; PyTorch halves the l2 penalty."""
    configs = recipe_of(get_task(name)).configs()
    networks = {"paper": {"blocks": 5, "channels": 64}, "light": {"blocks": 1, "channels": 32}}
    for label, network in networks.items():
        config = configs[label]
        assert config.network == {"architecture": "Enhance"} | network
        assert (config.options["patches"], config.patch_size, config.batch_size) == (50_000, 50, 32)
        assert config.steps == 20 * 50_000 // 32
        assert (config.learning_rate, config.betas, config.schedule) == (1e-4, (0.9, 0.999), "constant")
        assert config.weight_decay == pytest.approx(2 * penalty)
        assert not any((config.ema_decay, config.gradient_clip, config.options["contrast"], config.adversary))
        assert config.precision == "32-true"


def test_paper_configuration_of_desaturate():
    """Zhao et al. (2019): 200 epochs of 5,000 patches, halved after 100."""
    paper = recipe_of(get_task("desaturate")).configs()["paper"]
    epoch = 5_000 // 16
    assert (paper.steps, paper.halving, paper.options["patches"]) == (200 * epoch, 100 * epoch, 5_000)
