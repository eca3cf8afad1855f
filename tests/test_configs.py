"""The configuration files of the recipes."""

import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

import sunpy_restore
from sunpy_restore.core.recipes.configfile import check
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.inpainting.recipe.losses import FINE_TUNING, PRE_TRAINING
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
    found = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("*/recipe/configs/**/*.toml"))
    assert len(found) == sum(len(recipe_of(task).configs()) for task in all_tasks())
    patterns = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]["sunpy_restore"]
    for name in found:
        assert any(fnmatch(name, pattern) for pattern in patterns), name


@pytest.mark.parametrize(("name", "penalty"), [("enhance-continuum", 1e-6), ("enhance-magnetogram", 1e-5)])
def test_paper_configurations_of_enhance(name, penalty):
    """Diaz Baso & Asensio Ramos (2018), section 2.3; PyTorch halves the l2 penalty."""
    configs = recipe_of(get_task(name)).configs()
    networks = {"paper": {"blocks": 5, "channels": 64}, "paper-light": {"blocks": 1, "channels": 32}}
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


def test_paper_configurations_of_inpaint():
    """Enciso (2024): two layers, gradients clipped at 0.005 and 0.0005, batches of 4."""
    configs = recipe_of(get_task("inpaint")).configs()
    for name, rate, clip in (("paper", 2e-4, 0.005), ("paper-fine-tuning", 5e-5, 0.0005)):
        config = configs[name]
        assert (config.learning_rate, config.gradient_clip, config.batch_size) == (rate, clip, 4)
        assert (config.network["layers"], config.network["view"], config.options["features"]) == (
            2,
            "equalized",
            "vgg19",
        )
        assert (config.schedule, config.ema_decay, config.patch_size) == ("constant", 0, 512)
    assert configs["paper"].options["loss"] == dict(PRE_TRAINING)
    assert configs["paper-fine-tuning"].options["loss"] == dict(FINE_TUNING)


def test_paper_configuration_of_backproj():
    """Isola et al. (2017): Adam with 2e-4 and a first decay of 0.5, batches of 1, l1 norm times 100."""
    paper = recipe_of(get_task("backproj")).configs()["paper"]
    assert (paper.learning_rate, paper.betas, paper.batch_size) == (2e-4, (0.5, 0.999), 1)
    assert (paper.options["l1"], paper.options["target"], paper.patch_size) == (100, "clean", 256)
    assert paper.network["width"] == paper.adversary["width"] == 64
